package tds

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ResultKind is the type of a column of a result set that this process makes
// itself. All are NULLable, and known to every client from TDS 7.1 on.
type ResultKind byte

// Kinds of columns, and the Go types of their values; nil is NULL.
const (
	ResultText  ResultKind = iota // NVARCHAR(4000); string
	ResultInt                     // BIGINT; int64
	ResultFloat                   // FLOAT; float64
	ResultBit                     // BIT; bool
)

// maxResultText is the longest text of a row in UTF-16 units.
const maxResultText = 4000

// ResultColumn is a column of such a result set.
type ResultColumn struct {
	Name string
	Kind ResultKind
}

// ErrResultValue says that a row does not fit the columns of its result set.
var ErrResultValue = errors.New("tds: value does not fit its column")

// defaultCollation is SQL_Latin1_General_CP1_CI_AS, a server's usual one (MS-TDS
// 2.2.5.1.2).
var defaultCollation = [5]byte{0x09, 0x04, 0xD0, 0x00, 0x34}

// DefaultCollation returns SQL_Latin1_General_CP1_CI_AS as ENVCHANGE carries it.
func DefaultCollation() []byte { return append([]byte(nil), defaultCollation[:]...) }

func (k ResultKind) typeInfo() TypeInfo {
	switch k {
	case ResultInt:
		return TypeInfo{ID: TypeIntN, Size: 8}
	case ResultFloat:
		return TypeInfo{ID: TypeFltN, Size: 8}
	case ResultBit:
		return TypeInfo{ID: TypeBitN, Size: 1}
	}
	return TypeInfo{ID: TypeNVarChar, Size: 2 * maxResultText, Collation: defaultCollation}
}

// AppendResultColumns appends the COLMETADATA that begins a result set.
func AppendResultColumns(dst []byte, cols []ResultColumn, v Version) []byte {
	meta := make([]Column, len(cols))
	for i, c := range cols {
		meta[i] = Column{Name: c.Name, Flags: ColNullable, Type: c.Kind.typeInfo()}
	}
	return AppendColMetadata(dst, meta, v)
}

// AppendResultRow appends a ROW with one value for each column (MS-TDS
// 2.2.7.17). Texts past 4,000 units are cut. With an error, which wraps
// ErrResultValue, dst is returned as it was.
func AppendResultRow(dst []byte, cols []ResultColumn, values []any) ([]byte, error) {
	if len(values) != len(cols) {
		return dst, fmt.Errorf("%w: %d values for %d columns", ErrResultValue, len(values), len(cols))
	}
	out := append(dst, byte(TokenRow))
	for i, x := range values {
		var ok bool
		if out, ok = cols[i].Kind.appendValue(out, x); !ok {
			return dst, fmt.Errorf("%w: %T in column %s", ErrResultValue, x, cols[i].Name)
		}
	}
	return out, nil
}

func (k ResultKind) appendValue(dst []byte, x any) (out []byte, ok bool) {
	le := binary.LittleEndian
	switch x := x.(type) {
	case nil:
		if k == ResultText {
			return append(dst, 0xFF, 0xFF), true
		}
		return append(dst, 0), true
	case string:
		x = truncateUTF16(x, maxResultText)
		return appendUTF16(le.AppendUint16(dst, uint16(2*utf16Len(x))), x), k == ResultText
	case int64:
		return le.AppendUint64(append(dst, 8), uint64(x)), k == ResultInt
	case float64:
		return le.AppendUint64(append(dst, 8), math.Float64bits(x)), k == ResultFloat
	case bool:
		if x {
			return append(dst, 1, 1), k == ResultBit
		}
		return append(dst, 1, 0), k == ResultBit
	}
	return dst, false
}
