package tds

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

func TestScanRPC(t *testing.T) {
	for _, h := range []RPCHeader{{ProcID: ProcExecute, Options: 2}, {Name: "dbo.p", Options: 1}, {Name: "ä"}} {
		b := h.Append(nil)
		s, err := ScanRPC(append(b, 9))
		if err != nil || s.ProcID != h.ProcID || DecodeUTF16(s.Name) != h.Name || s.Options != h.Options || s.Size != len(b) || s.OptionsAt != len(b)-2 {
			t.Errorf("%+v: %+v, %v", h, s, err)
		}
		if _, err := ScanRPC(b[:len(b)-1]); !errors.Is(err, ErrShort) {
			t.Errorf("%+v cut: %v", h, err)
		}
	}
}

func TestScanParam(t *testing.T) {
	for _, tv := range walkValues {
		head := ParamHeader{Name: "@p", Status: ParamByRef, Type: tv.typ}.Append(nil)
		for _, value := range tv.values {
			size, err := ParamValueSize(tv.typ, []byte(value))
			if err != nil {
				continue // a form that only responses have
			}
			b := append(bytes.Clone(head), value[:size]...)
			p, err := ScanParam(append(b, 1, 2, 3))
			if err != nil || DecodeUTF16(p.Name) != "@p" || p.Status != ParamByRef || p.Type.ID != tv.typ.ID || p.ValueAt != len(head) || p.Size != len(b) {
				t.Errorf("type %#x: %+v, %v", tv.typ.ID, p, err)
			}
			for n := range b {
				if p, err := ScanParam(b[:n]); err == nil || p.Size != 0 || p.ValueAt > n {
					t.Errorf("type %#x, first %d bytes: %+v, %v", tv.typ.ID, n, p, err)
				}
			}
		}
	}
}

func TestTextParam(t *testing.T) {
	text := AppendUTF16(nil, "SELECT 1")
	nvarchar, nvarcharMax, ntext := TypeInfo{ID: TypeNVarChar, Size: 8000}, TypeInfo{ID: TypeNVarChar, Size: Max}, TypeInfo{ID: TypeNText, Size: 100}
	le := binary.LittleEndian
	plp := func(chunks ...[]byte) []byte {
		b := le.AppendUint64(nil, uint64(len(text)))
		for _, c := range chunks {
			b = append(le.AppendUint32(b, uint32(len(c))), c...)
		}
		return le.AppendUint32(b, 0)
	}
	for _, tc := range []struct {
		name     string
		typ      TypeInfo
		b        []byte
		want     []byte
		null, ok bool
	}{
		{"nvarchar", nvarchar, append(le.AppendUint16(nil, uint16(len(text))), text...), text, false, true},
		{"nvarchar NULL", nvarchar, []byte{0xFF, 0xFF}, nil, true, true},
		{"nvarchar cut", nvarchar, le.AppendUint16(nil, uint16(len(text))), nil, false, false},
		{"ntext", ntext, append(le.AppendUint32(nil, uint32(len(text))), text...), text, false, true},
		{"ntext NULL", ntext, []byte{0xFF, 0xFF, 0xFF, 0xFF}, nil, true, true},
		{"max", nvarcharMax, plp(text), text, false, true},
		{"max in chunks", nvarcharMax, plp(text[:3], text[3:8], text[8:]), text, false, true},
		{"max empty", nvarcharMax, plp(), nil, false, true},
		{"max NULL", nvarcharMax, le.AppendUint64(nil, plpNull), nil, true, true},
		{"max cut", nvarcharMax, plp(text)[:20], nil, false, false},
		{"varchar", TypeInfo{ID: TypeBigVarChar, Size: 10}, []byte{1, 0, 'x'}, nil, false, false},
		{"int", TypeInfo{ID: TypeIntN, Size: 4}, []byte{4, 0, 0, 0, 0}, nil, false, false},
	} {
		before := bytes.Clone(tc.b)
		got, null, ok := TextParam(tc.typ, tc.b)
		if !bytes.Equal(got, tc.want) || null != tc.null || ok != tc.ok {
			t.Errorf("%s: %x, NULL %t, %t", tc.name, got, null, ok)
		}
		if !bytes.Equal(before, tc.b) {
			t.Errorf("%s: the input was changed", tc.name)
		}
	}
}

// Gathering and the body together say where a token that straddles lies.
func TestGathering(t *testing.T) {
	rv := ReturnValue{Name: "@h", Status: 1, Type: TypeInfo{ID: TypeIntN, Size: 4}, Value: []byte{4, 1, 2, 3, 4}}.Append(nil, V74)
	stream := Done{Kind: TokenDoneProc, CurCmd: CurCmdExecute}.Append(rv, V74)
	for cut := range len(rv) {
		var got []byte
		w := Walker{Handler: handlerFunc(func(k Token, body []byte, at int) error {
			if k == TokenReturnValue && (at == -1) == (cut > 1) {
				got = bytes.Clone(body)
			}
			return nil
		})}
		w.Reset(V74)
		if err := w.Feed(stream[:cut]); err != nil {
			t.Fatal(err)
		}
		k, n, ok := w.Gathering()
		if ok != (cut > 0) || ok && (k != TokenReturnValue || n != cut-1) {
			t.Errorf("after %d bytes: %v %d %t", cut, k, n, ok)
		}
		if err := w.Feed(stream[cut:]); err != nil {
			t.Fatal(err)
		}
		if _, _, ok := w.Gathering(); ok || !bytes.Equal(got, rv[1:]) {
			t.Errorf("after all: %t, body %x", ok, got)
		}
	}
}

// FuzzScanParam compares the two ways to read a parameter.
func FuzzScanParam(f *testing.F) {
	for _, tv := range walkValues {
		f.Add(append(ParamHeader{Name: "@p", Type: tv.typ}.Append(nil), tv.values[0]...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxFuzzInput {
			return
		}
		p, err := ScanParam(b)
		h, headErr := DecodeParamHeader(b)
		if headErr != nil {
			if err == nil {
				t.Fatalf("%+v, but %v", p, headErr)
			}
			return
		}
		n, valueErr := ParamValueSize(h.Type, b[h.Size:])
		if (err == nil) != (valueErr == nil) {
			t.Fatalf("%v, but %v", err, valueErr)
		}
		if p.ValueAt != h.Size || err == nil && p.Size != h.Size+n || p.Type.ID != h.Type.ID || p.Type.Size != h.Type.Size {
			t.Fatalf("%+v, but %+v and %d", p, h, n)
		}
		if text, _, ok := TextParam(p.Type, b[p.ValueAt:]); ok && len(text) > len(b) {
			t.Fatal("more text than bytes")
		}
		if s, err := ScanRPC(b); err == nil && (s.Size > len(b) || s.OptionsAt+2 != s.Size) {
			t.Fatalf("%+v", s)
		}
	})
}
