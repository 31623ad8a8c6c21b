package tsql

import (
	"bytes"
	"database/sql/driver"
	"encoding/binary"
	"math/big"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// storeClass groups the types whose stored values SQLite compares as T-SQL
// does. The empty class is never compared by SQLite.
func storeClass(t typ) string {
	switch {
	case t.kind == kBool || t.isInt():
		return "int"
	case t.isMoney():
		return "money"
	case t.isFloat():
		return "float"
	case t.isDecimal():
		return "decimal" + string(rune('A'+t.scale))
	case t.isString():
		return "string"
	case t.isBinary():
		return "binary"
	case t.kind == kGUID:
		return "guid"
	case t.kind == kTime:
		return "time"
	case t.kind == kDateTimeOffset:
		return ""
	case t.isDateTime():
		return "date"
	}
	return ""
}

// guidOrder is the order in which SQL Server compares the bytes of a
// uniqueidentifier, as positions in the printed order.
var guidOrder = [16]int{10, 11, 12, 13, 14, 15, 8, 9, 7, 6, 5, 4, 3, 2, 1, 0}

// encode turns a value into its stored form: integers, money and times are
// integers, decimals and uniqueidentifiers blobs that sort like their values.
func encode(v Value, t typ) driver.Value {
	switch x := v.(type) {
	case nil:
		return nil
	case bool:
		if x {
			return int64(1)
		}
		return int64(0)
	case Money:
		return int64(x)
	case Decimal:
		return encodeDecimal(x.big())
	case GUID:
		b := make([]byte, 16)
		for i, p := range guidOrder {
			b[i] = x[p]
		}
		return b
	case time.Time:
		switch t.kind {
		case kTime:
			return toTicks(x) % ticksPerDay
		case kDateTimeOffset:
			_, off := x.Zone()
			b := binary.BigEndian.AppendUint64(nil, uint64(toTicks(x.UTC())))
			return binary.BigEndian.AppendUint16(b, uint16(off/60+2000))
		}
		return toTicks(x)
	}
	return v
}

var decimalBias = new(big.Int).Lsh(big.NewInt(1), 127)

func encodeDecimal(n *big.Int) []byte {
	b := make([]byte, 16)
	return n.Add(n, decimalBias).FillBytes(b)
}

func decodeDecimal(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	return n.Sub(n, decimalBias)
}

// decode is the reverse of encode.
func decode(v driver.Value, t typ) Value {
	if v == nil {
		return nil
	}
	switch t.kind {
	case kBool, kBit:
		n, _ := v.(int64)
		return n != 0
	case kTinyInt, kSmallInt, kInt, kBigInt:
		if f, ok := v.(float64); ok {
			return int64(f)
		}
	case kMoney, kSmallMoney:
		n, _ := v.(int64)
		return Money(n)
	case kFloat, kReal:
		if n, ok := v.(int64); ok {
			return float64(n)
		}
	case kDecimal, kNumeric:
		b, _ := v.([]byte)
		return newDecimal(decodeDecimal(b), t.scale)
	case kGUID:
		b, _ := v.([]byte)
		var g GUID
		for i, p := range guidOrder {
			if i < len(b) {
				g[p] = b[i]
			}
		}
		return g
	case kBinary, kVarBinary, kImage:
		if v, ok := v.([]byte); ok && v == nil {
			return []byte{}
		}
		if s, ok := v.(string); ok {
			return []byte(s)
		}
	case kTime, kDate, kSmallDateTime, kDateTime, kDateTime2:
		n, _ := v.(int64)
		return fromTicks(n)
	case kDateTimeOffset:
		b, _ := v.([]byte)
		if len(b) < 10 {
			return nil
		}
		off := int(binary.BigEndian.Uint16(b[8:])) - 2000
		return fromTicks(int64(binary.BigEndian.Uint64(b))).In(time.FixedZone("", off*60))
	}
	return v
}

// collate compares strings as SQL_Latin1_General_CP1_CI_AS does, roughly:
// without case, trailing blanks ignored.
func collate(a, b string) int {
	a, b = strings.TrimRight(a, " "), strings.TrimRight(b, " ")
	for a != "" && b != "" {
		x, y := rune(a[0]), rune(b[0])
		n, m := 1, 1
		if x >= utf8.RuneSelf {
			x, n = utf8.DecodeRuneInString(a)
		}
		if y >= utf8.RuneSelf {
			y, m = utf8.DecodeRuneInString(b)
		}
		if x != y {
			if x, y = unicode.ToLower(x), unicode.ToLower(y); x != y {
				if x < y {
					return -1
				}
				return 1
			}
		}
		a, b = a[n:], b[m:]
	}
	return len(a) - len(b)
}

// compare orders two values of one type.
func compare(a, b Value) int {
	switch x := a.(type) {
	case string:
		y, _ := b.(string)
		return collate(x, y)
	case bool:
		y, _ := b.(bool)
		return int(boolInt(x) - boolInt(y))
	case int64:
		y, _ := toInt(b)
		return order(x, y)
	case float64:
		y, _ := toFloat(b)
		return order(x, y)
	case Money:
		y, _ := b.(Money)
		return order(x, y)
	case Decimal:
		y, _ := b.(Decimal)
		return cmpDecimal(x, y)
	case time.Time:
		y, _ := b.(time.Time)
		return x.Compare(y)
	case []byte:
		y, _ := b.([]byte)
		return bytes.Compare(bytes.TrimRight(x, "\x00"), bytes.TrimRight(y, "\x00"))
	case GUID:
		y, _ := b.(GUID)
		return bytes.Compare(encode(x, tGUID).([]byte), encode(y, tGUID).([]byte))
	}
	return 0
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func order[T int64 | float64 | Money](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
