package tsql

import (
	"context"
	"strings"
	"sync"
	"time"
)

// appLocks are the locks of sp_getapplock. The zero value is ready to use.
type appLocks struct {
	mu   sync.Mutex
	held map[string][]*appLock
	wake chan struct{} // closed and replaced at every release
}

type appLock struct {
	s     *Session
	mode  string
	owner string // Session or Transaction
	count int
}

// lockConflicts tells which modes exclude each other.
var lockConflicts = map[string]string{
	"SHARED": "EXCLUSIVE INTENTEXCLUSIVE", "UPDATE": "UPDATE EXCLUSIVE INTENTEXCLUSIVE",
	"INTENTSHARED": "EXCLUSIVE", "INTENTEXCLUSIVE": "SHARED UPDATE EXCLUSIVE",
	"EXCLUSIVE": "SHARED UPDATE INTENTSHARED INTENTEXCLUSIVE EXCLUSIVE",
}

// acquire takes a lock; the result is that of sp_getapplock: 0 at once, 1 after
// waiting, -1 time-out.
func (l *appLocks) acquire(ctx context.Context, s *Session, key, mode, owner string, timeout time.Duration) (int64, error) {
	var expired <-chan time.Time
	if timeout >= 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		expired = t.C
	}
	waited := int64(0)
	for {
		wake, ok := l.try(s, key, mode, owner)
		if ok {
			return waited, nil
		}
		if timeout == 0 {
			return -1, nil
		}
		waited = 1
		select {
		case <-wake:
		case <-expired:
			return -1, nil
		case <-ctx.Done():
			return -2, ctx.Err()
		}
	}
}

func (l *appLocks) try(s *Session, key, mode, owner string) (<-chan struct{}, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held, l.wake = map[string][]*appLock{}, make(chan struct{})
	}
	var mine *appLock
	for _, h := range l.held[key] {
		if h.s == s {
			if h.mode == mode && h.owner == owner {
				mine = h
			}
			continue
		}
		for _, c := range strings.Fields(lockConflicts[mode]) {
			if h.mode == c {
				return l.wake, false
			}
		}
	}
	if mine != nil {
		mine.count++
	} else {
		l.held[key] = append(l.held[key], &appLock{s: s, mode: mode, owner: owner, count: 1})
	}
	return nil, true
}

// mode is the strongest mode in which the session holds a lock, or NoLock.
func (l *appLocks) mode(s *Session, key, owner string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	best := "NoLock"
	for _, h := range l.held[key] {
		if h.s == s && h.owner == owner {
			if name := lockNames[h.mode]; best == "NoLock" || h.mode == "EXCLUSIVE" {
				best = name
			}
		}
	}
	return best
}

var lockNames = map[string]string{"SHARED": "Shared", "UPDATE": "Update", "INTENTSHARED": "IntentShared", "INTENTEXCLUSIVE": "IntentExclusive", "EXCLUSIVE": "Exclusive"}

// release gives a lock back once; false if the session does not hold it.
func (l *appLocks) release(s *Session, key, owner string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.held[key] {
		if h.s == s && h.owner == owner {
			if h.count--; h.count == 0 {
				l.drop(func(k string, x *appLock) bool { return x == h })
			}
			return true
		}
	}
	return false
}

// drop removes locks and wakes those who wait; l.mu is held.
func (l *appLocks) drop(gone func(key string, h *appLock) bool) {
	n := 0
	for key, list := range l.held {
		keep := list[:0]
		for _, h := range list {
			if gone(key, h) {
				n++
				continue
			}
			keep = append(keep, h)
		}
		clear(list[len(keep):])
		if len(keep) == 0 {
			delete(l.held, key)
		} else {
			l.held[key] = keep
		}
	}
	if n > 0 {
		close(l.wake)
		l.wake = make(chan struct{})
	}
}

func (l *appLocks) releaseSession(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(func(_ string, h *appLock) bool { return h.s == s })
}

func (l *appLocks) releaseTransaction(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(func(_ string, h *appLock) bool { return h.s == s && h.owner == "TRANSACTION" })
}
