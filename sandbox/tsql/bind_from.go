package tsql

import (
	"strconv"
	"strings"
)

// fromSQL binds the FROM list and adds its sources to sc.
func (c *compiler) fromSQL(refs []tableRef, sc *scope) (string, error) {
	var parts []string
	for _, r := range refs {
		s, err := c.refSQL(r, sc)
		if err != nil {
			return "", err
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " JOIN "), nil
}

func (c *compiler) refSQL(r tableRef, sc *scope) (string, error) {
	switch x := r.(type) {
	case *namedTable:
		return c.namedSQL(x, sc)
	case *derivedTable:
		return c.derivedSQL(x, sc)
	case *funcTable:
		return c.funcTableSQL(x, sc)
	case *joinTable:
		return c.joinSQL(x, sc)
	}
	return "", errUnsupported("this table source")
}

func (c *compiler) joinSQL(x *joinTable, sc *scope) (string, error) {
	l, err := c.refSQL(x.l, sc)
	if err != nil {
		return "", err
	}
	n := len(sc.sources)
	r, err := c.refSQL(x.r, sc)
	if err != nil {
		return "", err
	}
	if _, nested := x.r.(*joinTable); nested {
		r = "(" + r + ")"
	}
	if x.kind == "CROSS" {
		return l + " JOIN " + r, nil
	}
	on := "1"
	if x.on != nil {
		cond, err := c.bindCond(x.on, sc)
		if err != nil {
			return "", err
		}
		on = c.sqlOf(cond)
	}
	if x.kind == "LEFT" || x.kind == "FULL" {
		nullCols(sc.sources[n:])
	}
	if x.kind == "RIGHT" || x.kind == "FULL" {
		nullCols(sc.sources[:n])
	}
	kind := x.kind
	if kind == "INNER" {
		kind = ""
	}
	return l + " " + kind + " JOIN " + r + " ON " + on, nil
}

func nullCols(list []*source) {
	for _, s := range list {
		for i := range s.cols {
			s.cols[i].nullable = true
		}
	}
}

func (c *compiler) namedSQL(x *namedTable, sc *scope) (string, error) {
	name := x.name
	if name.schema == "" && name.db == "" {
		if info := sc.cte(strings.ToLower(name.name)); info != nil {
			return c.addSource(sc, x.alias, name, info.sql, info.cols, nil), nil
		}
	}
	if name.server != "" {
		return "", abortf(7202, "Could not find server '%s' in sys.servers. Verify that the correct server name was specified.", name.server).class(11).state(2)
	}
	t, v, err := c.s.lookup(c.f, name)
	if err != nil {
		return "", err
	}
	switch {
	case t != nil:
		c.tables = append(c.tables, t)
		return c.addSource(sc, x.alias, name, t.store, t.scols(), t), nil
	case v != nil:
		return c.viewSQL(v, x, sc)
	}
	if cols, sql, err := c.sysView(name); err != nil || cols != nil {
		if err != nil {
			return "", err
		}
		return c.addSource(sc, x.alias, name, sql, cols, nil), nil
	}
	return "", errNoObject(name.full())
}

// full is the name as the statement wrote it.
func (n tableName) full() string {
	parts := []string{}
	for _, p := range []string{n.server, n.db, n.schema, n.name} {
		if p != "" || len(parts) > 0 {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ".")
}

// addSource enters a source into sc and returns its text in FROM.
func (c *compiler) addSource(sc *scope, alias string, name tableName, sql string, cols []scol, t *table) string {
	src := &source{alias: strings.ToLower(alias), name: name, sql: c.alias(), table: t}
	if src.alias == "" {
		src.alias = strings.ToLower(name.name)
	}
	src.cols = make([]scol, len(cols))
	for i, col := range cols {
		col.sql = src.sql + "." + col.sql
		src.cols[i] = col
	}
	sc.sources = append(sc.sources, src)
	return sql + " AS " + src.sql
}

func (c *compiler) viewSQL(v *view, x *namedTable, sc *scope) (string, error) {
	if c.nalias > 10000 {
		return "", abortf(217, "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).")
	}
	db := c.s.db
	c.s.db = v.db
	q, err := c.selectSQL(v.sel, nil, false)
	c.s.db = db
	if err != nil {
		return "", err
	}
	cols, err := cteCols(cte{name: v.name, cols: v.colNames}, q.cols)
	if err != nil {
		return "", err
	}
	return c.addSource(sc, x.alias, x.name, "("+q.sql+")", cols, nil), nil
}

func (c *compiler) derivedSQL(x *derivedTable, sc *scope) (string, error) {
	q, err := c.selectSQL(x.sel, sc.parent, false)
	if err != nil {
		return "", err
	}
	cols, err := cteCols(cte{name: x.alias, cols: x.cols}, q.cols)
	if err != nil {
		return "", err
	}
	return c.addSource(sc, x.alias, tableName{}, "("+q.sql+")", cols, nil), nil
}

// funcTableSQL binds the table-valued functions.
func (c *compiler) funcTableSQL(x *funcTable, sc *scope) (string, error) {
	args, err := c.bindAll(x.args, sc)
	if err != nil {
		return "", err
	}
	need := func(lo, hi int) error {
		if len(args) < lo || len(args) > hi {
			return abortf(313, "An insufficient number of arguments were supplied for the procedure or function %s.", x.name)
		}
		return nil
	}
	alias := x.alias
	if alias == "" {
		alias = x.name
	}
	switch x.name {
	case "STRING_SPLIT":
		if err := need(2, 3); err != nil {
			return "", err
		}
		for i := range 2 {
			if args[i], err = c.coerce(args[i], variable(commonType(args[i].t, varchar(1)))); err != nil {
				return "", err
			}
		}
		parts := compose(tNVarCharMax, args[:2], func(e *ectx) (Value, error) {
			v, err := evalStrings(e, args[:2])
			if err != nil || v == nil {
				return "[]", err
			}
			return jsonStrings(strings.Split(v[0], v[1])), nil
		})
		t := args[0].t
		cols := []scol{{name: "value", t: t, nullable: true, sql: "value"}}
		if len(args) == 3 {
			cols = append(cols, scol{name: "ordinal", t: tBigInt, sql: "key+1"})
		}
		return c.addSource(sc, alias, tableName{}, "json_each("+c.sqlOf(parts)+")", cols, nil), nil
	case "GENERATE_SERIES":
		if err := need(2, 3); err != nil {
			return "", err
		}
		t := commonType(args[0].t, args[1].t)
		if !t.isInt() {
			return "", abortf(5373, "All the input parameters should be of the same type. Supported types are tinyint, smallint, int, bigint, decimal and numeric.")
		}
		step := "1"
		if len(args) == 3 {
			step = c.sqlOf(args[2])
		}
		c.nalias++
		name := "gs" + strconv.Itoa(c.nalias)
		lo, hi := c.sqlOf(args[0]), c.sqlOf(args[1])
		c.prefix = append(c.prefix, name+"(value) AS (SELECT "+lo+" WHERE CASE WHEN "+step+">0 THEN "+lo+"<="+hi+" ELSE "+lo+">="+hi+
			" END UNION ALL SELECT value+"+step+" FROM "+name+" WHERE CASE WHEN "+step+">0 THEN value+"+step+"<="+hi+" ELSE value+"+step+">="+hi+" END)")
		return c.addSource(sc, alias, tableName{}, name, []scol{{name: "value", t: t, sql: "value"}}, nil), nil
	}
	if rows, ok := sysFunctions[x.name]; ok {
		return c.addSource(sc, alias, tableName{}, c.rowsSQL(rows.cols, rows.rows(c.s)), rows.scols(), nil), nil
	}
	return "", errNoObject(strings.ToLower(x.name))
}

// key is a text that is equal for equal expressions in one scope, or "".
func (c *compiler) key(e expr, sc *scope) string {
	switch x := e.(type) {
	case *litExpr:
		return "l" + strconv.Itoa(int(x.kind)) + strconv.Quote(x.text)
	case *varExpr:
		return x.name
	case *colExpr:
		col, _, _, err := sc.find(x.parts)
		if err != nil {
			return ""
		}
		return col.sql
	case *unaryExpr:
		return c.keys(x.op, sc, x.e)
	case *binExpr:
		return c.keys(x.op, sc, x.l, x.r)
	case *cmpExpr:
		return c.keys(x.op, sc, x.l, x.r)
	case *logicExpr:
		return c.keys(strconv.FormatBool(x.and), sc, x.l, x.r)
	case *notExpr:
		return c.keys("not", sc, x.e)
	case *isNullExpr:
		return c.keys("null"+strconv.FormatBool(x.not), sc, x.e)
	case *betweenExpr:
		return c.keys("between"+strconv.FormatBool(x.not), sc, x.e, x.lo, x.hi)
	case *inExpr:
		if x.sub != nil {
			return ""
		}
		return c.keys("in"+strconv.FormatBool(x.not), sc, append([]expr{x.e}, x.list...)...)
	case *likeExpr:
		if x.escape != nil {
			return ""
		}
		return c.keys("like"+strconv.FormatBool(x.not), sc, x.e, x.pattern)
	case *castExpr:
		list := []expr{x.e}
		if x.style != nil {
			list = append(list, x.style)
		}
		return c.keys("cast "+x.t.String(), sc, list...)
	case *funcExpr:
		if x.over != nil || x.within != nil || x.distinct {
			return ""
		}
		args := x.args
		name := x.name
		if datePartFuncs[name] && len(args) > 0 {
			if p, ok := args[0].(*colExpr); ok {
				name += " " + strings.ToLower(p.parts[0])
				args = args[1:]
			}
		}
		return c.keys(name+"()", sc, args...)
	case *caseExpr:
		list := []expr{}
		for _, w := range x.whens {
			list = append(list, w.cond, w.then)
		}
		tag := "case"
		if x.operand != nil {
			list = append(list, x.operand)
			tag = "caseof"
		}
		if x.els != nil {
			list = append(list, x.els)
			tag += "else"
		}
		return c.keys(tag, sc, list...)
	}
	return ""
}

func (c *compiler) keys(tag string, sc *scope, list ...expr) string {
	var b strings.Builder
	b.WriteString(tag + "(")
	for _, e := range list {
		k := c.key(e, sc)
		if k == "" {
			return ""
		}
		b.WriteString(k + ";")
	}
	return b.String() + ")"
}

// hasAggregate reports an aggregate function outside of subqueries and OVER.
func hasAggregate(e expr) bool {
	any := func(list ...expr) bool {
		for _, x := range list {
			if x != nil && hasAggregate(x) {
				return true
			}
		}
		return false
	}
	switch x := e.(type) {
	case *unaryExpr:
		return any(x.e)
	case *binExpr:
		return any(x.l, x.r)
	case *cmpExpr:
		return any(x.l, x.r)
	case *logicExpr:
		return any(x.l, x.r)
	case *notExpr:
		return any(x.e)
	case *isNullExpr:
		return any(x.e)
	case *inExpr:
		return any(append([]expr{x.e}, x.list...)...)
	case *betweenExpr:
		return any(x.e, x.lo, x.hi)
	case *likeExpr:
		return any(x.e, x.pattern)
	case *castExpr:
		return any(x.e, x.style)
	case *caseExpr:
		for _, w := range x.whens {
			if any(w.cond, w.then) {
				return true
			}
		}
		return any(x.operand, x.els)
	case *funcExpr:
		if aggregateNames[x.name] && x.over == nil {
			return true
		}
		if x.over != nil {
			for _, o := range x.over.order {
				if any(o.e) {
					return true
				}
			}
			return any(x.over.partition...) || any(x.args...)
		}
		return any(x.args...)
	}
	return false
}
