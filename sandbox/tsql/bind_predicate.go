package tsql

import (
	"strings"
)

func (c *compiler) bindLogic(x *logicExpr, sc *scope) (*bexpr, error) {
	l, err := c.bindCond(x.l, sc)
	if err != nil {
		return nil, err
	}
	r, err := c.bindCond(x.r, sc)
	if err != nil {
		return nil, err
	}
	return c.logic(x.and, l, r), nil
}

// logic is three-valued AND or OR.
func (c *compiler) logic(and bool, l, r *bexpr) *bexpr {
	e := compose(tBool, []*bexpr{l, r}, func(x *ectx) (Value, error) {
		a, err := l.eval(x)
		if err != nil {
			return nil, err
		}
		if a == !and {
			return !and, nil
		}
		b, err := r.eval(x)
		if err != nil {
			return nil, err
		}
		if b == !and {
			return !and, nil
		}
		if a == nil || b == nil {
			return nil, nil
		}
		return and, nil
	})
	if len(e.leaves) > 0 {
		op := " OR "
		if and {
			op = " AND "
		}
		e.sql = "(" + c.sqlOf(l) + op + c.sqlOf(r) + ")"
	}
	return e
}

func (c *compiler) not(p *bexpr) *bexpr {
	e := compose(tBool, []*bexpr{p}, func(x *ectx) (Value, error) {
		v, err := p.eval(x)
		if b, ok := v.(bool); ok {
			return !b, err
		}
		return nil, err
	})
	if len(e.leaves) > 0 {
		e.sql = "(NOT " + c.sqlOf(p) + ")"
	}
	return e
}

func (c *compiler) bindIsNull(x *isNullExpr, sc *scope) (*bexpr, error) {
	p, err := c.bindValue(x.e, sc)
	if err != nil {
		return nil, err
	}
	e := compose(tBool, []*bexpr{p}, func(ec *ectx) (Value, error) {
		v, err := p.eval(ec)
		return (v == nil) != x.not, err
	})
	if len(e.leaves) > 0 {
		op := " IS NULL)"
		if x.not {
			op = " IS NOT NULL)"
		}
		e.sql = "(" + c.sqlOf(p) + op
	}
	return e, nil
}

func (c *compiler) bindIn(x *inExpr, sc *scope) (*bexpr, error) {
	l, err := c.bindValue(x.e, sc)
	if err != nil {
		return nil, err
	}
	if x.sub != nil {
		p, err := c.inSubquery(l, x.sub, sc)
		if err == nil && x.not {
			p = c.not(p)
		}
		return p, err
	}
	list, err := c.bindAll(x.list, sc)
	if err != nil {
		return nil, err
	}
	// A plain list of values of the column's class: one IN.
	if len(l.leaves) > 0 && len(list) > 3 {
		var sqls []string
		t := l.t
		for _, r := range list {
			t = commonType(t, r.t)
		}
		if class := storeClass(t); class != "" && class == storeClass(l.t) {
			for i, r := range list {
				if list[i], err = c.coerce(r, t); err != nil {
					return nil, err
				}
				sqls = append(sqls, c.sqlOf(list[i]))
			}
			p := c.newLeaf("("+c.collated(l)+" IN ("+strings.Join(sqls, ",")+"))", tBool, true)
			if x.not {
				p = c.not(p)
			}
			return p, nil
		}
	}
	var p *bexpr
	for _, r := range list {
		eq, err := c.compare("=", l, r)
		if err != nil {
			return nil, err
		}
		if p == nil {
			p = eq
		} else {
			p = c.logic(false, p, eq)
		}
	}
	if x.not {
		p = c.not(p)
	}
	return p, nil
}

// inSubquery is "l IN (sub)".
func (c *compiler) inSubquery(l *bexpr, sub *selectStmt, sc *scope) (*bexpr, error) {
	q, err := c.selectSQL(sub, sc, false)
	if err != nil {
		return nil, err
	}
	if len(q.cols) != 1 {
		return nil, abortf(116, "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.")
	}
	t := commonType(l.t, q.cols[0].t)
	sql := q.sql
	if class := storeClass(t); class == "" || class != storeClass(q.cols[0].t) {
		a := c.alias()
		r, err := c.coerce(c.newLeaf(a+".c1", q.cols[0].t, true), t)
		if err != nil {
			return nil, err
		}
		sql = "SELECT " + c.sqlOf(r) + " FROM (" + q.sql + ") " + a
	}
	if l, err = c.coerce(l, t); err != nil {
		return nil, err
	}
	return c.newLeaf("("+c.collated(l)+" IN ("+sql+"))", tBool, true), nil
}

func (c *compiler) bindBetween(x *betweenExpr, sc *scope) (*bexpr, error) {
	v, err := c.bindValue(x.e, sc)
	if err != nil {
		return nil, err
	}
	lo, hi, err := c.bindPair(x.lo, x.hi, sc)
	if err != nil {
		return nil, err
	}
	a, err := c.compare(">=", v, lo)
	if err != nil {
		return nil, err
	}
	b, err := c.compare("<=", v, hi)
	if err != nil {
		return nil, err
	}
	p := c.logic(true, a, b)
	if x.not {
		p = c.not(p)
	}
	return p, nil
}

func (c *compiler) bindLike(x *likeExpr, sc *scope) (*bexpr, error) {
	args, err := c.bindAll([]expr{x.e, x.pattern}, sc)
	if err != nil {
		return nil, err
	}
	if x.escape != nil {
		esc, err := c.bindValue(x.escape, sc)
		if err != nil {
			return nil, err
		}
		args = append(args, esc)
	}
	for i := range args {
		if args[i], err = c.coerce(args[i], tNVarCharMax); err != nil {
			return nil, err
		}
	}
	var lastPattern, lastEscape string
	var matcher *likeMatcher
	p := compose(tBool, args, func(e *ectx) (Value, error) {
		v, err := evalStrings(e, args)
		if v == nil || err != nil {
			return nil, err
		}
		esc := ""
		if len(v) > 2 {
			esc = v[2]
		}
		if matcher == nil || v[1] != lastPattern || esc != lastEscape {
			lastPattern, lastEscape = v[1], esc
			matcher = newLike(v[1], esc)
		}
		return matcher.match(v[0]), nil
	})
	p.nullable = true
	if x.not {
		p = c.not(p)
	}
	return p, nil
}

// bindAny turns "l op ANY (q)" and "l op ALL (q)" into EXISTS.
func (c *compiler) bindAny(x *anyExpr, sc *scope) (*bexpr, error) {
	l, err := c.bindValue(x.l, sc)
	if err != nil {
		return nil, err
	}
	q, err := c.selectSQL(x.sub, sc, false)
	if err != nil {
		return nil, err
	}
	a := c.alias()
	cond, err := c.compare(x.op, l, c.newLeaf(a+".c1", q.cols[0].t, true))
	if err != nil {
		return nil, err
	}
	if x.all {
		return c.newLeaf("(NOT EXISTS(SELECT 1 FROM ("+q.sql+") "+a+" WHERE NOT COALESCE("+c.sqlOf(cond)+",0)))", tBool, false), nil
	}
	return c.newLeaf("EXISTS(SELECT 1 FROM ("+q.sql+") "+a+" WHERE "+c.sqlOf(cond)+")", tBool, false), nil
}
