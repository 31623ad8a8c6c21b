package tsql

// commonType is the type both a and b convert to, by data type precedence.
func commonType(a, b typ) typ {
	if a.isNull() {
		return b
	}
	if b.isNull() {
		return a
	}
	hi, lo := a, b
	if b.kind > a.kind {
		hi, lo = b, a
	}
	switch {
	case hi.isString() && (lo.isString() || lo.isBinary()):
		if hi.kind == kXML {
			return hi
		}
		t := hi
		if t.isFixedString() && (lo.kind != hi.kind || lo.size != hi.size) {
			if t.kind == kChar {
				t.kind = kVarChar
			} else {
				t.kind = kNVarChar
			}
		}
		if lo.kind == kVarChar && hi.kind == kNChar {
			t.kind = kNVarChar
		}
		if lo.isMax() || hi.isMax() {
			t.size = maxSize
		} else {
			t.size = max(a.size, b.size)
			if t.isNational() && t.size > 4000 {
				t.size = maxSize
			}
		}
		return t
	case hi.isBinary() && lo.isBinary():
		t := hi
		if lo.isMax() || hi.isMax() {
			t.size = maxSize
		} else {
			t.size = max(a.size, b.size)
		}
		return t
	case hi.isDecimal() && (lo.isDecimal() || lo.isInt() || lo.isMoney()):
		x, y := asDecimalType(hi), asDecimalType(lo)
		s := max(x.scale, y.scale)
		p := max(x.prec-x.scale, y.prec-y.scale) + s
		if p > 38 {
			s -= min(s, p-38)
			p = 38
		}
		return typ{kind: hi.kind, prec: p, scale: s}
	case hi.isDateTime() && lo.isDateTime() && lo.scale > hi.scale && hi.kind >= kDateTime2:
		hi.scale = lo.scale
	}
	return hi
}

// coerce converts e implicitly to type t. Conversions that do not change the
// stored form cost nothing.
func (c *compiler) coerce(e *bexpr, t typ) (*bexpr, error) {
	if e.t == t {
		return e, nil
	}
	if e.t.isNull() {
		n := *e
		n.t = t
		return &n, nil
	}
	from := e.t
	free := false
	if class := storeClass(t); class != "" && class == storeClass(from) {
		switch {
		case t.isInt():
			free = t.kind >= from.kind && from.kind != kBit
		case t.isString():
			free = !t.isFixedString() && (t.isMax() || !from.isMax() && from.size <= t.size) && (t.isNational() || !from.isNational())
		case t.isDecimal():
			free = t.prec >= from.prec
		case t.isBinary():
			free = t.kind == kVarBinary && (t.isMax() || !from.isMax() && from.size <= t.size)
		case t.isDateTime():
			free = t.kind == kDateTime2 && t.scale == 7 || t.kind == kDateTime && from.kind == kDate
		case t.isMoney(), t.isFloat():
			free = t.kind >= from.kind
		}
	}
	if free {
		n := *e
		n.t = t
		return &n, nil
	}
	if err := implicitOK(from, t); err != nil {
		return nil, err
	}
	n := compose(t, []*bexpr{e}, func(x *ectx) (Value, error) {
		v, err := e.eval(x)
		if err != nil || v == nil {
			return nil, err
		}
		return convert(v, from, t, convOpts{dateFormat: x.dateFormat()})
	})
	n.name = e.name
	return n, nil
}

// implicitOK refuses the conversions that T-SQL wants written out.
func implicitOK(from, to typ) error {
	bad := to.kind == kGUID && (from.isNumeric() || from.isDateTime()) ||
		from.kind == kGUID && (to.isNumeric() || to.isDateTime()) ||
		from.isDateTime() && to.isNumeric() ||
		(to.kind == kDate || to.kind == kTime || to.kind >= kDateTime2 && to.kind <= kDateTimeOffset) && from.isNumeric() ||
		to.isBinary() && from.isString() || from.isBinary() && to.isFloat()
	if bad {
		if to.isBinary() && from.isString() || from.isDateTime() && to.isNumeric() {
			return abortf(257, "Implicit conversion from data type %s to %s is not allowed. Use the CONVERT function to run this query.", kindNames[from.kind], kindNames[to.kind]).state(3)
		}
		return abortf(206, "Operand type clash: %s is incompatible with %s", kindNames[from.kind], kindNames[to.kind]).state(2)
	}
	return nil
}

// compare is the predicate "l op r".
func (c *compiler) compare(op string, l, r *bexpr) (*bexpr, error) {
	if l.t.isNull() || r.t.isNull() {
		e := compose(tBool, []*bexpr{l, r}, func(*ectx) (Value, error) { return nil, nil })
		e.nullable = true
		return e, nil
	}
	t := commonType(l.t, r.t)
	if t.isString() && !t.isMax() {
		t.size = maxSize // never cut or pad
		if t.kind == kChar {
			t.kind = kVarChar
		} else if t.kind == kNChar {
			t.kind = kNVarChar
		}
	}
	var err error
	if l, err = c.coerceCompare(l, t); err != nil {
		return nil, err
	}
	if r, err = c.coerceCompare(r, t); err != nil {
		return nil, err
	}
	e := composeStrict(tBool, l, r, func(a, b Value) (Value, error) {
		n := compare(a, b)
		switch op {
		case "=":
			return n == 0, nil
		case "<>":
			return n != 0, nil
		case "<":
			return n < 0, nil
		case "<=":
			return n <= 0, nil
		case ">":
			return n > 0, nil
		}
		return n >= 0, nil
	})
	if class := storeClass(l.t); len(e.leaves) > 0 && class != "" && class == storeClass(r.t) {
		e.sql = "(" + c.collated(l) + op + c.sqlOf(r) + ")"
	}
	return e, nil
}

// coerceCompare coerces for a comparison: times and integers of one class stay.
func (c *compiler) coerceCompare(e *bexpr, t typ) (*bexpr, error) {
	if class := storeClass(t); class != "" && class == storeClass(e.t) && class != "decimal" {
		return e, nil
	}
	return c.coerce(e, t)
}

func (c *compiler) bindUnary(x *unaryExpr, sc *scope) (*bexpr, error) {
	e, err := c.bindValue(x.e, sc)
	if err != nil {
		return nil, err
	}
	switch x.op {
	case "+":
		return e, nil
	case "-":
		zero := constant(int64(0), tInt)
		if e.t.isDecimal() {
			zero = constant(Decimal{"0", 0}, numericType(1, 0))
		}
		if e.t.isString() {
			if e, err = c.coerce(e, tInt); err != nil {
				return nil, err
			}
		}
		t := e.t
		n, err := c.arith("-", zero, e)
		if err == nil && t.isDecimal() {
			n.t = t
			n = c.refit(n, t)
		}
		return n, err
	}
	if !e.t.isInt() {
		return nil, abortf(8117, "Operand data type %s is invalid for '~' operator.", kindNames[e.t.kind])
	}
	t := e.t
	return compose(t, []*bexpr{e}, func(x *ectx) (Value, error) {
		v, err := e.eval(x)
		switch n := v.(type) {
		case bool:
			return !n, err
		case int64:
			if t.kind == kTinyInt {
				return int64(^uint8(n)), err
			}
			return ^n, err
		}
		return nil, err
	}), nil
}
