package tds

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// MS-TDS 2.2.5.3.
func TestAllHeadersLayout(t *testing.T) {
	usual := cat(le32(22), le32(18), le16(2), le64(77), le32(1))
	if got := AppendAllHeaders(nil, 77, V74); !bytes.Equal(got, usual) {
		t.Errorf("appended % x", got)
	}
	if got := AppendAllHeaders(nil, 77, V71); len(got) != 0 {
		t.Errorf("7.1 has % x", got)
	}
	notify := cat(le32(4+18+10), usual[4:], le32(10), le16(1), "1234")
	trace := cat(le32(4+26+18), le32(26), le16(3), make([]byte, 20), usual[4:])
	for _, tc := range []struct {
		name string
		b    []byte
		want AllHeaders
		err  error
	}{
		{"usual", append(bytes.Clone(usual), "text"...), AllHeaders{Transaction: 77, Outstanding: 1, Size: 22}, nil},
		{"no entries", cat(le32(4), "text"), AllHeaders{Size: 4}, nil},
		{"query notification", notify, AllHeaders{Transaction: 77, Outstanding: 1, Notifications: true, Size: 32}, nil},
		{"trace activity first", trace, AllHeaders{Transaction: 77, Outstanding: 1, Size: 48}, nil},
		{"empty", nil, AllHeaders{}, ErrShort},
		{"total of 3", cat(le32(3), "text"), AllHeaders{}, ErrShort},
		{"total over the end", cat(le32(23), usual[4:]), AllHeaders{}, ErrShort},
		{"total of 4 GB", cat(le32(-1), usual[4:]), AllHeaders{}, ErrShort},
		{"entry of 5", cat(le32(9), le32(5), 2), AllHeaders{}, ErrShort},
		{"entry over the end", cat(le32(22), le32(19), usual[8:]), AllHeaders{}, ErrShort},
		{"entry of 4 GB", cat(le32(22), le32(-1), usual[8:]), AllHeaders{}, ErrShort},
		{"descriptor cut", cat(le32(14), le32(10), le16(2), "1234"), AllHeaders{}, ErrShort},
	} {
		got, err := DecodeAllHeaders(tc.b, V74)
		if !errors.Is(err, tc.err) || err == nil && got != tc.want {
			t.Errorf("%s: %+v, %v; want %+v, %v", tc.name, got, err, tc.want, tc.err)
		}
	}
}

// MS-TDS 2.2.6.7.
func TestSQLBatchLayout(t *testing.T) {
	for v, b := range map[Version][]byte{
		V71: []byte("s\x00q\x00"),
		V74: cat(le32(22), le32(18), le16(2), le64(5), le32(1), "s\x00q\x00"),
	} {
		s, err := DecodeSQLBatch(b, v)
		if err != nil || s.Text != "sq" {
			t.Errorf("%v: %+v, %v", v, s, err)
		}
		if got := s.Append(nil, v); !bytes.Equal(got, b) {
			t.Errorf("%v: appended % x", v, got)
		}
	}
}

// MS-TDS 2.2.6.6: an RPC batch of two requests, walked to its end.
func TestRPCBatchWalk(t *testing.T) {
	intn := TypeInfo{ID: TypeIntN, Size: 4}
	nvarchar := TypeInfo{ID: TypeNVarChar, Size: 40, Collation: [5]byte{1, 2, 3, 4, 5}}
	b := cat(RPCHeader{ProcID: ProcExecute, Options: RPCNoMetadata}.Append(nil),
		ParamHeader{Type: intn}.Append(nil), "\x04\x07\x00\x00\x00",
		ParamHeader{Name: "@p1", Type: nvarchar}.Append(nil), "\x04\x00a\x00b\x00",
		int(RPCBatchFlag),
		RPCHeader{Name: "sp_x"}.Append(nil),
		ParamHeader{Name: "@out", Status: ParamByRef, Type: intn}.Append(nil), "\x00",
		int(RPCNoExecFlag))
	if want := cat(0xFF, 0xFF, 12, 0, 2, 0, 0, 0, 0x26, 4, 4, 7, 0, 0, 0, 3, "@\x00p\x001\x00", 0, 0xE7, 40, 0, 1, 2, 3, 4, 5, 4, 0); !bytes.HasPrefix(b, want) {
		t.Errorf("laid out % x", b)
	}
	var procs, params []string
	for len(b) > 0 {
		h, err := DecodeRPCHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		procs = append(procs, h.Proc())
		b = b[h.Size:]
		for len(b) > 0 && !IsRPCSeparator(b[0], V74) {
			p, err := DecodeParamHeader(b)
			if err != nil {
				t.Fatal(err)
			}
			b = b[p.Size:]
			n, err := ParamValueSize(p.Type, b)
			if err != nil {
				t.Fatal(err)
			}
			if v, at, ok := IntParam(p.Type, b); ok && (v != 7 || at != 1) {
				t.Errorf("handle %d at %d", v, at)
			}
			params = append(params, p.Name)
			b = b[n:]
		}
		if len(b) > 0 {
			b = b[1:]
		}
	}
	if !reflect.DeepEqual(procs, []string{"sp_execute", "sp_x"}) || !reflect.DeepEqual(params, []string{"", "@p1", "@out"}) {
		t.Errorf("procedures %q, parameters %q", procs, params)
	}
}

func TestIsRPCSeparator(t *testing.T) {
	for _, tc := range []struct {
		b    byte
		v    Version
		want bool
	}{{0xFF, V74, true}, {0xFE, V74, true}, {0x80, V74, false}, {0x80, V71, true}, {0xFF, V71, true}, {0, V74, false}, {127, V71, false}} {
		if got := IsRPCSeparator(tc.b, tc.v); got != tc.want {
			t.Errorf("0x%02x in %v: %v", tc.b, tc.v, got)
		}
	}
}

func TestRPCHeaderHostile(t *testing.T) {
	for _, b := range [][]byte{nil, {1}, {0xFF, 0xFF}, {0xFF, 0xFF, 10, 0}, {0xFF, 0xFF, 10, 0, 0}, {0xFE, 0xFF, 'a', 0}, {1, 0, 'a', 0, 0}} {
		if _, err := DecodeRPCHeader(b); !errors.Is(err, ErrShort) {
			t.Errorf("% x: %v", b, err)
		}
	}
	for _, b := range [][]byte{nil, {0}, {1, 'a', 0}, {0, 0}, {0, 0, 0xE7, 1}} {
		if _, err := DecodeParamHeader(b); !errors.Is(err, ErrShort) {
			t.Errorf("parameter % x: %v", b, err)
		}
	}
	if _, err := DecodeParamHeader([]byte{0, 0, 0x99}); !errors.Is(err, ErrUnknownType) {
		t.Errorf("unknown type: %v", err)
	}
	if _, err := DecodeParamHeader(append([]byte{129}, make([]byte, 300)...)); err == nil {
		t.Error("a name of 129 characters is accepted")
	}
}

// MS-TDS 2.2.5.5.5: a table-valued parameter, its values and its NULL.
func TestParamValueSizeTVP(t *testing.T) {
	typ := TypeInfo{ID: TypeTVP, Name: TypeName{Schema: "dbo", Type: "list"}}
	column := func(flags int, ti TypeInfo) []byte { return cat(le32(0), le16(flags), ti.AppendRPC(nil), 0) }
	cols := cat(le16(3), column(0, TypeInfo{ID: TypeIntN, Size: 4}), column(0x0200, TypeInfo{ID: TypeIntN, Size: 4}),
		column(0, TypeInfo{ID: TypeNVarChar, Size: Max}))
	order := cat(0x10, le16(1), le16(1), 1, 0x11, le16(2), le16(1), le16(2))
	for _, tc := range []struct {
		name string
		b    []byte
		err  error
	}{
		{"NULL", cat(0xFF, 0xFF, 0, 0), nil},
		{"no rows", cat(cols, 0, 0), nil},
		{"two rows", cat(cols, order, 0, 1, "\x041234", plp("ab"), 1, "\x00", le64(plpNull), 0), nil},
		{"row cut", cat(cols, 0, 1, "\x0412"), ErrShort},
		{"bad row token", cat(cols, 0, 2), ErrUnknownToken},
		{"bad token", cat(cols, 0x12), ErrUnknownToken},
		{"nested", cat(le16(1), column(0, typ)), ErrUnknownType},
		{"columns cut", cat(le16(3), le32(0)), ErrShort},
	} {
		n, err := ParamValueSize(typ, append(bytes.Clone(tc.b), tailIf(tc.err == nil)...))
		if !errors.Is(err, tc.err) || err == nil && n != len(tc.b) {
			t.Errorf("%s: %d of %d, %v", tc.name, n, len(tc.b), err)
		}
	}
}

// tailIf is what follows a value that should end before it.
func tailIf(ok bool) []byte {
	if ok {
		return []byte{0xFF, 1, 2}
	}
	return nil
}

// Values of requests are laid out as in rows but for TEXT and its like.
func TestParamValueSize(t *testing.T) {
	for _, tv := range walkValues {
		for _, val := range tv.values {
			if tv.typ.isLong() {
				continue
			}
			n, err := ParamValueSize(tv.typ, []byte(val+"tail"))
			if err != nil || n != len(val) {
				t.Errorf("%s: %d of %d, %v", tv.name, n, len(val), err)
			}
			if _, err := ParamValueSize(tv.typ, []byte(val)[:max(len(val)-1, 0)]); err == nil && len(val) > 0 {
				t.Errorf("%s: no error when cut", tv.name)
			}
		}
	}
	for _, val := range []string{"\x03\x00\x00\x00abc", "\x00\x00\x00\x00", "\xFF\xFF\xFF\xFF"} {
		if n, err := ParamValueSize(TypeInfo{ID: TypeNText}, []byte(val+"tail")); err != nil || n != len(val) {
			t.Errorf("ntext % x: %d, %v", val, n, err)
		}
	}
}

// MS-TDS 2.2.6.9.
func TestTransMgrLayout(t *testing.T) {
	h := AppendAllHeaders(nil, 9, V74)
	headers := AllHeaders{Transaction: 9, Outstanding: 1, Size: 22}
	for _, tc := range []struct {
		t TransMgr
		b []byte
	}{
		{TransMgr{Type: TMBegin, Isolation: 2, Name: "t"}, cat(h, le16(5), 2, 2, "t\x00")},
		{TransMgr{Type: TMCommit}, cat(h, le16(7), 0, 0)},
		{TransMgr{Type: TMCommit, BeginNext: true, Isolation: 5, NextName: "n"}, cat(h, le16(7), 0, 1, 5, 2, "n\x00")},
		{TransMgr{Type: TMRollback, Name: "t"}, cat(h, le16(8), 2, "t\x00", 0)},
		{TransMgr{Type: TMSave, Name: "s"}, cat(h, le16(9), 2, "s\x00")},
		{TransMgr{Type: TMPropagate, Payload: []byte("\x02\x00ab")}, cat(h, le16(1), "\x02\x00ab")},
	} {
		tc.t.Headers = headers
		if got := tc.t.Append(nil, V74); !bytes.Equal(got, tc.b) {
			t.Errorf("%d: appended % x, want % x", tc.t.Type, got, tc.b)
		}
		if got, err := DecodeTransMgr(tc.b, V74); err != nil || !reflect.DeepEqual(got, tc.t) {
			t.Errorf("%d: %+v, %v", tc.t.Type, got, err)
		}
		if _, err := DecodeTransMgr(tc.b[:len(tc.b)-1], V74); err == nil && tc.t.Type != TMPropagate {
			t.Errorf("%d: no error when cut", tc.t.Type)
		}
	}
}

// MS-TDS 2.2.5.6: every TYPE_INFO of results and of requests, and what is cut.
func TestTypeInfoRoundTrip(t *testing.T) {
	types := []TypeInfo{
		{ID: TypeTVP, Name: TypeName{Schema: "dbo", Type: "list"}},
		{ID: TypeUDT, Size: Max, Name: TypeName{Schema: "sys", Type: "geometry"}},
	}
	for _, tv := range walkValues {
		types = append(types, tv.typ)
	}
	for _, typ := range types {
		for _, rpc := range []bool{false, true} {
			want, b := typ, typ.Append(nil)
			if rpc {
				b = typ.AppendRPC(nil)
				want.Name.Assembly = ""
				if typ.ID == TypeUDT {
					want.Size = Max
				}
			}
			got, n, err := DecodeTypeInfo(append(bytes.Clone(b), "tail"...), rpc)
			if typ.ID == TypeTVP && !rpc {
				if !errors.Is(err, ErrUnknownType) {
					t.Errorf("table type in a result: %v", err)
				}
				continue
			}
			if err != nil || n != len(b) || got != want {
				t.Errorf("0x%02x: %+v of %d bytes, %v; want %+v", byte(typ.ID), got, n, err, want)
			}
			for cut := range b {
				if _, _, err := DecodeTypeInfo(b[:cut], rpc); !errors.Is(err, ErrShort) {
					t.Errorf("0x%02x cut to %d: %v", byte(typ.ID), cut, err)
				}
			}
		}
	}
}

// MS-TDS 2.2.5.6, by hand.
func TestTypeInfoLayout(t *testing.T) {
	for _, tc := range []struct {
		t TypeInfo
		b []byte
	}{
		{TypeInfo{ID: TypeIntN, Size: 4}, []byte{0x26, 4}},
		{TypeInfo{ID: TypeNVarChar, Size: 8000, Collation: [5]byte{9, 4, 0xD0, 0, 0x34}}, []byte{0xE7, 0x40, 0x1F, 9, 4, 0xD0, 0, 0x34}},
		{TypeInfo{ID: TypeDecimalN, Size: 9, Precision: 18, Scale: 4}, []byte{0x6A, 9, 18, 4}},
		{TypeInfo{ID: TypeDateTime2N, Size: 8, Scale: 7}, []byte{0x2A, 7}},
		{TypeInfo{ID: TypeDateN, Size: 3}, []byte{0x28}},
		{TypeInfo{ID: TypeXML, Size: Max}, []byte{0xF1, 0}},
		{TypeInfo{ID: TypeVector, Size: 20, Element: 1}, []byte{0xF5, 20, 0, 1}},
	} {
		if got := tc.t.Append(nil); !bytes.Equal(got, tc.b) {
			t.Errorf("0x%02x: appended % x", byte(tc.t.ID), got)
		}
		if got, _, err := DecodeTypeInfo(tc.b, false); err != nil || got != tc.t {
			t.Errorf("0x%02x: %+v, %v", byte(tc.t.ID), got, err)
		}
	}
}

// MS-TDS 2.2.7.4.
func TestColMetadata(t *testing.T) {
	cols := allTypesColumns()
	for _, v := range []Version{V71, V72, V74} {
		want := allTypesColumns()
		if v == V71 { // the table's name is one text
			for i := range want {
				if want[i].Table != nil {
					want[i].Table = []string{"tab"}
				}
			}
		}
		b := AppendColMetadata(nil, cols, v)
		got, n, err := DecodeColMetadata(append(b[1:len(b):len(b)], "rows"...), v)
		if err != nil || n != len(b)-1 || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %d of %d bytes, %v", v, n, len(b)-1, err)
		}
		for cut := range b[1:] {
			if _, _, err := DecodeColMetadata(b[1:1+cut], v); !errors.Is(err, ErrShort) {
				t.Errorf("%v, cut to %d: %v", v, cut, err)
			}
		}
	}
	if got := AppendColMetadata(nil, nil, V74); !bytes.Equal(got, []byte{0x81, 0xFF, 0xFF}) {
		t.Errorf("no columns: % x", got)
	}
	if cols, n, err := DecodeColMetadata([]byte{0xFF, 0xFF, 1}, V74); cols != nil || n != 2 || err != nil {
		t.Errorf("no metadata: %v, %d, %v", cols, n, err)
	}
	one := cat(0x81, 1, 0, 0, 0, 0, 0, 9, 0, 0x26, 4, 2, "i\x00d\x00")
	if got := AppendColMetadata(nil, []Column{{Name: "id", Flags: 9, Type: TypeInfo{ID: TypeIntN, Size: 4}}}, V74); !bytes.Equal(got, one) {
		t.Errorf("appended % x", got)
	}
	if _, _, err := DecodeColMetadata(cat(0xFE, 0xFF, strings.Repeat("\x00", 1000)), V74); !errors.Is(err, ErrShort) {
		t.Errorf("65,534 columns in 1,000 bytes: %v", err)
	}
}

// A value's handle is found whether or not the rest of its list is there.
func TestReturnValueInt(t *testing.T) {
	rv := ReturnValue{Ordinal: 2, Name: "@h", Status: 1, Type: TypeInfo{ID: TypeIntN, Size: 4}, Value: []byte{4, 0x78, 0x56, 0x34, 0x12}}
	b := rv.Append(nil, V74)
	got, err := DecodeReturnValue(b[1:], V74, false)
	if n, ok := got.Int(); err != nil || !ok || n != 0x12345678 || got.Name != "@h" || got.Ordinal != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	rv.Value = []byte{0}
	if _, ok := rv.Int(); ok {
		t.Error("NULL is a handle")
	}
	for cut := range len(b) - 1 - 5 {
		if _, err := DecodeReturnValue(b[1:1+cut], V74, false); !errors.Is(err, ErrShort) {
			t.Errorf("cut to %d: %v", cut, err)
		}
	}
}
