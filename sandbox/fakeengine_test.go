package sandbox

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

var (
	intType = tds.TypeInfo{ID: tds.TypeIntN, Size: 4}
	nvType  = tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000, Collation: latin1}
)

// fakeEngine answers a handful of fixed texts.
type fakeEngine struct {
	mu     sync.Mutex
	log    []string
	resets int
	bulk   [][]tsql.Value
}

func (e *fakeEngine) HasDatabase(name string) bool {
	return name == "master" || strings.HasPrefix(name, "db")
}
func (e *fakeEngine) Close() error { return nil }
func (e *fakeEngine) NewSession(spid int, o tsql.LoginOptions) (EngineSession, error) {
	e.note("login " + o.User + " " + o.Database)
	return &fakeSession{engine: e, spid: spid}, nil
}

func (e *fakeEngine) note(s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log = append(e.log, s)
}

type fakeSession struct {
	engine *fakeEngine
	spid   int
	tran   uint64
	next   uint64
}

func (s *fakeSession) Close() { s.engine.note("close " + strconv.Itoa(s.spid)) }

func (s *fakeSession) Reset(keep bool) {
	if !keep {
		s.tran = 0
	}
	s.engine.mu.Lock()
	s.engine.resets++
	s.engine.mu.Unlock()
}

func intColumn(name string) []tsql.Column { return []tsql.Column{{Name: name, Type: intType}} }

// Run knows: "select N", "rows N", "wait" (until cancelled), "stream" (rows
// until cancelled), "print TEXT", "fail", "fatal", "break", "begin", "two",
// "wide" (a row of NULLs), "" and what tests add.
func (s *fakeSession) Run(ctx context.Context, sql string, sink tsql.Sink) error {
	word, arg, _ := strings.Cut(sql, " ")
	n, _ := strconv.ParseInt(arg, 10, 64)
	switch strings.ToLower(word) {
	case "select":
		if err := sink.Columns(intColumn("n")); err != nil {
			return err
		}
		if err := sink.Row([]tsql.Value{n}); err != nil {
			return err
		}
		sink.Done(tsql.Done{CurCmd: tds.CurCmdSelect, Count: 1, HasCount: true})
	case "rows", "stream":
		cols := append(intColumn("n"), tsql.Column{Name: "s", Type: nvType, Nullable: true})
		if err := sink.Columns(cols); err != nil {
			return err
		}
		for i := int64(0); i < n || strings.EqualFold(word, "stream"); i++ {
			if err := sink.Row([]tsql.Value{i, strings.Repeat("x", 100)}); err != nil {
				return err
			}
		}
		sink.Done(tsql.Done{CurCmd: tds.CurCmdSelect, Count: uint64(n), HasCount: true})
	case "wait":
		<-ctx.Done()
		return ctx.Err()
	case "print":
		sink.Message(tsql.Message{Number: 0, Class: 0, Text: arg, Line: 1})
		sink.Done(tsql.Done{CurCmd: tds.CurCmdNone})
	case "fail":
		sink.Message(tsql.Message{Number: 208, State: 1, Class: 16, Text: "Invalid object name 'x'.", Line: 3})
		sink.Done(tsql.Done{CurCmd: tds.CurCmdSelect, Failed: true})
	case "fatal":
		sink.Message(tsql.Message{Number: 9001, State: 1, Class: 21, Text: "fatal", Line: 1})
	case "break":
		return errors.New("broken")
	case "begin":
		return s.Begin(0, "", sink)
	case "two":
		for range 2 {
			if err := s.Run(ctx, "select 7", sink); err != nil {
				return err
			}
		}
	case "wide":
		cols := make([]tsql.Column, 10)
		for i := range cols {
			cols[i] = tsql.Column{Name: "c" + strconv.Itoa(i), Type: nvType, Nullable: true}
		}
		if err := sink.Columns(cols); err != nil {
			return err
		}
		row := make([]tsql.Value, 10)
		row[3] = "three"
		if err := sink.Row(row); err != nil {
			return err
		}
		sink.Done(tsql.Done{CurCmd: tds.CurCmdSelect, Count: 1, HasCount: true})
	}
	return nil
}

// Execute returns the parameters as a row and output parameters as they came;
// sp_executesql's first two are left out.
func (s *fakeSession) Execute(ctx context.Context, proc string, params []tsql.Param, sink tsql.Sink) error {
	switch proc {
	case "sp_executesql":
		if text, _ := params[0].Value.(string); text == "wait" {
			return s.Run(ctx, text, sink)
		}
		params = params[min(2, len(params)):]
	case "no_such":
		sink.Message(tsql.Message{Number: 2812, State: 62, Class: 16, Text: "Could not find stored procedure 'no_such'.", Line: 1})
		return nil
	}
	var cols []tsql.Column
	var row []tsql.Value
	for i, p := range params {
		cols = append(cols, tsql.Column{Name: "c" + strconv.Itoa(i), Type: p.Type, Nullable: true})
		row = append(row, p.Value)
	}
	if len(cols) > 0 {
		if err := sink.Columns(cols); err != nil {
			return err
		}
		if err := sink.Row(row); err != nil {
			return err
		}
		sink.Done(tsql.Done{CurCmd: tds.CurCmdSelect, Count: 1, HasCount: true})
	}
	for i, p := range params {
		if p.Output {
			sink.ReturnValue(i, p)
		}
	}
	sink.ReturnStatus(3)
	return nil
}

func (s *fakeSession) Begin(_ byte, _ string, sink tsql.Sink) error {
	s.next++
	s.tran = 0x3900000000 + s.next
	sink.EnvChange(tsql.EnvChange{Kind: tsql.EnvBegin, Transaction: s.tran})
	sink.Done(tsql.Done{CurCmd: tds.CurCmdBegin})
	return nil
}

func (s *fakeSession) end(kind tsql.EnvKind, sink tsql.Sink) error {
	sink.EnvChange(tsql.EnvChange{Kind: kind, Transaction: s.tran})
	s.tran = 0
	return nil
}

func (s *fakeSession) Commit(_ string, sink tsql.Sink) error { return s.end(tsql.EnvCommit, sink) }

func (s *fakeSession) Rollback(_ string, sink tsql.Sink) error { return s.end(tsql.EnvRollback, sink) }
func (s *fakeSession) Save(string, tsql.Sink) error            { return nil }
func (s *fakeSession) Transaction() uint64                     { return s.tran }

func (s *fakeSession) BulkInsert(_ context.Context, stmt string, _ []tsql.Column, next func() ([]tsql.Value, error)) (int64, error) {
	s.engine.note(stmt)
	for n := int64(0); ; n++ {
		row, err := next()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		s.engine.mu.Lock()
		s.engine.bulk = append(s.engine.bulk, append([]tsql.Value(nil), row...))
		s.engine.mu.Unlock()
	}
}

// startFake starts a server on a fake engine that ends with the test.
func startFake(t testing.TB, o Options) (*Server, *fakeEngine) {
	t.Helper()
	e := &fakeEngine{}
	o.Engine = e
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, e
}
