// Package tsql runs the everyday part of T-SQL on SQLite. It knows nothing of
// packets or sockets: a TDS server feeds batches and parameters in and turns
// the events of a Sink into tokens.
package tsql

import (
	"context"

	"sluice/tds"
)

// Column describes one column of a result set.
type Column struct {
	Name     string
	Type     tds.TypeInfo
	Nullable bool
	Identity bool
}

// Value is one SQL value. The dynamic type is one of: nil (NULL), bool, int64,
// float64, string (character types, xml), []byte (binary types),
// Decimal, Money, GUID, time.Time (date and time types).
type Value any

// Decimal is an exact decimal or numeric: Unscaled digits with a sign, and
// Scale digits behind the point.
type Decimal struct {
	Unscaled string // optional "-", then digits
	Scale    byte
}

// Money is a money or smallmoney in units of 1/10,000.
type Money int64

// GUID is a uniqueidentifier in the byte order in which it is printed.
type GUID [16]byte

// Param is a parameter of sp_executesql, of a prepared statement or of a
// procedure call.
type Param struct {
	Name   string // with its @; empty when positional
	Type   tds.TypeInfo
	Value  Value
	Output bool
}

// Message is an ERROR (Class > 10) or INFO.
type Message struct {
	Number int32
	State  byte
	Class  byte
	Text   string
	Proc   string
	Line   int32
}

// EnvKind tells which property of the session an EnvChange is about; the
// numbers are those of the ENVCHANGE token (MS-TDS 2.2.7.9).
type EnvKind byte

// The changes a batch can cause.
const (
	EnvDatabase EnvKind = 1
	EnvLanguage EnvKind = 2
	EnvBegin    EnvKind = 8
	EnvCommit   EnvKind = 9
	EnvRollback EnvKind = 10
)

// EnvChange is a change of the session's environment. Of a transaction the
// descriptor is in Transaction, of database and language the names are in New
// and Old.
type EnvChange struct {
	Kind        EnvKind
	New, Old    string
	Transaction uint64
}

// Done ends a statement.
type Done struct {
	CurCmd   uint16 // 0xC1 SELECT, 0xC3 INSERT, 0xC4 DELETE, 0xC5 UPDATE, 0xD4 BEGIN, 0xD5 COMMIT, 0xD2 ROLLBACK, 0xBE SET, 0xE0 EXECUTE, 0xFD none
	Count    uint64 // valid if HasCount
	HasCount bool   // false under NOCOUNT and for statements without a count
	Failed   bool
}

// Sink receives what a batch produces, in order. It is called from the
// goroutine that called Run, never concurrently. An error of Row or Columns
// (the client is gone) ends the batch.
type Sink interface {
	Columns([]Column) error
	Row([]Value) error // the slice is reused after the call
	Done(Done)
	Message(Message)
	EnvChange(EnvChange)
	ReturnStatus(int32)
	// ReturnValue is an output parameter of a procedure or of sp_executesql.
	ReturnValue(ordinal int, p Param)
}

// LoginOptions is what a login fixes for the session, and what Reset returns to.
type LoginOptions struct {
	User, Database, Language string
	AppName, HostName        string
	ANSIDefaults             bool // fODBC or fOLEDB of LOGIN7
}

// The methods that a TDS server needs of an Engine and of its Sessions:
//
//	func New(o Options) (*Engine, error)           // Close it: it owns working files
//	func (e *Engine) Close() error
//	func (e *Engine) HasDatabase(name string) bool
//	func (e *Engine) NewSession(spid int, o LoginOptions) (*Session, error)
//
//	func (s *Session) Close()                      // rolls back, drops temp tables
//	func (s *Session) Reset(keepTransaction bool)  // sp_reset_connection
//	func (s *Session) Run(ctx context.Context, sql string, sink Sink) error           // SQLBatch
//	func (s *Session) Execute(ctx context.Context, proc string, params []Param, sink Sink) error // RPC
//	func (s *Session) Begin(isolation byte, name string, sink Sink) error            // TM requests
//	func (s *Session) Commit(name string, sink Sink) error
//	func (s *Session) Rollback(name string, sink Sink) error
//	func (s *Session) Save(name string, sink Sink) error
//	func (s *Session) BulkInsert(ctx context.Context, stmt string, cols []Column, next func() ([]Value, error)) (int64, error)
//	func (s *Session) Transaction() uint64         // open descriptor, 0 if none
//
// A cancelled context ends Run and Execute within 100 ms with ctx.Err(), the
// transaction left open (XACT_ABORT OFF) as SQL Server does on attention.
//
// Run sends at least one Done. EXEC of a procedure in a batch sends ReturnStatus
// and then a Done with CurCmd 0xE0. Execute sends a Done for each statement
// inside, then ReturnStatus and the ReturnValues; the end of the call is its
// return. Begin, Commit, Rollback and Save send their EnvChange and one Done.
// An error of the data in BulkInsert, or of an unknown database in NewSession,
// is an *Error.
var (
	_ func(*Session, context.Context, string, Sink) error          = (*Session).Run
	_ func(*Session, context.Context, string, []Param, Sink) error = (*Session).Execute
)
