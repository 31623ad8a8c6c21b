package tsql

// outputRows collects what the OUTPUT clause of a statement yields.
type outputRows struct {
	r    *runner
	q    *query
	ec   *ectx
	into *table
	cols []int
	old  map[*leaf]int
	new  map[*leaf]int
	rows [][]Value
}

// bindOutput binds an OUTPUT clause; nil if there is none.
func (r *runner) bindOutput(o *outputClause, t *table, verb string) (*outputRows, error) {
	if o == nil {
		return nil, nil
	}
	c := r.s.newCompiler(r.f)
	sc := &scope{}
	if verb != "DELETE" {
		c.addSource(sc, "inserted", tableName{}, "", t.scols(), nil)
	}
	if verb != "INSERT" {
		c.addSource(sc, "deleted", tableName{}, "", t.scols(), nil)
	}
	out := &outputRows{r: r, q: &query{}, old: map[*leaf]int{}, new: map[*leaf]int{}}
	if err := c.bindItems(&querySpec{items: o.items}, sc, out.q); err != nil {
		return nil, err
	}
	for _, col := range out.q.cols {
		for _, l := range col.e.leaves {
			found := false
			for _, src := range sc.sources {
				for i := range src.cols {
					if src.cols[i].sql == l.sql {
						found = true
						if src.alias == "deleted" {
							out.old[l] = i
						} else {
							out.new[l] = i
						}
					}
				}
			}
			if !found {
				return nil, abortf(10705, "Subqueries are not allowed in the OUTPUT clause.")
			}
		}
	}
	out.ec = r.s.newECtx(r.ctx, r.f)
	out.ec.leaf = make([]Value, c.nleaf)
	if o.into != nil {
		var err error
		if out.into, err = r.target(*o.into); err != nil {
			return nil, err
		}
		ins := &insertStmt{cols: o.cols}
		if out.cols, err = r.insertColumns(ins, out.into); err != nil {
			return nil, err
		}
		if err := countColumns(len(out.q.cols), len(out.cols), o.cols != nil, false); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// add computes the output of one changed row.
func (o *outputRows) add(before, after []Value) error {
	if o == nil {
		return nil
	}
	for l, i := range o.old {
		o.ec.leaf[l.slot] = before[i]
	}
	for l, i := range o.new {
		o.ec.leaf[l.slot] = after[i]
	}
	row := make([]Value, len(o.q.cols))
	for i, col := range o.q.cols {
		v, err := col.e.eval(o.ec)
		if err != nil {
			return err
		}
		row[i] = v
	}
	o.rows = append(o.rows, row)
	return nil
}

// finishDML ends a statement that changed n rows, behind its OUTPUT.
func (r *runner) finishDML(out *outputRows, cmd uint16, n int64) error {
	if err := out.finish(); err != nil {
		return err
	}
	r.counted(cmd, n)
	return nil
}

// finish sends the rows, or inserts them where OUTPUT INTO says.
func (o *outputRows) finish() error {
	if o == nil {
		return nil
	}
	if o.into == nil {
		if err := o.r.columns(columnsOf(o.q)); err != nil {
			return err
		}
		for _, row := range o.rows {
			if err := o.r.sink.Row(row); err != nil {
				return err
			}
		}
		return nil
	}
	types := make([]typ, len(o.q.cols))
	for i, col := range o.q.cols {
		types[i] = col.t
	}
	return o.r.s.write(o.r.ctx, !o.into.session, func(st *store) error {
		w := &rowWriter{r: o.r, st: st, t: o.into}
		for _, row := range o.rows {
			full, err := w.fill(row, types, o.cols)
			if err != nil {
				return err
			}
			if _, err := w.insert(full); err != nil {
				return err
			}
		}
		return nil
	})
}
