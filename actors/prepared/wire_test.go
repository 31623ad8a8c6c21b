package prepared

import (
	"encoding/binary"
	"testing"

	"sluice/tds"
)

// callSpec is a call that a test sends.
type callSpec struct {
	proc    tds.ProcID
	name    string // instead of proc
	options uint16
	handle  *int32 // nil: NULL; proc must have one
	params  *string
	stmt    string
	values  []int32
}

func ptr[T any](v T) *T { return &v }

func execute(h int32, values ...int32) callSpec {
	return callSpec{proc: tds.ProcExecute, handle: &h, values: values}
}

func unprepare(h int32) callSpec { return callSpec{proc: tds.ProcUnprepare, handle: &h} }

func prepare(stmt string) callSpec {
	return callSpec{proc: tds.ProcPrepare, params: ptr("@a int"), stmt: stmt}
}

func prepExec(stmt string, old *int32, values ...int32) callSpec {
	return callSpec{proc: tds.ProcPrepExec, handle: old, params: ptr("@a int"), stmt: stmt, values: values}
}

func executeSQL(stmt string, values ...int32) callSpec {
	return callSpec{proc: tds.ProcExecuteSQL, params: ptr("@a int"), stmt: stmt, values: values}
}

func appendInt(dst []byte, status byte, v *int32) []byte {
	dst = tds.ParamHeader{Status: status, Type: intType}.Append(dst)
	if v == nil {
		return append(dst, 0)
	}
	return binary.LittleEndian.AppendUint32(append(dst, 4), uint32(*v))
}

func appendText(dst []byte, s *string) []byte {
	dst = tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000}}.Append(dst)
	if s == nil {
		return append(dst, 0xFF, 0xFF)
	}
	text := tds.AppendUTF16(nil, *s)
	return append(binary.LittleEndian.AppendUint16(dst, uint16(len(text))), text...)
}

func (c callSpec) append(dst []byte) []byte {
	h := tds.RPCHeader{ProcID: c.proc, Options: c.options}
	if c.name != "" {
		h.ProcID, h.Name = 0, c.name
	}
	dst = h.Append(dst)
	switch c.proc {
	case tds.ProcExecute, tds.ProcUnprepare:
		dst = appendInt(dst, 0, c.handle)
	case tds.ProcPrepare, tds.ProcPrepExec:
		dst = appendInt(dst, tds.ParamByRef, c.handle)
		dst = appendText(appendText(dst, c.params), &c.stmt)
	case tds.ProcExecuteSQL:
		dst = appendText(appendText(dst, &c.stmt), c.params)
	}
	for i := range c.values {
		dst = appendInt(dst, 0, &c.values[i])
	}
	return dst
}

// message is the payload of an RPC message.
func message(v tds.Version, tran uint64, calls ...callSpec) []byte {
	b := tds.AppendAllHeaders(nil, tran, v)
	for i, c := range calls {
		b = c.append(appendSeparator(b, i == 0, v))
	}
	return b
}

// seen is a call as a server reads it, with decoders that Inspect does not use.
type seen struct {
	proc   tds.ProcID
	handle *int32
	texts  []string
	nulls  []bool
	values []int32
}

// read takes an RPC message apart as a server does.
func read(t testing.TB, payload []byte, v tds.Version) (calls []seen) {
	t.Helper()
	a, err := tds.DecodeAllHeaders(payload, v)
	if err != nil {
		t.Fatal(err)
	}
	b := payload[a.Size:]
	for {
		h, err := tds.DecodeRPCHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		b = b[h.Size:]
		s := seen{proc: h.ProcID}
		for i := 0; len(b) > 0 && !tds.IsRPCSeparator(b[0], v); i++ {
			p, err := tds.DecodeParamHeader(b)
			if err != nil {
				t.Fatal(err)
			}
			b = b[p.Size:]
			n, err := tds.ParamValueSize(p.Type, b)
			if err != nil {
				t.Fatal(err)
			}
			if p.Type.ID == tds.TypeIntN {
				value, _, ok := tds.IntParam(p.Type, b)
				switch {
				case i == 0 && ok && s.proc != tds.ProcExecuteSQL:
					s.handle = &value
				case i > 0:
					s.values = append(s.values, value)
				}
			} else {
				text, null, ok := tds.TextParam(p.Type, b[:n])
				if !ok {
					t.Fatalf("parameter %d of type %v", i, p.Type)
				}
				s.texts, s.nulls = append(s.texts, tds.DecodeUTF16(text)), append(s.nulls, null)
			}
			b = b[n:]
		}
		calls = append(calls, s)
		if len(b) <= 1 {
			return calls
		}
		b = b[1:]
	}
}
