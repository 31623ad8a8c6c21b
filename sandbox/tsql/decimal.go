package tsql

import (
	"math/big"
	"strconv"
	"strings"
)

var bigTen = big.NewInt(10)

// pow10 returns 10 to the n.
func pow10(n int) *big.Int {
	return new(big.Int).Exp(bigTen, big.NewInt(int64(n)), nil)
}

func (d Decimal) big() *big.Int {
	n, ok := new(big.Int).SetString(d.Unscaled, 10)
	if !ok {
		return new(big.Int)
	}
	return n
}

func newDecimal(n *big.Int, scale uint8) Decimal { return Decimal{n.String(), scale} }

// String is d with all digits of its scale.
func (d Decimal) String() string {
	s := d.Unscaled
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	if d.Scale > 0 {
		for len(s) <= int(d.Scale) {
			s = "0" + s
		}
		s = s[:len(s)-int(d.Scale)] + "." + s[len(s)-int(d.Scale):]
	}
	if neg {
		s = "-" + s
	}
	return s
}

func (d Decimal) float() float64 {
	f, err := strconv.ParseFloat(d.String(), 64)
	if err != nil {
		return 0
	}
	return f
}

// parseDecimal reads digits with at most one point and an optional exponent.
func parseDecimal(s string) (Decimal, bool) {
	s = strings.TrimSpace(s)
	exp := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.Atoi(s[i+1:])
		if err != nil || n > 60 || n < -60 {
			return Decimal{}, false
		}
		exp, s = n, s[:i]
	}
	neg := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg, s = s[0] == '-', strings.TrimSpace(s[1:])
	}
	whole, frac, _ := strings.Cut(s, ".")
	digits := whole + frac
	if digits == "" || len(digits) > 100 {
		return Decimal{}, false
	}
	for i := range len(digits) {
		if !isDigit(digits[i]) {
			return Decimal{}, false
		}
	}
	n, _ := new(big.Int).SetString(digits, 10)
	if neg {
		n.Neg(n)
	}
	scale := len(frac) - exp
	if scale < 0 {
		n.Mul(n, pow10(-scale))
		scale = 0
	}
	return newDecimal(n, uint8(min(scale, 200))), true
}

// rescale returns the unscaled digits of d at another scale, rounded half away
// from zero.
func (d Decimal) rescale(scale uint8) *big.Int {
	n := d.big()
	switch {
	case scale > d.Scale:
		return n.Mul(n, pow10(int(scale-d.Scale)))
	case scale < d.Scale:
		return divRound(n, pow10(int(d.Scale-scale)))
	}
	return n
}

// truncate returns the unscaled digits of d at a smaller scale, cut off.
func (d Decimal) truncate(scale uint8) *big.Int {
	if scale >= d.Scale {
		return d.rescale(scale)
	}
	n := d.big()
	return n.Quo(n, pow10(int(d.Scale-scale)))
}

// divRound is n/m rounded half away from zero.
func divRound(n, m *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(n, m, new(big.Int))
	r.Abs(r).Lsh(r, 1)
	if r.CmpAbs(m) >= 0 {
		if n.Sign()*m.Sign() < 0 {
			q.Sub(q, big.NewInt(1))
		} else {
			q.Add(q, big.NewInt(1))
		}
	}
	return q
}

// fit gives d the precision and scale of t.
func (d Decimal) fit(t typ) (Decimal, error) {
	n := d.rescale(t.scale)
	if n.CmpAbs(pow10(int(t.prec))) >= 0 {
		return Decimal{}, errOverflow(typ{kind: kNumeric})
	}
	return newDecimal(n, t.scale), nil
}

func cmpDecimal(a, b Decimal) int {
	s := max(a.Scale, b.Scale)
	return a.rescale(s).Cmp(b.rescale(s))
}

// decimalResult is the type of an operation on two decimals.
func decimalResult(op string, a, b typ) typ {
	p1, s1, p2, s2 := int(a.prec), int(a.scale), int(b.prec), int(b.scale)
	var p, s int
	switch op {
	case "*":
		p, s = p1+p2+1, s1+s2
	case "/":
		s = max(6, s1+p2+1)
		p = p1 - s1 + s2 + s
	case "%":
		s = max(s1, s2)
		p = min(p1-s1, p2-s2) + s
	default:
		s = max(s1, s2)
		p = max(p1-s1, p2-s2) + s + 1
	}
	if p > 38 {
		if op == "+" || op == "-" {
			s = max(38-(p-1-s), 0)
			s = min(s, max(s1, s2))
		} else {
			s = max(38-(p-s), min(s, 6))
		}
		p = 38
	}
	k := kNumeric
	if a.kind == kDecimal || b.kind == kDecimal {
		k = kDecimal
	}
	return typ{kind: k, prec: uint8(p), scale: uint8(s)}
}

// decimalOp computes a op b with the scale of t.
func decimalOp(op string, a, b Decimal, t typ) (Value, error) {
	var n *big.Int
	switch op {
	case "+", "-":
		s := max(a.Scale, b.Scale)
		x, y := a.rescale(s), b.rescale(s)
		if op == "+" {
			n = x.Add(x, y)
		} else {
			n = x.Sub(x, y)
		}
		return newDecimal(n, s).fit(t)
	case "*":
		return newDecimal(new(big.Int).Mul(a.big(), b.big()), a.Scale+b.Scale).fit(t)
	case "/":
		m := b.big()
		if m.Sign() == 0 {
			return nil, errDivideByZero()
		}
		n = a.big()
		if shift := int(t.scale) + int(b.Scale) - int(a.Scale); shift >= 0 {
			n.Mul(n, pow10(shift))
		} else {
			m.Mul(m, pow10(-shift))
		}
		return newDecimal(n.Quo(n, m), t.scale).fit(t)
	case "%":
		s := max(a.Scale, b.Scale)
		x, y := a.rescale(s), b.rescale(s)
		if y.Sign() == 0 {
			return nil, errDivideByZero()
		}
		return newDecimal(x.Rem(x, y), s).fit(t)
	}
	return nil, abortf(402, "The data types numeric and numeric are incompatible in the '%s' operator.", op)
}

// asDecimalType is the decimal type that holds all values of t.
func asDecimalType(t typ) typ {
	switch t.kind {
	case kDecimal, kNumeric:
		return t
	case kBit:
		return decimalType(1, 0)
	case kTinyInt:
		return decimalType(3, 0)
	case kSmallInt:
		return decimalType(5, 0)
	case kInt:
		return decimalType(10, 0)
	case kBigInt:
		return decimalType(19, 0)
	case kSmallMoney:
		return decimalType(10, 4)
	case kMoney:
		return decimalType(19, 4)
	}
	return decimalType(38, 10)
}

// String is m with two digits behind the point, as CONVERT prints money.
func (m Money) String() string { return m.format(2) }

// format prints m with the given number of digits, rounded.
func (m Money) format(scale uint8) string {
	d := Decimal{strconv.FormatInt(int64(m), 10), 4}
	return newDecimal(d.rescale(scale), scale).String()
}
