package tsql

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// addColumn adds a column and returns the constraints written behind it.
func (r *runner) addColumn(t *table, def columnDef) ([]constraintDef, error) {
	if _, c := t.col(def.name); c != nil {
		return nil, abortf(2705, "Column names in each table must be unique. Column name '%s' in table '%s' is specified more than once.", def.name, t.name).state(3)
	}
	t.nextCol++
	c := &column{name: def.name, sql: "k" + strconv.Itoa(t.nextCol), t: def.t, nullable: !def.notNull, version: def.rowversion}
	for _, con := range def.constraints {
		if con.kind == "PRIMARY KEY" {
			c.nullable = false
		}
	}
	if def.rowversion {
		c.nullable = false
	}
	if def.identity {
		if t.identityCol() >= 0 {
			return nil, errf(2744, "Multiple identity columns specified for table '%s'. Only one identity column per table is allowed.", t.name).state(2)
		}
		if !def.t.isInt() && !(def.t.isDecimal() && def.t.scale == 0) {
			return nil, errf(2749, "Identity column '%s' must be of data type int, bigint, smallint, tinyint, or decimal or numeric with a scale of 0, unencrypted, and constrained to be nonnullable.", def.name).state(2)
		}
		c.identity, c.nullable = true, false
		t.identity = &identity{seed: def.seed, inc: def.inc}
	}
	if def.deflt != nil {
		c.deflt, c.defltName, c.defltText = def.deflt, def.defltName, def.defltText
		if c.defltName == "" {
			c.defltName = autoName("DF", t.name, def.name)
		}
	}
	t.cols = append(t.cols, c)
	if def.computed != nil {
		c.computed, c.compText = def.computed, def.computedText
		comp := r.s.newCompiler(&frame{s: r.s})
		sc := &scope{}
		comp.addSource(sc, t.name, tableName{name: t.name}, t.store, t.scols(), t)
		e, err := comp.bindValue(def.computed, sc)
		if err != nil {
			return nil, err
		}
		c.t, c.nullable = e.t, true
	}
	return def.constraints, nil
}

// autoName makes a constraint name as the server does: prefix, table, digits.
func autoName(prefix, table, more string) string {
	return fmt.Sprintf("%s__%s__%08X", prefix, clip(table, 9), crc32.ChecksumIEEE([]byte(table+more)))
}

// addConstraint adds a constraint to the definition of a table.
func (r *runner) addConstraint(t *table, def constraintDef) error {
	cols := make([]int, len(def.cols))
	for i, name := range def.cols {
		n, c := t.col(name)
		if c == nil {
			return abortf(1911, "Column name '%s' does not exist in the target table or view.", name)
		}
		cols[i] = n
	}
	switch def.kind {
	case "PRIMARY KEY", "UNIQUE":
		k := &index{name: def.name, cols: cols, unique: true, constraint: true, primary: def.kind == "PRIMARY KEY"}
		prefix := "UQ"
		if k.primary {
			prefix = "PK"
			for _, old := range t.keys {
				if old.primary {
					return errf(1779, "Table '%s' already has a primary key defined on it.", t.name).state(0)
				}
			}
			for _, c := range cols {
				n := *t.cols[c]
				n.nullable = false
				t.cols[c] = &n
			}
		}
		if k.name == "" {
			k.name = autoName(prefix, t.name, strings.Join(def.cols, ","))
		}
		k.sql = "i" + strconv.FormatInt(r.s.eng.cat.newID(), 10)
		t.keys = append(t.keys, k)
	case "CHECK":
		ck := &check{name: def.name, text: def.text, e: def.check}
		if len(def.cols) == 1 {
			ck.col = def.cols[0]
		}
		if ck.name == "" {
			ck.name = autoName("CK", t.name, def.text)
		}
		t.checks = append(t.checks, ck)
	case "DEFAULT":
		i, c := t.col(def.forCol)
		if c == nil {
			return errNoColumn(def.forCol)
		}
		n := *c
		n.deflt, n.defltName, n.defltText = def.deflt, def.name, def.text
		if n.defltName == "" {
			n.defltName = autoName("DF", t.name, def.forCol)
		}
		t.cols[i] = &n
	case "FOREIGN KEY":
		return r.addForeignKey(t, def, cols)
	}
	return nil
}

func (r *runner) addForeignKey(t *table, def constraintDef, cols []int) error {
	if t.session {
		return nil // the server ignores them on temporary tables
	}
	ref, _, err := r.s.lookup(r.f, def.refTable)
	if err != nil {
		return err
	}
	if ref == nil && strings.EqualFold(def.refTable.name, t.name) {
		ref = t
	}
	if ref == nil {
		return errf(1767, "Foreign key '%s' references invalid table '%s'.", def.name, def.refTable.full()).state(0)
	}
	fk := &foreignKey{name: def.name, cols: cols, ref: ref.id, refName: ref.name, onDelete: def.onDelete, onUpdate: def.onUpdate}
	if fk.name == "" {
		fk.name = autoName("FK", t.name, strings.Join(def.cols, ","))
	}
	for _, name := range def.refCols {
		n, c := ref.col(name)
		if c == nil {
			return errf(1770, "Foreign key '%s' references invalid column '%s' in referenced table '%s'.", fk.name, name, ref.name).state(0)
		}
		fk.refCols = append(fk.refCols, n)
	}
	matched := false
	for _, k := range ref.keys {
		if k.primary && len(fk.refCols) == 0 {
			fk.refCols = k.cols
		}
		matched = matched || k.unique && len(k.cols) == len(fk.refCols) && ref.sqlCols(k.cols) == ref.sqlCols(fk.refCols)
	}
	if !matched {
		return errf(1776, "There are no primary or candidate keys in the referenced table '%s' that match the referencing column list in the foreign key '%s'.", ref.name, fk.name).state(0)
	}
	t.foreign = append(t.foreign, fk)
	return nil
}
