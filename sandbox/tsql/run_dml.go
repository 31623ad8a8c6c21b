package tsql

import (
	"strconv"
	"strings"
)

// target finds the table that a statement changes.
func (r *runner) target(n tableName) (*table, error) {
	t, v, err := r.s.lookup(r.f, n)
	switch {
	case err != nil:
		return nil, err
	case v != nil:
		return nil, abortf(4406, "Update or insert of view or function '%s' failed because it contains a derived or constant field.", n.name)
	case t == nil:
		return nil, errNoObject(n.full())
	}
	return t, nil
}

// changed finds the rows of an UPDATE or DELETE: it returns a query whose first
// column is the rowid, and the scope to bind expressions in.
func (r *runner) changed(c *compiler, ctes []cte, target tableName, from []tableRef) (sc *scope, src *source, with, fromSQL string, err error) {
	outer := &scope{}
	if with, err = c.bindCTEs(ctes, outer); err != nil {
		return
	}
	sc = &scope{parent: outer}
	if len(from) > 0 {
		if fromSQL, err = c.fromSQL(from, sc); err != nil {
			return
		}
		for _, s := range sc.sources {
			byAlias := target.schema == "" && target.db == "" && s.alias == strings.ToLower(target.name)
			if byAlias || s.table != nil && strings.EqualFold(s.name.name, target.name) && src == nil {
				src = s
			}
		}
	}
	if src == nil {
		var t *table
		if t, err = r.target(target); err != nil {
			return
		}
		c.tables = append(c.tables, t)
		text := c.addSource(sc, "", target, t.store, t.scols(), t)
		src = sc.sources[len(sc.sources)-1]
		if fromSQL != "" {
			fromSQL += " JOIN " + text
		} else {
			fromSQL = text
		}
	}
	if src.table == nil {
		err = abortf(4406, "Update or insert of view or function '%s' failed because it contains a derived or constant field.", target.name)
	}
	return
}

// change is one row of an UPDATE or DELETE.
type change struct {
	rowid int64
	old   []Value
	vals  []Value
}

// find runs the query of an UPDATE or DELETE.
func (r *runner) find(c *compiler, sc *scope, src *source, with, from string, where expr, top *topClause, exprs []*bexpr) ([]change, error) {
	cols := []string{src.sql + ".rowid AS c1"}
	for _, col := range src.cols {
		cols = append(cols, col.sql+" AS c"+strconv.Itoa(len(cols)+1))
	}
	for _, e := range exprs {
		cols = append(cols, c.sqlOf(e)+" AS c"+strconv.Itoa(len(cols)+1))
	}
	sql := with + "SELECT " + strings.Join(cols, ",") + " FROM " + from
	if where != nil {
		w, err := c.bindCond(where, sc)
		if err != nil {
			return nil, err
		}
		sql += " WHERE " + c.sqlOf(w)
	}
	q := &query{sql: sql}
	var list []change
	seen := map[int64]bool{}
	t := src.table
	err := r.s.runQuery(r.ctx, c, q, len(cols), func(_ *execution, vals []driverValue) error {
		id, ok := vals[0].(int64)
		if !ok || seen[id] {
			return nil
		}
		seen[id] = true
		ch := change{rowid: id, old: make([]Value, len(t.cols)), vals: make([]Value, len(exprs))}
		for i, col := range t.cols {
			ch.old[i] = decode(vals[1+i], col.t)
		}
		for i, e := range exprs {
			ch.vals[i] = decode(vals[1+len(t.cols)+i], e.t)
		}
		list = append(list, ch)
		return nil
	})
	if err != nil {
		return nil, err
	}
	n, err := r.topCount(top, len(list))
	if limit := r.s.opts.rowCount; limit > 0 && int64(n) > limit {
		n = int(limit)
	}
	return list[:n], err
}

// topCount is how many of n rows TOP leaves.
func (r *runner) topCount(top *topClause, n int) (int, error) {
	if top == nil {
		return n, nil
	}
	v, t, err := r.eval(top.n, false)
	if err != nil {
		return 0, err
	}
	if top.percent {
		f, _ := toFloat(v)
		return min(n, int(f*float64(n)/100+0.999999)), nil
	}
	if v, err = convert(v, t, tBigInt, convOpts{}); err != nil {
		return 0, err
	}
	k, ok := v.(int64)
	if !ok || k < 0 {
		return 0, abortf(1060, "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.").class(15)
	}
	return int(min(k, int64(n))), nil
}

// update runs UPDATE.
func (r *runner) update(x *updateStmt) error {
	if err := r.implicit(); err != nil {
		return err
	}
	c := r.s.newCompiler(r.f)
	sc, src, with, from, err := r.changed(c, x.ctes, x.target, x.from)
	if err != nil {
		return err
	}
	t := src.table
	var cols []int // of the SET items; -1 for a variable alone
	var exprs []*bexpr
	for _, set := range x.sets {
		i := -1
		if set.col != "" {
			var col *column
			if i, col = t.col(set.col); col == nil {
				return errNoColumn(set.col)
			}
			if col.identity {
				return errf(8102, "Cannot update identity column '%s'.", col.name)
			}
			if col.computed != nil || col.version {
				return abortf(271, `The column "%s" cannot be modified because it is either a computed column or is the result of a UNION operator.`, col.name)
			}
		}
		e, err := r.bindSet(c, sc, src, set, i)
		if err != nil {
			return err
		}
		cols, exprs = append(cols, i), append(exprs, e)
	}
	out, err := r.bindOutput(x.output, t, "UPDATE")
	if err != nil {
		return err
	}
	var n int64
	err = r.s.write(r.ctx, !t.session, func(st *store) error {
		list, err := r.find(c, sc, src, with, from, x.where, x.top, exprs)
		if err != nil {
			return err
		}
		w := &rowWriter{r: r, st: st, t: t, verb: "UPDATE"}
		var set []int
		for _, i := range cols {
			if i >= 0 {
				set = append(set, i)
			}
		}
		written := w.written(set)
		for _, ch := range list {
			row := append([]Value(nil), ch.old...)
			for k, i := range cols {
				v := ch.vals[k]
				if i >= 0 {
					if v, err = w.assignValue(v, exprs[k].t, t.cols[i]); err != nil {
						return err
					}
					row[i] = v
				}
				if name := x.sets[k].variable; name != "" {
					vt := exprs[k].t
					if i >= 0 {
						vt = t.cols[i].t
					}
					if err := r.store(name, "=", v, vt); err != nil {
						return err
					}
				}
			}
			if len(written) > 0 {
				if err := w.update(ch.rowid, row, written); err != nil {
					return err
				}
			}
			if err := out.add(ch.old, row); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.finishDML(out, cmdUpdate, n)
}

// bindSet binds the value of a SET item.
func (r *runner) bindSet(c *compiler, sc *scope, src *source, set setClause, col int) (*bexpr, error) {
	if set.e == nil { // DEFAULT
		d := src.table.cols[col].deflt
		if d == nil {
			return constant(nil, tNull), nil
		}
		return c.bindValue(d, nil)
	}
	e, err := c.bindValue(set.e, sc)
	if err != nil || set.op == "=" {
		return e, err
	}
	var left *bexpr
	if set.col != "" {
		left, err = c.bindValue(&colExpr{[]string{src.alias, set.col}}, &scope{sources: []*source{src}})
	} else {
		left, err = c.bindVar(&varExpr{set.variable})
	}
	if err != nil {
		return nil, err
	}
	return c.arith(strings.TrimSuffix(set.op, "="), left, e)
}

// delete runs DELETE.
func (r *runner) delete(x *deleteStmt) error {
	if err := r.implicit(); err != nil {
		return err
	}
	c := r.s.newCompiler(r.f)
	sc, src, with, from, err := r.changed(c, x.ctes, x.target, x.from)
	if err != nil {
		return err
	}
	t := src.table
	out, err := r.bindOutput(x.output, t, "DELETE")
	if err != nil {
		return err
	}
	var n int64
	err = r.s.write(r.ctx, !t.session, func(st *store) error {
		if x.where == nil && len(x.from) == 0 && x.top == nil && out == nil && r.s.opts.rowCount == 0 {
			n, err = st.exec(r.ctx, "DELETE FROM "+t.store+" WHERE 1")
			return r.deleteError(st, t, err)
		}
		list, err := r.find(c, sc, src, with, from, x.where, x.top, nil)
		if err != nil {
			return err
		}
		for _, ch := range list {
			if _, err := st.exec(r.ctx, "DELETE FROM "+t.store+" WHERE rowid=?1", ch.rowid); err != nil {
				return r.deleteError(st, t, err)
			}
			if err := out.add(ch.old, nil); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.finishDML(out, cmdDelete, n)
}

func (r *runner) deleteError(st *store, t *table, err error) error {
	if err == nil {
		return nil
	}
	w := &rowWriter{r: r, st: st, t: t, verb: "DELETE"}
	return w.constraint(err, nil)
}
