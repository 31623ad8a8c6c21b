package tsql

import (
	"strconv"
	"strings"
)

// recursiveCTE binds "anchor UNION ALL step"; the step gets the anchor's types.
func (c *compiler) recursiveCTE(ct cte, set *setOp, info *cteInfo, sc *scope) (*query, error) {
	anchor, err := c.operandSQL(set.l, sc)
	if err != nil {
		return nil, err
	}
	if info.cols, err = cteCols(ct, anchor.cols); err != nil {
		return nil, err
	}
	for i := range info.cols {
		info.cols[i].nullable = true
	}
	sc.ctes[strings.ToLower(ct.name)] = info
	step, err := c.operandSQL(set.r, sc)
	if err != nil {
		return nil, err
	}
	if len(step.cols) != len(anchor.cols) {
		return nil, errSetColumns()
	}
	types := make([]typ, len(anchor.cols))
	for i := range types {
		types[i] = anchor.cols[i].t
	}
	if step, err = c.retype(step, types); err != nil {
		return nil, err
	}
	return &query{sql: anchor.sql + " UNION ALL " + step.sql, cols: anchor.cols}, nil
}

func errSetColumns() error {
	return abortf(205, "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists.")
}

// mentions reports whether a query reads from the unqualified name.
func mentions(q queryExpr, name string) bool {
	switch x := q.(type) {
	case *setOp:
		return mentions(x.l, name) || mentions(x.r, name)
	case *querySpec:
		for _, t := range x.from {
			if refMentions(t, name) {
				return true
			}
		}
	}
	return false
}

func refMentions(t tableRef, name string) bool {
	switch x := t.(type) {
	case *namedTable:
		return x.name.schema == "" && strings.EqualFold(x.name.name, name)
	case *joinTable:
		return refMentions(x.l, name) || refMentions(x.r, name)
	case *derivedTable:
		return mentions(x.sel.body, name)
	}
	return false
}

// operandSQL binds an operand of a set operation, without a LIMIT of its own.
func (c *compiler) operandSQL(q queryExpr, sc *scope) (*query, error) {
	inner := &selectStmt{body: q}
	out, err := c.querySQL(inner, sc, false, false)
	if err != nil {
		return nil, err
	}
	if _, nested := q.(*setOp); nested || out.limited {
		out.sql = "SELECT * FROM (" + out.sql + ")"
		out.limited, out.hasLimit = false, false
	}
	return out, nil
}

// retype converts the columns of q to types.
func (c *compiler) retype(q *query, types []typ) (*query, error) {
	same := true
	for i, t := range types {
		a, b := storeClass(q.cols[i].t), storeClass(t)
		same = same && (q.cols[i].t == t || q.cols[i].t.isNull() || a != "" && a == b && a != "string" && a != "int")
	}
	if same {
		return q, nil
	}
	a := c.alias()
	var parts []string
	out := &query{}
	for i, t := range types {
		e, err := c.coerce(c.newLeaf(a+".c"+strconv.Itoa(i+1), q.cols[i].t, q.cols[i].nullable), t)
		if err != nil {
			return nil, err
		}
		parts = append(parts, c.collated(e)+" AS c"+strconv.Itoa(i+1))
		col := q.cols[i]
		col.t = t
		out.cols = append(out.cols, col)
	}
	out.sql = "SELECT " + strings.Join(parts, ",") + " FROM (" + q.sql + ") " + a
	return out, nil
}

// setSQL binds UNION, EXCEPT, INTERSECT and VALUES with their ORDER BY.
func (c *compiler) setSQL(sel *selectStmt, sc *scope) (*query, error) {
	q, err := c.compoundSQL(sel.body, sc)
	if err != nil || len(sel.order) == 0 {
		return q, err
	}
	a := c.alias()
	osc := &scope{parent: sc, sources: []*source{{cols: make([]scol, len(q.cols))}}}
	for i, o := range q.cols {
		osc.sources[0].cols[i] = scol{name: o.name, t: o.t, nullable: true, sql: a + ".c" + strconv.Itoa(i+1)}
	}
	var terms []string
	for _, it := range sel.order {
		var e *bexpr
		if n, ok := ordinal(it.e, len(q.cols)); ok {
			e = c.newLeaf(osc.sources[0].cols[n].sql, q.cols[n].t, true)
		} else if e, err = c.bindValue(it.e, osc); err != nil {
			return nil, err
		}
		terms = append(terms, c.orderTerm(e, it.desc))
	}
	limit, err := c.limitSQL(nil, sel, sc)
	if err != nil {
		return nil, err
	}
	return &query{sql: "SELECT * FROM (" + q.sql + ") " + a + " ORDER BY " + strings.Join(terms, ",") + limit, cols: q.cols, limited: true, hasLimit: limit != ""}, nil
}

func (c *compiler) compoundSQL(body queryExpr, sc *scope) (*query, error) {
	switch x := body.(type) {
	case *valuesExpr:
		return c.valuesSQL(x, sc)
	case *setOp:
		l, err := c.operandSQL(x.l, sc)
		if err != nil {
			return nil, err
		}
		r, err := c.operandSQL(x.r, sc)
		if err != nil {
			return nil, err
		}
		if len(l.cols) != len(r.cols) {
			return nil, errSetColumns()
		}
		types := make([]typ, len(l.cols))
		for i := range types {
			types[i] = commonType(l.cols[i].t, r.cols[i].t)
		}
		if l, err = c.retype(l, types); err != nil {
			return nil, err
		}
		if r, err = c.retype(r, types); err != nil {
			return nil, err
		}
		cols := append([]outCol{}, l.cols...)
		for i := range cols {
			cols[i].t = types[i]
			cols[i].nullable = cols[i].nullable || r.cols[i].nullable
			cols[i].identity = false
		}
		return &query{sql: l.sql + " " + x.op + " " + r.sql, cols: cols}, nil
	}
	return c.operandSQL(body, sc)
}

func (c *compiler) valuesSQL(x *valuesExpr, sc *scope) (*query, error) {
	rows := make([][]*bexpr, len(x.rows))
	var types []typ
	q := &query{}
	for i, r := range x.rows {
		if i > 0 && len(r) != len(rows[0]) {
			return nil, abortf(10709, "The number of columns for each row in a table value constructor must be the same.")
		}
		for _, e := range r {
			if e == nil {
				return nil, abortf(156, "Incorrect syntax near the keyword 'DEFAULT'.").class(15)
			}
		}
		var err error
		if rows[i], err = c.bindAll(r, sc); err != nil {
			return nil, err
		}
		for j, e := range rows[i] {
			if i == 0 {
				types = append(types, tNull)
				q.cols = append(q.cols, outCol{})
			}
			types[j] = commonType(types[j], e.t)
			q.cols[j].nullable = q.cols[j].nullable || e.nullable
		}
	}
	var texts []string
	for _, r := range rows {
		var parts []string
		for j, e := range r {
			e, err := c.coerce(e, types[j])
			if err != nil {
				return nil, err
			}
			parts = append(parts, c.collated(e)+" AS c"+strconv.Itoa(j+1))
		}
		texts = append(texts, "SELECT "+strings.Join(parts, ","))
	}
	for j := range q.cols {
		q.cols[j].t = types[j]
	}
	q.sql = strings.Join(texts, " UNION ALL ")
	return q, nil
}
