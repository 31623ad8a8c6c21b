package tsql

import (
	"strings"
)

// drop runs DROP of any object.
func (r *runner) drop(x *dropStmt) error {
	for i, n := range x.names {
		var err error
		switch x.what {
		case "INDEX":
			err = r.dropIndex(x, n, x.on[i])
		case "DATABASE":
			err = r.dropDatabase(n.name, x.exists)
		case "SCHEMA":
			r.s.eng.cat.mu.Lock()
			delete(r.s.db.schemas, strings.ToLower(n.name))
			r.s.eng.cat.mu.Unlock()
		default:
			err = r.dropObject(x, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func errDrop(what, name string) error {
	return errf(3701, "Cannot drop the %s '%s', because it does not exist or you do not have permission.", strings.ToLower(what), name).class(11).state(5)
}

func (r *runner) dropDatabase(name string, exists bool) error {
	d := r.s.eng.cat.db(name)
	switch {
	case d == nil && exists:
		return nil
	case d == nil:
		return errDrop("database", name)
	case d.id <= 4:
		return errf(3708, "Cannot drop the database '%s' because it is a system database.", name)
	case d == r.s.db:
		return errf(3702, `Cannot drop database "%s" because it is currently in use.`, name).state(3)
	}
	var tables []*table
	r.s.eng.cat.each(d, func(o any) {
		if t, ok := o.(*table); ok {
			tables = append(tables, t)
		}
	})
	err := r.s.write(r.ctx, true, func(st *store) error {
		for _, t := range tables {
			if err := st.control("DROP TABLE " + t.store); err != nil {
				return r.s.storeError(r.ctx, err)
			}
		}
		return nil
	})
	if err == nil {
		r.s.eng.cat.dropDB(name)
	}
	return err
}

func (r *runner) dropObject(x *dropStmt, n tableName) error {
	s := r.s
	if x.what == "TABLE" {
		t, v, err := s.lookup(r.f, n)
		if err != nil {
			return err
		}
		if v != nil {
			return errf(3705, "Cannot use DROP TABLE with '%s' because '%s' is a view. Use DROP VIEW.", n.full(), n.full())
		}
		if t == nil {
			if x.exists {
				return nil
			}
			return errDrop("table", n.full())
		}
		return r.dropTable(t)
	}
	d := s.database(n.db)
	if d == nil {
		return errDrop(x.what, n.full())
	}
	ok := false
	switch s.eng.cat.get(d, n.schema, n.name).(type) {
	case *view:
		ok = x.what == "VIEW"
	case *proc:
		ok = x.what == "PROCEDURE"
	}
	if !ok {
		if x.exists {
			return nil
		}
		return errDrop(x.what, n.full())
	}
	return s.write(r.ctx, true, func(*store) error {
		s.onRollback(s.eng.cat.put(d, n.schema, n.name, nil))
		return nil
	})
}

func (r *runner) dropTable(t *table) error {
	s := r.s
	var err error
	s.eng.cat.each(t.db, func(o any) {
		if child, ok := o.(*table); ok && child.id != t.id {
			for _, fk := range child.foreign {
				if fk.ref == t.id {
					err = errf(3726, "Could not drop object '%s' because it is referenced by a FOREIGN KEY constraint.", t.name)
				}
			}
		}
	})
	if err != nil {
		return err
	}
	return s.write(r.ctx, !t.session, func(st *store) error {
		st.forget()
		if err := st.control("DROP TABLE " + t.store); err != nil {
			return s.storeError(r.ctx, err)
		}
		if t.session {
			level := s.tempLevel(t)
			s.forgetTemp(t)
			s.onRollback(func() { s.temps = append(s.temps, tempTable{t, level}) })
			return nil
		}
		s.onRollback(s.eng.cat.put(t.db, t.schema, t.name, nil))
		return nil
	})
}

func (r *runner) truncate(x *truncateStmt) error {
	t, err := r.target(x.table)
	if err != nil {
		if numberOf(err) == 208 {
			return errf(4701, `Cannot find the object "%s" because it does not exist or you do not have permissions.`, x.table.full())
		}
		return err
	}
	return r.s.write(r.ctx, !t.session, func(st *store) error {
		if _, err := st.exec(r.ctx, "DELETE FROM "+t.store); err != nil {
			return r.deleteError(st, t, err)
		}
		if t.identity != nil {
			t.identity.reset()
		}
		return nil
	})
}
