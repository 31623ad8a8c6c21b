package tsql

import (
	"strconv"
	"strings"
)

// query is a bound query: SQLite text whose columns are c1, c2, ...
type query struct {
	sql      string
	cols     []outCol
	limited  bool // has ORDER BY or LIMIT of its own
	hasLimit bool
	nofrom   bool // no FROM, WHERE, ...: the items say it all
	raw      []*leaf
}

type outCol struct {
	name     string
	t        typ
	nullable bool
	identity bool
	e        *bexpr
	assign   string
	op       string
}

// colNames is "c1,c2,...".
func colNames(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("c" + strconv.Itoa(i+1))
	}
	return b.String()
}

// selectSQL binds a query inside the scope parent.
func (c *compiler) selectSQL(sel *selectStmt, parent *scope, exists bool) (*query, error) {
	if sel.into != nil {
		return nil, abortf(156, "Incorrect syntax near the keyword 'INTO'.").class(15)
	}
	return c.querySQL(sel, parent, exists, false)
}

// querySQL is selectSQL; raw makes the leaves of the items the columns, for
// items that Go evaluates.
func (c *compiler) querySQL(sel *selectStmt, parent *scope, exists, raw bool) (*query, error) {
	if sel.xml {
		return nil, errUnsupported("FOR XML and FOR JSON")
	}
	sc := &scope{parent: parent}
	with, err := c.bindCTEs(sel.ctes, sc)
	if err != nil {
		return nil, err
	}
	var q *query
	if spec, ok := sel.body.(*querySpec); ok {
		q, err = c.specSQL(spec, sc, sel, exists, raw)
	} else {
		q, err = c.setSQL(sel, sc)
	}
	if err != nil {
		return nil, err
	}
	if with != "" {
		q.nofrom = false
		q.sql = with + q.sql
	}
	return q, nil
}

// statementSQL binds the query of a statement: one without FROM is left to Go.
func (c *compiler) statementSQL(sel *selectStmt, raw bool) (*query, error) {
	if len(sel.ctes) == 0 {
		c.top, _ = sel.body.(*querySpec)
	}
	return c.querySQL(sel, nil, false, raw)
}

// bindCTEs binds the WITH list into sc and returns its text.
func (c *compiler) bindCTEs(list []cte, sc *scope) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	sc.ctes = map[string]*cteInfo{}
	var texts []string
	for _, ct := range list {
		c.nalias++
		info := &cteInfo{sql: "cte" + strconv.Itoa(c.nalias)}
		var q *query
		var err error
		name := strings.ToLower(ct.name)
		if set, ok := ct.sel.body.(*setOp); ok && set.op == "UNION ALL" && mentions(set.r, name) {
			q, err = c.recursiveCTE(ct, set, info, sc)
		} else {
			q, err = c.selectSQL(ct.sel, sc, false)
		}
		if err != nil {
			return "", err
		}
		if info.cols == nil {
			if info.cols, err = cteCols(ct, q.cols); err != nil {
				return "", err
			}
		}
		sc.ctes[name] = info
		texts = append(texts, info.sql+"("+colNames(len(q.cols))+") AS ("+q.sql+")")
	}
	return "WITH RECURSIVE " + strings.Join(texts, ",") + " ", nil
}

func cteCols(ct cte, out []outCol) ([]scol, error) {
	if len(ct.cols) > 0 && len(ct.cols) != len(out) {
		return nil, abortf(8158, "'%s' has more columns than were specified in the column list.", ct.name)
	}
	cols := make([]scol, len(out))
	for i, o := range out {
		cols[i] = scol{name: o.name, t: o.t, nullable: o.nullable, sql: "c" + strconv.Itoa(i+1), index: i}
		if len(ct.cols) > 0 {
			cols[i].name = ct.cols[i]
		}
		if cols[i].name == "" {
			return nil, abortf(8155, "No column name was specified for column %d of '%s'.", i+1, ct.name).state(2)
		}
	}
	return cols, nil
}

// specSQL binds SELECT ... FROM ... with the ORDER BY of its statement.
func (c *compiler) specSQL(spec *querySpec, outer *scope, sel *selectStmt, exists, raw bool) (*query, error) {
	sc := &scope{parent: outer}
	from, err := c.fromSQL(spec.from, sc)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	if from != "" {
		b.WriteString(" FROM " + from)
	}
	if spec.where != nil {
		w, err := c.bindCond(spec.where, sc)
		if err != nil {
			return nil, err
		}
		b.WriteString(" WHERE " + c.sqlOf(w))
	}
	if err := c.groupSQL(spec, sc, sel, &b); err != nil {
		return nil, err
	}
	q := &query{nofrom: from == "" && spec.where == nil && !sc.grouped}
	if exists && !sc.grouped && spec.top == nil {
		q.sql = "SELECT 1" + b.String()
		return q, nil
	}
	if err := c.bindItems(spec, sc, q); err != nil {
		return nil, err
	}
	order, err := c.orderSQL(spec, sel, sc, q)
	if err != nil {
		return nil, err
	}
	if q.nofrom && spec.top == nil && sel.offset == nil {
		for _, col := range q.cols {
			q.nofrom = q.nofrom && len(col.e.leaves) == 0
		}
	} else {
		q.nofrom = false
	}
	if q.nofrom && spec == c.top {
		return q, nil
	}
	if raw {
		c.rawItems(q)
	}
	q.nofrom = false
	head := "SELECT " + c.itemsSQL(spec, q, raw)
	q.sql = head + b.String()
	limit, err := c.limitSQL(spec.top, sel, outer)
	if err != nil {
		return nil, err
	}
	if spec.top != nil && spec.top.percent {
		p, err := c.bindValue(spec.top.n, outer)
		if err != nil {
			return nil, err
		}
		if p, err = c.coerce(p, tFloat); err != nil {
			return nil, err
		}
		limit = " LIMIT (SELECT CAST(ceil(count(*)*" + c.sqlOf(p) + "/100) AS INTEGER) FROM (" + q.sql + "))"
	}
	q.sql += order + limit
	q.limited = order != "" || limit != ""
	q.hasLimit = limit != ""
	return q, nil
}

func (c *compiler) groupSQL(spec *querySpec, sc *scope, sel *selectStmt, b *strings.Builder) error {
	grouped := len(spec.group) > 0 || spec.having != nil
	for _, it := range spec.items {
		grouped = grouped || hasAggregate(it.e)
	}
	for _, o := range sel.order {
		grouped = grouped || hasAggregate(o.e)
	}
	if !grouped {
		return nil
	}
	var terms []string
	var groups []groupKey
	for _, g := range spec.group {
		if f, ok := g.(*funcExpr); ok && (f.name == "ROLLUP" || f.name == "CUBE") {
			return errUnsupported("GROUP BY ROLLUP and CUBE")
		}
		e, err := c.bindValue(g, sc)
		if err != nil {
			return err
		}
		k := c.key(g, sc)
		sql := c.sqlOf(e)
		l := c.newLeaf(sql, e.t, e.nullable)
		l.name = e.name
		groups = append(groups, groupKey{k, l})
		if e.t.isString() {
			sql += " COLLATE tsql"
		}
		terms = append(terms, sql)
	}
	sc.grouped, sc.groups, sc.aggregates = true, groups, true
	if len(terms) > 0 {
		b.WriteString(" GROUP BY " + strings.Join(terms, ","))
	}
	if spec.having != nil {
		h, err := c.bindCond(spec.having, sc)
		if err != nil {
			return err
		}
		if len(terms) == 0 {
			b.WriteString(" GROUP BY NULL")
		}
		b.WriteString(" HAVING " + c.sqlOf(h))
	}
	return nil
}

// bindItems binds the select list, with * expanded.
func (c *compiler) bindItems(spec *querySpec, sc *scope, q *query) error {
	for _, it := range spec.items {
		if star, ok := it.e.(*starExpr); ok {
			n := len(q.cols)
			for _, src := range sc.sources {
				if len(star.qualifier) > 0 && !src.matches(star.qualifier) {
					continue
				}
				for i := range src.cols {
					col := &src.cols[i]
					if sc.grouped {
						return abortf(8120, "Column '%s.%s' is invalid in the select list because it is not contained in either an aggregate function or the GROUP BY clause.", src.label(), col.name)
					}
					e := c.newLeaf(col.sql, col.t, col.nullable)
					q.cols = append(q.cols, outCol{name: col.name, t: col.t, nullable: col.nullable, identity: col.identity, e: e})
				}
			}
			if len(q.cols) == n {
				if len(star.qualifier) > 0 {
					return abortf(107, "The column prefix '%s' does not match with a table name or alias name used in the query.", strings.Join(star.qualifier, ".")).class(15)
				}
				return abortf(263, "Must specify table to select from.")
			}
			continue
		}
		e, err := c.bindValue(it.e, sc)
		if err != nil {
			return err
		}
		name := it.alias
		if name == "" {
			if _, ok := it.e.(*colExpr); ok {
				name = e.name
			}
		}
		q.cols = append(q.cols, outCol{name: name, t: e.t, nullable: e.nullable, identity: e.identity, e: e, assign: it.assign, op: it.assignOp})
	}
	return nil
}

// rawItems makes the leaves of all items the columns of q.
func (c *compiler) rawItems(q *query) {
	for _, col := range q.cols {
		q.raw = appendLeaves(q.raw, col.e.leaves)
	}
}

func (c *compiler) itemsSQL(spec *querySpec, q *query, raw bool) string {
	var parts []string
	if raw {
		for i, l := range q.raw {
			parts = append(parts, l.sql+" AS c"+strconv.Itoa(i+1))
		}
		if len(parts) == 0 {
			parts = []string{"NULL AS c1"}
		}
		return strings.Join(parts, ",")
	}
	for i, col := range q.cols {
		s := ""
		if spec.distinct {
			s = c.collated(col.e)
		} else {
			s = c.sqlOf(col.e)
		}
		parts = append(parts, s+" AS c"+strconv.Itoa(i+1))
	}
	list := strings.Join(parts, ",")
	if spec.distinct {
		return "DISTINCT " + list
	}
	return list
}
