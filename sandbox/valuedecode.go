package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// errTableValued says that a request has a table-valued parameter.
var errTableValued = errors.New("sandbox: table-valued parameters are not supported")

// valueReader reads values of parameters and of bulk-load rows. Its first
// error stays; it wraps tds.ErrShort where the input ends too early. Nothing it
// returns aliases the input.
type valueReader struct {
	b   []byte
	err error
}

func (r *valueReader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b) {
		r.err = fmt.Errorf("value: %w", tds.ErrShort)
		return nil
	}
	t := r.b[:n:n]
	r.b = r.b[n:]
	return t
}

func (r *valueReader) uint(n int) uint64 { return uintN(r.take(n)) }

func (r *valueReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// value reads a value of type t; row says that it stands in a row and not in a
// request, where TEXT, NTEXT and IMAGE look differently. The type returned is
// t, or the base type of a sql_variant.
func (r *valueReader) value(t tds.TypeInfo, row bool) (tds.TypeInfo, tsql.Value) {
	switch t.ID {
	case tds.TypeNull:
		return t, nil
	case tds.TypeInt1, tds.TypeBit, tds.TypeInt2, tds.TypeInt4, tds.TypeInt8, tds.TypeDateTim4, tds.TypeDateTime,
		tds.TypeFlt4, tds.TypeFlt8, tds.TypeMoney, tds.TypeMoney4:
		return t, r.decode(t, r.take(t.Size))
	case tds.TypeText, tds.TypeNText, tds.TypeImage:
		return t, r.long(t, row)
	case tds.TypeVariant:
		return r.variant(t)
	case tds.TypeTVP:
		r.fail(errTableValued)
		return t, nil
	}
	if t.PLP() {
		b, null := r.plp()
		if null {
			return t, nil
		}
		return t, r.decode(t, b)
	}
	switch t.ID {
	case tds.TypeBigVarBinary, tds.TypeBigVarChar, tds.TypeBigBinary, tds.TypeBigChar, tds.TypeNVarChar, tds.TypeNChar:
		n := r.uint(2)
		if n == 0xFFFF || r.err != nil {
			return t, nil
		}
		return t, r.decode(t, r.take(int(n)))
	case tds.TypeVector:
		r.fail(fmt.Errorf("%w: vector value", errProtocol))
		return t, nil
	}
	n := r.uint(1)
	if n == 0 || r.err != nil {
		return t, nil
	}
	return t, r.decode(t, r.take(int(n)))
}

// long reads a TEXT, NTEXT or IMAGE.
func (r *valueReader) long(t tds.TypeInfo, row bool) tsql.Value {
	if row {
		pointer := int(r.uint(1))
		if pointer == 0 {
			return nil
		}
		r.take(pointer + 8) // the pointer and a timestamp
	}
	n := uint32(r.uint(4))
	if n == math.MaxUint32 || r.err != nil {
		return nil
	}
	return r.decode(t, r.take(int(n)))
}

// plp reads a partially length-prefixed value. What it returns aliases the
// input if there is one chunk.
func (r *valueReader) plp() (b []byte, null bool) {
	if total := r.uint(8); total == plpNull || r.err != nil {
		return nil, true
	}
	for first := true; ; first = false {
		n := int(r.uint(4))
		if n == 0 || r.err != nil {
			return b, false
		}
		chunk := r.take(n)
		if first {
			b = chunk // capacity is clipped: a second append copies
			continue
		}
		b = append(b, chunk...)
	}
}

// variant reads a sql_variant as a value of its base type.
func (r *valueReader) variant(t tds.TypeInfo) (tds.TypeInfo, tsql.Value) {
	n := int(r.uint(4))
	if n == 0 || r.err != nil {
		return t, nil
	}
	in := valueReader{b: r.take(n)}
	if r.err != nil {
		return t, nil
	}
	base := tds.TypeInfo{ID: tds.TypeID(in.uint(1))}
	props := in.take(int(in.uint(1)))
	switch base.ID {
	case tds.TypeDecimalN, tds.TypeNumericN:
		if len(props) >= 2 {
			base.Precision, base.Scale = props[0], props[1]
		}
	case tds.TypeTimeN, tds.TypeDateTime2N, tds.TypeDateTimeOffset:
		if len(props) >= 1 {
			base.Scale = props[0]
		}
	case tds.TypeBigVarChar, tds.TypeBigChar, tds.TypeNVarChar, tds.TypeNChar:
		if len(props) >= 7 {
			copy(base.Collation[:], props)
			base.Size = int(binary.LittleEndian.Uint16(props[5:]))
		}
	case tds.TypeBigVarBinary, tds.TypeBigBinary:
		if len(props) >= 2 {
			base.Size = int(binary.LittleEndian.Uint16(props))
		}
	}
	if base.Size == 0 {
		base.Size = len(in.b)
	}
	if in.err != nil {
		r.fail(fmt.Errorf("%w: sql_variant of %d bytes", errProtocol, n))
		return t, nil
	}
	v := in.decode(base, in.b)
	r.fail(in.err)
	return base, v
}

// decode converts the bytes of a value that is not NULL.
func (r *valueReader) decode(t tds.TypeInfo, b []byte) tsql.Value {
	if r.err != nil {
		return nil
	}
	le := binary.LittleEndian
	switch t.ID {
	case tds.TypeBit, tds.TypeBitN:
		return uintN(b) != 0
	case tds.TypeInt1, tds.TypeInt2, tds.TypeInt4, tds.TypeInt8, tds.TypeIntN:
		switch len(b) {
		case 1:
			return int64(b[0]) // tinyint has no sign
		case 2:
			return int64(int16(le.Uint16(b)))
		case 4:
			return int64(int32(le.Uint32(b)))
		case 8:
			return int64(le.Uint64(b))
		}
	case tds.TypeFlt4, tds.TypeFlt8, tds.TypeFltN:
		switch len(b) {
		case 4:
			return float64(math.Float32frombits(le.Uint32(b)))
		case 8:
			return math.Float64frombits(le.Uint64(b))
		}
	case tds.TypeMoney, tds.TypeMoney4, tds.TypeMoneyN:
		switch len(b) {
		case 4:
			return tsql.Money(int32(le.Uint32(b)))
		case 8:
			return tsql.Money(int64(le.Uint32(b))<<32 | int64(le.Uint32(b[4:])))
		}
	case tds.TypeDecimal, tds.TypeNumeric, tds.TypeDecimalN, tds.TypeNumericN:
		d, err := decodeDecimal(b, t.Scale)
		r.fail(err)
		return d
	case tds.TypeGUID:
		if len(b) == 16 {
			return tsql.GUID(append([]byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]}, b[8:]...))
		}
	case tds.TypeDateTim4, tds.TypeDateTime, tds.TypeDateTimN, tds.TypeDateN, tds.TypeTimeN, tds.TypeDateTime2N, tds.TypeDateTimeOffset:
		if v, ok := decodeTime(t.ID, t.Scale, b); ok {
			return v
		}
	case tds.TypeNVarChar, tds.TypeNChar, tds.TypeNText:
		return tds.DecodeUTF16(b)
	case tds.TypeXML:
		return decodeXML(b)
	case tds.TypeBigVarChar, tds.TypeBigChar, tds.TypeText, tds.TypeVarChar, tds.TypeChar:
		return decodeChars(b, t.Collation)
	case tds.TypeBigVarBinary, tds.TypeBigBinary, tds.TypeImage, tds.TypeVarBinary, tds.TypeBinary, tds.TypeUDT:
		if b == nil {
			return []byte{}
		}
		return slices.Clone(b)
	case tds.TypeJSON:
		return string(b)
	}
	r.fail(fmt.Errorf("%w: value of %d bytes of type 0x%02x", errProtocol, len(b), byte(t.ID)))
	return nil
}

// decodeXML is the text of an XML value: UTF-16 with or without a byte order
// mark, or else UTF-8.
func decodeXML(b []byte) string {
	if len(b) >= 2 && b[0] == 0xFF && b[1] == 0xFE {
		return tds.DecodeUTF16(b[2:])
	}
	if len(b) >= 2 && b[1] == 0 {
		return tds.DecodeUTF16(b)
	}
	return string(b)
}
