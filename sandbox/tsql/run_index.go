package tsql

import (
	"strconv"
	"strings"
)

func (r *runner) createStoreIndex(st *store, t *table, k *index) error {
	var cols []string
	for i, c := range k.cols {
		s := t.cols[c].sql
		if i < len(k.desc) && k.desc[i] {
			s += " DESC"
		}
		cols = append(cols, s)
	}
	unique := ""
	if k.unique {
		unique = "UNIQUE "
	}
	schema, name, _ := strings.Cut(t.store, ".")
	err := st.control("CREATE " + unique + "INDEX " + schema + "." + k.sql + " ON " + name + "(" + strings.Join(cols, ",") + ")")
	if err != nil && strings.Contains(err.Error(), "UNIQUE constraint failed") {
		return errf(1505, "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name '%s' and the index name '%s'.", t.shortName(), k.name).terminates()
	}
	return r.s.storeError(r.ctx, err)
}

func (r *runner) createIndex(x *createIndexStmt) error {
	t, err := r.target(x.table)
	if err != nil {
		if numberOf(err) == 208 {
			return errf(1088, `Cannot find the object "%s" because it does not exist or you do not have permissions.`, x.table.full()).state(12)
		}
		return err
	}
	k := &index{name: x.name, unique: x.unique, sql: "i" + strconv.FormatInt(r.s.eng.cat.newID(), 10)}
	for _, old := range t.keys {
		if strings.EqualFold(old.name, x.name) {
			return errf(1913, "The operation failed because an index or statistics with name '%s' already exists on table '%s'.", x.name, x.table.full())
		}
	}
	for i, name := range x.names {
		n, c := t.col(name)
		if c == nil {
			return abortf(1911, "Column name '%s' does not exist in the target table or view.", name)
		}
		k.cols, k.desc = append(k.cols, n), append(k.desc, x.cols[i].desc)
	}
	if x.where != nil {
		k.unique = false // a filtered index cannot be kept as such
	}
	n := t.clone()
	n.keys = append(n.keys, k)
	return r.s.write(r.ctx, !t.session, func(st *store) error {
		if err := r.createStoreIndex(st, t, k); err != nil {
			return err
		}
		r.replace(t, n)
		return nil
	})
}

func (r *runner) dropIndex(x *dropStmt, n, on tableName) error {
	t, _, err := r.s.lookup(r.f, on)
	if err != nil {
		return err
	}
	if t != nil {
		for i, k := range t.keys {
			if strings.EqualFold(k.name, n.name) && !k.constraint {
				next := t.clone()
				next.keys = append(next.keys[:i], next.keys[i+1:]...)
				return r.s.write(r.ctx, !t.session, func(st *store) error {
					schema, _, _ := strings.Cut(t.store, ".")
					r.replace(t, next)
					return r.s.storeError(r.ctx, st.control("DROP INDEX "+schema+"."+k.sql))
				})
			}
		}
	}
	if x.exists {
		return nil
	}
	return errDrop("index", on.full()+"."+n.name)
}

// replace puts a changed definition in place of a table's.
func (r *runner) replace(old, next *table) {
	s := r.s
	if old.session {
		for i := range s.temps {
			if s.temps[i].t == old {
				s.temps[i].t = next
				s.onRollback(func() {
					for j := range s.temps {
						if s.temps[j].t == next {
							s.temps[j].t = old
						}
					}
				})
			}
		}
		return
	}
	s.onRollback(s.eng.cat.put(old.db, old.schema, old.name, next))
}
