package tsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
)

// Options configures an Engine; the zero value is usable.
type Options struct {
	// Databases exist besides master, tempdb, model and msdb.
	Databases []string
	// ServerName is @@SERVERNAME; default SANDBOX.
	ServerName string
	// Dir is where the working files go while the engine runs; they are
	// removed by Close. Default: a memory file system if there is one, else
	// the directory for temporary files.
	Dir string
	// Sessions replaces the rows of sys.dm_exec_sessions; nil: the sessions
	// of this engine.
	Sessions func() []SessionInfo
}

// SessionInfo is a row of sys.dm_exec_sessions.
type SessionInfo struct {
	ID                     int
	LoginTime              time.Time
	Login, Host, Program   string
	Status                 string // running or sleeping
	Database               string
	Isolation              byte // as in TM requests: 2 is READ COMMITTED
	OpenTransactions       int
	LastRequest            time.Time
	TextSize               int64
	Language, DateFormat   string
	DateFirst, LockTimeout int
}

// Engine holds the databases. It is safe for concurrent use.
type Engine struct {
	opts    Options
	cat     *catalog
	tempdb  *database
	drv     *sqlite.Driver
	dir     string
	dsn     string
	writer  chan struct{} // holds a token while nobody writes
	runs    sync.Map      // int64 -> *execution
	nextRun atomic.Int64
	nextTx  atomic.Uint64
	version atomic.Uint64 // rowversion
	locks   appLocks
	plans   planCache
	started time.Time

	// What the server brings along, by name; read only.
	views    map[string]sysRows
	procs    map[string]builtinProc
	funcs    map[string]scalarFunc
	specials map[string]specialFunc

	mu       sync.Mutex
	sessions map[*Session]struct{}
	keep     driver.Conn // keeps the store open
}

// New makes an engine with empty databases.
func New(o Options) (*Engine, error) {
	if o.ServerName == "" {
		o.ServerName = "SANDBOX"
	}
	base := o.Dir
	if base == "" {
		if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
			base = "/dev/shm"
		}
	}
	dir, err := os.MkdirTemp(base, "tsql-")
	if err != nil && o.Dir == "" {
		dir, err = os.MkdirTemp("", "tsql-")
	}
	if err != nil {
		return nil, fmt.Errorf("tsql: working directory: %w", err)
	}
	e := &Engine{opts: o, dir: dir, drv: &sqlite.Driver{}, writer: make(chan struct{}, 1), sessions: map[*Session]struct{}{}, started: time.Now().UTC()}
	e.views, e.procs, e.funcs, e.specials = systemViews(), builtinProcs(), scalarFuncs(), specialFuncs()
	e.cat = newCatalog(o.Databases, e.started)
	e.tempdb = e.cat.db("tempdb")
	e.nextTx.Store(0x3500000000)
	e.writer <- struct{}{}
	e.dsn = "file:" + filepath.ToSlash(filepath.Join(dir, "data.db")) + "?_pragma=synchronous(0)&_pragma=temp_store(2)&_pragma=foreign_keys(1)&_pragma=cache_size(-1000)&_busy_timeout=30000&_dqs=0"
	if err := e.register(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if e.keep, err = e.drv.Open(e.dsn); err == nil {
		if err = execute(e.keep, "PRAGMA journal_mode=WAL"); err == nil {
			err = execute(e.keep, "CREATE TABLE main.writer(n INTEGER)")
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tsql: open store: %w", err), os.RemoveAll(dir))
	}
	return e, nil
}

// execute runs one statement without parameters.
func execute(c driver.Conn, sql string) error {
	x, ok := c.(driver.ExecerContext)
	if !ok {
		return errors.New("tsql: driver cannot execute")
	}
	_, err := x.ExecContext(context.Background(), sql, nil)
	return err
}

// register gives the SQLite driver our functions and collation.
func (e *Engine) register() error {
	return errors.Join(
		e.drv.RegisterCollationUtf8("tsql", collate),
		e.drv.RegisterDeterministicScalarFunction("x", -1, e.evalSite),
		e.drv.RegisterScalarFunction("xv", -1, e.evalSite),
		e.drv.RegisterScalarFunction("sink", -1, e.sinkRow),
		e.drv.RegisterFunction("dsum", &sqlite.FunctionImpl{NArgs: 1, MakeAggregate: func(sqlite.FunctionContext) (sqlite.AggregateFunction, error) {
			return &decimalSum{}, nil
		}}),
	)
}

// Close ends all sessions and removes the working files.
func (e *Engine) Close() error {
	e.mu.Lock()
	list := make([]*Session, 0, len(e.sessions))
	for s := range e.sessions {
		list = append(list, s)
	}
	e.mu.Unlock()
	for _, s := range list {
		s.Close()
	}
	return errors.Join(e.keep.Close(), os.RemoveAll(e.dir))
}

// HasDatabase reports whether a database exists.
func (e *Engine) HasDatabase(name string) bool { return e.cat.db(name) != nil }

// NewSession begins a session; an empty database is master. The session must
// be used by one goroutine at a time and be closed.
func (e *Engine) NewSession(spid int, o LoginOptions) (*Session, error) {
	name := o.Database
	if name == "" {
		name = "master"
	}
	d := e.cat.db(name)
	if d == nil {
		return nil, exported(errNoDatabase(name))
	}
	o.Database = d.name
	s := &Session{eng: e, spid: spid, login: o, db: d, loginTime: time.Now().UTC()}
	s.opts = initialOptions(o)
	s.top = &frame{s: s}
	e.mu.Lock()
	e.sessions[s] = struct{}{}
	e.mu.Unlock()
	s.publish(false)
	return s, nil
}

// execution is one statement at work in SQLite.
type execution struct {
	ectx
	c   *compiler
	id  int64
	row func([]driver.Value) error
	err error
}

// evalSite is the SQLite function x(run, site, leaves...).
func (e *Engine) evalSite(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	ex, n, err := e.run(args)
	if err != nil {
		return nil, err
	}
	b := ex.c.sites[n].e
	for i, l := range b.leaves {
		ex.leaf[l.slot] = decode(args[2+i], l.t)
	}
	v, err := b.eval(&ex.ectx)
	if err != nil {
		ex.err = err
		return nil, err
	}
	return encode(v, b.t), nil
}

var errNoRun = errors.New("tsql: no such execution")

func (e *Engine) run(args []driver.Value) (*execution, int64, error) {
	if len(args) < 2 {
		return nil, 0, errNoRun
	}
	id, _ := args[0].(int64)
	n, _ := args[1].(int64)
	v, ok := e.runs.Load(id)
	if !ok {
		return nil, 0, errNoRun
	}
	ex, _ := v.(*execution)
	return ex, n, nil
}

// sinkRow is the SQLite function sink(run, columns...): a row of the result.
func (e *Engine) sinkRow(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	id, _ := args[0].(int64)
	v, ok := e.runs.Load(id)
	if !ok {
		return nil, errNoRun
	}
	ex, _ := v.(*execution)
	if err := ex.row(args[1:]); err != nil {
		ex.err = err
		return nil, err
	}
	return nil, nil
}

// sessionInfos are the rows of sys.dm_exec_sessions.
func (e *Engine) sessionInfos() []SessionInfo {
	if e.opts.Sessions != nil {
		return e.opts.Sessions()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]SessionInfo, 0, len(e.sessions))
	for s := range e.sessions {
		out = append(out, *s.info.Load())
	}
	return out
}

// planCache keeps parsed batches by their text.
type planCache struct {
	mu sync.Mutex
	m  map[string][]stmt
}

const (
	planCacheEntries = 1000
	planCacheText    = 8192 // bytes; longer batches are not kept
)

func (p *planCache) parse(src string, quoted bool, vars []string) ([]stmt, error) {
	key := ""
	if len(src) <= planCacheText {
		key = strings.Join(vars, ",") + "\x00" + src
		if !quoted {
			key = "\x01" + key
		}
		p.mu.Lock()
		list, ok := p.m[key]
		p.mu.Unlock()
		if ok {
			return list, nil
		}
	}
	list, err := parseBatch(src, quoted, vars)
	if err != nil || key == "" {
		return list, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil || len(p.m) >= planCacheEntries {
		p.m = map[string][]stmt{}
	}
	p.m[key] = list
	return list, nil
}
