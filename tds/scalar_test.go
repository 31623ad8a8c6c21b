package tds

import (
	"encoding/binary"
	"errors"
	"testing"
)

func TestScalarText(t *testing.T) {
	meta := func(types ...TypeInfo) []byte {
		var cols []Column
		for _, ti := range types {
			cols = append(cols, Column{Type: ti})
		}
		return AppendColMetadata(nil, cols, V74)
	}
	row := func(b []byte, value ...byte) []byte { return append(append(b, byte(TokenRow)), value...) }
	intN := TypeInfo{ID: TypeIntN, Size: 4}
	nvarchar := TypeInfo{ID: TypeNVarChar, Size: 8000}
	text := append([]byte{4, 0}, AppendUTF16(nil, "ab")...)
	plp := binary.LittleEndian.AppendUint64(nil, 4)
	for _, half := range []string{"a", "b"} {
		plp = append(binary.LittleEndian.AppendUint32(plp, 2), AppendUTF16(nil, half)...)
	}
	plp = binary.LittleEndian.AppendUint32(plp, 0)
	failed := (&ServerError{Number: 300, Class: 14, Text: "no permission"}).Append(nil, V74)
	tests := []struct {
		name string
		b    []byte
		want string // "": ErrNotScalar
	}{
		{"int", row(meta(TypeInfo{ID: TypeInt4, Size: 4}), 2, 1, 0, 0), "258"},
		{"intn", row(meta(intN), 4, 0xFF, 0xFF, 0xFF, 0xFF), "-1"},
		{"tinyint", row(meta(TypeInfo{ID: TypeInt1, Size: 1}), 0xFF), "255"},
		{"nvarchar", row(meta(nvarchar), text...), "ab"},
		{"nvarchar(max)", row(meta(TypeInfo{ID: TypeNVarChar, Size: Max}), plp...), "ab"},
		{"varchar", row(meta(TypeInfo{ID: TypeBigVarChar, Size: 10}), 2, 0, 'a', 'b'), "ab"},
		{"varchar of a code page", row(meta(TypeInfo{ID: TypeBigVarChar, Size: 10}), 1, 0, 0xE4), ""},
		{"something in front", append(EnvChange{Type: EnvResetConnection}.Append(nil), row(meta(intN), 1, 7)...), "7"},
		{"null", row(meta(intN), 0), ""},
		{"wide int", row(meta(intN), 9, 0, 0, 0, 0, 0, 0, 0, 0, 0), ""},
		{"null text", row(meta(nvarchar), 0xFF, 0xFF), ""},
		{"two rows", row(row(meta(intN), 1, 7), 1, 7), ""},
		{"two columns", row(meta(intN, intN), 1, 7, 1, 7), ""},
		{"no row", meta(intN), ""},
		{"date", row(meta(TypeInfo{ID: TypeDateN}), 3, 0, 0, 0), ""},
		{"nothing", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ScalarText(Done{}.Append(tt.b, V74), V74)
			if got != tt.want || (err != nil) != (tt.want == "") || err != nil && !errors.Is(err, ErrNotScalar) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	for _, b := range [][]byte{failed, append(row(meta(intN), 1, 7), failed...)} {
		_, err := ScalarText(Done{Status: DoneError}.Append(b, V74), V74)
		if e := (*ServerError)(nil); !errors.As(err, &e) || e.Number != 300 {
			t.Errorf("an error of the server: %v", err)
		}
	}
}

func FuzzScalarText(f *testing.F) {
	b := AppendColMetadata(nil, []Column{{Type: TypeInfo{ID: TypeNVarChar, Size: 8000}}}, V74)
	b = append(append(b, byte(TokenRow), 4, 0), AppendUTF16(nil, "ab")...)
	f.Add(Done{}.Append(b, V74), byte(0))
	b = AppendColMetadata(nil, []Column{{Type: TypeInfo{ID: TypeIntN, Size: 4}}}, V74)
	f.Add(append(b, byte(TokenRow), 4, 1, 0, 0, 0), byte(2))
	f.Fuzz(func(t *testing.T, b []byte, pick byte) {
		if len(b) > maxFuzzInput {
			return
		}
		v := fuzzVersion(pick)
		got, err := ScalarText(b, v)
		if again, err2 := ScalarText(b, v); got != again || (err == nil) != (err2 == nil) {
			t.Errorf("%q, %v, then %q, %v", got, err, again, err2)
		}
		// What is read is what a walker finds a row of.
		if err == nil && v == V74 {
			w := Walker{}
			w.Reset(v)
			if w.Feed(b) == nil && w.Rows() != 1 {
				t.Errorf("%q of %d rows", got, w.Rows())
			}
		}
	})
}
