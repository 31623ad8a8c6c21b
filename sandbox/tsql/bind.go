package tsql

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// bind resolves an expression in a scope; sc may be nil where no columns are.
func (c *compiler) bind(e expr, sc *scope) (*bexpr, error) {
	if sc != nil && sc.grouped && sc.inAgg == 0 && len(sc.groups) > 0 {
		if k := c.key(e, sc); k != "" {
			for _, g := range sc.groups {
				if g.key == k {
					return g.e, nil
				}
			}
		}
	}
	switch x := e.(type) {
	case *litExpr:
		return bindLiteral(x)
	case *varExpr:
		return c.bindVar(x)
	case *colExpr:
		return c.bindColumn(x, sc)
	case *unaryExpr:
		return c.bindUnary(x, sc)
	case *binExpr:
		l, r, err := c.bindPair(x.l, x.r, sc)
		if err != nil {
			return nil, err
		}
		return c.arith(x.op, l, r)
	case *cmpExpr:
		l, r, err := c.bindPair(x.l, x.r, sc)
		if err != nil {
			return nil, err
		}
		return c.compare(x.op, l, r)
	case *logicExpr:
		return c.bindLogic(x, sc)
	case *notExpr:
		p, err := c.bindCond(x.e, sc)
		if err != nil {
			return nil, err
		}
		return c.not(p), nil
	case *isNullExpr:
		return c.bindIsNull(x, sc)
	case *inExpr:
		return c.bindIn(x, sc)
	case *betweenExpr:
		return c.bindBetween(x, sc)
	case *likeExpr:
		return c.bindLike(x, sc)
	case *existsExpr:
		q, err := c.selectSQL(x.sub, sc, true)
		if err != nil {
			return nil, err
		}
		return c.newLeaf("EXISTS("+q.sql+")", tBool, false), nil
	case *anyExpr:
		return c.bindAny(x, sc)
	case *caseExpr:
		return c.bindCase(x, sc)
	case *castExpr:
		return c.bindCast(x, sc)
	case *funcExpr:
		return c.bindFunc(x, sc)
	case *subExpr:
		q, err := c.selectSQL(x.sel, sc, false)
		if err != nil {
			return nil, err
		}
		if len(q.cols) != 1 {
			return nil, abortf(116, "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.")
		}
		return c.newLeaf("("+q.sql+")", q.cols[0].t, true), nil
	case *starExpr:
		return nil, errSyntax("*").class(15)
	}
	return nil, errSyntax("expression")
}

func (c *compiler) bindPair(l, r expr, sc *scope) (*bexpr, *bexpr, error) {
	bl, err := c.bindValue(l, sc)
	if err != nil {
		return nil, nil, err
	}
	br, err := c.bindValue(r, sc)
	return bl, br, err
}

// bindValue binds an expression that must not be a predicate.
func (c *compiler) bindValue(e expr, sc *scope) (*bexpr, error) {
	b, err := c.bind(e, sc)
	if err == nil && b.t.kind == kBool {
		return nil, errSyntax("=")
	}
	return b, err
}

// bindCond binds an expression that must be a predicate.
func (c *compiler) bindCond(e expr, sc *scope) (*bexpr, error) {
	b, err := c.bind(e, sc)
	if err == nil && b.t.kind != kBool {
		return nil, abortf(4145, "An expression of non-boolean type specified in a context where a condition is expected, near ')'.").class(15)
	}
	return b, err
}

func (c *compiler) bindAll(list []expr, sc *scope) ([]*bexpr, error) {
	out := make([]*bexpr, len(list))
	for i, e := range list {
		var err error
		if out[i], err = c.bindValue(e, sc); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func bindLiteral(x *litExpr) (*bexpr, error) {
	switch x.kind {
	case tokEOF:
		return constant(nil, tNull), nil
	case tokString:
		s := to1252(x.text)
		return constant(s, varchar(strLen(s, tVarCharMax))), nil
	case tokNString:
		return constant(x.text, nvarchar(utf16Len(x.text))), nil
	case tokInt:
		if n, err := strconv.ParseInt(x.text, 10, 64); err == nil {
			if n == int64(int32(n)) {
				return constant(n, tInt), nil
			}
		}
		return decimalLiteral(x.text)
	case tokDecimal:
		return decimalLiteral(x.text)
	case tokFloat:
		s := strings.TrimRight(x.text, "+-eE")
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, abortf(168, "The floating point value '%s' is out of the range of computer representation (8 bytes).", x.text).class(15)
		}
		return constant(f, tFloat), nil
	case tokMoney:
		d, ok := parseDecimal(x.text)
		if !ok {
			return nil, errSyntax(x.text)
		}
		m, err := toMoney(d, tMoney)
		return constant(m, tMoney), err
	case tokBinary:
		s := x.text
		if len(s)%2 == 1 {
			s = "0" + s
		}
		b, err := hex.DecodeString(s)
		if err != nil {
			return nil, errSyntax("0x")
		}
		return constant(b, varbinary(len(b))), nil
	}
	return nil, errSyntax(x.text)
}

func decimalLiteral(s string) (*bexpr, error) {
	d, ok := parseDecimal(s)
	digits := len(strings.TrimLeft(strings.TrimPrefix(d.Unscaled, "-"), "0"))
	if !ok || digits > 38 || d.Scale > 38 {
		return nil, abortf(1007, "The number '%s' is out of the range for numeric representation (maximum precision 38).", s).class(15)
	}
	return constant(d, numericType(uint8(max(digits, int(d.Scale), 1)), d.Scale)), nil
}

func (c *compiler) bindVar(x *varExpr) (*bexpr, error) {
	if strings.HasPrefix(x.name, "@@") {
		return c.globalVar(x.name)
	}
	v := c.f.vars[x.name]
	if v == nil {
		return nil, abortf(137, `Must declare the scalar variable "%s".`, x.name).class(15).state(2)
	}
	return &bexpr{t: v.t, nullable: true, eval: func(*ectx) (Value, error) { return v.val, nil }}, nil
}

func (c *compiler) bindColumn(x *colExpr, sc *scope) (*bexpr, error) {
	if sc == nil {
		name := strings.Join(x.parts, ".")
		if len(x.parts) > 1 {
			return nil, abortf(4104, `The multi-part identifier "%s" could not be bound.`, name)
		}
		return nil, errNoColumn(name)
	}
	col, src, at, err := sc.find(x.parts)
	if err != nil {
		return nil, err
	}
	if at.grouped && at.inAgg == 0 && at == sc {
		return nil, abortf(8120, "Column '%s.%s' is invalid in the select list because it is not contained in either an aggregate function or the GROUP BY clause.", src.label(), col.name)
	}
	e := c.newLeaf(col.sql, col.t, col.nullable)
	e.leaves[0].col = col.index
	e.name, e.identity = col.name, col.identity
	return e, nil
}

func (src *source) label() string {
	if src.alias != "" {
		return src.alias
	}
	return src.name.name
}

func (c *compiler) bindCase(x *caseExpr, sc *scope) (*bexpr, error) {
	conds := make([]*bexpr, len(x.whens))
	vals := make([]*bexpr, len(x.whens), len(x.whens)+1)
	var operand *bexpr
	var err error
	if x.operand != nil {
		if operand, err = c.bindValue(x.operand, sc); err != nil {
			return nil, err
		}
	}
	for i, w := range x.whens {
		if operand == nil {
			conds[i], err = c.bindCond(w.cond, sc)
		} else {
			var r *bexpr
			if r, err = c.bindValue(w.cond, sc); err == nil {
				conds[i], err = c.compare("=", operand, r)
			}
		}
		if err != nil {
			return nil, err
		}
		if vals[i], err = c.bindValue(w.then, sc); err != nil {
			return nil, err
		}
	}
	els := constant(nil, tNull)
	if x.els != nil {
		if els, err = c.bindValue(x.els, sc); err != nil {
			return nil, err
		}
	}
	return c.choose(conds, append(vals, els))
}

// choose is the value of the first true condition, or the last value.
func (c *compiler) choose(conds, vals []*bexpr) (*bexpr, error) {
	t := tNull
	nullable := false
	for _, v := range vals {
		t = commonType(t, v.t)
		nullable = nullable || v.nullable
	}
	var err error
	for i := range vals {
		if vals[i], err = c.coerce(vals[i], t); err != nil {
			return nil, err
		}
	}
	e := compose(t, append(append([]*bexpr{}, conds...), vals...), func(x *ectx) (Value, error) {
		for i, p := range conds {
			v, err := p.eval(x)
			if err != nil {
				return nil, err
			}
			if v == true {
				return vals[i].eval(x)
			}
		}
		return vals[len(vals)-1].eval(x)
	})
	e.nullable = nullable
	return e, nil
}

func (c *compiler) bindCast(x *castExpr, sc *scope) (*bexpr, error) {
	v, err := c.bindValue(x.e, sc)
	if err != nil {
		return nil, err
	}
	args := []*bexpr{v}
	if x.style != nil {
		style, err := c.bindValue(x.style, sc)
		if err != nil {
			return nil, err
		}
		args = append(args, style)
	}
	from := v.t
	e := compose(x.t, args, func(ec *ectx) (Value, error) {
		val, err := v.eval(ec)
		if err != nil || val == nil {
			return nil, err
		}
		o := convOpts{dateFormat: ec.dateFormat()}
		if len(args) > 1 {
			s, err := args[1].eval(ec)
			if err != nil || s == nil {
				return nil, err
			}
			n, _ := toInt(s)
			o.style = int(n)
		}
		r, err := convert(val, from, x.t, o)
		if n := numberOf(err); x.try && n != 0 && n != 529 {
			return nil, nil
		}
		return r, err
	})
	e.nullable = v.nullable || x.try
	return e, nil
}

func (e *ectx) dateFormat() string {
	if e.s == nil {
		return "mdy"
	}
	return e.s.opts.dateFormat
}
