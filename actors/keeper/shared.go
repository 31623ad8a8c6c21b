package keeper

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/actors/actor"
	"sluice/actors/bucket"
	"sluice/limits"
)

// Shared is what a keeper and others look at together: the right to dial,
// which a governor must be able to read without asking, the governors' last
// reports, and what is shown of the keeper. Its methods may be called by any
// goroutine.
type Shared struct {
	counters
	clock func() time.Duration
	poke  func() error
	view  atomic.Pointer[limits.View]

	mu      sync.Mutex
	buckets map[string]*seat
	ready   map[string]bucket.Usage // reports that the keeper has not read
	poked   bool
	closed  bool
}

// seat is the place of one bucket.
type seat struct {
	until    atomic.Int64 // end of the right to its slots, by the keeper's clock
	governor bucket.Ref
	hired    bool
	next     []bucket.Ref   // who take over when it is fired, in turn
	last     bucket.Entitle // what the governor is to be told, or was
	unsent   bool           // its mailbox was full
}

// tell gives a hired governor the last word. A mailbox that is full gets it
// with the governor's next report: it is behind with its messages, not idle.
func (st *seat) tell() {
	if st.hired && st.last.Version > 0 {
		st.unsent = st.governor.Tell(st.last) != nil
	}
}

// nothing is the last word of all.
var nothing = bucket.Entitle{Version: math.MaxUint64, Force: true}

func newShared(clock func() time.Duration) *Shared {
	s := &Shared{clock: clock, buckets: map[string]*seat{}, ready: map[string]bucket.Usage{}}
	s.poke = func() error { return actor.ErrStopped }
	s.view.Store(&limits.View{})
	return s
}

// setPoke says how the keeper is told that there are reports.
func (s *Shared) setPoke(poke func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poke = poke
	s.poked = len(s.ready) > 0 && poke() == nil
}

func (s *Shared) seat(name string) *seat {
	if s.buckets[name] == nil {
		s.buckets[name] = &seat{}
	}
	return s.buckets[name]
}

// Admit returns what a governor of the bucket asks before each dial.
func (s *Shared) Admit(name string) func() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.seat(name)
	return func() bool { return int64(s.clock()) < st.until.Load() }
}

// Report takes a governor's report. Only the newest of each bucket is kept: it
// says all that the ones before it said.
func (s *Shared) Report(u bucket.Usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.seat(u.Bucket)
	if len(st.next) > 0 && u.Version == 0 {
		return // of one who has not taken over yet, and so has nothing open
	}
	if st.unsent {
		st.tell()
	}
	s.report(u)
}

func (s *Shared) report(u bucket.Usage) {
	s.ready[u.Bucket] = u
	if !s.poked {
		s.poked = s.poke() == nil // else the next report tries again
	}
}

// take returns the reports that were not read yet.
func (s *Shared) take() []bucket.Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poked = false
	out := slices.SortedFunc(maps.Values(s.ready), func(a, b bucket.Usage) int { return strings.Compare(a.Bucket, b.Bucket) })
	clear(s.ready)
	return out
}

// Hire makes g the governor of a bucket. It is told at once how many slots it
// has; a bucket that still has a governor has to wait until that one is fired,
// since the connections of both would count for the same slots.
func (s *Shared) Hire(name string, g bucket.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.seat(name)
	if st.hired {
		st.next = append(st.next, g)
		return
	}
	s.install(st, g)
}

func (s *Shared) install(st *seat, g bucket.Ref) {
	st.governor, st.hired = g, true
	if s.closed {
		st.last = nothing
	}
	st.tell()
}

// Fire forgets a governor of a bucket, which must have closed all its connections.
func (s *Shared) Fire(name string, g bucket.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.seat(name)
	if !st.hired || st.governor != g {
		st.next = slices.DeleteFunc(st.next, func(r bucket.Ref) bool { return r == g })
		return
	}
	st.hired, st.unsent = false, false
	s.report(bucket.Usage{Bucket: name, Version: st.last.Version})
	if len(st.next) > 0 {
		next := st.next[0]
		st.next = st.next[1:]
		s.install(st, next)
	}
}

// entitle tells a governor what it may have.
func (s *Shared) entitle(e limits.Entitle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.seat(e.Bucket)
	st.last = bucket.Entitle{Version: e.Version, Slots: e.Slots, Force: e.Force}
	st.tell()
	if !st.hired { // nobody is there to use them
		s.report(bucket.Usage{Bucket: e.Bucket, Version: e.Version})
	}
}

// setUntil publishes how long each bucket's slots may be used.
func (s *Shared) setUntil(n *limits.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, st := range s.buckets {
		st.until.Store(int64(n.Until(name)))
	}
}

// closeAll takes every slot away, for good.
func (s *Shared) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	v := s.View()
	v.Phase, v.ValidFor, v.Buckets = "gone", 0, slices.Clone(v.Buckets)
	for i := range v.Buckets {
		v.Buckets[i].Entitled = 0
	}
	s.view.Store(&v)
	for _, st := range s.buckets {
		st.until.Store(0)
		st.last = nothing
		st.tell()
	}
}

// View is how the keeper stood a moment ago.
func (s *Shared) View() limits.View { return *s.view.Load() }

// Counts are totals since the start: times the session was lost, slots
// borrowed and lent, calls made for others.
func (s *Shared) Counts() (fences, borrowed, lent, relayed uint64) {
	return s.fences.Load(), s.borrowed.Load(), s.lent.Load(), s.relayed.Load()
}

// Why tells in a few words how a bucket stands, for a client that waited in vain.
func (s *Shared) Why(name string) func() string {
	return func() string {
		v := s.View()
		text := "this node has no slots yet"
		for _, b := range v.Buckets {
			if b.Bucket == name {
				text = fmt.Sprintf("this node holds %d of %d slots", b.Entitled, b.Limit)
			}
		}
		if v.Ledger != "" && v.Ledger != "open" {
			text += "; the ledger is " + v.Ledger
		}
		if v.Phase != "inside" {
			text += "; this node is not part of the fleet now"
		}
		return text
	}
}
