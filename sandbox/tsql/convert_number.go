package tsql

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

func toNumeric(v Value, from, to typ) (Value, error) {
	if s, ok := v.(string); ok {
		return parseNumber(s, from, to)
	}
	if b, ok := v.([]byte); ok {
		if to.isFloat() {
			return nil, errConversionNotAllowed(from, to)
		}
		var n int64
		for _, c := range b[max(0, len(b)-8):] {
			n = n<<8 | int64(c)
		}
		if to.kind == kInt {
			n = int64(int32(n))
		}
		if to.kind == kMoney {
			return Money(n), nil
		}
		v, from = n, tBigInt
	}
	if t, ok := v.(time.Time); ok {
		if from.kind != kDateTime && from.kind != kSmallDateTime {
			return nil, errConversionNotAllowed(from, to)
		}
		days := float64(toTicks(t)-toTicks(baseDate)) / ticksPerDay
		if to.isInt() && to.kind != kBit {
			days = math.Round(days)
		}
		v, from = days, tFloat
	}
	switch to.kind {
	case kBit:
		return truth(v), nil
	case kTinyInt, kSmallInt, kInt, kBigInt:
		n, ok := toInt(v)
		if !ok {
			return nil, errOverflow(to)
		}
		return intRange(n, from, to)
	case kMoney, kSmallMoney:
		return toMoney(v, to)
	case kDecimal, kNumeric:
		d, ok := toDecimal(v)
		if !ok {
			return nil, errOverflow(to)
		}
		r, err := d.fit(to)
		if err != nil && from.isNumeric() {
			return nil, errf(8115, "Arithmetic overflow error converting %s to data type numeric.", kindNames[from.kind]).state(8).terminates()
		}
		return r, err
	}
	f, ok := toFloat(v)
	if !ok {
		return nil, errConversionNotAllowed(from, to)
	}
	if to.kind == kReal {
		f = float64(float32(f))
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, errOverflow(to)
	}
	return f, nil
}

// truth is the bit that a number converts to.
func truth(v Value) bool {
	switch x := v.(type) {
	case bool:
		return x
	case int64:
		return x != 0
	case float64:
		return x != 0
	case Decimal:
		return x.big().Sign() != 0
	case Money:
		return x != 0
	}
	return false
}

func toInt(v Value) (int64, bool) {
	switch x := v.(type) {
	case bool:
		if x {
			return 1, true
		}
		return 0, true
	case int64:
		return x, true
	case float64:
		return int64(x), x > -9.3e18 && x < 9.2233720368547758e18
	case Decimal:
		n := x.truncate(0)
		return n.Int64(), n.IsInt64()
	case Money:
		return divRound(big.NewInt(int64(x)), big.NewInt(10000)).Int64(), true
	}
	return 0, false
}

// intRange checks the limits of an integer type.
func intRange(n int64, from, to typ) (Value, error) {
	ok := true
	switch to.kind {
	case kTinyInt:
		ok = n >= 0 && n <= 255
	case kSmallInt:
		ok = n == int64(int16(n))
	case kInt:
		ok = n == int64(int32(n))
	}
	switch {
	case ok:
		return n, nil
	case (to.kind == kTinyInt || to.kind == kSmallInt) && from.isInt():
		return nil, errf(220, "Arithmetic overflow error for data type %s, value = %d.", kindNames[to.kind], n).state(2).terminates()
	}
	return nil, errOverflow(to)
}

func toDecimal(v Value) (Decimal, bool) {
	switch x := v.(type) {
	case bool:
		if x {
			return Decimal{"1", 0}, true
		}
		return Decimal{"0", 0}, true
	case int64:
		return Decimal{strconv.FormatInt(x, 10), 0}, true
	case Decimal:
		return x, true
	case Money:
		return Decimal{strconv.FormatInt(int64(x), 10), 4}, true
	case float64:
		if math.Abs(x) >= 1e38 {
			return Decimal{}, false
		}
		return parseDecimal(strconv.FormatFloat(x, 'f', -1, 64))
	}
	return Decimal{}, false
}

func toFloat(v Value) (float64, bool) {
	switch x := v.(type) {
	case bool:
		if x {
			return 1, true
		}
		return 0, true
	case int64:
		return float64(x), true
	case float64:
		return x, true
	case Decimal:
		return x.float(), true
	case Money:
		return float64(x) / 10000, true
	}
	return 0, false
}

func toMoney(v Value, to typ) (Value, error) {
	if m, ok := v.(Money); ok && to.kind == kMoney {
		return m, nil
	}
	d, ok := toDecimal(v)
	n := d.rescale(4)
	if !ok || !n.IsInt64() || to.kind == kSmallMoney && n.Int64() != int64(int32(n.Int64())) {
		return nil, errOverflow(to)
	}
	return Money(n.Int64()), nil
}

// parseNumber converts a string to a numeric type.
func parseNumber(s string, from, to typ) (Value, error) {
	t := strings.Trim(s, " \t\r\n")
	switch to.kind {
	case kBit:
		switch strings.ToLower(t) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		n, err := strconv.ParseInt(t, 10, 64)
		if err != nil && t != "" {
			return nil, errConvertValue(from, s, to)
		}
		return n != 0, nil
	case kTinyInt, kSmallInt, kInt, kBigInt:
		if t == "" {
			return int64(0), nil
		}
		n, err := strconv.ParseInt(t, 10, 64)
		if err != nil {
			if d, ok := parseDecimal(t); ok && d.Scale == 0 && to.kind != kBigInt {
				return nil, errf(248, "The conversion of the %s value '%s' overflowed an %s column.", kindNames[from.kind], s, kindNames[to.kind]).terminates()
			}
			if to.kind == kBigInt {
				return nil, errConvert(from, to)
			}
			return nil, errConvertValue(from, s, to)
		}
		v, err := intRange(n, from, to)
		if err != nil {
			if to.kind == kInt {
				return nil, errf(248, "The conversion of the %s value '%s' overflowed an int column.", kindNames[from.kind], s).terminates()
			}
			return nil, errf(244, "The conversion of the %s value '%s' overflowed an INT1 or INT2 column. Use a larger integer column.", kindNames[from.kind], s).terminates()
		}
		return v, nil
	case kMoney, kSmallMoney:
		t = strings.ReplaceAll(strings.TrimPrefix(t, "$"), ",", "")
		if t == "" {
			return Money(0), nil
		}
		d, ok := parseDecimal(t)
		if !ok {
			return nil, abortf(235, "Cannot convert a char value to money. The char value has incorrect syntax.")
		}
		return toMoney(d, to)
	case kDecimal, kNumeric:
		d, ok := parseDecimal(t)
		if !ok || strings.ContainsAny(t, "eE") {
			return nil, errConvert(from, typ{kind: kNumeric})
		}
		r, err := d.fit(to)
		if err != nil {
			return nil, errf(8115, "Arithmetic overflow error converting %s to data type numeric.", kindNames[from.kind]).state(6).terminates()
		}
		return r, nil
	}
	if t == "" {
		return float64(0), nil
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil || strings.ContainsAny(t, "xXnNiIpP_") {
		return nil, errConvert(from, to)
	}
	if to.kind == kReal {
		f = float64(float32(f))
	}
	return f, nil
}
