package tsql

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"
)

// Session is one client's session. Its methods are called by one goroutine at
// a time.
type Session struct {
	eng       *Engine
	spid      int
	login     LoginOptions
	loginTime time.Time
	info      atomic.Pointer[SessionInfo]

	db    *database
	opts  options
	store *store
	tran  transaction
	temps []tempTable

	globals   []*table // ##tables this session made
	top       *frame
	rowcount  int64
	lastErr   int32
	identity  Value // @@IDENTITY
	caught    []*sqlError
	context   []byte // CONTEXT_INFO
	keys      map[string]sessionKey
	handles   map[int64]*prepared
	lastID    int64 // of handles
	gotoLabel string
	closed    bool
}

// sessionKey is a value of SESSION_CONTEXT.
type sessionKey struct {
	v        Value
	t        typ
	readOnly bool
}

// frame holds the variables of a batch or of a procedure's run.
type frame struct {
	s       *Session
	outer   *frame // whose table variables are visible
	vars    map[string]*localVar
	tables  map[string]*table
	proc    string
	scopeID Value // SCOPE_IDENTITY
	status  int64
	isProc  bool
}

// localVar is a T-SQL variable.
type localVar struct {
	t   typ
	val Value
}

// publish refreshes what sys.dm_exec_sessions shows of the session.
func (s *Session) publish(running bool) {
	status := "sleeping"
	if running {
		status = "running"
	}
	s.info.Store(&SessionInfo{
		ID: s.spid, LoginTime: s.loginTime, Login: s.login.User, Host: s.login.HostName, Program: s.login.AppName, Status: status,
		Database: s.db.name, Isolation: s.opts.isolation, OpenTransactions: s.tran.count, LastRequest: time.Now().UTC(),
		TextSize: s.opts.textSize, Language: s.opts.language, DateFormat: s.opts.dateFormat, DateFirst: s.opts.dateFirst, LockTimeout: s.opts.lockTimeout,
	})
}

// Transaction is the descriptor of the open transaction, or 0.
func (s *Session) Transaction() uint64 {
	if s.tran.count == 0 {
		return 0
	}
	return s.tran.id
}

// Close rolls back, drops temporary tables and ends the session.
func (s *Session) Close() {
	if s.closed {
		return
	}
	s.closed = true
	s.rollbackAll()
	s.eng.locks.releaseSession(s)
	s.dropGlobals()
	if s.store != nil {
		_ = s.store.close() // nothing is left to save
		s.store = nil
	}
	s.eng.mu.Lock()
	delete(s.eng.sessions, s)
	s.eng.mu.Unlock()
}

// Reset returns the session to what the login made it, except the isolation
// level, as sp_reset_connection does. An open transaction is rolled back unless
// it is to be kept. No events are sent.
func (s *Session) Reset(keepTransaction bool) {
	if !keepTransaction {
		s.rollbackAll()
	}
	s.eng.locks.releaseSession(s)
	s.dropTemps(0)
	s.dropGlobals()
	iso := s.opts.isolation
	s.opts = initialOptions(s.login)
	s.opts.isolation = iso
	if d := s.eng.cat.db(s.login.Database); d != nil {
		s.db = d
	}
	s.top = &frame{s: s}
	s.rowcount, s.lastErr, s.identity, s.context, s.keys = 0, 0, nil, nil, nil
	s.handles, s.lastID = nil, 0
	s.publish(false)
}

// Run executes a batch. Errors of the batch go to the sink; the error returned
// is ctx.Err(), that of the sink, or a failure of the engine.
func (s *Session) Run(ctx context.Context, sql string, sink Sink) error {
	return s.request(ctx, sink, func(r *runner) error {
		r.f = &frame{s: s, scopeID: s.top.scopeID}
		err := r.batch(sql, nil)
		s.top.scopeID = r.f.scopeID
		return err
	})
}

// request wraps the work of one request.
func (s *Session) request(ctx context.Context, sink Sink, work func(r *runner) error) error {
	s.publish(true)
	defer s.publish(false)
	r := &runner{ctx: ctx, s: s, f: s.top, sink: sink}
	err := work(r)
	if errors.Is(err, errBatchEnd) || errors.Is(err, errScopeEnd) {
		err = nil
	}
	var se *sqlError
	if errors.As(err, &se) {
		r.report(se)
		err = nil
	}
	if err == nil && s.tran.doomed {
		r.message(errf(3998, "Uncommittable transaction is detected at the end of the batch. The transaction is rolled back."))
		s.rollback(sink)
	}
	s.caught = nil
	if len(s.temps) > 0 {
		s.dropTemps(1) // table variables
	}
	if err == nil && !r.anyDone {
		r.done(Done{CurCmd: cmdNone})
	}
	return err
}

// Values of Done.CurCmd.
const (
	cmdSelect   = 0xC1
	cmdInsert   = 0xC3
	cmdDelete   = 0xC4
	cmdUpdate   = 0xC5
	cmdRollback = 0xD2
	cmdBegin    = 0xD4
	cmdCommit   = 0xD5
	cmdSet      = 0xBE
	cmdExecute  = 0xE0
	cmdNone     = 0xFD
)

// Error is an error of SQL Server from a method without a sink.
type Error struct{ Message Message }

func (e *Error) Error() string { return e.Message.Text }

// exported turns an internal error into one callers can look into.
func exported(err error) error {
	var se *sqlError
	if errors.As(err, &se) {
		m := se.msg
		if m.Line == 0 {
			m.Line = 1
		}
		return &Error{m}
	}
	return err
}

// options are the SET options of a session.
type options struct {
	flags       map[string]bool // by option name; shared until changed
	isolation   byte
	textSize    int64
	rowCount    int64
	dateFormat  string
	dateFirst   int
	language    string
	lockTimeout int // milliseconds, -1 for ever
	deadlock    int64
	identityOn  string // table with IDENTITY_INSERT ON
	identityID  int64
	fmtOnly     bool
}

var (
	ansiFlags  = map[string]bool{"ANSI_NULLS": true, "ANSI_PADDING": true, "ANSI_WARNINGS": true, "ANSI_NULL_DFLT_ON": true, "QUOTED_IDENTIFIER": true, "CONCAT_NULL_YIELDS_NULL": true}
	plainFlags = map[string]bool{}
)

func initialOptions(o LoginOptions) options {
	opt := options{isolation: 2, textSize: 4096, dateFormat: "mdy", dateFirst: 7, language: "us_english", lockTimeout: -1, flags: plainFlags}
	if o.ANSIDefaults {
		opt.flags, opt.textSize = ansiFlags, 2147483647
	}
	if l, ok := languages[strings.ToLower(o.Language)]; ok {
		opt.language, opt.dateFormat, opt.dateFirst = l.name, l.dateFormat, l.dateFirst
	}
	return opt
}

func (o *options) on(name string) bool { return o.flags[name] }

// set changes a flag without touching the shared map.
func (o *options) set(name string, v bool) {
	if o.flags[name] == v {
		return
	}
	m := make(map[string]bool, len(o.flags)+1)
	for k, x := range o.flags {
		m[k] = x
	}
	m[name] = v
	o.flags = m
}

type language struct {
	name       string
	dateFormat string
	dateFirst  int
	id         int
	message    string // of INFO 5703
}

var languages = map[string]language{
	"us_english":      {"us_english", "mdy", 7, 0, "Changed language setting to us_english."},
	"english":         {"us_english", "mdy", 7, 0, "Changed language setting to us_english."},
	"deutsch":         {"Deutsch", "dmy", 1, 1, "Die Spracheneinstellung wurde in Deutsch geändert."},
	"german":          {"Deutsch", "dmy", 1, 1, "Die Spracheneinstellung wurde in Deutsch geändert."},
	"français":        {"Français", "dmy", 1, 2, "Le paramètre de langue est passé à Français."},
	"french":          {"Français", "dmy", 1, 2, "Le paramètre de langue est passé à Français."},
	"español":         {"Español", "dmy", 1, 5, "Se cambió la configuración de idioma a Español."},
	"spanish":         {"Español", "dmy", 1, 5, "Se cambió la configuración de idioma a Español."},
	"italiano":        {"Italiano", "dmy", 1, 6, "L'impostazione della lingua è stata sostituita con Italiano."},
	"italian":         {"Italiano", "dmy", 1, 6, "L'impostazione della lingua è stata sostituita con Italiano."},
	"british":         {"British", "dmy", 1, 23, "Changed language setting to British."},
	"british english": {"British", "dmy", 1, 23, "Changed language setting to British."},
}
