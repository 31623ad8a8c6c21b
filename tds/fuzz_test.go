package tds

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
)

// maxFuzzInput caps inputs, in bytes: more than that finds nothing new and
// only makes each run slower.
const maxFuzzInput = 4 << 10

// fuzzVersions are those whose layouts differ; the fuzzer picks by a byte.
var fuzzVersions = [...]Version{V74, V71, V72}

func fuzzVersion(pick byte) Version { return fuzzVersions[int(pick)%len(fuzzVersions)] }

// addCaptured adds the payloads of the captured messages of the given types.
func addCaptured(f *testing.F, add func(payload []byte), types ...PacketType) {
	f.Helper()
	for _, c := range capturedMessages(f) {
		for _, typ := range types {
			if c.msg.Type == typ && len(c.msg.Payload) <= maxFuzzInput {
				add(c.msg.Payload)
			}
		}
	}
}

// stable checks that what encode makes of a decoded value decodes to the same
// value and encodes to the same bytes again.
func stable[T any](t *testing.T, v T, encode func(T) []byte, decode func([]byte) (T, error)) {
	t.Helper()
	b := encode(v)
	again, err := decode(b)
	if err != nil {
		t.Fatalf("%#v encodes to % x, which does not decode: %v", v, b, err)
	}
	if b2 := encode(again); !bytes.Equal(b, b2) {
		t.Fatalf("encoding is not stable:\n% x\n% x", b, b2)
	}
	third, err := decode(b)
	if err != nil || !reflect.DeepEqual(again, third) {
		t.Fatalf("decoding is not deterministic: %#v, %#v, %v", again, third, err)
	}
}

func FuzzReadMessage(f *testing.F) {
	f.Add(AppendMessage(nil, PacketSQLBatch, StatusReset, 51, 512, make([]byte, 1200)))
	f.Add(AppendAttention(nil))
	for _, c := range capturedMessages(f) {
		f.Add(c.file)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxFuzzInput {
			return
		}
		const limit = 2048
		r := bytes.NewReader(b)
		m, err := ReadMessage(r, nil, limit)
		if cap(m.Payload) > limit {
			t.Fatalf("%d bytes allocated", cap(m.Payload))
		}
		if err != nil {
			return
		}
		again, err := ReadMessage(bytes.NewReader(AppendMessage(nil, m.Type, m.Status, m.SPID, 512, m.Payload)), nil, limit)
		if err != nil || again.Type != m.Type || again.SPID != m.SPID || !bytes.Equal(again.Payload, m.Payload) {
			t.Fatalf("%+v became %+v, %v", m, again, err)
		}
	})
}

func FuzzPreLogin(f *testing.F) {
	p := PreLogin{Instance: []byte{0}, TraceID: make([]byte, 36), Nonce: make([]byte, 32)}
	p.Set(OptVersion, OptEncryption, OptInstance, OptThreadID, OptMARS, OptTraceID, OptFedAuthRequired, OptNonce)
	f.Add(p.Append(nil))
	addCaptured(f, func(b []byte) { f.Add(b) }, PacketPreLogin, PacketReply)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxFuzzInput/2 { // options left empty grow when encoded
			return
		}
		if p, err := DecodePreLogin(b); err == nil {
			stable(t, p, func(p PreLogin) []byte { return p.Append(nil) }, DecodePreLogin)
		}
	})
}

func FuzzLogin7(f *testing.F) {
	l := sampleLogin()
	f.Add(l.Append(nil))
	l.Version = V71
	f.Add(l.Append(nil))
	addCaptured(f, func(b []byte) { f.Add(b) }, PacketLogin7)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxFuzzInput {
			return
		}
		if l, err := DecodeLogin7(b); err == nil {
			stable(t, l, func(l Login7) []byte { return l.Append(nil) }, DecodeLogin7)
		}
	})
}

func FuzzFeatures(f *testing.F) {
	f.Add(FeatureExtAck{[]Feature{{FeatureUTF8Support, []byte{1}}, {FeatureSessionRecovery, []byte("state")}}}.Append(nil)[1:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxFuzzInput {
			return
		}
		size, sizeErr := featureListSize(b)
		a, err := DecodeFeatureExtAck(b)
		if err == nil {
			stable(t, a, func(a FeatureExtAck) []byte { return a.Append(nil)[1:] }, DecodeFeatureExtAck)
			if sizeErr != nil || size != len(a.Append(nil))-1 {
				t.Fatalf("size %d of %d, %v", size, len(a.Append(nil))-1, sizeErr)
			}
		} else if errors.Is(err, ErrShort) && sizeErr == nil && size <= len(b) {
			t.Fatalf("a list of %d bytes is whole by its size and short by decoding", size)
		}
	})
}

// FuzzNextToken splits a stream and decodes each token's body.
func FuzzNextToken(f *testing.F) {
	stream, _ := bigStream(V74)
	f.Add(stream[:min(len(stream), maxFuzzInput)], byte(0))
	b := LoginAck{Interface: 1, Version: V74, ProgName: "x"}.Append(nil)
	b = EnvChange{Type: EnvPromoteTransaction, NewBytes: []byte("cookie")}.Append(b)
	b = (&ServerError{Number: 1, Class: 14, Text: "no"}).Append(b, V71)
	f.Add(Done{}.Append(b, V71), byte(1))
	addCaptured(f, func(b []byte) { f.Add(b, byte(0)) }, PacketReply)
	f.Fuzz(func(t *testing.T, b []byte, pick byte) {
		v := fuzzVersion(pick)
		if len(b) > maxFuzzInput {
			return
		}
		FinalDone(b, v)
		for len(b) > 0 {
			tok, body, rest, err := NextToken(b, v)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			decodeBody(tok, body, v)
			b = rest
		}
	})
}

// decodeBody decodes a token's body by its kind; only panics matter.
func decodeBody(tok Token, body []byte, v Version) {
	switch tok {
	case TokenEnvChange:
		_, _ = DecodeEnvChange(body)
	case TokenError, TokenInfo:
		_, _ = DecodeServerError(body, v)
	case TokenLoginAck:
		_, _ = DecodeLoginAck(body)
	case TokenDone, TokenDoneProc, TokenDoneInProc:
		_, _ = DecodeDone(tok, body, v)
	case TokenFeatureExtAck:
		_, _ = DecodeFeatureExtAck(body)
	case TokenReturnValue:
		_, _ = DecodeReturnValue(body, v, false)
	case TokenColMetadata:
		_, _, _ = DecodeColMetadata(body, v)
	}
}

func FuzzDone(f *testing.F) {
	f.Add(Done{Status: DoneCount, CurCmd: CurCmdSelect, Count: 5}.Append(nil, V74)[1:], byte(0))
	f.Fuzz(func(t *testing.T, b []byte, pick byte) {
		v := fuzzVersion(pick)
		if len(b) > maxFuzzInput {
			return
		}
		if d, err := DecodeDone(TokenDone, b, v); err == nil && !bytes.HasPrefix(b, d.Append(nil, v)[1:]) {
			t.Fatalf("%+v encodes to % x", d, d.Append(nil, v))
		}
	})
}

func FuzzEnvChange(f *testing.F) {
	for _, e := range []EnvChange{
		{Type: EnvDatabase, New: "db", Old: "master"},
		{Type: EnvSQLCollation, NewBytes: []byte("coll5")},
		{Type: EnvBeginTransaction, NewBytes: TransactionBytes(1)},
		{Type: EnvResetConnection},
		{Type: EnvRouting, Routing: Routing{Port: 1, Server: "s"}},
		{Type: EnvEnhancedRouting, Routing: Routing{Server: "s", Database: "d"}},
	} {
		f.Add(e.Append(nil)[3:])
	}
	f.Add(EnvChange{Type: EnvPromoteTransaction, NewBytes: []byte("cookie")}.Append(nil)[3:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxFuzzInput {
			return
		}
		if e, err := DecodeEnvChange(b); err == nil {
			e.Descriptor()
			stable(t, e, func(e EnvChange) []byte { return e.Append(nil)[3:] }, DecodeEnvChange)
		}
	})
}

func FuzzServerError(f *testing.F) {
	e := &ServerError{Number: 208, State: 1, Class: 16, Text: "Invalid object name", Server: "s", Proc: "p", Line: 3}
	f.Add(e.Append(nil, V74)[3:], byte(0))
	f.Add(e.Append(nil, V71)[3:], byte(1))
	f.Fuzz(func(t *testing.T, b []byte, pick byte) {
		v := fuzzVersion(pick)
		if len(b) > maxFuzzInput {
			return
		}
		if e, err := DecodeServerError(b, v); err == nil {
			stable(t, e, func(e *ServerError) []byte { return e.Append(nil, v)[3:] },
				func(b []byte) (*ServerError, error) { return DecodeServerError(b, v) })
		}
	})
}

func FuzzLoginAck(f *testing.F) {
	f.Add(LoginAck{Interface: 1, Version: V74, ProgName: "Microsoft SQL Server\x00\x00", ProgVersion: [4]byte{16, 0, 4, 1}}.Append(nil)[3:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxFuzzInput {
			return
		}
		if a, err := DecodeLoginAck(b); err == nil {
			stable(t, a, func(a LoginAck) []byte { return a.Append(nil)[3:] }, DecodeLoginAck)
		}
	})
}

func FuzzReturnValue(f *testing.F) {
	for _, tv := range walkValues {
		f.Add(ReturnValue{Name: "@p", Status: 1, Type: tv.typ, Value: []byte(tv.values[0])}.Append(nil, V74)[1:], byte(0), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, pick byte, encryption bool) {
		v := fuzzVersion(pick)
		if len(b) > maxFuzzInput {
			return
		}
		r, err := DecodeReturnValue(b, v, encryption)
		if err != nil {
			return
		}
		r.Int()
		if !bytes.Equal(b[r.ValueAt:], r.Value) {
			t.Fatalf("value is not at %d", r.ValueAt)
		}
		if !encryption {
			stable(t, r, func(r ReturnValue) []byte { return r.Append(nil, v)[1:] },
				func(b []byte) (ReturnValue, error) { return DecodeReturnValue(b, v, false) })
		}
	})
}

func FuzzTypeInfo(f *testing.F) {
	for _, tv := range walkValues {
		f.Add(tv.typ.Append(nil), false)
		f.Add(tv.typ.AppendRPC(nil), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, rpc bool) {
		if len(b) > maxFuzzInput {
			return
		}
		ti, n, err := DecodeTypeInfo(b, rpc)
		if n > len(b) {
			t.Fatalf("%d of %d bytes", n, len(b))
		}
		if err == nil {
			stable(t, ti, func(ti TypeInfo) []byte { return ti.appendInfo(nil, rpc) }, func(b []byte) (TypeInfo, error) {
				ti, n, err := DecodeTypeInfo(b, rpc)
				if err == nil && n != len(b) {
					err = io.ErrUnexpectedEOF
				}
				return ti, err
			})
			_, _ = ParamValueSize(ti, b[n:])
		}
	})
}

func FuzzColMetadata(f *testing.F) {
	for i, v := range fuzzVersions {
		f.Add(AppendColMetadata(nil, allTypesColumns(), v)[1:], byte(i))
	}
	f.Add([]byte{0xFF, 0xFF}, byte(0))
	f.Fuzz(func(t *testing.T, b []byte, pick byte) {
		v := fuzzVersion(pick)
		if len(b) > maxFuzzInput {
			return
		}
		cols, n, err := DecodeColMetadata(b, v)
		if n > len(b) {
			t.Fatalf("%d of %d bytes", n, len(b))
		}
		if err == nil {
			stable(t, cols, func(cols []Column) []byte { return AppendColMetadata(nil, cols, v)[1:] }, func(b []byte) ([]Column, error) {
				cols, _, err := DecodeColMetadata(b, v)
				return cols, err
			})
		}
	})
}

// FuzzWalker feeds a stream whole and in pieces cut where the fuzzer says: the
// tokens and the outcome must be the same.
func FuzzWalker(f *testing.F) {
	for i, v := range fuzzVersions {
		stream, _ := bigStream(v)
		f.Add(stream, []byte{7, 1, 200}, byte(i))
	}
	meta := AppendColMetadata(nil, []Column{{Type: TypeInfo{ID: TypeBigVarChar, Size: Max}}, {Type: TypeInfo{ID: TypeIntN, Size: 4}}}, V74)
	f.Add(cat(meta, TokenRow, plp("abc", "d"), "\x041234", TokenNBCRow, 3), []byte{1}, byte(0))
	f.Add(cat(TokenDataClass, le16(1), 1, "a\x00", 0, le16(0), le16(1), le16(1), le32(0)), []byte{2}, byte(0))
	addCaptured(f, func(b []byte) { f.Add(b, []byte{3, 5}, byte(0)) }, PacketReply)
	f.Fuzz(func(t *testing.T, b, pieces []byte, pick byte) {
		if len(b) > 4*maxFuzzInput {
			return
		}
		v := fuzzVersion(pick)
		w := Walker{ColumnEncryption: pick&0x80 != 0, SensitivityRank: pick&0x40 != 0}
		whole, err1 := walk(&w, v, b)
		for _, e := range whole {
			decodeBody(e.token, []byte(e.body), v)
		}
		var cuts []int
		for at, i := 0, 0; len(pieces) > 0; i++ {
			if at += int(pieces[i%len(pieces)]) + 1; at >= len(b) {
				break
			}
			cuts = append(cuts, at)
		}
		parts, err2 := walk(&w, v, b, cuts...)
		if (err1 == nil) != (err2 == nil) || err1 != nil && err1.Error() != err2.Error() {
			t.Fatalf("whole: %v; in pieces: %v", err1, err2)
		}
		if !reflect.DeepEqual(whole, parts) {
			t.Fatalf("whole: %d tokens; in pieces: %d", len(whole), len(parts))
		}
	})
}
