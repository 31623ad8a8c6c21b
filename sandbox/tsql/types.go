package tsql

import (
	"fmt"
	"strconv"

	"sluice/tds"
)

// kind is the base of a T-SQL data type. The order of the constants is the
// data type precedence, lowest first.
type kind uint8

const (
	kNull kind = iota // the type of a bare NULL
	kBool             // the result of a predicate; no T-SQL type
	kBinary
	kVarBinary
	kChar
	kVarChar
	kNChar
	kNVarChar
	kGUID
	kImage
	kText
	kNText
	kBit
	kTinyInt
	kSmallInt
	kInt
	kBigInt
	kSmallMoney
	kMoney
	kDecimal
	kNumeric
	kReal
	kFloat
	kTime
	kDate
	kSmallDateTime
	kDateTime
	kDateTime2
	kDateTimeOffset
	kXML
)

// typ is a T-SQL data type. size counts characters (UTF-16 units of national
// types) or bytes; maxSize stands for max.
type typ struct {
	kind        kind
	size        int
	prec, scale uint8
}

const maxSize = -1

var (
	tNull           = typ{kind: kNull}
	tBool           = typ{kind: kBool}
	tBit            = typ{kind: kBit}
	tTinyInt        = typ{kind: kTinyInt}
	tSmallInt       = typ{kind: kSmallInt}
	tInt            = typ{kind: kInt}
	tBigInt         = typ{kind: kBigInt}
	tFloat          = typ{kind: kFloat}
	tReal           = typ{kind: kReal}
	tMoney          = typ{kind: kMoney}
	tGUID           = typ{kind: kGUID}
	tDate           = typ{kind: kDate}
	tDateTime       = typ{kind: kDateTime}
	tDateTime2      = typ{kind: kDateTime2, scale: 7}
	tDateTimeOffset = typ{kind: kDateTimeOffset, scale: 7}
	tSysName        = typ{kind: kNVarChar, size: 128}
	tNVarCharMax    = typ{kind: kNVarChar, size: maxSize}
	tVarCharMax     = typ{kind: kVarChar, size: maxSize}
	tVarBinaryMax   = typ{kind: kVarBinary, size: maxSize}
)

func nvarchar(n int) typ { return charType(kNVarChar, n, 4000) }

func varchar(n int) typ { return charType(kVarChar, n, 8000) }

func varbinary(n int) typ { return charType(kVarBinary, n, 8000) }

func decimalType(p, s uint8) typ { return typ{kind: kDecimal, prec: p, scale: s} }

func numericType(p, s uint8) typ { return typ{kind: kNumeric, prec: p, scale: s} }

func (t typ) isNull() bool { return t.kind == kNull }

func (t typ) isInt() bool { return t.kind >= kBit && t.kind <= kBigInt }

func (t typ) isMoney() bool { return t.kind == kMoney || t.kind == kSmallMoney }

func (t typ) isDecimal() bool { return t.kind == kDecimal || t.kind == kNumeric }

func (t typ) isFloat() bool { return t.kind == kFloat || t.kind == kReal }

func (t typ) isNumeric() bool { return t.kind >= kBit && t.kind <= kFloat }

func (t typ) isDateTime() bool { return t.kind >= kTime && t.kind <= kDateTimeOffset }

func (t typ) isNational() bool {
	return t.kind == kNChar || t.kind == kNVarChar || t.kind == kNText || t.kind == kXML
}

func (t typ) isFixedString() bool { return t.kind == kChar || t.kind == kNChar }

func (t typ) isMax() bool { return t.size == maxSize }

func (t typ) isString() bool {
	switch t.kind {
	case kChar, kVarChar, kNChar, kNVarChar, kText, kNText, kXML:
		return true
	}
	return false
}

func (t typ) isBinary() bool {
	return t.kind == kBinary || t.kind == kVarBinary || t.kind == kImage
}

// charType is a variable-length type of n units, or max if n exceeds limit.
func charType(k kind, n, limit int) typ {
	switch {
	case n == maxSize || n > limit:
		return typ{kind: k, size: maxSize}
	case n < 1:
		n = 1
	}
	return typ{kind: k, size: n}
}

var kindNames = map[kind]string{
	kNull: "NULL", kBool: "bit", kBinary: "binary", kVarBinary: "varbinary", kChar: "char", kVarChar: "varchar",
	kNChar: "nchar", kNVarChar: "nvarchar", kGUID: "uniqueidentifier", kImage: "image", kText: "text",
	kNText: "ntext", kBit: "bit", kTinyInt: "tinyint", kSmallInt: "smallint", kInt: "int", kBigInt: "bigint",
	kSmallMoney: "smallmoney", kMoney: "money", kDecimal: "decimal", kNumeric: "numeric", kReal: "real",
	kFloat: "float", kTime: "time", kDate: "date", kSmallDateTime: "smalldatetime", kDateTime: "datetime",
	kDateTime2: "datetime2", kDateTimeOffset: "datetimeoffset", kXML: "xml",
}

// String is the type as it is written in a declaration.
func (t typ) String() string {
	name := kindNames[t.kind]
	switch t.kind {
	case kBinary, kVarBinary, kChar, kVarChar, kNChar, kNVarChar:
		if t.isMax() {
			return name + "(max)"
		}
		return name + "(" + strconv.Itoa(t.size) + ")"
	case kDecimal, kNumeric:
		return fmt.Sprintf("%s(%d,%d)", name, t.prec, t.scale)
	case kTime, kDateTime2, kDateTimeOffset:
		return fmt.Sprintf("%s(%d)", name, t.scale)
	}
	return name
}

// sysType describes a type for sys.types, sys.columns and sp_columns.
type sysType struct {
	name       string
	kind       kind
	id         int // system_type_id
	odbc       int // DATA_TYPE of the ODBC catalogue functions
	sqlType    int // SQL_DATA_TYPE
	dtSub      any // SQL_DATETIME_SUB
	prefix     any
	suffix     any
	params     any
	searchable int
	precision  int
	ssType     int // SS_DATA_TYPE
}

var sysTypes = []sysType{
	{"bit", kBit, 104, -7, -7, nil, nil, nil, nil, 2, 1, 50},
	{"tinyint", kTinyInt, 48, -6, -6, nil, nil, nil, nil, 2, 3, 38},
	{"smallint", kSmallInt, 52, 5, 5, nil, nil, nil, nil, 2, 5, 38},
	{"int", kInt, 56, 4, 4, nil, nil, nil, nil, 2, 10, 38},
	{"bigint", kBigInt, 127, -5, -5, nil, nil, nil, nil, 2, 19, 108},
	{"smallmoney", kSmallMoney, 122, 3, 3, nil, "$", nil, nil, 2, 10, 110},
	{"money", kMoney, 60, 3, 3, nil, "$", nil, nil, 2, 19, 110},
	{"decimal", kDecimal, 106, 3, 3, nil, nil, nil, "precision,scale", 2, 38, 106},
	{"numeric", kNumeric, 108, 2, 2, nil, nil, nil, "precision,scale", 2, 38, 108},
	{"real", kReal, 59, 7, 7, nil, nil, nil, nil, 2, 24, 109},
	{"float", kFloat, 62, 6, 6, nil, nil, nil, nil, 2, 53, 109},
	{"date", kDate, 40, 91, 9, 1, "'", "'", nil, 3, 10, 0},
	{"time", kTime, 41, -154, -154, nil, "'", "'", "scale", 3, 16, 0},
	{"smalldatetime", kSmallDateTime, 58, 93, 9, 3, "'", "'", nil, 3, 16, 111},
	{"datetime", kDateTime, 61, 93, 9, 3, "'", "'", nil, 3, 23, 111},
	{"datetime2", kDateTime2, 42, 93, 9, 3, "'", "'", "scale", 3, 27, 0},
	{"datetimeoffset", kDateTimeOffset, 43, -155, -155, nil, "'", "'", "scale", 3, 34, 0},
	{"char", kChar, 175, 1, 1, nil, "'", "'", "length", 3, 8000, 39},
	{"varchar", kVarChar, 167, 12, 12, nil, "'", "'", "max length", 3, 8000, 39},
	{"text", kText, 35, -1, -1, nil, "'", "'", nil, 1, 2147483647, 35},
	{"nchar", kNChar, 239, -8, -8, nil, "N'", "'", "length", 3, 4000, 39},
	{"nvarchar", kNVarChar, 231, -9, -9, nil, "N'", "'", "max length", 3, 4000, 39},
	{"ntext", kNText, 99, -10, -10, nil, "N'", "'", nil, 1, 1073741823, 35},
	{"xml", kXML, 241, -152, -152, nil, "N'", "'", nil, 0, 0, 0},
	{"binary", kBinary, 173, -2, -2, nil, "0x", nil, "length", 2, 8000, 37},
	{"varbinary", kVarBinary, 165, -3, -3, nil, "0x", nil, "max length", 2, 8000, 37},
	{"image", kImage, 34, -4, -4, nil, "0x", nil, nil, 0, 2147483647, 34},
	{"uniqueidentifier", kGUID, 36, -11, -11, nil, "'", "'", nil, 2, 36, 37},
}

// sysTypeOf is the catalogue's description of t.
func sysTypeOf(t typ) sysType {
	for _, st := range sysTypes {
		if st.kind == t.kind {
			return st
		}
	}
	return sysTypes[3]
}

// maxLength is sys.columns.max_length: bytes, or -1.
func (t typ) maxLength() int {
	switch t.kind {
	case kBit, kTinyInt:
		return 1
	case kSmallInt:
		return 2
	case kInt, kReal, kSmallMoney, kSmallDateTime:
		return 4
	case kBigInt, kFloat, kMoney, kDateTime:
		return 8
	case kDate:
		return 3
	case kTime:
		return tds.TimeSize(t.scale)
	case kDateTime2:
		return tds.TimeSize(t.scale) + 3
	case kDateTimeOffset:
		return tds.TimeSize(t.scale) + 5
	case kDecimal, kNumeric:
		return tds.DecimalSize(t.prec)
	case kText, kNText, kImage, kGUID:
		return 16
	case kNChar, kNVarChar:
		if t.isMax() {
			return -1
		}
		return 2 * t.size
	}
	return t.size
}
