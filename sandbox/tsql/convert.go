package tsql

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// convOpts are what a conversion depends on besides the types.
type convOpts struct {
	style      int
	dateFormat string // mdy, dmy, ymd, ...
}

// convert turns v of type from into type to, as CAST does: strings that are
// too long are cut, numbers that are too big are an error.
func convert(v Value, from, to typ, o convOpts) (Value, error) {
	if v == nil || from == to && !to.isFixedString() {
		return v, nil
	}
	if b, ok := v.(bool); ok && from.kind == kBool {
		from, v = tBit, b
	}
	switch {
	case to.isString():
		return toStringType(v, from, to, o)
	case to.isBinary():
		return toBinary(v, from, to, o)
	case to.isDateTime():
		return toDateTime(v, from, to, o)
	case to.kind == kGUID:
		return toGUID(v, from)
	case to.isNumeric():
		return toNumeric(v, from, to)
	}
	return v, nil
}

func toDateTime(v Value, from, to typ, o convOpts) (Value, error) {
	switch x := v.(type) {
	case time.Time:
		if from.kind == kTime && to.kind != kTime {
			x = time.Date(1900, 1, 1, x.Hour(), x.Minute(), x.Second(), x.Nanosecond(), time.UTC)
			if to.kind == kDate {
				return nil, errConversionNotAllowed(from, to)
			}
		}
		if from.kind != kDateTimeOffset && to.kind == kDateTimeOffset {
			x = wall(x)
		}
		return fitTime(x, from, to)
	case string:
		order := o.dateFormat
		if order == "" {
			order = "mdy"
		}
		t, ok := parseTime(x, order, o.style)
		if !ok {
			return nil, errConvertDate()
		}
		return fitTime(t, from, to)
	case int64, float64, Decimal, Money, bool:
		if to.kind != kDateTime && to.kind != kSmallDateTime {
			return nil, errConversionNotAllowed(from, to)
		}
		f, _ := toFloat(v)
		if f < -53690 || f > 2958463 {
			return nil, errOverflow(to)
		}
		days := math.Floor(f)
		return fitTime(baseDate.AddDate(0, 0, int(days)).Add(time.Duration((f-days)*86400*1e9)), from, to)
	}
	return nil, errConversionNotAllowed(from, to)
}

func toGUID(v Value, from typ) (Value, error) {
	switch x := v.(type) {
	case GUID:
		return x, nil
	case string:
		s := strings.TrimSpace(x)
		s = strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}")
		var g GUID
		if len(s) < 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return nil, abortf(8169, "Conversion failed when converting from a character string to uniqueidentifier.").state(2)
		}
		if _, err := hex.Decode(g[:], []byte(strings.ReplaceAll(s[:36], "-", ""))); err != nil {
			return nil, abortf(8169, "Conversion failed when converting from a character string to uniqueidentifier.").state(2)
		}
		return g, nil
	case []byte:
		var g GUID
		copy(g[:], x)
		return swapGUID(g), nil
	}
	return nil, errConversionNotAllowed(from, tGUID)
}

// swapGUID converts between the printed and the mixed-endian binary order.
func swapGUID(g GUID) GUID {
	g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
	g[4], g[5] = g[5], g[4]
	g[6], g[7] = g[7], g[6]
	return g
}

// String is g as SQL Server prints it.
func (g GUID) String() string {
	return fmt.Sprintf("%X-%X-%X-%X-%X", g[0:4], g[4:6], g[6:8], g[8:10], g[10:16])
}

func toBinary(v Value, from, to typ, o convOpts) (Value, error) {
	var b []byte
	switch x := v.(type) {
	case []byte:
		b = x
	case string:
		switch {
		case o.style == 1 || o.style == 2:
			h := x
			if o.style == 1 {
				if !strings.HasPrefix(strings.ToLower(h), "0x") {
					return nil, errConvert(from, to)
				}
				h = h[2:]
			}
			d, err := hex.DecodeString(h)
			if err != nil {
				return nil, errConvert(from, to)
			}
			b = d
		case from.isNational():
			for _, u := range utf16.Encode([]rune(x)) {
				b = binary.LittleEndian.AppendUint16(b, u)
			}
		default:
			b = encode1252(x)
		}
	case GUID:
		g := swapGUID(x)
		b = g[:]
	case bool, int64:
		n, _ := toInt(x)
		w := from.maxLength()
		b = binary.BigEndian.AppendUint64(nil, uint64(n))[8-min(w, 8):]
		if to.kind == kBinary && to.size > len(b) {
			return append(make([]byte, to.size-len(b)), b...), nil
		}
		if !to.isMax() && len(b) > to.size {
			return b[len(b)-to.size:], nil
		}
	case Money:
		b = binary.BigEndian.AppendUint64(nil, uint64(x))
	case float64:
		b = binary.BigEndian.AppendUint64(nil, math.Float64bits(x))
	default:
		return nil, errConversionNotAllowed(from, to)
	}
	if !to.isMax() {
		if len(b) > to.size {
			b = b[:to.size]
		}
		if to.kind == kBinary && len(b) < to.size {
			b = append(append([]byte{}, b...), make([]byte, to.size-len(b))...)
		}
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// toText prints a value as CAST to a string type does.
func toText(v Value, from typ, o convOpts) (string, error) {
	switch x := v.(type) {
	case string:
		return x, nil
	case bool:
		if x {
			return "1", nil
		}
		return "0", nil
	case int64:
		return strconv.FormatInt(x, 10), nil
	case float64:
		return formatFloat(x, from, o.style), nil
	case Decimal:
		return x.String(), nil
	case Money:
		if o.style == 2 {
			return x.format(4), nil
		}
		return x.format(2), nil
	case GUID:
		return x.String(), nil
	case time.Time:
		return formatTime(x, from, o.style)
	case []byte:
		return decode1252(x), nil
	}
	return fmt.Sprint(v), nil
}

func formatFloat(x float64, from typ, style int) string {
	switch {
	case style == 1:
		return expo(strconv.FormatFloat(x, 'e', 7, 64))
	case style == 2:
		return expo(strconv.FormatFloat(x, 'e', 15, 64))
	case style == 3:
		return expo(strconv.FormatFloat(x, 'e', 16, 64))
	case x == 0:
		return "0"
	case math.Abs(x) >= 1e6 || math.Abs(x) < 1e-5:
		s := strconv.FormatFloat(x, 'e', 5, 64)
		m, e, _ := strings.Cut(s, "e")
		if strings.Contains(m, ".") {
			m = strings.TrimRight(strings.TrimRight(m, "0"), ".")
		}
		return expo(m + "e" + e)
	}
	return strconv.FormatFloat(roundSignificant(x, 6), 'f', -1, 64)
}

func roundSignificant(x float64, digits int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', digits-1, 64), 64)
	if err != nil {
		return x
	}
	return r
}

// expo writes an exponent with three digits.
func expo(s string) string {
	m, e, _ := strings.Cut(s, "e")
	return m + "e" + e[:1] + strings.Repeat("0", max(0, 3-len(e[1:]))) + e[1:]
}

func toStringType(v Value, from, to typ, o convOpts) (Value, error) {
	var s string
	var err error
	if b, ok := v.([]byte); ok {
		switch {
		case o.style == 1:
			s = "0x" + strings.ToUpper(hex.EncodeToString(b))
		case o.style == 2:
			s = strings.ToUpper(hex.EncodeToString(b))
		case to.isNational():
			s = decodeUTF16(b)
		default:
			s = decode1252(b)
		}
	} else if s, err = toText(v, from, o); err != nil {
		return nil, err
	}
	if !to.isNational() && from.isNational() {
		s = to1252(s)
	}
	if to.isMax() {
		return s, nil
	}
	n := strLen(s, to)
	if n > to.size {
		switch {
		case from.isInt():
			if to.isNational() || from.kind == kBit {
				return nil, errOverflow(to)
			}
			s = "*"
		case from.isNumeric():
			return nil, errf(8115, "Arithmetic overflow error converting %s to data type %s.", kindNames[from.kind], kindNames[to.kind]).state(5).terminates()
		case from.kind == kGUID:
			return nil, errf(8170, "Insufficient result space to convert uniqueidentifier value to char.").terminates()
		}
		s = cutString(s, to.size, to)
		n = strLen(s, to)
	}
	if to.isFixedString() && n < to.size {
		s += strings.Repeat(" ", to.size-n)
	}
	return s, nil
}

// strLen is the length of s in the units of t: UTF-16 units or characters.
func strLen(s string, t typ) int {
	if t.isNational() {
		return utf16Len(s)
	}
	return utf8.RuneCountInString(s)
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n
}

// cutString returns at most n units of s.
func cutString(s string, n int, t typ) string {
	if len(s) <= n {
		return s
	}
	for i, r := range s {
		w := 1
		if r >= 0x10000 && t.isNational() {
			w = 2
		}
		if n -= w; n < 0 {
			return s[:i]
		}
	}
	return s
}

func decodeUTF16(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
