package tsql

import (
	"strconv"
	"strings"
)

// ordinal reports that e is the position of one of n columns.
func ordinal(e expr, n int) (int, bool) {
	if l, ok := e.(*litExpr); ok && l.kind == tokInt {
		i, err := strconv.Atoi(l.text)
		return i - 1, err == nil && i >= 1 && i <= n
	}
	return 0, false
}

func (c *compiler) orderTerm(e *bexpr, desc bool) string {
	s := c.collated(e)
	if desc {
		s += " DESC"
	}
	return s
}

func (c *compiler) orderSQL(spec *querySpec, sel *selectStmt, sc *scope, q *query) (string, error) {
	if len(sel.order) == 0 {
		return "", nil
	}
	var terms []string
	for _, it := range sel.order {
		n, ok := ordinal(it.e, len(q.cols))
		if l, lit := it.e.(*litExpr); lit && !ok && l.kind == tokInt {
			return "", abortf(108, "The ORDER BY position number %s is out of range of the number of items in the select list.", l.text).class(15)
		}
		if col, isCol := it.e.(*colExpr); isCol && !ok && len(col.parts) == 1 {
			for i, o := range q.cols {
				if o.name != "" && strings.EqualFold(o.name, col.parts[0]) {
					n, ok = i, true
					break
				}
			}
		}
		e := (*bexpr)(nil)
		if ok && q.cols[n].assign == "" {
			e = c.newLeaf("c"+strconv.Itoa(n+1), q.cols[n].t, true)
			if q.nofrom {
				continue
			}
		} else {
			var err error
			if e, err = c.bindValue(it.e, sc); err != nil {
				return "", err
			}
			if len(e.leaves) == 0 && !e.volatile {
				continue
			}
		}
		terms = append(terms, c.orderTerm(e, it.desc))
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " ORDER BY " + strings.Join(terms, ","), nil
}

// limitSQL is the LIMIT of TOP or of OFFSET and FETCH.
func (c *compiler) limitSQL(top *topClause, sel *selectStmt, sc *scope) (string, error) {
	number := func(e expr) (string, error) {
		b, err := c.bindValue(e, sc)
		if err != nil {
			return "", err
		}
		if b, err = c.coerce(b, tBigInt); err != nil {
			return "", err
		}
		n := compose(tBigInt, []*bexpr{b}, func(x *ectx) (Value, error) {
			v, err := b.eval(x)
			if err != nil {
				return nil, err
			}
			if k, ok := v.(int64); !ok || k < 0 {
				return nil, abortf(1060, "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.").class(15)
			}
			return v, nil
		})
		return c.sqlOf(n), nil
	}
	switch {
	case top != nil && !top.percent:
		s, err := number(top.n)
		return " LIMIT " + s, err
	case sel.offset != nil:
		off, err := number(sel.offset)
		if err != nil {
			return "", err
		}
		fetch := "-1"
		if sel.fetch != nil {
			if fetch, err = number(sel.fetch); err != nil {
				return "", err
			}
		}
		return " LIMIT " + fetch + " OFFSET " + off, nil
	}
	return "", nil
}
