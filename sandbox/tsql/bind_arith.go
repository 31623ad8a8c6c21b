package tsql

import (
	"math"
	"strings"
	"time"
)

// refit gives the values of a decimal expression the scale of t.
func (c *compiler) refit(e *bexpr, t typ) *bexpr {
	return compose(t, []*bexpr{e}, func(x *ectx) (Value, error) {
		v, err := e.eval(x)
		if d, ok := v.(Decimal); ok {
			return d.fit(t)
		}
		return v, err
	})
}

// arith is an arithmetic, bitwise or string operation.
func (c *compiler) arith(op string, l, r *bexpr) (*bexpr, error) {
	if l.t.isNull() && r.t.isNull() {
		return constant(nil, tInt), nil
	}
	switch {
	case op == "+" && stringish(l.t) && stringish(r.t) && (l.t.isString() || r.t.isString()):
		return c.concat(l, r)
	case op == "+" && l.t.isBinary() && r.t.isBinary():
		return c.concat(l, r)
	case (l.t.isDateTime() || r.t.isDateTime()) && (op == "+" || op == "-"):
		return c.dateArith(op, l, r)
	}
	bad := l.t
	if l.t.isNumeric() || l.t.isNull() || l.t.isString() {
		bad = r.t
	}
	if !bad.isNumeric() && !bad.isNull() && !bad.isString() && !bad.isBinary() || op != "+" && l.t.isString() && r.t.isString() {
		if l.t.isString() && r.t.isString() {
			return nil, abortf(402, "The data types %s and %s are incompatible in the %s operator.", kindNames[l.t.kind], kindNames[r.t.kind], opNames[op])
		}
		return nil, abortf(8117, "Operand data type %s is invalid for %s operator.", kindNames[bad.kind], opNames[op])
	}
	t := commonType(l.t, r.t)
	if !t.isNumeric() {
		t = tInt
	}
	switch {
	case op == "&" || op == "|" || op == "^":
		if !t.isInt() {
			return nil, abortf(402, "The data types %s and %s are incompatible in the '%s' operator.", kindNames[l.t.kind], kindNames[r.t.kind], op)
		}
	case t.isDecimal():
		return c.decimalArith(op, l, r)
	case t.kind == kBit:
		t = tInt
	}
	return c.numericArith(op, l, r, t)
}

var opNames = map[string]string{"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo", "&": "'&'", "|": "'|'", "^": "'^'"}

func stringish(t typ) bool { return t.isString() || t.isNull() || t.isBinary() }

func (c *compiler) concat(l, r *bexpr) (*bexpr, error) {
	t := commonType(l.t, r.t)
	if l.t.isString() && r.t.isString() || l.t.isBinary() && r.t.isBinary() {
		if t.kind == kBinary {
			t.kind = kVarBinary
		}
		limit := 8000
		if t.isNational() {
			limit = 4000
		}
		if t.kind == kChar && !(l.t.kind == kChar && r.t.kind == kChar) {
			t.kind = kVarChar
		}
		if t.kind != kXML && !t.isMax() {
			t.size = min(l.t.size+r.t.size, limit)
		}
	}
	var err error
	if !l.t.isFixedString() {
		if l, err = c.coerce(l, variable(t)); err != nil {
			return nil, err
		}
	}
	if !r.t.isFixedString() {
		if r, err = c.coerce(r, variable(t)); err != nil {
			return nil, err
		}
	}
	return compose(t, []*bexpr{l, r}, func(x *ectx) (Value, error) {
		a, err := l.eval(x)
		if err != nil {
			return nil, err
		}
		b, err := r.eval(x)
		if err != nil {
			return nil, err
		}
		if a == nil || b == nil {
			return nil, nil
		}
		if s, ok := a.(string); ok {
			u, _ := b.(string)
			v := s + u
			if !t.isMax() && len(v) > t.size {
				v = cutString(v, t.size, t)
			}
			return v, nil
		}
		p, _ := a.([]byte)
		q, _ := b.([]byte)
		return append(append([]byte{}, p...), q...), nil
	}), nil
}

// variable is the variable-length sibling of a fixed string type.
func variable(t typ) typ {
	switch t.kind {
	case kChar:
		t.kind = kVarChar
	case kNChar:
		t.kind = kNVarChar
	}
	return t
}

func (c *compiler) dateArith(op string, l, r *bexpr) (*bexpr, error) {
	t := commonType(l.t, r.t)
	if t.kind != kDateTime && t.kind != kSmallDateTime {
		return nil, abortf(206, "Operand type clash: %s is incompatible with %s", kindNames[l.t.kind], kindNames[r.t.kind]).state(2)
	}
	var err error
	if l, err = c.coerce(l, t); err != nil {
		return nil, err
	}
	if r, err = c.coerce(r, t); err != nil {
		return nil, err
	}
	return composeStrict(t, l, r, func(a, b Value) (Value, error) {
		n := toTicks(b.(time.Time)) - toTicks(baseDate)
		if op == "-" {
			n = -n
		}
		return fitTime(fromTicks(toTicks(a.(time.Time))+n), t, t)
	}), nil
}

func (c *compiler) decimalArith(op string, l, r *bexpr) (*bexpr, error) {
	l, err := c.asDecimal(l)
	if err != nil {
		return nil, err
	}
	if r, err = c.asDecimal(r); err != nil {
		return nil, err
	}
	t := decimalResult(op, l.t, r.t)
	return composeStrict(t, l, r, func(a, b Value) (Value, error) {
		return decimalOp(op, a.(Decimal), b.(Decimal), t)
	}), nil
}

// asDecimal converts an operand of a decimal operation; a literal integer gets
// just the precision it needs.
func (c *compiler) asDecimal(e *bexpr) (*bexpr, error) {
	if e.t.isDecimal() {
		return e, nil
	}
	t := asDecimalType(e.t)
	if e.t.isNull() {
		t = numericType(1, 0)
	}
	if e.literal && e.t.kind == kInt {
		v, err := e.eval(nil)
		if err != nil {
			return nil, err
		}
		if n, ok := v.(int64); ok {
			t = numericType(uint8(len(strings.TrimPrefix(Decimal{Unscaled: itoa(n)}.Unscaled, "-"))), 0)
		}
	}
	return c.coerce(e, t)
}

func (c *compiler) numericArith(op string, l, r *bexpr, t typ) (*bexpr, error) {
	var err error
	if l, err = c.coerce(l, t); err != nil {
		return nil, err
	}
	if r, err = c.coerce(r, t); err != nil {
		return nil, err
	}
	return composeStrict(t, l, r, func(a, b Value) (Value, error) {
		switch v := a.(type) {
		case int64:
			return intOp(op, v, b.(int64), t)
		case Money:
			return moneyOp(op, v, b.(Money), t)
		case float64:
			return floatOp(op, v, b.(float64), t)
		case bool:
			return bitOp(op, v, b.(bool)), nil
		}
		return nil, errOverflow(t)
	}), nil
}

func bitOp(op string, a, b bool) Value {
	switch op {
	case "&":
		return a && b
	case "|":
		return a || b
	}
	return a != b
}

func intOp(op string, a, b int64, t typ) (Value, error) {
	var n int64
	ok := true
	switch op {
	case "+":
		n = a + b
		ok = (n > a) == (b > 0)
	case "-":
		n = a - b
		ok = (n < a) == (b > 0)
	case "*":
		n = a * b
		ok = a == 0 || n/a == b && !(a == -1 && b == math.MinInt64)
	case "/", "%":
		if b == 0 {
			return nil, errDivideByZero()
		}
		if b == -1 {
			if op == "%" {
				return int64(0), nil
			}
			n, ok = -a, a != math.MinInt64
		} else if op == "/" {
			n = a / b
		} else {
			n = a % b
		}
	case "&":
		n = a & b
	case "|":
		n = a | b
	case "^":
		n = a ^ b
	}
	if !ok {
		return nil, errOverflow(t)
	}
	return intRange(n, tBigInt, overflowType(t))
}

// overflowType makes intRange report 8115 for small integer arithmetic.
func overflowType(t typ) typ { return t }

func moneyOp(op string, a, b Money, t typ) (Value, error) {
	x, y := Decimal{itoa(int64(a)), 4}, Decimal{itoa(int64(b)), 4}
	wide := decimalType(38, 4)
	if op == "/" || op == "*" {
		wide.scale = 8
	}
	v, err := decimalOp(op, x, y, wide)
	if err != nil {
		return nil, err
	}
	if d, ok := v.(Decimal); ok && op == "/" {
		v = newDecimal(d.truncate(4), 4)
	}
	return toMoney(v, t)
}

func floatOp(op string, a, b float64, t typ) (Value, error) {
	var f float64
	switch op {
	case "+":
		f = a + b
	case "-":
		f = a - b
	case "*":
		f = a * b
	case "/":
		if b == 0 {
			return nil, errDivideByZero()
		}
		f = a / b
	case "%":
		return nil, abortf(402, "The data types float and float are incompatible in the modulo operator.")
	}
	if t.kind == kReal {
		f = float64(float32(f))
	}
	if math.IsInf(f, 0) {
		return nil, errOverflow(t)
	}
	return f, nil
}
