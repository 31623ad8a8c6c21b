package tsql

import (
	"errors"
	"strings"
)

// errEnough stops a query at SET ROWCOUNT.
var errEnough = errors.New("tsql: enough rows")

// query runs a SELECT: rows to the client, into a new table, or to variables.
func (r *runner) query(x *queryStmt) error {
	sel := x.sel
	if sel.into != nil {
		return r.selectInto(x)
	}
	spec, _ := sel.body.(*querySpec)
	assign := spec != nil && len(spec.items) > 0 && spec.items[0].assign != ""
	if spec != nil {
		for _, it := range spec.items {
			if (it.assign != "") != assign {
				return abortf(141, "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations.").class(15)
			}
		}
	}
	c := r.s.newCompiler(r.f)
	q, err := c.statementSQL(sel, assign)
	if err != nil {
		return err
	}
	if assign {
		return r.assign(c, q)
	}
	if q.nofrom {
		return r.literalRow(q)
	}
	if err := r.implicit(); err != nil {
		return err
	}
	n, err := r.send(c, q)
	if err != nil {
		return err
	}
	r.counted(cmdSelect, n)
	return nil
}

func columnsOf(q *query) []Column {
	cols := make([]Column, len(q.cols))
	for i, o := range q.cols {
		cols[i] = Column{Name: o.name, Type: o.t.info(), Nullable: o.nullable || o.t.isNull(), Identity: o.identity}
	}
	return cols
}

// literalRow answers a SELECT without FROM, which needs no SQLite.
func (r *runner) literalRow(q *query) error {
	x := r.s.newECtx(r.ctx, r.f)
	row := make([]Value, len(q.cols))
	var err error
	for i, o := range q.cols {
		if row[i], err = o.e.eval(x); err != nil {
			// The server has described the result by the time it computes it.
			return errors.Join(r.columns(columnsOf(q)), err)
		}
	}
	if err := r.columns(columnsOf(q)); err != nil {
		return err
	}
	if r.s.opts.fmtOnly {
		r.counted(cmdSelect, 0)
		return nil
	}
	if err := r.sink.Row(row); err != nil {
		return err
	}
	r.counted(cmdSelect, 1)
	return nil
}

// send runs q and sends its rows.
func (r *runner) send(c *compiler, q *query) (int64, error) {
	if err := r.columns(columnsOf(q)); err != nil {
		return 0, err
	}
	if r.s.opts.fmtOnly {
		return 0, nil
	}
	row := make([]Value, len(q.cols))
	var n int64
	limit := r.s.opts.rowCount
	err := r.s.runQuery(r.ctx, c, q, len(q.cols), func(_ *execution, vals []driverValue) error {
		for i := range vals {
			row[i] = decode(vals[i], q.cols[i].t)
		}
		if err := r.sink.Row(row); err != nil {
			return err
		}
		n++
		if limit > 0 && n >= limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return n, err
}

// collect runs q and keeps its rows.
func (r *runner) collect(c *compiler, q *query) ([][]Value, error) {
	var rows [][]Value
	if q.nofrom {
		x := r.s.newECtx(r.ctx, r.f)
		row := make([]Value, len(q.cols))
		for i, o := range q.cols {
			v, err := o.e.eval(x)
			if err != nil {
				return nil, err
			}
			row[i] = v
		}
		return [][]Value{row}, nil
	}
	limit := r.s.opts.rowCount
	err := r.s.runQuery(r.ctx, c, q, len(q.cols), func(_ *execution, vals []driverValue) error {
		row := make([]Value, len(vals))
		for i := range vals {
			row[i] = decode(vals[i], q.cols[i].t)
		}
		rows = append(rows, row)
		if limit > 0 && int64(len(rows)) >= limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return rows, err
}

// assign runs SELECT @v = e: the variables take the values of the last row.
func (r *runner) assign(c *compiler, q *query) error {
	var n int64
	set := func(x *ectx) error {
		n++
		for _, o := range q.cols {
			v, err := o.e.eval(x)
			if err != nil {
				return err
			}
			if err := r.store(o.assign, o.op, v, o.t); err != nil {
				return err
			}
		}
		return nil
	}
	if q.nofrom {
		if err := set(r.s.newECtx(r.ctx, r.f)); err != nil {
			return err
		}
	} else {
		if err := r.implicit(); err != nil {
			return err
		}
		err := r.s.runQuery(r.ctx, c, q, max(1, len(q.raw)), func(ex *execution, vals []driverValue) error {
			for i, l := range q.raw {
				ex.leaf[l.slot] = decode(vals[i], l.t)
			}
			return set(&ex.ectx)
		})
		if err != nil {
			return err
		}
	}
	r.counted(cmdSelect, n)
	return nil
}

// store assigns to a variable with an operator like = or +=.
func (r *runner) store(name, op string, v Value, t typ) error {
	lv := r.f.vars[name]
	if lv == nil {
		return abortf(137, `Must declare the scalar variable "%s".`, name).class(15).state(2)
	}
	if op != "=" {
		c := r.s.newCompiler(r.f)
		e, err := c.arith(strings.TrimSuffix(op, "="), constant(lv.val, lv.t), constant(v, t))
		if err != nil {
			return err
		}
		if v, err = e.eval(r.s.newECtx(r.ctx, r.f)); err != nil {
			return err
		}
		t = e.t
	}
	if err := implicitOK(t, lv.t); err != nil && !t.isNull() {
		return err
	}
	v, err := convert(v, t, lv.t, convOpts{dateFormat: r.s.opts.dateFormat})
	if err != nil {
		return err
	}
	lv.val = v
	return nil
}

func (r *runner) setVar(x *setVarStmt) error {
	v, t, err := r.eval(x.e, false)
	if err != nil {
		return err
	}
	if err := r.store(x.name, x.op, v, t); err != nil {
		return err
	}
	r.s.rowcount, r.s.lastErr = 1, 0
	return nil
}

func (r *runner) declare(x *declareStmt) error {
	for _, v := range x.vars {
		if v.table != nil {
			t, err := r.newTable(v.table, true)
			if err != nil {
				return err
			}
			if r.f.tables == nil {
				r.f.tables = map[string]*table{}
			}
			r.f.tables[v.name] = t
			r.s.temps = append(r.s.temps, tempTable{t, max(r.nested, 0) + 1})
			continue
		}
		lv := &localVar{t: v.t}
		if old := r.f.vars[v.name]; old != nil && v.init == nil {
			continue // a DECLARE inside a loop runs once
		}
		r.f.vars[v.name] = lv
		if v.init != nil {
			val, t, err := r.eval(v.init, false)
			if err != nil {
				return err
			}
			if err := r.store(v.name, "=", val, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// selectInto makes a table of the result's columns and fills it.
func (r *runner) selectInto(x *queryStmt) error {
	sel := *x.sel
	name := *sel.into
	sel.into = nil
	if err := r.implicit(); err != nil {
		return err
	}
	c := r.s.newCompiler(r.f)
	q, err := c.statementSQL(&sel, false)
	if err != nil {
		return err
	}
	def := &createTableStmt{stmtPos: x.stmtPos, name: name}
	seen := map[string]bool{}
	for i, o := range q.cols {
		if o.name == "" {
			return abortf(1038, "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as \"\" or [] are not allowed. Change the alias to a valid name.").class(15).state(5)
		}
		if seen[strings.ToLower(o.name)] {
			return abortf(2705, "Column names in each table must be unique. Column name '%s' in table '%s' is specified more than once.", o.name, name.name).state(3)
		}
		seen[strings.ToLower(o.name)] = true
		t := o.t
		if t.isNull() {
			t = tInt
		}
		col := columnDef{name: o.name, t: t, typeSet: true, notNull: !o.nullable, nullSet: true}
		if o.identity {
			col.identity, col.seed, col.inc = true, 1, 1
		}
		q.cols[i].t = t
		def.cols = append(def.cols, col)
	}
	rows, err := r.collect(c, q)
	if err != nil {
		return err
	}
	if err := r.checkNewName(name); err != nil {
		return err
	}
	t, err := r.newTable(def, isTemp(name.name))
	if err != nil {
		return err
	}
	err = r.s.write(r.ctx, !t.session, func(st *store) error {
		w := &rowWriter{r: r, st: st, t: t, all: true}
		for _, row := range rows {
			if _, err := w.insert(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.counted(cmdSelect, int64(len(rows)))
	return nil
}
