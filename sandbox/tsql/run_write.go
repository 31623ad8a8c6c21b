package tsql

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// rowWriter inserts and updates rows of one table: conversion to the columns'
// types, defaults, identity, NULL and CHECK rules happen here, keys and foreign
// keys in SQLite.
type rowWriter struct {
	r    *runner
	st   *store
	t    *table
	verb string // INSERT or UPDATE, for messages
	// all: rows hold a value for every column, identity included.
	all bool

	sql      string
	rules    []rule
	computed []rule
	defaults []*bexpr
	ready    bool
	ec       *ectx
}

// rule is an expression over the columns of the row being written.
type rule struct {
	col  int // of computed columns
	chk  *check
	e    *bexpr
	cols []*leaf
}

// prepare binds defaults, checks and computed columns once per statement.
func (w *rowWriter) prepare() error {
	if w.ready {
		return nil
	}
	w.ready = true
	if w.verb == "" {
		w.verb = "INSERT"
	}
	s := w.r.s
	c := s.newCompiler(&frame{s: s})
	sc := &scope{}
	c.addSource(sc, w.t.name, tableName{name: w.t.name}, w.t.store, w.t.scols(), w.t)
	bind := func(e expr, cond bool) (rule, error) {
		var b *bexpr
		var err error
		if cond {
			b, err = c.bindCond(e, sc)
		} else {
			b, err = c.bindValue(e, sc)
		}
		if err != nil {
			return rule{}, err
		}
		for _, l := range b.leaves {
			if l.col < 0 {
				return rule{}, abortf(1046, "Subqueries are not allowed in this context. Only scalar expressions are allowed.").class(15)
			}
		}
		return rule{e: b, cols: b.leaves}, nil
	}
	w.defaults = make([]*bexpr, len(w.t.cols))
	for i, col := range w.t.cols {
		if col.computed != nil {
			ru, err := bind(col.computed, false)
			if err != nil {
				return err
			}
			ru.col = i
			w.computed = append(w.computed, ru)
		}
		if col.deflt != nil {
			d, err := c.bindValue(col.deflt, nil)
			if err != nil {
				return err
			}
			w.defaults[i] = d
		}
	}
	for _, ck := range w.t.checks {
		ru, err := bind(ck.e, true)
		if err != nil {
			return err
		}
		ru.chk = ck
		w.rules = append(w.rules, ru)
	}
	w.ec = s.newECtx(w.r.ctx, c.f)
	w.ec.leaf = make([]Value, c.nleaf)
	return nil
}

// assignValue converts v to the type of a column as INSERT and UPDATE do: what
// does not fit is an error.
func (w *rowWriter) assignValue(v Value, from typ, col *column) (Value, error) {
	if v == nil {
		return nil, nil
	}
	to := col.t
	if !from.isNull() {
		if err := implicitOK(from, to); err != nil {
			return nil, err
		}
	}
	o := convOpts{dateFormat: w.r.s.opts.dateFormat}
	if (to.isString() || to.isBinary()) && !to.isMax() {
		wide := to
		wide.size = maxSize
		wide = variable(wide)
		if wide.kind == kBinary {
			wide.kind = kVarBinary
		}
		if from.isInt() && to.isBinary() {
			wide = to
		}
		x, err := convert(v, from, wide, o)
		if err != nil {
			return nil, err
		}
		over := false
		switch y := x.(type) {
		case string:
			if n := strLen(y, to); n > to.size {
				y = strings.TrimRight(y, " ")
				over = strLen(y, to) > to.size
				x = y
			}
		case []byte:
			over = len(y) > to.size
		}
		if over {
			text, _ := toText(x, wide, convOpts{})
			return nil, errf(2628, "String or binary data would be truncated in table '%s', column '%s'. Truncated value: '%s'.", w.t.fullName(), col.name, cutString(text, to.size, to)).terminates()
		}
		v, from = x, wide
	}
	return convert(v, from, to, o)
}

// finish fills computed columns and checks the rules of a complete row.
func (w *rowWriter) finish(row []Value) error {
	set := func(ru rule) {
		for _, l := range ru.cols {
			w.ec.leaf[l.slot] = row[l.col]
		}
	}
	for _, ru := range w.computed {
		set(ru)
		v, err := ru.e.eval(w.ec)
		if err != nil {
			return err
		}
		if row[ru.col], err = convert(v, ru.e.t, w.t.cols[ru.col].t, convOpts{}); err != nil {
			return err
		}
	}
	for i, col := range w.t.cols {
		if col.version {
			row[i] = binary.BigEndian.AppendUint64(nil, w.r.s.eng.version.Add(1))
		}
		if row[i] == nil && !col.nullable {
			return errf(515, "Cannot insert the value NULL into column '%s', table '%s'; column does not allow nulls. %s fails.", col.name, w.t.fullName(), w.verb).state(2).terminates()
		}
	}
	for _, ru := range w.rules {
		set(ru)
		v, err := ru.e.eval(w.ec)
		if err != nil {
			return err
		}
		if v == false {
			where := ""
			if ru.chk.col != "" {
				where = ", column '" + ru.chk.col + "'"
			}
			return errf(547, `The %s statement conflicted with the CHECK constraint "%s". The conflict occurred in database "%s", table "%s"%s.`, w.verb, ru.chk.name, w.t.db.name, w.t.shortName(), where).state(0).terminates()
		}
	}
	return nil
}

// insert writes a row that has a value for every column, already of its type,
// and returns its rowid.
func (w *rowWriter) insert(row []Value) (int64, error) {
	if err := w.prepare(); err != nil {
		return 0, err
	}
	if err := w.finish(row); err != nil {
		return 0, err
	}
	if w.sql == "" {
		var cols, marks []string
		for i, c := range w.t.cols {
			cols = append(cols, c.sql)
			marks = append(marks, "?"+strconv.Itoa(i+1))
		}
		w.sql = "INSERT INTO " + w.t.store + "(" + strings.Join(cols, ",") + ") VALUES(" + strings.Join(marks, ",") + ") RETURNING rowid"
	}
	args := make([]driverValue, len(row))
	for i, v := range row {
		args[i] = encode(v, w.t.cols[i].t)
	}
	out, err := w.st.first(w.r.ctx, w.sql, args...)
	if err != nil {
		return 0, w.constraint(err, row)
	}
	id, _ := out[0].(int64)
	return id, nil
}

// update writes new values of some columns to the row with a rowid.
func (w *rowWriter) update(rowid int64, row []Value, cols []int) error {
	if err := w.prepare(); err != nil {
		return err
	}
	if err := w.finish(row); err != nil {
		return err
	}
	if w.sql == "" {
		var sets []string
		for i, c := range cols {
			sets = append(sets, w.t.cols[c].sql+"=?"+strconv.Itoa(i+2))
		}
		w.sql = "UPDATE " + w.t.store + " SET " + strings.Join(sets, ",") + " WHERE rowid=?1"
	}
	args := make([]driverValue, 1, len(cols)+1)
	args[0] = rowid
	for _, c := range cols {
		args = append(args, encode(row[c], w.t.cols[c].t))
	}
	if _, err := w.st.exec(w.r.ctx, w.sql, args...); err != nil {
		return w.constraint(err, row)
	}
	return nil
}

// written are the columns that an update of cols writes: computed ones and row
// versions too.
func (w *rowWriter) written(cols []int) []int {
	out := append([]int(nil), cols...)
	for i, c := range w.t.cols {
		if c.computed != nil || c.version {
			out = append(out, i)
		}
	}
	return out
}

// constraint turns SQLite's refusal into the error of SQL Server.
func (w *rowWriter) constraint(err error, row []Value) error {
	var se *sqlite.Error
	if !errors.As(err, &se) || se.Code()&0xff != sqlite3.SQLITE_CONSTRAINT {
		return w.r.s.storeError(w.r.ctx, err)
	}
	switch se.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return w.duplicate(se.Error(), row)
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return w.r.foreignError(w.st, w.t, w.verb, row)
	}
	return w.r.s.storeError(w.r.ctx, err)
}

// duplicate is error 2627 or 2601 for the index that SQLite's text names by
// its columns.
func (w *rowWriter) duplicate(text string, row []Value) error {
	for _, k := range w.t.keys {
		var names []string
		for _, c := range k.cols {
			names = append(names, w.t.store[strings.IndexByte(w.t.store, '.')+1:]+"."+w.t.cols[c].sql)
		}
		list := "failed: " + strings.Join(names, ", ")
		if !k.unique || !strings.Contains(text+" ", list+" ") && !strings.Contains(text, "index '"+k.sql+"'") {
			continue
		}
		var vals []string
		for _, c := range k.cols {
			v := "<NULL>"
			if row[c] != nil {
				if t, err := toText(row[c], w.t.cols[c].t, convOpts{}); err == nil {
					v = strings.TrimRight(t, " ")
				}
			}
			vals = append(vals, v)
		}
		key := "(" + strings.Join(vals, ", ") + ")"
		if k.constraint {
			kind := "UNIQUE KEY"
			if k.primary {
				kind = "PRIMARY KEY"
			}
			return errf(2627, "Violation of %s constraint '%s'. Cannot insert duplicate key in object '%s'. The duplicate key value is %s.", kind, k.name, w.t.shortName(), key).class(14).terminates()
		}
		return errf(2601, "Cannot insert duplicate key row in object '%s' with unique index '%s'. The duplicate key value is %s.", w.t.shortName(), k.name, key).class(14).terminates()
	}
	return errf(2627, "Violation of UNIQUE KEY constraint. Cannot insert duplicate key in object '%s'.", w.t.shortName()).class(14).terminates()
}

// foreignError finds the foreign key that a row violates.
func (r *runner) foreignError(st *store, t *table, verb string, row []Value) error {
	report := func(name string, other *table, col, kind string) error {
		return errf(547, `The %s statement conflicted with the %s constraint "%s". The conflict occurred in database "%s", table "%s", column '%s'.`,
			verb, kind, name, other.db.name, other.shortName(), col).state(0).terminates()
	}
	if verb != "DELETE" && row != nil {
		for _, fk := range t.foreign {
			ref := r.s.eng.cat.byID(t.db, fk.ref)
			if ref == nil {
				continue
			}
			var conds []string
			var args []driverValue
			null := false
			for i, c := range fk.cols {
				conds = append(conds, fmt.Sprintf("%s=?%d", ref.cols[fk.refCols[i]].sql, i+1))
				args = append(args, encode(row[c], t.cols[c].t))
				null = null || row[c] == nil
			}
			found, err := st.first(r.ctx, "SELECT 1 FROM "+ref.store+" WHERE "+strings.Join(conds, " AND "), args...)
			if err == nil && found == nil && !null {
				return report(fk.name, ref, ref.cols[fk.refCols[0]].name, "FOREIGN KEY")
			}
		}
	}
	var result error
	r.s.eng.cat.each(t.db, func(o any) {
		child, ok := o.(*table)
		if !ok || result != nil {
			return
		}
		for _, fk := range child.foreign {
			if fk.ref == t.id && fk.onDelete != "CASCADE" {
				result = report(fk.name, child, child.cols[fk.cols[0]].name, "REFERENCE")
			}
		}
	})
	if result == nil {
		result = errf(547, "The %s statement conflicted with a FOREIGN KEY constraint.", verb).state(0).terminates()
	}
	return result
}

// byID finds a table by its object id.
func (c *catalog) byID(d *database, id int64) *table {
	var found *table
	c.each(d, func(o any) {
		if t, ok := o.(*table); ok && t.id == id {
			found = t
		}
	})
	return found
}
