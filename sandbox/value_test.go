package sandbox

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

func decimalInfo(p, s byte) tds.TypeInfo {
	return tds.TypeInfo{ID: tds.TypeDecimalN, Size: tds.DecimalSize(p), Precision: p, Scale: s}
}

func chars(id tds.TypeID, size int) tds.TypeInfo {
	return tds.TypeInfo{ID: id, Size: size, Collation: latin1}
}

// Values that come back as they went, in rows and in requests.
func TestValueRoundTrip(t *testing.T) {
	utf8 := latin1
	utf8[3] |= 0x04
	east := time.FixedZone("", 14*3600)
	for _, tc := range []struct {
		name  string
		t     tds.TypeInfo
		value tsql.Value
	}{
		{"bit", tds.TypeInfo{ID: tds.TypeBitN, Size: 1}, true},
		{"fixed bit", tds.TypeInfo{ID: tds.TypeBit, Size: 1}, false},
		{"tinyint", tds.TypeInfo{ID: tds.TypeIntN, Size: 1}, int64(255)},
		{"smallint", tds.TypeInfo{ID: tds.TypeIntN, Size: 2}, int64(-32768)},
		{"int", intType, int64(math.MinInt32)},
		{"fixed int", tds.TypeInfo{ID: tds.TypeInt4, Size: 4}, int64(-5)},
		{"bigint", tds.TypeInfo{ID: tds.TypeIntN, Size: 8}, int64(math.MinInt64)},
		{"real", tds.TypeInfo{ID: tds.TypeFltN, Size: 4}, 1.5},
		{"float", tds.TypeInfo{ID: tds.TypeFltN, Size: 8}, -math.MaxFloat64},
		{"money", tds.TypeInfo{ID: tds.TypeMoneyN, Size: 8}, tsql.Money(math.MinInt64)},
		{"smallmoney", tds.TypeInfo{ID: tds.TypeMoneyN, Size: 4}, tsql.Money(-2147483648)},
		{"decimal(9,4)", decimalInfo(9, 4), tsql.Decimal{Unscaled: "-123456789", Scale: 4}},
		{"decimal(19,0)", decimalInfo(19, 0), tsql.Decimal{Unscaled: "9999999999999999999"}},
		{"decimal(28,6)", decimalInfo(28, 6), tsql.Decimal{Unscaled: "-9999999999999999999999999999", Scale: 6}},
		{"decimal(38,38)", decimalInfo(38, 38), tsql.Decimal{Unscaled: strings.Repeat("9", 38), Scale: 38}},
		{"guid", tds.TypeInfo{ID: tds.TypeGUID, Size: 16}, tsql.GUID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
		{"date low", tds.TypeInfo{ID: tds.TypeDateN, Size: 3}, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"date high", tds.TypeInfo{ID: tds.TypeDateN, Size: 3}, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)},
		{"time(7)", tds.TypeInfo{ID: tds.TypeTimeN, Size: 5, Scale: 7}, time.Date(1, 1, 1, 23, 59, 59, 999_999_900, time.UTC)},
		{"time(0)", tds.TypeInfo{ID: tds.TypeTimeN, Size: 3}, time.Date(1, 1, 1, 12, 0, 1, 0, time.UTC)},
		{"datetime2(3)", tds.TypeInfo{ID: tds.TypeDateTime2N, Size: 7, Scale: 3}, time.Date(1600, 2, 29, 1, 2, 3, 4e6, time.UTC)},
		{"datetimeoffset", tds.TypeInfo{ID: tds.TypeDateTimeOffset, Size: 10, Scale: 7}, time.Date(2024, 2, 29, 12, 34, 56, 765_432_100, east)},
		{"datetime", tds.TypeInfo{ID: tds.TypeDateTimN, Size: 8}, time.Date(1753, 1, 1, 23, 59, 59, 997e6, time.UTC)},
		{"datetime .003", tds.TypeInfo{ID: tds.TypeDateTimN, Size: 8}, time.Date(2024, 1, 1, 0, 0, 0, 3e6, time.UTC)},
		{"smalldatetime", tds.TypeInfo{ID: tds.TypeDateTimN, Size: 4}, time.Date(2079, 6, 6, 23, 59, 0, 0, time.UTC)},
		{"varchar", chars(tds.TypeBigVarChar, 100), "Grüße €"},
		{"varchar empty", chars(tds.TypeBigVarChar, 100), ""},
		{"varchar utf8", tds.TypeInfo{ID: tds.TypeBigVarChar, Size: 100, Collation: utf8}, "你好"},
		{"varchar(max)", chars(tds.TypeBigVarChar, tds.Max), strings.Repeat("ab", 50_000)},
		{"nvarchar", nvType, "a😀b 你好"},
		{"nvarchar(max)", chars(tds.TypeNVarChar, tds.Max), strings.Repeat("ö", 100_000)},
		{"nvarchar(max) empty", chars(tds.TypeNVarChar, tds.Max), ""},
		{"varbinary", tds.TypeInfo{ID: tds.TypeBigVarBinary, Size: 10}, []byte{0, 255}},
		{"varbinary(max)", tds.TypeInfo{ID: tds.TypeBigVarBinary, Size: tds.Max}, bytes.Repeat([]byte{7}, 70_000)},
		{"varbinary(max) empty", tds.TypeInfo{ID: tds.TypeBigVarBinary, Size: tds.Max}, []byte{}},
		{"text", chars(tds.TypeText, 0x7FFFFFFF), "plain"},
		{"ntext", chars(tds.TypeNText, 0x7FFFFFFE), "wide ö"},
		{"image", tds.TypeInfo{ID: tds.TypeImage, Size: 0x7FFFFFFF}, []byte{1, 2}},
		{"xml", tds.TypeInfo{ID: tds.TypeXML, Size: tds.Max}, "<a>ö</a>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, row := range []bool{true, false} {
				var b []byte
				if row {
					var err error
					if b, err = appendValue(nil, &tc.t, tc.value); err != nil {
						t.Fatal(err)
					}
				} else {
					b = appendParamValue(nil, &tc.t, tc.value)
					if n, err := tds.ParamValueSize(tc.t, b); n != len(b) || err != nil {
						t.Errorf("value of %d bytes, the codec sees %d (%v)", len(b), n, err)
					}
				}
				r := valueReader{b: b}
				_, got := r.value(tc.t, row)
				if r.err != nil || len(r.b) != 0 {
					t.Fatalf("row %v: %v, %d bytes left", row, r.err, len(r.b))
				}
				if !equalValues(got, tc.value) {
					t.Errorf("row %v: got %v, want %v", row, got, tc.value)
				}
				for n := range b[:min(len(b), 200)] {
					short := valueReader{b: b[:n]}
					if short.value(tc.t, row); short.err == nil {
						t.Fatalf("row %v: no error for %d of %d bytes", row, n, len(b))
					}
				}
			}
			if strings.HasPrefix(tc.name, "fixed") {
				if _, err := appendValue(nil, &tc.t, nil); err == nil {
					t.Error("NULL in a type that has none")
				}
				return
			}
			b, err := appendValue(nil, &tc.t, nil)
			if err != nil {
				t.Fatal(err)
			}
			r := valueReader{b: b}
			if _, got := r.value(tc.t, true); got != nil || r.err != nil || len(r.b) != 0 {
				t.Errorf("NULL came back as %v, %v", got, r.err)
			}
		})
	}
}

func equalValues(a, b tsql.Value) bool {
	at, ok := a.(time.Time)
	bt, ok2 := b.(time.Time)
	if ok && ok2 {
		_, ao := at.Zone()
		_, bo := bt.Zone()
		return at.Equal(bt) && ao == bo
	}
	return reflect.DeepEqual(a, b)
}

func TestValueConversions(t *testing.T) {
	for _, tc := range []struct {
		name     string
		t        tds.TypeInfo
		in, want tsql.Value
	}{
		{"rescaled up", decimalInfo(10, 4), tsql.Decimal{Unscaled: "15", Scale: 1}, tsql.Decimal{Unscaled: "15000", Scale: 4}},
		{"rescaled down", decimalInfo(10, 1), tsql.Decimal{Unscaled: "-155", Scale: 2}, tsql.Decimal{Unscaled: "-16", Scale: 1}},
		{"int as decimal", decimalInfo(10, 2), int64(-3), tsql.Decimal{Unscaled: "-300", Scale: 2}},
		{"money as decimal", decimalInfo(19, 4), tsql.Money(-5), tsql.Decimal{Unscaled: "-5", Scale: 4}},
		{"decimal as money", tds.TypeInfo{ID: tds.TypeMoneyN, Size: 8}, tsql.Decimal{Unscaled: "12345", Scale: 3}, tsql.Money(123450)},
		{"int as float", tds.TypeInfo{ID: tds.TypeFltN, Size: 8}, int64(2), 2.0},
		{"bool as int", intType, true, int64(1)},
		{"not in code page", chars(tds.TypeBigVarChar, 10), "a你", "a?"},
		{"char padded", chars(tds.TypeBigChar, 4), "ab", "ab  "},
		{"nchar padded", chars(tds.TypeNChar, 6), "ö", "ö  "},
		{"binary padded", tds.TypeInfo{ID: tds.TypeBigBinary, Size: 3}, []byte{1}, []byte{1, 0, 0}},
		{"datetime carries", tds.TypeInfo{ID: tds.TypeDateTimN, Size: 8}, time.Date(2024, 1, 1, 23, 59, 59, 999e6, time.UTC), time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)},
	} {
		b, err := appendValue(nil, &tc.t, tc.in)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		r := valueReader{b: b}
		if _, got := r.value(tc.t, true); !equalValues(got, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
	for _, tc := range []struct {
		t tds.TypeInfo
		v tsql.Value
	}{
		{intType, "1"},
		{nvType, int64(1)},
		{decimalInfo(5, 0), tsql.Decimal{Unscaled: "99999999999"}},
		{decimalInfo(5, 0), tsql.Decimal{Unscaled: "x"}},
		{chars(tds.TypeBigVarChar, 2), "abc"},
		{tds.TypeInfo{ID: tds.TypeGUID, Size: 16}, "x"},
		{tds.TypeInfo{ID: tds.TypeUDT}, "x"},
	} {
		if _, err := appendValue(nil, &tc.t, tc.v); err == nil {
			t.Errorf("%v as 0x%02x: no error", tc.v, byte(tc.t.ID))
		}
	}
}

func TestVariantRoundTrip(t *testing.T) {
	variant := tds.TypeInfo{ID: tds.TypeVariant, Size: 8009}
	for _, v := range []tsql.Value{
		true, int64(42), int64(1) << 40, 2.5, tsql.Money(5),
		tsql.GUID{1, 2},
		tsql.Decimal{Unscaled: "-12345", Scale: 2},
		time.Date(2024, 1, 2, 3, 4, 5, 6e8, time.UTC), "text ö",
		[]byte{1, 2},
	} {
		b, err := appendValue(nil, &variant, v)
		if err != nil {
			t.Fatal(err)
		}
		r := valueReader{b: b}
		base, got := r.value(variant, true)
		if r.err != nil || !equalValues(got, v) || base.ID == tds.TypeVariant {
			t.Errorf("%v came back as %v of type 0x%02x, %v", v, got, byte(base.ID), r.err)
		}
	}
}

func TestOldClientsGetOldTypes(t *testing.T) {
	when := time.Date(2024, 2, 29, 12, 34, 56, 780e6, time.FixedZone("", -3600))
	for _, tc := range []struct {
		v     tds.Version
		t     tds.TypeInfo
		in    tsql.Value
		id    tds.TypeID
		value tsql.Value
	}{
		{tds.V72, tds.TypeInfo{ID: tds.TypeDateN}, when, tds.TypeNVarChar, "2024-02-29"},
		{tds.V72, tds.TypeInfo{ID: tds.TypeTimeN, Scale: 2}, when, tds.TypeNVarChar, "12:34:56.78"},
		{tds.V72, tds.TypeInfo{ID: tds.TypeDateTime2N}, when, tds.TypeNVarChar, "2024-02-29 12:34:56"},
		{tds.V72, tds.TypeInfo{ID: tds.TypeDateTimeOffset, Scale: 1}, when, tds.TypeNVarChar, "2024-02-29 12:34:56.7 -01:00"},
		{tds.V73A, tds.TypeInfo{ID: tds.TypeDateN}, when, tds.TypeDateN, nil},
		{tds.V71, chars(tds.TypeNVarChar, tds.Max), "x", tds.TypeNText, "x"},
		{tds.V71, chars(tds.TypeBigVarChar, tds.Max), "x", tds.TypeText, "x"},
		{tds.V71, tds.TypeInfo{ID: tds.TypeBigVarBinary, Size: tds.Max}, []byte{1}, tds.TypeImage, []byte{1}},
		{tds.V71, tds.TypeInfo{ID: tds.TypeXML}, "<a/>", tds.TypeNText, "<a/>"},
		{tds.V72, chars(tds.TypeNVarChar, tds.Max), "x", tds.TypeNVarChar, nil},
	} {
		w := wireType(tc.t, tc.v)
		if w.ID != tc.id {
			t.Errorf("%v 0x%02x: type 0x%02x", tc.v, byte(tc.t.ID), byte(w.ID))
		}
		if tc.value == nil {
			continue
		}
		got := wireValue(tc.t, tc.in)
		if !equalValues(got, tc.value) {
			t.Errorf("%v 0x%02x: value %v", tc.v, byte(tc.t.ID), got)
		}
		if _, err := appendValue(nil, &w, got); err != nil {
			t.Errorf("%v 0x%02x: %v", tc.v, byte(tc.t.ID), err)
		}
	}
}

// Whatever bytes come, decoding ends in a value or an error.
func FuzzValue(f *testing.F) {
	f.Add(byte(tds.TypeNVarChar), 0xFFFF, true, []byte{4, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 'a', 0, 'b', 0, 0, 0, 0, 0})
	f.Add(byte(tds.TypeVariant), 8009, true, []byte{6, 0, 0, 0, 0x38, 0, 1, 0, 0, 0})
	f.Add(byte(tds.TypeDecimalN), 17, false, []byte{5, 1, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, id byte, size int, row bool, b []byte) {
		ti, _, err := tds.DecodeTypeInfo(append([]byte{id, byte(size), byte(size >> 8), 0, 0, 0, 0, 0}, b...), true)
		if err != nil {
			return
		}
		r := valueReader{b: b}
		r.value(ti, row)
	})
}

func FuzzRPC(f *testing.F) {
	f.Add(rpc("proc", 0, tsql.Param{Name: "@a", Type: intType, Value: int64(1)}))
	f.Add(rpc("", tds.ProcExecuteSQL, tsql.Param{Type: nvType, Value: "select 1"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d rpcDecoder
		_, _ = d.decode(b, tds.V74)
	})
}
