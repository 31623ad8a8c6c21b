package tsql

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// transaction is the state of a session's transaction. SQLite's transaction
// begins later, with the first statement that needs it: reads before the first
// write each see what is committed.
type transaction struct {
	count  int
	id     uint64
	name   string
	doomed bool // can only be rolled back
	begun  bool // SQLite's transaction is open
	writer bool // and holds the engine's writer token
	undo   []func()
	saves  []savepoint
	next   int
}

type savepoint struct {
	name string
	sql  string // empty: SQLite's transaction had not begun
	undo int
}

// lockWriter waits for the right to write, as long as LOCK_TIMEOUT allows.
func (s *Session) lockWriter(ctx context.Context) error {
	if s.tran.writer {
		return nil
	}
	select {
	case <-s.eng.writer:
		s.tran.writer = true
		return nil
	default:
	}
	var timeout <-chan time.Time
	if ms := s.opts.lockTimeout; ms == 0 {
		return errLockTimeout()
	} else if ms > 0 {
		t := time.NewTimer(time.Duration(ms) * time.Millisecond)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-s.eng.writer:
		s.tran.writer = true
		return nil
	case <-timeout:
		return errLockTimeout()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Session) unlockWriter() {
	if s.tran.writer {
		s.tran.writer = false
		s.eng.writer <- struct{}{}
	}
}

// beginStore opens SQLite's transaction, for writing shared tables if shared.
func (s *Session) beginStore(ctx context.Context, shared bool) error {
	st, err := s.open()
	if err != nil {
		return err
	}
	if shared && !s.tran.writer {
		if err := s.lockWriter(ctx); err != nil {
			return err
		}
		if s.tran.begun {
			// Upgrade: the transaction has touched only temporary tables, or
			// has read under SNAPSHOT and may have lost its chance.
			if _, err := st.exec(ctx, "UPDATE main.writer SET n=n"); err != nil {
				s.unlockWriter()
				return s.storeError(ctx, err)
			}
			return nil
		}
	}
	if s.tran.begun {
		return nil
	}
	verb := "BEGIN"
	if shared {
		verb = "BEGIN IMMEDIATE"
	}
	if err := st.control(verb); err != nil {
		s.unlockWriter()
		return s.storeError(ctx, err)
	}
	s.tran.begun = true
	return nil
}

// endStore ends SQLite's transaction.
func (s *Session) endStore(commit bool) error {
	defer s.unlockWriter()
	if !s.tran.begun {
		return nil
	}
	s.tran.begun = false
	if commit {
		err := s.store.control("COMMIT")
		if err != nil {
			_ = s.store.control("ROLLBACK") // the commit's error is the one to tell
		}
		return err
	}
	return s.store.control("ROLLBACK")
}

// beforeRead prepares the transaction for a statement that reads tables.
func (s *Session) beforeRead(ctx context.Context, tables []*table) error {
	if s.tran.count == 0 {
		return nil
	}
	shared := false
	for _, t := range tables {
		shared = shared || !t.session
	}
	if !shared {
		return nil
	}
	switch {
	case s.tran.writer:
	case s.opts.isolation == 3 || s.opts.isolation == 4:
		return s.beginStore(ctx, true)
	case s.tran.begun && s.opts.isolation != 5:
		// Temporary tables were written; reading now would freeze a snapshot.
		return s.beginStore(ctx, true)
	case s.opts.isolation == 5:
		return s.beginStore(ctx, false)
	}
	return nil
}

// write runs fn, which changes tables, as one atomic statement.
func (s *Session) write(ctx context.Context, shared bool, fn func(st *store) error) error {
	if s.tran.doomed {
		return abortf(3930, "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.")
	}
	st, err := s.open()
	if err != nil {
		return err
	}
	if err := s.beginStore(ctx, shared); err != nil {
		return err
	}
	if s.tran.count == 0 {
		err := fn(st)
		if err != nil {
			s.revert(0)
			_ = s.endStore(false) // err is the one to tell
			return err
		}
		s.tran.undo = nil
		return s.storeError(ctx, s.endStore(true))
	}
	mark := len(s.tran.undo)
	if err := st.control("SAVEPOINT stmt"); err != nil {
		return err
	}
	if err := fn(st); err != nil {
		s.revert(mark)
		_ = st.control("ROLLBACK TO stmt") // err is the one to tell
		_ = st.control("RELEASE stmt")
		return err
	}
	return st.control("RELEASE stmt")
}

// revert undoes changes of the catalogue down to a mark.
func (s *Session) revert(mark int) {
	for i := len(s.tran.undo) - 1; i >= mark; i-- {
		s.tran.undo[i]()
	}
	s.tran.undo = s.tran.undo[:mark]
}

// onRollback registers what undoes a change of the catalogue.
func (s *Session) onRollback(undo func()) { s.tran.undo = append(s.tran.undo, undo) }

// begin is BEGIN TRANSACTION.
func (s *Session) begin(name string, sink Sink) {
	s.tran.count++
	if s.tran.count > 1 {
		return
	}
	s.tran.id = s.eng.nextTx.Add(1)
	s.tran.name = name
	sink.EnvChange(EnvChange{Kind: EnvBegin, Transaction: s.tran.id})
}

// commit is COMMIT TRANSACTION.
func (s *Session) commit(sink Sink) error {
	switch {
	case s.tran.count == 0:
		return errf(3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.")
	case s.tran.doomed:
		return abortf(3930, "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.")
	case s.tran.count > 1:
		s.tran.count--
		return nil
	}
	id := s.tran.id
	err := s.endStore(true)
	if err != nil {
		s.revert(0)
	}
	s.tran = transaction{}
	s.eng.locks.releaseTransaction(s)
	if err != nil {
		sink.EnvChange(EnvChange{Kind: EnvRollback, Transaction: id})
		return s.storeError(context.Background(), err)
	}
	sink.EnvChange(EnvChange{Kind: EnvCommit, Transaction: id})
	return nil
}

// rollback undoes the whole transaction; sink may be nil.
func (s *Session) rollback(sink Sink) {
	if s.tran.count == 0 {
		return
	}
	id := s.tran.id
	s.revert(0)
	_ = s.endStore(false) // SQLite cannot refuse a ROLLBACK of an open transaction
	s.tran = transaction{}
	s.eng.locks.releaseTransaction(s)
	if sink != nil {
		sink.EnvChange(EnvChange{Kind: EnvRollback, Transaction: id})
	}
}

func (s *Session) rollbackAll() { s.rollback(nil) }

// save is SAVE TRANSACTION.
func (s *Session) save(name string) error {
	if s.tran.count == 0 {
		return errf(628, "Cannot issue SAVE TRANSACTION when there is no active transaction.").state(0)
	}
	sp := savepoint{name: name, undo: len(s.tran.undo)}
	if s.tran.begun {
		s.tran.next++
		sp.sql = "save" + strconv.Itoa(s.tran.next)
		if err := s.store.control("SAVEPOINT " + sp.sql); err != nil {
			return err
		}
	}
	s.tran.saves = append(s.tran.saves, sp)
	return nil
}

// rollbackTo is ROLLBACK TRANSACTION name: to a savepoint, or all.
func (s *Session) rollbackTo(name string, sink Sink) error {
	if s.tran.count == 0 {
		return errf(3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.")
	}
	if name == "" {
		s.rollback(sink)
		return nil
	}
	for i := len(s.tran.saves) - 1; i >= 0; i-- {
		sp := s.tran.saves[i]
		if !strings.EqualFold(sp.name, name) {
			continue
		}
		s.tran.saves = s.tran.saves[:i+1]
		s.revert(sp.undo)
		if sp.sql != "" {
			return s.store.control("ROLLBACK TO " + sp.sql)
		}
		// Nothing had been written when the savepoint was made. The writer
		// token is given up with it.
		return s.endStore(false)
	}
	if strings.EqualFold(s.tran.name, name) {
		s.rollback(sink)
		return nil
	}
	return errf(6401, "Cannot roll back %s. No transaction or savepoint of that name was found.", name)
}

// Begin starts a transaction; isolation is that of a TM_BEGIN_XACT request, 0
// to keep the level.
func (s *Session) Begin(isolation byte, name string, sink Sink) error {
	return s.request(context.Background(), sink, func(r *runner) error {
		if isolation >= 1 && isolation <= 5 {
			s.opts.isolation = isolation
		}
		s.begin(name, sink)
		r.done(Done{CurCmd: cmdBegin})
		return nil
	})
}

// Commit commits the transaction; errors go to the sink.
func (s *Session) Commit(_ string, sink Sink) error {
	return s.request(context.Background(), sink, func(r *runner) error {
		if err := s.commit(sink); err != nil {
			return r.failed(err, cmdCommit)
		}
		r.done(Done{CurCmd: cmdCommit})
		return nil
	})
}

// Rollback rolls back to a savepoint of that name, or everything.
func (s *Session) Rollback(name string, sink Sink) error {
	return s.request(context.Background(), sink, func(r *runner) error {
		if err := s.rollbackTo(name, sink); err != nil {
			return r.failed(err, cmdRollback)
		}
		r.done(Done{CurCmd: cmdRollback})
		return nil
	})
}

// Save makes a savepoint.
func (s *Session) Save(name string, sink Sink) error {
	return s.request(context.Background(), sink, func(r *runner) error {
		if err := s.save(name); err != nil {
			return r.failed(err, cmdNone)
		}
		r.done(Done{CurCmd: cmdNone})
		return nil
	})
}

// dropTemps drops the session's temporary tables of a nesting level and above.
func (s *Session) dropTemps(level int) {
	keep := s.temps[:0]
	for _, t := range s.temps {
		if t.level < level {
			keep = append(keep, t)
			continue
		}
		if s.store != nil {
			_ = s.store.control("DROP TABLE IF EXISTS " + t.t.store) // gone already after a rollback
		}
	}
	clear(s.temps[len(keep):])
	s.temps = keep
}

// dropGlobals drops the ##tables the session made.
func (s *Session) dropGlobals() {
	list := s.globals
	s.globals = nil
	for _, t := range list {
		if s.eng.cat.get(s.eng.tempdb, "dbo", t.name) != any(t) {
			continue
		}
		timeout := s.opts.lockTimeout
		s.opts.lockTimeout = 5000
		err := s.write(context.Background(), true, func(st *store) error { return st.control("DROP TABLE IF EXISTS " + t.store) })
		s.opts.lockTimeout = timeout
		if err == nil || s.closed {
			s.eng.cat.put(s.eng.tempdb, "dbo", t.name, nil)
		}
	}
}
