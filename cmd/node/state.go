package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluice/actors/keeper"
	"sluice/configs"
	"sluice/limits"
)

// stateFile is what a node leaves behind for its guard, and for its successor
// under the same name on this machine: which sessions with the ledger end with
// it. It is locked while the process lives, so whoever gets the lock has the
// kernel's word that the process is gone. It lives in the page cache, nothing
// is synced: it need not outlive the machine.
type stateFile struct {
	path string
	file *os.File

	mu          sync.Mutex
	record      stateRecord
	predecessor stateRecord
}

// stateRecord is the content of a state file.
type stateRecord struct {
	PID       int              `json:"pid"`
	Started   uint64           `json:"started"` // by the kernel's count
	Boot      string           `json:"boot"`    // of the machine
	Sessions  []limits.Session `json:"sessions"`
	LentUntil time.Duration    `json:"lent_until_ns"` // by the clock of this boot
}

var errNameTaken = errors.New("the name is taken")

// statePath is where the node of that name has its file.
func statePath(cfg *configs.Config) string {
	dir := cfg.Limits.StateDir
	if dir == "" {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "sluice-"+url.PathEscape(cfg.Gossip.ClusterName)+"-"+url.PathEscape(cfg.Proxy.InstanceID)+".state")
}

// openState opens and locks the node's state file. That another process has it
// gives an error which wraps errNameTaken.
func openState(cfg *configs.Config) (*stateFile, error) {
	path := statePath(cfg)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, fmt.Errorf("limits.state_dir: %w", err)
	}
	old, _ := readState(f) // whoever may have the lock
	if err := lockFile(f); err != nil {
		f.Close()
		if errors.Is(err, errNameTaken) {
			return nil, fmt.Errorf("%w: process %d on this machine runs as proxy.instance_id %s", errNameTaken, old.PID, cfg.Proxy.InstanceID)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// Only now nobody writes any more. An empty file, or a damaged one, tells
	// of nobody.
	if old, err = readState(f); err != nil {
		old = stateRecord{}
	}
	if old.Boot != bootID() && len(old.Sessions) > 0 {
		// Its times are of another clock; loans of its slots may still be in use.
		old.Boot, old.PID, old.Started, old.LentUntil = bootID(), 0, 0, monotonic()+cfg.Limits.LoanTime
	}
	s := &stateFile{path: path, file: f, predecessor: old}
	s.record = stateRecord{PID: os.Getpid(), Started: startedAt(os.Getpid()), Boot: bootID(), Sessions: old.Sessions, LentUntil: old.LentUntil}
	if err := s.write(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// readState reads the first record of a file; what is behind it is of a longer
// one that was written before.
func readState(f io.ReaderAt) (stateRecord, error) {
	var r stateRecord
	err := json.NewDecoder(io.NewSectionReader(f, 0, 1<<20)).Decode(&r)
	return r, err
}

func (s *stateFile) write() error {
	b, err := json.Marshal(s.record)
	if err != nil {
		return err
	}
	if _, err := s.file.WriteAt(append(b, '\n'), 0); err != nil {
		return fmt.Errorf("write %s: %w", s.path, err)
	}
	return nil
}

// remember notes the sessions that end with this process. Those of the
// predecessor stay with them until the ledger knows of their end.
func (s *stateFile) remember(sessions []limits.Session, lentUntil time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.Sessions = append(append([]limits.Session{}, sessions...), s.predecessor.Sessions...)
	s.record.LentUntil = max(lentUntil, s.predecessor.LentUntil)
	return s.write()
}

// clear notes that the ledger knows all.
func (s *stateFile) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.Sessions, s.record.LentUntil = s.predecessor.Sessions, 0
	_ = s.write() // then the guard tells the ledger once more
}

// settled tells whether nothing is left to be told.
func (s *stateFile) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.record.Sessions) == 0
}

func (s *stateFile) close() { s.file.Close() } // and with it the lock

// settlePredecessor tells the ledger of the end of the process that had this
// name before, in the background.
func (s *stateFile) settlePredecessor(ctx context.Context, f *fleet) {
	old := s.predecessor
	if len(old.Sessions) == 0 {
		return
	}
	f.watch.Go(func() {
		if reportDeath(ctx, f.ledger, old, f.params.Loan, f.log) != nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.record.Sessions = s.record.Sessions[:len(s.record.Sessions)-len(old.Sessions)]
		s.predecessor = stateRecord{}
		if err := s.write(); err != nil {
			f.log.Error("what a successor must know could not be written", "err", err)
		}
	})
}

// settleTime is how long after the end of a process its sockets are certain to
// be closed at the other side too, as far as the network delivers.
const settleTime = time.Second

// reportDeath tells the ledger of the end of a process that is known to be
// gone, once no loan of its slots can be in use. It goes on until it is done
// or ctx ends.
func reportDeath(ctx context.Context, l keeper.Ledger, r stateRecord, loan time.Duration, log *slog.Logger) error {
	wait := settleTime
	if r.Boot != bootID() { // the clock began anew, but loans may be younger than that
		wait += loan
	} else {
		wait = max(wait, r.LentUntil-monotonic()+settleTime)
	}
	for pause := wait; ; pause = retryDeath {
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
		if r.PID != 0 && r.Boot == bootID() && r.Started == startedAt(r.PID) && r.Started != 0 {
			continue // it is still ending
		}
		if err := leaveAll(ctx, l, r.Sessions); err != nil {
			log.Debug("the ledger could not be told of a death", "err", err)
			continue
		}
		log.Info("told the ledger that a process of this name has ended", "pid", r.PID, "sessions", len(r.Sessions))
		return nil
	}
}

const retryDeath = 500 * time.Millisecond

var errNotTaken = errors.New("the ledger did not take it")

func leaveAll(ctx context.Context, l keeper.Ledger, sessions []limits.Session) error {
	for _, s := range sessions {
		one, cancel := context.WithTimeout(ctx, time.Second)
		reply, err := l.Do(one, limits.Leave{Session: s})
		cancel()
		if err != nil {
			return err
		}
		if reply.Status != limits.OK {
			return fmt.Errorf("%w: %s", errNotTaken, reply.Status)
		}
	}
	return nil
}
