package tds

import "testing"

func FuzzAllHeaders(f *testing.F) {
	f.Add(AppendAllHeaders(nil, 7, V74))
	f.Add(cat(le32(32), le32(18), le16(2), le64(77), le32(1), le32(10), le16(1), "1234"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxFuzzInput {
			return
		}
		a, err := DecodeAllHeaders(b, V74)
		if err != nil {
			return
		}
		if a.Size < 4 || a.Size > len(b) {
			t.Fatalf("size %d of %d", a.Size, len(b))
		}
		again, err := DecodeAllHeaders(AppendAllHeaders(nil, a.Transaction, V74), V74)
		if err != nil || again.Transaction != a.Transaction {
			t.Fatalf("%+v became %+v, %v", a, again, err)
		}
	})
}

func FuzzSQLBatch(f *testing.F) {
	f.Add(SQLBatch{Text: "SELECT N'ä𝄞'"}.Append(nil, V74), byte(0))
	f.Add(SQLBatch{Text: "SELECT 1"}.Append(nil, V71), byte(1))
	addCaptured(f, func(b []byte) { f.Add(b, byte(0)) }, PacketSQLBatch)
	f.Fuzz(func(t *testing.T, b []byte, pick byte) {
		v := fuzzVersion(pick)
		if len(b) > maxFuzzInput {
			return
		}
		if s, err := DecodeSQLBatch(b, v); err == nil {
			stable(t, s, func(s SQLBatch) []byte { return s.Append(nil, v) },
				func(b []byte) (SQLBatch, error) { return DecodeSQLBatch(b, v) })
		}
	})
}

// FuzzRPC walks all requests and parameters of an RPC message.
func FuzzRPC(f *testing.F) {
	b := RPCHeader{ProcID: ProcExecute}.Append(AppendAllHeaders(nil, 1, V74))
	for _, tv := range walkValues {
		b = append(ParamHeader{Name: "@p", Type: tv.typ}.Append(b), tv.values[0]...)
	}
	f.Add(b, byte(0))
	f.Add(append(RPCHeader{Name: "sp_x"}.Append(nil), RPCBatchFlag71), byte(1))
	tvp := ParamHeader{Type: TypeInfo{ID: TypeTVP}}.Append(RPCHeader{ProcID: ProcExecuteSQL}.Append(AppendAllHeaders(nil, 1, V74)))
	f.Add(append(tvp, cat(1, 0, le32(0), 0, 0, 0x26, 4, 0, 0, 1, "\x041234", 0, 0xFF)...), byte(0))
	addCaptured(f, func(b []byte) { f.Add(b, byte(0)) }, PacketRPC)
	f.Fuzz(func(t *testing.T, b []byte, pick byte) {
		v := fuzzVersion(pick)
		if len(b) > maxFuzzInput {
			return
		}
		a, err := DecodeAllHeaders(b, v)
		if err != nil {
			return
		}
		_, _ = walkRPC(t, b[a.Size:], v) // any error will do: it must not crash or hang
	})
}

func walkRPC(t *testing.T, b []byte, v Version) (params int, err error) {
	t.Helper()
	for len(b) > 0 {
		h, err := DecodeRPCHeader(b)
		if err != nil {
			return params, err
		}
		stable(t, h, func(h RPCHeader) []byte { return h.Append(nil) }, DecodeRPCHeader)
		b = b[h.Size:]
		for len(b) > 0 && !IsRPCSeparator(b[0], v) {
			p, err := DecodeParamHeader(b)
			if err != nil {
				return params, err
			}
			stable(t, p, func(p ParamHeader) []byte { return p.Append(nil) }, DecodeParamHeader)
			n, err := ParamValueSize(p.Type, b[p.Size:])
			if err != nil {
				return params, err
			}
			IntParam(p.Type, b[p.Size:])
			b = b[p.Size+n:]
			params++
		}
		if len(b) > 0 {
			b = b[1:]
		}
	}
	return params, nil
}

func FuzzTransMgr(f *testing.F) {
	for _, tm := range []TransMgr{{Type: TMBegin, Isolation: 2, Name: "t"}, {Type: TMCommit, BeginNext: true, NextName: "n"}, {Type: TMSave, Name: "s"}, {Type: TMPropagate, Payload: []byte("ab")}} {
		f.Add(tm.Append(nil, V74), byte(0))
		f.Add(tm.Append(nil, V71), byte(1))
	}
	addCaptured(f, func(b []byte) { f.Add(b, byte(0)) }, PacketTransMgr)
	f.Fuzz(func(t *testing.T, b []byte, pick byte) {
		v := fuzzVersion(pick)
		if len(b) > maxFuzzInput {
			return
		}
		if tm, err := DecodeTransMgr(b, v); err == nil {
			stable(t, tm, func(tm TransMgr) []byte { return tm.Append(nil, v) },
				func(b []byte) (TransMgr, error) { return DecodeTransMgr(b, v) })
		}
	})
}
