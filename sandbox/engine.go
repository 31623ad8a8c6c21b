package sandbox

import (
	"context"

	"sluice/sandbox/tsql"
)

// Engine runs the requests of sessions.
type Engine interface {
	HasDatabase(name string) bool
	NewSession(spid int, o tsql.LoginOptions) (EngineSession, error)
	Close() error
}

// EngineSession is the engine's side of one session. Its methods are called by
// one goroutine at a time. A cancelled context ends Run, Execute and
// BulkInsert soon, with the context's error and an open transaction left open.
type EngineSession interface {
	Close()
	Reset(keepTransaction bool)
	Run(ctx context.Context, sql string, sink tsql.Sink) error
	Execute(ctx context.Context, proc string, params []tsql.Param, sink tsql.Sink) error
	Begin(isolation byte, name string, sink tsql.Sink) error
	Commit(name string, sink tsql.Sink) error
	Rollback(name string, sink tsql.Sink) error
	Save(name string, sink tsql.Sink) error
	BulkInsert(ctx context.Context, stmt string, cols []tsql.Column, next func() ([]tsql.Value, error)) (int64, error)
	Transaction() uint64
}
