package tsql

import (
	"math"
	"strings"
)

func mathFuncs(m map[string]scalarFunc) {
	one := func(f func(float64) float64) scalarFunc {
		return scalarFunc{1, 1, "f", fixed(tFloat), false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
			x, _ := toFloat(v[0])
			r := f(x)
			if math.IsNaN(r) || math.IsInf(r, 0) {
				return nil, errf(3623, "An invalid floating point operation occurred.").terminates()
			}
			return r, nil
		}}
	}
	for name, f := range map[string]func(float64) float64{
		"SQRT": math.Sqrt, "EXP": math.Exp, "LOG10": math.Log10, "SIN": math.Sin,
		"COS": math.Cos, "TAN": math.Tan, "ASIN": math.Asin, "ACOS": math.Acos, "ATAN": math.Atan,
		"COT": func(x float64) float64 { return 1 / math.Tan(x) }, "SQUARE": func(x float64) float64 { return x * x },
		"RADIANS": func(x float64) float64 { return x * math.Pi / 180 }, "DEGREES": func(x float64) float64 { return x * 180 / math.Pi },
	} {
		m[name] = one(f)
	}
	m["PI"] = scalarFunc{0, 0, "a", fixed(tFloat), false, true, false, func(*ectx, []Value, []typ) (Value, error) { return math.Pi, nil }}
	m["LOG"] = scalarFunc{1, 2, "f", fixed(tFloat), false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		x, _ := toFloat(v[0])
		if x <= 0 {
			return nil, errf(3623, "An invalid floating point operation occurred.").terminates()
		}
		if len(v) > 1 {
			base, _ := toFloat(v[1])
			return math.Log(x) / math.Log(base), nil
		}
		return math.Log(x), nil
	}}
	m["ATN2"] = scalarFunc{2, 2, "f", fixed(tFloat), false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		return math.Atan2(v[0].(float64), v[1].(float64)), nil
	}}
	numType := func(a []*bexpr) typ {
		switch t := a[0].t; {
		case t.kind == kBit, t.kind == kTinyInt, t.kind == kSmallInt:
			return tInt
		case t.isNumeric() && t.kind != kReal:
			return t
		}
		return tFloat
	}
	keep := func(f func(v Value, args []Value, t typ) (Value, error)) func(*ectx, []Value, []typ) (Value, error) {
		return func(_ *ectx, v []Value, t []typ) (Value, error) {
			r := numType([]*bexpr{{t: t[0]}})
			x, err := convert(v[0], t[0], r, convOpts{})
			if err != nil {
				return nil, err
			}
			return f(x, v[1:], r)
		}
	}
	m["ABS"] = scalarFunc{1, 1, "a", numType, false, false, false, keep(func(v Value, _ []Value, t typ) (Value, error) {
		switch x := v.(type) {
		case int64:
			if x < 0 {
				return intOp("-", 0, x, t)
			}
		case float64:
			return math.Abs(x), nil
		case Decimal:
			return Decimal{strings.TrimPrefix(x.Unscaled, "-"), x.Scale}, nil
		case Money:
			if x < 0 {
				return -x, nil
			}
		}
		return v, nil
	})}
	m["SIGN"] = scalarFunc{1, 1, "a", numType, false, false, false, keep(func(v Value, _ []Value, t typ) (Value, error) {
		f, _ := toFloat(v)
		return convert(int64(order(f, 0)), tInt, t, convOpts{})
	})}
	wholeType := func(a []*bexpr) typ {
		t := numType(a)
		if t.isDecimal() {
			t.scale = 0
		}
		return t
	}
	rounding := func(float func(float64) float64, up int64) scalarFunc {
		return scalarFunc{1, 1, "a", wholeType, false, false, false, keep(func(v Value, _ []Value, _ typ) (Value, error) {
			switch x := v.(type) {
			case float64:
				return float(x), nil
			case Decimal:
				n := x.truncate(0)
				if whole := newDecimal(n, 0); cmpDecimal(whole, x) != 0 && (x.big().Sign() > 0) == (up > 0) {
					d, _ := toDecimal(up)
					n.Add(n, d.big())
				}
				return newDecimal(n, 0), nil
			case Money:
				q := x / 10000 * 10000
				if q != x && (x > 0) == (up > 0) {
					q += Money(up * 10000)
				}
				return q, nil
			}
			return v, nil
		})}
	}
	m["CEILING"] = rounding(math.Ceil, 1)
	m["FLOOR"] = rounding(math.Floor, -1)
	m["ROUND"] = scalarFunc{2, 3, "aii", numType, false, false, false, keep(func(v Value, args []Value, t typ) (Value, error) {
		return round(v, int(num(args[0])), len(args) > 1 && num(args[1]) != 0, t)
	})}
	m["POWER"] = scalarFunc{2, 2, "af", numType, false, false, false, func(_ *ectx, v []Value, t []typ) (Value, error) {
		a, _ := toFloat(v[0])
		if s, ok := v[0].(string); ok {
			f, err := parseNumber(s, t[0], tFloat)
			if err != nil {
				return nil, err
			}
			a = f.(float64)
		}
		b, _ := toFloat(v[1])
		return convert(math.Pow(a, b), tFloat, numType([]*bexpr{{t: t[0]}}), convOpts{})
	}}
}

// round is ROUND at a number of digits, which may be negative.
func round(v Value, digits int, cut bool, t typ) (Value, error) {
	if f, ok := v.(float64); ok {
		p := math.Pow(10, float64(digits))
		if cut {
			return math.Trunc(f*p) / p, nil
		}
		return math.Round(f*p) / p, nil
	}
	d, ok := toDecimal(v)
	if !ok || digits >= int(d.Scale) {
		return v, nil
	}
	unit := pow10(min(int(d.Scale)-digits, 100))
	n := d.big()
	if cut {
		n.Quo(n, unit)
	} else {
		n = divRound(n, unit)
	}
	return convert(newDecimal(n.Mul(n, unit), d.Scale), decimalType(38, d.Scale), t, convOpts{})
}
