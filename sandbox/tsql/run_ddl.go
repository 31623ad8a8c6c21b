package tsql

import (
	"strings"
	"time"
)

// ddl runs the statements that define objects.
func (r *runner) ddl(st stmt) error {
	if err := r.implicit(); err != nil {
		return err
	}
	var err error
	switch x := st.(type) {
	case *createTableStmt:
		if err = r.checkNewName(x.name); err == nil {
			_, err = r.newTable(x, isTemp(x.name.name))
		}
	case *alterTableStmt:
		err = r.alterTable(x)
	case *dropStmt:
		err = r.drop(x)
	case *truncateStmt:
		err = r.truncate(x)
	case *createIndexStmt:
		err = r.createIndex(x)
	case *createViewStmt:
		err = r.createView(x)
	case *createProcStmt:
		err = r.createProc(x)
	case *createDatabaseStmt:
		if _, ok := r.s.eng.cat.addDB(x.name, time.Now().UTC()); !ok {
			err = errf(1801, "Database '%s' already exists. Choose a different database name.", x.name).state(3)
		}
	case *createSchemaStmt:
		err = r.createSchema(x.name)
	default:
		err = errUnsupported("this statement")
	}
	if err != nil {
		return err
	}
	r.plain(cmdNone)
	return nil
}

func (r *runner) createSchema(name string) error {
	c := r.s.eng.cat
	c.mu.Lock()
	defer c.mu.Unlock()
	key := strings.ToLower(name)
	if _, ok := r.s.db.schemas[key]; ok {
		return errf(2714, "There is already an object named '%s' in the database.", name).state(6)
	}
	r.s.db.schemas[key] = len(r.s.db.schemas) + 1
	return nil
}

// checkNewName refuses the name of an object that exists.
func (r *runner) checkNewName(n tableName) error {
	d := r.s.database(n.db)
	if d == nil {
		return errNoDatabase(n.db)
	}
	t, v, err := r.s.lookup(r.f, n)
	if err != nil {
		return err
	}
	exists := t != nil || v != nil
	if isTemp(n.name) {
		exists = t != nil && r.s.tempLevel(t) == r.level()
	} else if !strings.HasPrefix(n.name, "#") {
		exists = exists || r.s.eng.cat.get(d, n.schema, n.name) != nil
		r.s.eng.cat.mu.RLock()
		_, ok := d.schemas[strings.ToLower(n.schema)]
		r.s.eng.cat.mu.RUnlock()
		if n.schema != "" && !ok {
			return errf(2760, `The specified schema name "%s" either does not exist or you do not have permission to use it.`, n.schema)
		}
	}
	if exists {
		return errf(2714, "There is already an object named '%s' in the database.", n.name).state(6)
	}
	return nil
}

// level is the nesting level that temporary tables belong to.
func (r *runner) level() int { return r.nested }

func (s *Session) tempLevel(t *table) int {
	for _, x := range s.temps {
		if x.t == t {
			return x.level
		}
	}
	return -1
}

// newTable creates a table; session tables live in the session's temp store.
func (r *runner) newTable(x *createTableStmt, session bool) (*table, error) {
	s := r.s
	global := strings.HasPrefix(x.name.name, "##")
	d := s.database(x.name.db)
	if session || global {
		d = s.eng.tempdb
	}
	id := s.eng.cat.newID()
	t := &table{id: id, db: d, schema: x.name.schema, name: x.name.name, store: storeName(id, session), session: session, created: time.Now().UTC()}
	if t.schema == "" || session || global {
		t.schema = "dbo"
	}
	var cons []constraintDef
	for _, def := range x.cols {
		more, err := r.addColumn(t, def)
		if err != nil {
			return nil, err
		}
		cons = append(cons, more...)
	}
	cons = append(cons, x.constraints...)
	for _, c := range cons {
		if err := r.addConstraint(t, c); err != nil {
			return nil, err
		}
	}
	err := s.write(r.ctx, !session, func(st *store) error {
		if err := r.createStore(st, t); err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(t.name, "@"):
		case session:
			s.temps = append(s.temps, tempTable{t, r.level()})
			s.onRollback(func() { s.forgetTemp(t) })
		default:
			s.onRollback(s.eng.cat.put(d, t.schema, t.name, t))
			if global {
				s.globals = append(s.globals, t)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (s *Session) forgetTemp(t *table) {
	for i, x := range s.temps {
		if x.t == t {
			s.temps = append(s.temps[:i], s.temps[i+1:]...)
			return
		}
	}
}

// createStore makes the SQLite table and its indexes.
func (r *runner) createStore(st *store, t *table) error {
	var parts []string
	for _, c := range t.cols {
		parts = append(parts, c.store())
	}
	for _, fk := range t.foreign {
		ref := r.s.eng.cat.byID(t.db, fk.ref)
		if fk.ref == t.id {
			ref = t
		}
		if ref == nil || t.session {
			continue
		}
		text := "FOREIGN KEY(" + t.sqlCols(fk.cols) + ") REFERENCES " + strings.TrimPrefix(ref.store, "main.") + "(" + ref.sqlCols(fk.refCols) + ")"
		if fk.onDelete != "" {
			text += " ON DELETE " + fk.onDelete
		}
		if fk.onUpdate != "" {
			text += " ON UPDATE " + fk.onUpdate
		}
		parts = append(parts, text)
	}
	if err := st.control("CREATE TABLE " + t.store + "(" + strings.Join(parts, ",") + ")"); err != nil {
		return r.s.storeError(r.ctx, err)
	}
	for _, k := range t.keys {
		if err := r.createStoreIndex(st, t, k); err != nil {
			return err
		}
	}
	return nil
}

func (c *column) store() string {
	if c.t.isString() {
		return c.sql + " COLLATE tsql"
	}
	return c.sql
}

func (t *table) sqlCols(cols []int) string {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = t.cols[c].sql
	}
	return strings.Join(names, ",")
}

func (r *runner) createView(x *createViewStmt) error {
	if err := r.checkDefinable(x.name, x.alter, x.orNew, func(o any) bool { _, ok := o.(*view); return ok }); err != nil {
		return err
	}
	c := r.s.newCompiler(&frame{s: r.s})
	q, err := c.selectSQL(x.sel, nil, false)
	if err != nil {
		return err
	}
	if _, err := cteCols(cte{name: x.name.name, cols: x.cols}, q.cols); err != nil {
		return err
	}
	d := r.s.database(x.name.db)
	v := &view{id: r.s.eng.cat.newID(), db: d, schema: orDBO(x.name.schema), name: x.name.name, colNames: x.cols, sel: x.sel, text: x.text, created: time.Now().UTC()}
	return r.s.write(r.ctx, true, func(*store) error {
		r.s.onRollback(r.s.eng.cat.put(d, v.schema, v.name, v))
		return nil
	})
}

func (r *runner) createProc(x *createProcStmt) error {
	if err := r.checkDefinable(x.name, x.alter, x.orNew, func(o any) bool { _, ok := o.(*proc); return ok }); err != nil {
		return err
	}
	d := r.s.database(x.name.db)
	if strings.HasPrefix(x.name.name, "#") {
		d = r.s.eng.tempdb
	}
	p := &proc{id: r.s.eng.cat.newID(), db: d, schema: orDBO(x.name.schema), name: x.name.name, params: x.params, body: x.body, text: x.text, created: time.Now().UTC()}
	return r.s.write(r.ctx, true, func(*store) error {
		r.s.onRollback(r.s.eng.cat.put(d, p.schema, p.name, p))
		return nil
	})
}

func orDBO(s string) string {
	if s == "" {
		return "dbo"
	}
	return s
}

// checkDefinable checks the name of CREATE, ALTER or CREATE OR ALTER.
func (r *runner) checkDefinable(n tableName, alter, orNew bool, same func(any) bool) error {
	d := r.s.database(n.db)
	if d == nil {
		return errNoDatabase(n.db)
	}
	o := r.s.eng.cat.get(d, n.schema, n.name)
	switch {
	case alter && (o == nil || !same(o)):
		return errf(208, "Invalid object name '%s'.", n.full()).state(6)
	case alter || orNew && o != nil && same(o):
		return nil
	case o != nil:
		return errf(2714, "There is already an object named '%s' in the database.", n.name).state(3)
	}
	return nil
}
