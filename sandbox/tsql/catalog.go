package tsql

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// catalog knows all databases and what is in them. Objects are immutable: a
// change puts a new one in place of the old.
type catalog struct {
	mu     sync.RWMutex
	dbs    map[string]*database // by lower-case name
	order  []*database
	nextID int64
}

type database struct {
	name    string
	id      int
	created time.Time
	schemas map[string]int
	objects map[string]any // *table, *view or *proc, by objectKey
}

// table is a base table, a temporary table or a table variable.
type table struct {
	id       int64
	db       *database
	schema   string
	name     string
	store    string // its name in SQLite
	session  bool   // lives in the session's temp database
	created  time.Time
	cols     []*column
	keys     []*index
	checks   []*check
	foreign  []*foreignKey
	identity *identity
	nextCol  int
}

type column struct {
	name      string
	sql       string // its name in SQLite
	t         typ
	nullable  bool
	identity  bool
	deflt     expr
	defltName string
	defltText string
	computed  expr
	compText  string
	version   bool // rowversion
}

// index is a primary key, a unique constraint or an index.
type index struct {
	name       string
	sql        string
	cols       []int
	desc       []bool
	unique     bool
	primary    bool
	constraint bool
}

type check struct {
	name, text, col string
	e               expr
}

type foreignKey struct {
	name               string
	cols, refCols      []int
	ref                int64 // id of the table referred to
	refName            string
	onDelete, onUpdate string
}

// identity hands out identity values; rollbacks do not give them back.
type identity struct {
	mu        sync.Mutex
	seed, inc int64
	last      int64
	used      bool
}

func (i *identity) next() int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.used {
		i.used, i.last = true, i.seed
	} else {
		i.last += i.inc
	}
	return i.last
}

// see notes an explicit value.
func (i *identity) see(n int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.used || (i.inc > 0) == (n > i.last) {
		i.used, i.last = true, n
	}
}

func (i *identity) reset() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.used = false
}

func (i *identity) current() (int64, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last, i.used
}

type view struct {
	id       int64
	db       *database
	schema   string
	name     string
	colNames []string
	sel      *selectStmt
	text     string
	created  time.Time
}

type proc struct {
	id      int64
	db      *database
	schema  string
	name    string
	params  []procParam
	body    []stmt
	text    string
	created time.Time
}

func objectKey(schema, name string) string {
	if schema == "" {
		schema = "dbo"
	}
	return strings.ToLower(schema) + "." + strings.ToLower(name)
}

func newCatalog(names []string, now time.Time) *catalog {
	c := &catalog{dbs: map[string]*database{}, nextID: 1000}
	for _, n := range append([]string{"master", "tempdb", "model", "msdb"}, names...) {
		c.addDB(n, now)
	}
	return c
}

// addDB creates a database unless it exists.
func (c *catalog) addDB(name string, now time.Time) (*database, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := strings.ToLower(name)
	if d := c.dbs[key]; d != nil {
		return d, false
	}
	d := &database{
		name: name, id: len(c.order) + 1, created: now, objects: map[string]any{},
		schemas: map[string]int{"dbo": 1, "guest": 2, "information_schema": 3, "sys": 4},
	}
	c.dbs[key] = d
	c.order = append(c.order, d)
	return d, true
}

func (c *catalog) dropDB(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.dbs[strings.ToLower(name)]
	delete(c.dbs, strings.ToLower(name))
	for i, x := range c.order {
		if x == d {
			c.order = append(c.order[:i:i], c.order[i+1:]...)
			break
		}
	}
}

func (c *catalog) db(name string) *database {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.dbs[strings.ToLower(name)]
}

func (c *catalog) databases() []*database {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return append([]*database(nil), c.order...)
}

func (c *catalog) newID() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nextID++
	return c.nextID
}

func (c *catalog) get(d *database, schema, name string) any {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return d.objects[objectKey(schema, name)]
}

// put sets or, with nil, removes an object and returns what undoes that.
func (c *catalog) put(d *database, schema, name string, o any) (undo func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := objectKey(schema, name)
	old := d.objects[key]
	set := func(o any) {
		if o == nil {
			delete(d.objects, key)
		} else {
			d.objects[key] = o
		}
	}
	set(o)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		set(old)
	}
}

// each calls f for all objects of a database.
func (c *catalog) each(d *database, f func(o any)) {
	c.mu.RLock()
	list := make([]any, 0, len(d.objects))
	for _, o := range d.objects {
		list = append(list, o)
	}
	c.mu.RUnlock()
	for _, o := range list {
		f(o)
	}
}

func (t *table) col(name string) (int, *column) {
	for i, c := range t.cols {
		if strings.EqualFold(c.name, name) {
			return i, c
		}
	}
	return -1, nil
}

// scols are the columns as a source of a query.
func (t *table) scols() []scol {
	cols := make([]scol, len(t.cols))
	for i, c := range t.cols {
		cols[i] = scol{name: c.name, t: c.t, nullable: c.nullable, identity: c.identity, sql: c.sql, index: i}
	}
	return cols
}

// fullName is db.schema.name, as messages have it.
func (t *table) fullName() string {
	if t.session {
		return "tempdb.dbo." + t.name
	}
	return t.db.name + "." + t.schema + "." + t.name
}

func (t *table) shortName() string { return t.schema + "." + t.name }

// clone copies t so that the copy can be changed.
func (t *table) clone() *table {
	n := *t
	n.cols = append([]*column(nil), t.cols...)
	n.keys = append([]*index(nil), t.keys...)
	n.checks = append([]*check(nil), t.checks...)
	n.foreign = append([]*foreignKey(nil), t.foreign...)
	return &n
}

// identityCol is the index of the identity column, or -1.
func (t *table) identityCol() int {
	for i, c := range t.cols {
		if c.identity {
			return i
		}
	}
	return -1
}

func storeName(id int64, session bool) string {
	if session {
		return "temp.t" + strconv.FormatInt(id, 10)
	}
	return "main.t" + strconv.FormatInt(id, 10)
}

// tempTable is a #table of a session, made at a nesting level.
type tempTable struct {
	t     *table
	level int
}

// lookup finds a table or view by name; both are nil if there is none.
func (s *Session) lookup(f *frame, n tableName) (*table, *view, error) {
	if strings.HasPrefix(n.name, "@") {
		for x := f; x != nil; x = x.outer {
			if t := x.tables[n.name]; t != nil {
				return t, nil, nil
			}
		}
		return nil, nil, abortf(1087, `Must declare the table variable "%s".`, n.name).class(15).state(2)
	}
	if strings.HasPrefix(n.name, "##") {
		t, _ := s.eng.cat.get(s.eng.tempdb, "dbo", n.name).(*table)
		return t, nil, nil
	}
	if strings.HasPrefix(n.name, "#") {
		for i := len(s.temps) - 1; i >= 0; i-- {
			if strings.EqualFold(s.temps[i].t.name, n.name) {
				return s.temps[i].t, nil, nil
			}
		}
		return nil, nil, nil
	}
	d := s.database(n.db)
	if d == nil {
		return nil, nil, nil
	}
	switch o := s.eng.cat.get(d, n.schema, n.name).(type) {
	case *table:
		return o, nil, nil
	case *view:
		return nil, o, nil
	}
	return nil, nil, nil
}

// database is the named database or the current one.
func (s *Session) database(name string) *database {
	if name == "" {
		return s.db
	}
	return s.eng.cat.db(name)
}
