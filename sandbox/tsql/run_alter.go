package tsql

import "strings"

// alterTable runs ALTER TABLE.
func (r *runner) alterTable(x *alterTableStmt) error {
	t, err := r.target(x.name)
	if err != nil {
		if numberOf(err) == 208 {
			return errf(4902, `Cannot find the object "%s" because it does not exist or you do not have permissions.`, x.name.full())
		}
		return err
	}
	if x.nop {
		return nil
	}
	n := t.clone()
	return r.s.write(r.ctx, !t.session, func(st *store) error {
		st.forget()
		var err error
		switch {
		case x.alter != nil:
			err = r.alterColumn(st, t, n, x.alter)
		case len(x.dropCols) > 0 || len(x.dropCons) > 0:
			err = r.dropParts(st, n, x)
		default:
			err = r.addParts(st, t, n, x)
		}
		if err == nil {
			r.replace(t, n)
		}
		return err
	})
}

func (r *runner) addParts(st *store, t, n *table, x *alterTableStmt) error {
	cons := x.addCons
	for _, def := range x.add {
		more, err := r.addColumn(n, def)
		if err != nil {
			return err
		}
		cons = append(cons, more...)
		c := n.cols[len(n.cols)-1]
		if err := st.control("ALTER TABLE " + t.store + " ADD COLUMN " + c.store()); err != nil {
			return r.s.storeError(r.ctx, err)
		}
		if err := r.fillColumn(st, n, c); err != nil {
			return err
		}
	}
	for _, def := range cons {
		keys, foreign, checks := len(n.keys), len(n.foreign), len(n.checks)
		if err := r.addConstraint(n, def); err != nil {
			return err
		}
		if len(n.keys) > keys {
			if err := r.createStoreIndex(st, t, n.keys[keys]); err != nil {
				return err
			}
		}
		if len(n.foreign) > foreign {
			if err := r.rebuild(st, n); err != nil {
				return err
			}
		}
		if len(n.checks) > checks {
			if err := r.recheck(n, n.checks[checks]); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillColumn gives existing rows the value of a new column.
func (r *runner) fillColumn(st *store, n *table, c *column) error {
	row, err := st.first(r.ctx, "SELECT 1 FROM "+n.store+" LIMIT 1")
	if err != nil || row == nil {
		return r.s.storeError(r.ctx, err)
	}
	if c.identity || c.computed != nil || c.version {
		return errUnsupported("adding an identity, computed or rowversion column to a table with rows")
	}
	if c.deflt == nil {
		if !c.nullable {
			return errf(4901, "ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT definition specified. Column '%s' cannot be added to non-empty table '%s' because it does not satisfy these conditions.", c.name, n.name)
		}
		return nil
	}
	if c.nullable {
		return nil
	}
	v, t, err := r.eval(c.deflt, false)
	if err != nil {
		return err
	}
	w := &rowWriter{r: r, t: n}
	if v, err = w.assignValue(v, t, c); err != nil {
		return err
	}
	_, err = st.exec(r.ctx, "UPDATE "+n.store+" SET "+c.sql+"=?1", encode(v, c.t))
	return r.s.storeError(r.ctx, err)
}

// recheck refuses a CHECK constraint that existing rows violate.
func (r *runner) recheck(n *table, ck *check) error {
	c := r.s.newCompiler(&frame{s: r.s})
	sc := &scope{}
	from := c.addSource(sc, n.name, tableName{name: n.name}, n.store, n.scols(), n)
	cond, err := c.bindCond(ck.e, sc)
	if err != nil {
		return err
	}
	bad := false
	q := &query{sql: "SELECT 1 AS c1 FROM " + from + " WHERE NOT COALESCE(" + c.sqlOf(cond) + ",1)"}
	err = r.s.runQuery(r.ctx, c, q, 1, func(*execution, []driverValue) error { bad = true; return nil })
	if err == nil && bad {
		return errf(547, `The ALTER TABLE statement conflicted with the CHECK constraint "%s". The conflict occurred in database "%s", table "%s".`, ck.name, n.db.name, n.shortName()).state(0)
	}
	return err
}

func (r *runner) dropParts(st *store, n *table, x *alterTableStmt) error {
	for _, name := range x.dropCons {
		if ok, err := r.dropConstraint(st, n, name); err != nil {
			return err
		} else if !ok && !x.dropExists {
			return errf(3728, "'%s' is not a constraint.", name)
		}
	}
	for _, name := range x.dropCols {
		i, c := n.col(name)
		if c == nil {
			if x.dropExists {
				continue
			}
			return errf(4924, "ALTER TABLE DROP COLUMN failed because column '%s' does not exist in table '%s'.", name, n.name)
		}
		if c.deflt != nil || n.uses(i, name) {
			return errf(5074, "The object is dependent on column '%s'.", name)
		}
		if err := st.control("ALTER TABLE " + n.store + " DROP COLUMN " + c.sql); err != nil {
			return r.s.storeError(r.ctx, err)
		}
		n.removeColumn(i)
	}
	return nil
}

// uses reports that a key or constraint needs a column.
func (t *table) uses(i int, name string) bool {
	in := func(cols []int) bool {
		for _, c := range cols {
			if c == i {
				return true
			}
		}
		return false
	}
	for _, k := range t.keys {
		if in(k.cols) {
			return true
		}
	}
	for _, fk := range t.foreign {
		if in(fk.cols) {
			return true
		}
	}
	for _, ck := range t.checks {
		if strings.EqualFold(ck.col, name) {
			return true
		}
	}
	return false
}

// removeColumn takes column i out and renumbers what refers to later ones.
func (t *table) removeColumn(i int) {
	t.cols = append(t.cols[:i], t.cols[i+1:]...)
	shift := func(cols []int) []int {
		out := make([]int, len(cols))
		for j, c := range cols {
			if out[j] = c; c > i {
				out[j]--
			}
		}
		return out
	}
	for j, k := range t.keys {
		n := *k
		n.cols = shift(k.cols)
		t.keys[j] = &n
	}
	for j, fk := range t.foreign {
		n := *fk
		n.cols = shift(fk.cols)
		t.foreign[j] = &n
	}
}

func (r *runner) dropConstraint(st *store, n *table, name string) (bool, error) {
	for i, k := range n.keys {
		if k.constraint && strings.EqualFold(k.name, name) {
			schema, _, _ := strings.Cut(n.store, ".")
			n.keys = append(n.keys[:i], n.keys[i+1:]...)
			return true, r.s.storeError(r.ctx, st.control("DROP INDEX "+schema+"."+k.sql))
		}
	}
	for i, ck := range n.checks {
		if strings.EqualFold(ck.name, name) {
			n.checks = append(n.checks[:i], n.checks[i+1:]...)
			return true, nil
		}
	}
	for i, fk := range n.foreign {
		if strings.EqualFold(fk.name, name) {
			n.foreign = append(n.foreign[:i], n.foreign[i+1:]...)
			return true, r.rebuild(st, n)
		}
	}
	for i, c := range n.cols {
		if c.deflt != nil && strings.EqualFold(c.defltName, name) {
			next := *c
			next.deflt, next.defltName, next.defltText = nil, "", ""
			n.cols[i] = &next
			return true, nil
		}
	}
	return false, nil
}

// rebuild makes the SQLite table anew, for what SQLite cannot alter.
func (r *runner) rebuild(st *store, n *table) error {
	old := *n
	id := r.s.eng.cat.newID()
	n.store = storeName(id, n.session)
	keys := n.keys
	n.keys = nil
	if err := r.createStore(st, n); err != nil {
		return err
	}
	all := make([]int, len(n.cols))
	for i := range all {
		all[i] = i
	}
	cols := n.sqlCols(all)
	for _, sql := range []string{"INSERT INTO " + n.store + "(rowid," + cols + ") SELECT rowid," + cols + " FROM " + old.store, "DROP TABLE " + old.store} {
		if err := st.control(sql); err != nil {
			if strings.Contains(err.Error(), "FOREIGN KEY") {
				return errf(547, "The ALTER TABLE statement conflicted with a FOREIGN KEY constraint.").state(0)
			}
			return r.s.storeError(r.ctx, err)
		}
	}
	n.keys = keys
	for _, k := range n.keys {
		if err := r.createStoreIndex(st, n, k); err != nil {
			return err
		}
	}
	return nil
}

// alterColumn changes the type or nullability of a column and converts its
// values.
func (r *runner) alterColumn(st *store, t, n *table, def *columnDef) error {
	i, c := n.col(def.name)
	if c == nil {
		return errf(4924, "ALTER TABLE ALTER COLUMN failed because column '%s' does not exist in table '%s'.", def.name, n.name)
	}
	next := *c
	next.t = def.t
	next.nullable = !def.notNull
	n.cols[i] = &next
	comp := r.s.newCompiler(&frame{s: r.s})
	sc := &scope{}
	from := comp.addSource(sc, t.name, tableName{name: t.name}, t.store, t.scols(), t)
	w := &rowWriter{r: r, st: st, t: n, verb: "UPDATE"}
	type change struct {
		id int64
		v  Value
	}
	var list []change
	src := sc.sources[0]
	q := &query{sql: "SELECT " + src.sql + ".rowid AS c1," + src.cols[i].sql + " AS c2 FROM " + from}
	err := r.s.runQuery(r.ctx, comp, q, 2, func(_ *execution, vals []driverValue) error {
		v, err := w.assignValue(decode(vals[1], c.t), c.t, &next)
		if err != nil {
			return err
		}
		if v == nil && !next.nullable {
			return errf(515, "Cannot insert the value NULL into column '%s', table '%s'; column does not allow nulls. UPDATE fails.", c.name, n.fullName()).state(2).terminates()
		}
		id, _ := vals[0].(int64)
		list = append(list, change{id, v})
		return nil
	})
	if err != nil {
		return err
	}
	for _, ch := range list {
		if _, err := st.exec(r.ctx, "UPDATE "+t.store+" SET "+c.sql+"=?2 WHERE rowid=?1", ch.id, encode(ch.v, next.t)); err != nil {
			return w.constraint(err, nil)
		}
	}
	return nil
}
