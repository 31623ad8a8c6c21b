package tsql

// insert runs INSERT.
func (r *runner) insert(x *insertStmt) error {
	t, err := r.target(x.target)
	if err != nil {
		return err
	}
	cols, err := r.insertColumns(x, t)
	if err != nil {
		return err
	}
	if err := r.implicit(); err != nil {
		return err
	}
	out, err := r.bindOutput(x.output, t, "INSERT")
	if err != nil {
		return err
	}
	var rows [][]Value
	var types []typ
	if x.exec != nil {
		if rows, types, err = r.capture(x.exec); err != nil {
			return err
		}
		if len(types) > 0 && len(types) != len(cols) {
			return errf(213, "Column name or number of supplied values does not match table definition.")
		}
	}
	var n int64
	write := func(st *store) error {
		if x.exec == nil {
			var err error
			if rows, types, err = r.insertRows(x, t, cols); err != nil {
				return err
			}
		}
		w := &rowWriter{r: r, st: st, t: t}
		for _, row := range rows {
			full, err := w.fill(row, types, cols)
			if err != nil {
				return err
			}
			if _, err := w.insert(full); err != nil {
				return err
			}
			if err := out.add(nil, full); err != nil {
				return err
			}
			n++
		}
		return nil
	}
	if err := r.s.write(r.ctx, !t.session, write); err != nil {
		return err
	}
	return r.finishDML(out, cmdInsert, n)
}

// insertColumns resolves the column list: the indexes of the columns given.
func (r *runner) insertColumns(x *insertStmt, t *table) ([]int, error) {
	var cols []int
	on := r.s.opts.identityID == t.id
	if x.cols == nil {
		if x.defaults {
			return nil, nil
		}
		for i, c := range t.cols {
			if c.computed == nil && !c.version && (!c.identity || on) {
				cols = append(cols, i)
			}
		}
		if on && t.identityCol() >= 0 {
			return nil, errf(8101, "An explicit value for the identity column in table '%s' can only be specified when a column list is used and IDENTITY_INSERT is ON.", t.name)
		}
		return cols, nil
	}
	seen := map[int]bool{}
	for _, name := range x.cols {
		i, c := t.col(name)
		switch {
		case c == nil:
			return nil, errNoColumn(name)
		case seen[i]:
			return nil, abortf(264, "The column name '%s' is specified more than once in the SET clause or column list of an INSERT.", name)
		case c.computed != nil:
			return nil, abortf(271, `The column "%s" cannot be modified because it is either a computed column or is the result of a UNION operator.`, name)
		case c.version:
			return nil, abortf(273, "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp column, or insert a DEFAULT into the timestamp column.")
		case c.identity && !on:
			return nil, errf(544, "Cannot insert explicit value for identity column in table '%s' when IDENTITY_INSERT is set to OFF.", t.name)
		}
		seen[i] = true
		cols = append(cols, i)
	}
	if i := t.identityCol(); on && i >= 0 && !seen[i] {
		return nil, errf(545, "Explicit value must be specified for identity column in table '%s' either when IDENTITY_INSERT is set to ON or when a replication user is inserting into a NOT FOR REPLICATION identity column.", t.name)
	}
	return cols, nil
}

// useDefault marks a value written as DEFAULT.
type useDefault struct{}

// insertRows computes the rows to insert and their types.
func (r *runner) insertRows(x *insertStmt, t *table, cols []int) ([][]Value, []typ, error) {
	if x.defaults {
		return [][]Value{nil}, nil, nil
	}
	c := r.s.newCompiler(r.f)
	if v, ok := x.source.body.(*valuesExpr); ok && len(x.source.ctes) == 0 {
		rows, types, done, err := r.literalRows(c, v, cols, t)
		if done || err != nil {
			return rows, types, err
		}
		c = r.s.newCompiler(r.f)
	}
	q, err := c.statementSQL(x.source, false)
	if err != nil {
		return nil, nil, err
	}
	if err := countColumns(len(q.cols), len(cols), x.cols != nil, false); err != nil {
		return nil, nil, err
	}
	types := make([]typ, len(q.cols))
	for i, o := range q.cols {
		types[i] = o.t
	}
	rows, err := r.collect(c, q)
	if x.top != nil && err == nil {
		n, err := r.topCount(x.top, len(rows))
		return rows[:n], types, err
	}
	return rows, types, err
}

func countColumns(have, want int, listed, values bool) error {
	switch {
	case have == want:
		return nil
	case !listed:
		return abortf(213, "Column name or number of supplied values does not match table definition.")
	case values && have < want:
		return abortf(109, "There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.").class(15)
	case values:
		return abortf(110, "There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.").class(15)
	case have < want:
		return abortf(120, "The select list for the INSERT statement contains fewer items than the insert list. The number of SELECT values must match the number of INSERT columns.").class(15)
	}
	return abortf(121, "The select list for the INSERT statement contains more items than the insert list. The number of SELECT values must match the number of INSERT columns.").class(15)
}

// literalRows evaluates VALUES rows without SQLite; done is false if one has a
// subquery. Each value keeps its own type: it is converted to the column's.
func (r *runner) literalRows(c *compiler, v *valuesExpr, cols []int, t *table) (rows [][]Value, types []typ, done bool, err error) {
	x := r.s.newECtx(r.ctx, r.f)
	w := &rowWriter{r: r, t: t}
	for _, row := range v.rows {
		if err := countColumns(len(row), len(cols), true, true); err != nil {
			return nil, nil, true, err
		}
		out := make([]Value, len(row))
		for i, e := range row {
			if e == nil {
				out[i] = useDefault{}
				continue
			}
			b, err := c.bindValue(e, nil)
			if err != nil {
				return nil, nil, true, err
			}
			if len(b.leaves) > 0 {
				return nil, nil, false, nil
			}
			val, err := b.eval(x)
			if err != nil {
				return nil, nil, true, err
			}
			if out[i], err = w.assignValue(val, b.t, t.cols[cols[i]]); err != nil {
				return nil, nil, true, err
			}
		}
		rows = append(rows, out)
	}
	for _, i := range cols {
		types = append(types, t.cols[i].t)
	}
	return rows, types, true, nil
}

// fill makes a full row of the values given: conversion, identity, defaults.
func (w *rowWriter) fill(row []Value, types []typ, cols []int) ([]Value, error) {
	if err := w.prepare(); err != nil {
		return nil, err
	}
	s := w.r.s
	full := make([]Value, len(w.t.cols))
	given := make([]bool, len(w.t.cols))
	for i, c := range cols {
		if i >= len(row) {
			break
		}
		if _, ok := row[i].(useDefault); ok {
			continue
		}
		v, err := w.assignValue(row[i], types[i], w.t.cols[c])
		if err != nil {
			return nil, err
		}
		full[c], given[c] = v, true
	}
	for i, col := range w.t.cols {
		switch {
		case col.identity && given[i]:
			if n, ok := toInt(full[i]); ok {
				w.t.identity.see(n)
				s.setIdentity(w.r.f, full[i], col.t)
			}
		case col.identity:
			v, err := convert(w.t.identity.next(), tBigInt, col.t, convOpts{})
			if err != nil {
				return nil, errf(8115, "Arithmetic overflow error converting IDENTITY to data type %s.", kindNames[col.t.kind]).terminates()
			}
			full[i] = v
			s.setIdentity(w.r.f, v, col.t)
		case given[i] || w.defaults[i] == nil:
		default:
			d := w.defaults[i]
			v, err := d.eval(w.ec)
			if err != nil {
				return nil, err
			}
			if full[i], err = w.assignValue(v, d.t, col); err != nil {
				return nil, err
			}
		}
	}
	return full, nil
}

func (s *Session) setIdentity(f *frame, v Value, t typ) {
	d, err := convert(v, t, decimalType(38, 0), convOpts{})
	if err == nil {
		s.identity, f.scopeID = d, d
	}
}
