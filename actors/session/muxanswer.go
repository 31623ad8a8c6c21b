package session

import (
	"encoding/binary"
	"time"

	"sluice/actors/prepared"
	"sluice/actors/statement"
	"sluice/tds"
)

// muxAnswer is what a response has shown so far.
type muxAnswer struct {
	errors     bool
	fatal      bool // an error of a class at which servers end the connection
	attention  bool // the request was cancelled
	reset      bool
	began      bool // a transaction began or ended
	rolledBack bool
	dtc        bool
	tran       uint64 // with began: its descriptor, 0 if it ended
	database   string // of the last ENVCHANGE 1
	language   string
	status     int32 // of a procedure
	depth      int   // transactions begun and not ended, as DONE tokens say
	ended      bool  // one was ended, as they say
	aborted    bool  // by ROLLBACK
	cursor     int32 // handle that was opened
	opened     bool
}

// fatalClass is the lowest class of errors that end the connection. The server
// closes it a moment after the response: nobody else may get it in between.
const fatalClass = 20

// Token implements tds.Handler.
func (r *muxRequest) Token(t tds.Token, body []byte, at int) error {
	a := &r.answer
	switch t {
	case tds.TokenEnvChange:
		if err := r.env(body, at); err != nil {
			return err
		}
	case tds.TokenSessionState:
		return r.sessionState(body, at)
	case tds.TokenError:
		const class = 5 // after number and state
		a.errors = true
		a.fatal = a.fatal || len(body) > class && body[class] >= fatalClass
	case tds.TokenReturnStatus:
		if len(body) >= 4 {
			a.status = int32(binary.LittleEndian.Uint32(body))
		}
	case tds.TokenReturnValue:
		if r.judged && r.verdict.Effects&statement.OpensCursor != 0 {
			if err := r.cursorHandle(body); err != nil {
				return err
			}
		}
	case tds.TokenDone, tds.TokenDoneProc, tds.TokenDoneInProc:
		if len(body) >= 2 {
			st := tds.DoneStatus(binary.LittleEndian.Uint16(body))
			a.errors = a.errors || st&(tds.DoneError|tds.DoneServerError) != 0
			a.attention = a.attention || st&tds.DoneAttention != 0
			if len(body) >= 4 {
				a.count(binary.LittleEndian.Uint16(body[2:]), st)
			}
		}
	}
	if r.handles && !r.lost {
		return r.plan.Token(t, body, at)
	}
	return nil
}

// count follows transactions by the commands of DONE tokens, which are there
// even on servers that send no ENVCHANGE for those begun by T-SQL.
func (a *muxAnswer) count(command uint16, st tds.DoneStatus) {
	switch {
	case st&tds.DoneError != 0:
	case command == tds.CurCmdBegin:
		a.depth++
	case command == tds.CurCmdCommit:
		a.depth, a.ended = max(a.depth-1, 0), true
	case command == tds.CurCmdAbort:
		a.depth, a.ended, a.aborted = 0, true, true
	}
}

func (r *muxRequest) env(body []byte, at int) error {
	if len(body) == 0 {
		return nil
	}
	a := &r.answer
	switch tds.EnvType(body[0]) {
	case tds.EnvBeginTransaction, tds.EnvEnlistDTC, tds.EnvCommitTransaction, tds.EnvRollbackTransaction,
		tds.EnvDefectDTC, tds.EnvTransactionEnded, tds.EnvPromoteTransaction, tds.EnvDatabase, tds.EnvLanguage:
	case tds.EnvResetConnection:
		a.reset = true
		if !r.keepsTransaction() {
			a.began, a.tran = true, 0
		}
		if r.ourReset && at >= 3 {
			r.cuts = append(r.cuts, cut{at - 3, at + len(body)})
		}
		r.port.mx.servedBy(r.port.backend).recovery.Reset()
		return nil
	default:
		return nil
	}
	e, err := tds.DecodeEnvChange(body)
	if err != nil {
		return err
	}
	switch e.Type {
	case tds.EnvBeginTransaction:
		a.began, a.tran = true, e.Descriptor()
	case tds.EnvEnlistDTC:
		a.began, a.tran, a.dtc = true, e.Descriptor(), true
	case tds.EnvPromoteTransaction:
		a.dtc = true
	case tds.EnvCommitTransaction, tds.EnvDefectDTC, tds.EnvTransactionEnded:
		a.began, a.tran = true, 0
	case tds.EnvRollbackTransaction:
		a.began, a.tran, a.rolledBack = true, 0, true
	case tds.EnvDatabase:
		a.database = e.New
	case tds.EnvLanguage:
		a.language = e.New
	}
	return nil
}

// cursorHandle notes the handle of a cursor that an RPC opened. It is the first
// output parameter of sp_cursoropen and the second of the others.
func (r *muxRequest) cursorHandle(body []byte) error {
	rv, err := tds.DecodeReturnValue(body, r.port.tokens, r.walker.ColumnEncryption)
	if err != nil {
		return err
	}
	want := uint16(1)
	if r.handles && r.rpc.First.Proc == tds.ProcCursorOpen {
		want = 0
	}
	if n, ok := rv.Int(); ok && rv.Ordinal == want && !r.answer.opened {
		r.answer.cursor, r.answer.opened = n, true
	}
	return nil
}

// followBy makes w ready for a response of the session's server.
func (p *port) followBy(w *tds.Walker, h tds.Handler) {
	w.Handler, w.ColumnEncryption, w.SensitivityRank = h, p.mx.login.encryption, p.mx.login.rank
	w.Reset(p.tokens)
}

// conclude takes over what a response, read to its end, says of the session
// and of the server's. It returns what the core is to be told. It is called
// with mu held.
func (p *port) conclude(r *muxRequest) event {
	x, a := p.mx, &r.answer
	s := x.servedBy(p.backend)
	now := time.Now()
	e := event{what: hapDone}
	stays := (a.reset || r.judged && r.verdict.Effects&statement.Resets != 0) && x.login.stays(&s.settings)
	if a.reset {
		s.settings, s.left = x.login.afterReset(s.settings), 0
	}
	if r.reset {
		// Servers do not tell of every transaction, not to TDS 7.1 for one.
		untold := r.keepsTransaction() && x.core.tran == 0 && x.state.Pinned()
		x.state.Reset()
		switch {
		case untold && x.core.quiet:
			x.state.Pin(statement.Transaction, "", "", now)
		case untold:
			x.state.Pin(statement.OutOfStep, "transaction not announced", "", now)
		}
	}
	e.unsure = (r.reset || r.ourReset) && !a.reset && !r.lost || a.fatal
	found := r.plan.Pin()
	r.plan.End()
	e.quiet = x.core.quiet && (!a.reset || r.keepsTransaction())
	was := x.core.open() && (!r.reset || r.keepsTransaction())
	is := x.core.tran != 0 || e.quiet
	if a.began {
		is = a.tran != 0
	}
	before := x.state.Settings
	o := statement.Outcome{
		Errors: a.errors || a.attention || r.ignored || r.lost, Wire: !r.lost, Database: a.database, Language: a.language,
		WasOpen: was, IsOpen: is, RolledBack: a.rolledBack, ReturnStatus: a.status, Now: now,
	}
	switch {
	case r.judged:
		x.state.Apply(&r.verdict, o)
		if a.opened {
			x.state.NameCursor(a.cursor)
		}
	case r.typ == tds.PacketTransMgr:
		p.concludeManager(r, o)
	case r.typ == tds.PacketBulkLoad:
		x.state.Release(statement.BulkLoad, "")
	default:
		x.state.Pin(statement.NotUnderstood, "", "", now)
	}
	if r.pin != "" {
		x.state.Pin(reasonOf(r.pin), string(r.pin), r.verdict.Digest, now)
	}
	if found != "" {
		x.state.Pin(reasonOf(found), string(found), r.verdict.Digest, now)
	}
	if a.dtc {
		x.state.Pin(statement.DTC, "", r.verdict.Digest, now)
	}
	if r.lost {
		x.state.Pin(statement.OutOfStep, "", r.verdict.Digest, now)
	}
	x.learnOf(r, was)
	if x.state.Settings != before {
		x.state.Settle(x.state.Settings.Relative(x.login.base), now)
	}
	s.settings = x.state.Settings
	if stays {
		s.settings = s.settings.Forget(1 << statement.Database)
	}
	if level := before.Level(); a.reset && level != 0 && level == x.state.Settings.Level() {
		s.settings = s.settings.Forget(1 << statement.Isolation) // see LeftByReset
	}
	if r.judged {
		s.left |= r.verdict.Effects & (statement.Identity | statement.Writes | statement.Unseen)
	} else if r.typ != tds.PacketTransMgr {
		s.left |= statement.Unseen
	}
	if r.judged && r.verdict.Effects&statement.ReadsLast != 0 {
		x.reads = true
	}
	e.linger = x.share.Linger > 0 && (r.judged && r.verdict.Effects&statement.Identity != 0 && !o.Errors || x.reads)
	return e
}

// concludeManager is conclude for requests to the transaction manager.
func (p *port) concludeManager(r *muxRequest, o statement.Outcome) {
	x := p.mx
	switch r.manager.Type {
	case tds.TMBegin, tds.TMCommit, tds.TMRollback, tds.TMSave:
	default:
		x.state.Pin(statement.DTC, "", "", o.Now)
		return
	}
	if level := r.manager.Isolation; level != 0 {
		if o.Errors {
			x.state.Settle(x.state.Settings.Forget(1<<statement.Isolation), o.Now)
		} else {
			x.state.Settle(x.state.Settings.WithIsolation(level), o.Now)
		}
	}
	x.state.TransactionDone(o.RolledBack || r.manager.Type == tds.TMRollback, o.IsOpen)
}

// reasonOf is the reason of a pin that prepared statements ask for.
func reasonOf(p prepared.Pin) statement.Reason {
	switch p {
	case prepared.PinNotUnderstood:
		return statement.NotUnderstood
	case prepared.PinTooLong:
		return statement.TooLong
	case prepared.PinCursor:
		return statement.Cursor
	}
	return statement.Prepared
}
