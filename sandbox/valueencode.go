package sandbox

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// plpNull is the length of a NULL in PLP form (MS-TDS 2.2.5.2.3).
const plpNull = math.MaxUint64

// textPointer is what a TEXT, NTEXT or IMAGE value begins with in a row: a
// pointer and a timestamp, which nobody uses but which must be there.
var textPointer = [1 + 16 + 8]byte{16, 'd', 'u', 'm', 'm', 'y', ' ', 't', 'e', 'x', 't', 'p', 't', 'r', 0, 0, 0, 'd', 'u', 'm', 'm', 'y', 'T', 'S', 0}

// appendValue appends a value as it stands in a row or a RETURNVALUE. On
// error dst is returned with part of the value in it.
func appendValue(dst []byte, t *tds.TypeInfo, v tsql.Value) ([]byte, error) {
	le := binary.LittleEndian
	switch t.ID {
	case tds.TypeIntN, tds.TypeBitN, tds.TypeFltN, tds.TypeMoneyN, tds.TypeDateTimN, tds.TypeGUID,
		tds.TypeDecimalN, tds.TypeNumericN, tds.TypeDecimal, tds.TypeNumeric,
		tds.TypeDateN, tds.TypeTimeN, tds.TypeDateTime2N, tds.TypeDateTimeOffset:
		if v == nil {
			return append(dst, 0), nil
		}
		at := len(dst)
		dst, err := appendScalar(append(dst, 0), t, v)
		dst[at] = byte(len(dst) - at - 1)
		return dst, err
	case tds.TypeBigVarChar, tds.TypeBigChar, tds.TypeNVarChar, tds.TypeNChar, tds.TypeBigVarBinary, tds.TypeBigBinary:
		if t.PLP() {
			return appendPLP(dst, t, v)
		}
		if v == nil {
			return append(dst, 0xFF, 0xFF), nil
		}
		at := len(dst)
		dst, err := appendData(append(dst, 0, 0), t, v)
		n := len(dst) - at - 2
		if err == nil && n > t.Size {
			err = fmt.Errorf("sandbox: value of %d bytes in a column of %d", n, t.Size)
		}
		le.PutUint16(dst[at:], uint16(n))
		return dst, err
	case tds.TypeXML:
		return appendPLP(dst, t, v)
	case tds.TypeText, tds.TypeNText, tds.TypeImage:
		if v == nil {
			return append(dst, 0), nil
		}
		dst = append(dst, textPointer[:]...)
		at := len(dst)
		dst, err := appendData(append(dst, 0, 0, 0, 0), t, v)
		le.PutUint32(dst[at:], uint32(len(dst)-at-4))
		return dst, err
	case tds.TypeVariant:
		return appendVariant(dst, v)
	case tds.TypeNull:
		return dst, nil
	}
	if v == nil {
		return dst, fmt.Errorf("sandbox: NULL in a column of type 0x%02x", byte(t.ID))
	}
	return appendScalar(dst, t, v)
}

// appendPLP appends a value in one chunk.
func appendPLP(dst []byte, t *tds.TypeInfo, v tsql.Value) ([]byte, error) {
	le := binary.LittleEndian
	if v == nil {
		return le.AppendUint64(dst, plpNull), nil
	}
	at := len(dst)
	dst, err := appendData(append(dst, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), t, v)
	n := len(dst) - at - 12
	le.PutUint64(dst[at:], uint64(n))
	if n == 0 {
		return dst, err // the chunk length of zero is the terminator
	}
	le.PutUint32(dst[at+8:], uint32(n))
	return append(dst, 0, 0, 0, 0), err
}

// appendData appends the bytes of a character or binary value, without length;
// types of fixed width are padded.
func appendData(dst []byte, t *tds.TypeInfo, v tsql.Value) ([]byte, error) {
	at := len(dst)
	switch t.ID {
	case tds.TypeNVarChar, tds.TypeNChar, tds.TypeNText, tds.TypeXML:
		s, ok := v.(string)
		if !ok {
			return dst, mismatch("nvarchar", v)
		}
		dst = tds.AppendUTF16(slices.Grow(dst, 2*len(s)), s)
		for t.ID == tds.TypeNChar && len(dst)-at+1 < t.Size {
			dst = append(dst, ' ', 0)
		}
	case tds.TypeBigVarChar, tds.TypeBigChar, tds.TypeText, tds.TypeVarChar, tds.TypeChar:
		s, ok := v.(string)
		if !ok {
			return dst, mismatch("varchar", v)
		}
		dst = appendChars(slices.Grow(dst, len(s)), s, t.Collation)
		for t.ID == tds.TypeBigChar && len(dst)-at < t.Size {
			dst = append(dst, ' ')
		}
	default:
		switch v := v.(type) {
		case []byte:
			dst = append(dst, v...)
		case string:
			dst = append(dst, v...)
		default:
			return dst, mismatch("varbinary", v)
		}
		for t.ID == tds.TypeBigBinary && len(dst)-at < t.Size {
			dst = append(dst, 0)
		}
	}
	return dst, nil
}

// appendScalar appends the bytes of a value of at most 17 bytes, without length.
func appendScalar(dst []byte, t *tds.TypeInfo, v tsql.Value) ([]byte, error) {
	switch t.ID {
	case tds.TypeInt1, tds.TypeInt2, tds.TypeInt4, tds.TypeInt8, tds.TypeIntN, tds.TypeBit, tds.TypeBitN:
		n, err := toInt(v)
		return appendUintN(dst, uint64(n), t.Size), err
	case tds.TypeFlt4, tds.TypeFlt8, tds.TypeFltN:
		var f float64
		switch v := v.(type) {
		case float64:
			f = v
		case int64:
			f = float64(v)
		default:
			return dst, mismatch("float", v)
		}
		if t.Size == 4 {
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f))), nil
		}
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), nil
	case tds.TypeMoney, tds.TypeMoney4, tds.TypeMoneyN:
		n, err := toMoney(v)
		if err != nil {
			return dst, err
		}
		if t.Size == 4 {
			return binary.LittleEndian.AppendUint32(dst, uint32(n)), nil
		}
		dst = binary.LittleEndian.AppendUint32(dst, uint32(n>>32))
		return binary.LittleEndian.AppendUint32(dst, uint32(n)), nil
	case tds.TypeDecimal, tds.TypeNumeric, tds.TypeDecimalN, tds.TypeNumericN:
		d, err := toDecimal(v)
		if err != nil {
			return dst, err
		}
		return appendDecimal(dst, d, t.Scale, tds.DecimalSize(t.Precision))
	case tds.TypeGUID:
		g, ok := v.(tsql.GUID)
		if !ok {
			return dst, mismatch("uniqueidentifier", v)
		}
		return appendGUID(dst, g), nil
	case tds.TypeDateTime, tds.TypeDateTim4, tds.TypeDateTimN, tds.TypeDateN, tds.TypeTimeN, tds.TypeDateTime2N, tds.TypeDateTimeOffset:
		w, ok := v.(time.Time)
		if !ok {
			return dst, mismatch("date and time", v)
		}
		return appendTime(dst, t.ID, t.Size, t.Scale, w), nil
	}
	return dst, fmt.Errorf("sandbox: column of type 0x%02x", byte(t.ID))
}

func toInt(v tsql.Value) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	}
	return 0, mismatch("int", v)
}

// appendGUID appends a uniqueidentifier, whose first three groups are
// little-endian on the wire.
func appendGUID(dst []byte, g tsql.GUID) []byte {
	dst = append(dst, g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6])
	return append(dst, g[8:]...)
}

// appendVariant appends a sql_variant: length, base type, its properties, data
// (MS-TDS 2.2.5.5.4). The base type follows from the kind of the value.
func appendVariant(dst []byte, v tsql.Value) ([]byte, error) {
	if v == nil {
		return append(dst, 0, 0, 0, 0), nil
	}
	var (
		t     tds.TypeInfo
		props []byte
	)
	le := binary.LittleEndian
	switch v := v.(type) {
	case bool:
		t = tds.TypeInfo{ID: tds.TypeBit, Size: 1}
	case int64:
		t = tds.TypeInfo{ID: tds.TypeInt8, Size: 8}
		if v == int64(int32(v)) {
			t = tds.TypeInfo{ID: tds.TypeInt4, Size: 4}
		}
	case float64:
		t = tds.TypeInfo{ID: tds.TypeFlt8, Size: 8}
	case tsql.Money:
		t = tds.TypeInfo{ID: tds.TypeMoney, Size: 8}
	case tsql.GUID:
		t = tds.TypeInfo{ID: tds.TypeGUID, Size: 16}
	case tsql.Decimal:
		t = tds.TypeInfo{ID: tds.TypeNumericN, Precision: precisionOf(v), Scale: v.Scale}
		props = []byte{t.Precision, t.Scale}
	case time.Time:
		t = tds.TypeInfo{ID: tds.TypeDateTime2N, Scale: 7}
		props = []byte{t.Scale}
	case string:
		t = tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000, Collation: latin1}
		props = le.AppendUint16(append(props, t.Collation[:]...), uint16(t.Size))
	case []byte:
		t = tds.TypeInfo{ID: tds.TypeBigVarBinary, Size: 8000}
		props = le.AppendUint16(props, uint16(t.Size))
	default:
		return dst, mismatch("sql_variant", v)
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0, byte(t.ID), byte(len(props)))
	dst = append(dst, props...)
	var err error
	switch t.ID {
	case tds.TypeNVarChar, tds.TypeBigVarBinary:
		dst, err = appendData(dst, &t, v)
	default:
		dst, err = appendScalar(dst, &t, v)
	}
	le.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst, err
}
