package tsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// store is a session's connection to SQLite, opened when first needed.
type store struct {
	c     driver.Conn
	stmts map[string]driver.Stmt
}

type driverValue = driver.Value

// maxStatements bounds the prepared statements of a connection.
const maxStatements = 64

// open returns the session's connection.
func (s *Session) open() (*store, error) {
	if s.store != nil {
		return s.store, nil
	}
	c, err := s.eng.drv.Open(s.eng.dsn)
	if err != nil {
		return nil, err
	}
	s.store = &store{c: c, stmts: map[string]driver.Stmt{}}
	return s.store, nil
}

func (st *store) close() error {
	st.forget()
	return st.c.Close()
}

// forget drops all prepared statements.
func (st *store) forget() {
	for k, p := range st.stmts {
		_ = p.Close() // the connection is closed or the statement is unused
		delete(st.stmts, k)
	}
}

func (st *store) prepare(sql string) (driver.Stmt, error) {
	if p, ok := st.stmts[sql]; ok {
		return p, nil
	}
	if len(st.stmts) >= maxStatements {
		st.forget()
	}
	p, err := st.c.Prepare(sql)
	if err != nil {
		return nil, err
	}
	st.stmts[sql] = p
	return p, nil
}

func named(args []driver.Value) []driver.NamedValue {
	list := make([]driver.NamedValue, len(args))
	for i, a := range args {
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return list
}

// exec runs a statement to its end and returns the rows changed.
func (st *store) exec(ctx context.Context, sql string, args ...driver.Value) (int64, error) {
	p, err := st.prepare(sql)
	if err != nil {
		return 0, err
	}
	x, ok := p.(driver.StmtExecContext)
	if !ok {
		return 0, errors.New("tsql: statement cannot execute")
	}
	r, err := x.ExecContext(ctx, named(args))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// control runs a statement that must not be interrupted.
func (st *store) control(sql string) error {
	_, err := st.exec(context.Background(), sql)
	return err
}

// first returns the first row of a query, or nil.
func (st *store) first(ctx context.Context, sql string, args ...driver.Value) (row []driver.Value, err error) {
	p, err := st.prepare(sql)
	if err != nil {
		return nil, err
	}
	x, ok := p.(driver.StmtQueryContext)
	if !ok {
		return nil, errors.New("tsql: statement cannot query")
	}
	rows, err := x.QueryContext(ctx, named(args))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row = make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	return row, nil
}

// newCompiler begins the compilation of a statement.
func (s *Session) newCompiler(f *frame) *compiler { return &compiler{s: s, f: f} }

func (s *Session) newECtx(ctx context.Context, f *frame) *ectx {
	return &ectx{ctx: ctx, s: s, f: f, now: time.Now().UTC()}
}

// runQuery executes q and hands every row, stored form, to row.
func (s *Session) runQuery(ctx context.Context, c *compiler, q *query, n int, row func(ex *execution, vals []driver.Value) error) error {
	if err := s.beforeRead(ctx, c.tables); err != nil {
		return err
	}
	sql := q.sql
	if !q.hasLimit {
		sql += " LIMIT -1"
	}
	head := ""
	if len(c.prefix) > 0 {
		head = "WITH RECURSIVE " + strings.Join(c.prefix, ",") + " "
	}
	// Both LIMITs keep SQLite from merging the queries, which would call sink
	// before the rows are sorted.
	sql = head + "SELECT sink(?1," + colNames(n) + ") FROM (" + sql + ") LIMIT -1"
	return s.execute(ctx, c, sql, row)
}

// execute runs SQLite text that calls back into the expressions of c.
func (s *Session) execute(ctx context.Context, c *compiler, sql string, row func(ex *execution, vals []driver.Value) error) error {
	st, err := s.open()
	if err != nil {
		return err
	}
	ex := &execution{ectx: *s.newECtx(ctx, c.f), c: c, id: s.eng.nextRun.Add(1)}
	ex.leaf = make([]Value, c.nleaf)
	ex.row = func(vals []driver.Value) error { return row(ex, vals) }
	args := make([]driver.Value, 1, len(c.params)+1)
	args[0] = ex.id
	for _, p := range c.params {
		v, err := p.eval(&ex.ectx)
		if err != nil {
			return err
		}
		args = append(args, encode(v, p.t))
	}
	s.eng.runs.Store(ex.id, ex)
	defer s.eng.runs.Delete(ex.id)
	_, err = st.exec(ctx, sql, args...)
	if ex.err != nil {
		return ex.err
	}
	return s.storeError(ctx, err)
}

var missingTable = regexp.MustCompile(`no such table: (?:main\.|temp\.)?t(\d+)`)

// storeError turns an error of SQLite into what a client may see.
func (s *Session) storeError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return err
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		if se.Code() == sqlite3.SQLITE_BUSY_SNAPSHOT {
			return abortf(3960, "Snapshot isolation transaction aborted due to update conflict.").state(2)
		}
		return errLockTimeout()
	case sqlite3.SQLITE_TOOBIG:
		return abortf(7119, "Attempting to grow LOB beyond maximum allowed size of 2147483647 bytes.")
	case sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_FULL:
		return abortf(1105, "Could not allocate space for object because the filegroup is full.").class(17)
	}
	text := se.Error()
	switch {
	case missingTable.MatchString(text):
		return abortf(208, "Invalid object name.")
	case strings.Contains(text, "integer overflow"):
		return errOverflow(tBigInt)
	case strings.Contains(text, "syntax error"):
		return errSyntax("OVER")
	case strings.Contains(text, "no such column"):
		return errUnsupported("a correlated derived table")
	}
	return abortf(50000, "The statement cannot be executed: %s", strings.TrimPrefix(text, "SQL logic error: "))
}
