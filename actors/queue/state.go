// Package queue keeps the requests that wait for a connection to one bucket:
// in order of arrival, bounded in number, each with a deadline. It knows
// nothing of connections. A bucket's governor hands it requests and asks for
// the next one whenever it can serve one.
//
// The one race there is, a grant meeting a waiter that has just left, is
// settled by the queue being the only one that adds, takes and drops waiters:
// whoever is taken was waiting at that moment, and a waiter that leaves
// afterwards is the governor's to deal with. Where nobody waits any more, the
// governor gets its offer back.
package queue

import (
	"container/list"
	"time"

	"sluice/actors/actor"
)

// Waiter is one waiting request.
type Waiter[R any] struct {
	ID       actor.ID // the session that waits
	Order    uint64   // place in the line: the lowest is served first
	Arrived  time.Time
	Deadline time.Time
	Request  R
}

// Reason is why a waiter left the queue without being taken.
type Reason int

// Reasons.
const (
	TimedOut  Reason = iota // its deadline has passed
	Full                    // it was never let in
	Cancelled               // its session is gone or asked for it
	Closed                  // the queue was emptied
)

func (r Reason) String() string {
	return [...]string{"timeout", "queue_full", "cancelled", "closed"}[r]
}

// Event is what the queue tells its governor.
type Event[R any] interface{ event(R) }

// Taken answers an offer: Waiter is the governor's from now on.
type Taken[R any] struct{ Waiter Waiter[R] }

// Returned answers an offer that nobody was there to take.
type Returned[R any] struct{}

// Left says that a waiter is gone.
type Left[R any] struct {
	Waiter Waiter[R]
	Reason Reason
}

func (Taken[R]) event(R)    {}
func (Returned[R]) event(R) {}
func (Left[R]) event(R)     {}

// State is the queue itself, without goroutines or a clock.
type State[R any] struct {
	limit int // 0 = none
	order *list.List
	byID  map[actor.ID]*list.Element
}

// NewState returns an empty queue that lets at most limit waiters in; 0 is no limit.
func NewState[R any](limit int) *State[R] {
	return &State[R]{limit: limit, order: list.New(), byID: map[actor.ID]*list.Element{}}
}

// Len is the number of waiters.
func (s *State[R]) Len() int { return s.order.Len() }

// SetLimit changes the limit; those who wait already stay.
func (s *State[R]) SetLimit(n int) { s.limit = n }

// Oldest returns the waiter at the head.
func (s *State[R]) Oldest() (w Waiter[R], ok bool) {
	if e := s.order.Front(); e != nil {
		return e.Value.(Waiter[R]), true
	}
	return w, false
}

// Enqueue lets w in at its place in the order, which is behind all others
// unless it comes again, because it was taken and could not be served. It
// answers Left where w stays outside; the limit is for new waiters only.
func (s *State[R]) Enqueue(w Waiter[R], again bool, now time.Time) []Event[R] {
	switch {
	case !w.Deadline.After(now):
		return []Event[R]{Left[R]{w, TimedOut}}
	case s.limit > 0 && s.Len() >= s.limit && !again:
		return []Event[R]{Left[R]{w, Full}}
	case s.byID[w.ID] != nil: // one request a session
		return []Event[R]{Left[R]{w, Cancelled}}
	}
	if again {
		s.byID[w.ID] = s.fromFront(w)
	} else {
		s.byID[w.ID] = s.fromBack(w)
	}
	return nil
}

// fromFront and fromBack insert w in its place and differ in where they begin
// to look for it.
func (s *State[R]) fromFront(w Waiter[R]) *list.Element {
	for e := s.order.Front(); e != nil; e = e.Next() {
		if e.Value.(Waiter[R]).Order > w.Order {
			return s.order.InsertBefore(w, e)
		}
	}
	return s.order.PushBack(w)
}

func (s *State[R]) fromBack(w Waiter[R]) *list.Element {
	for e := s.order.Back(); e != nil; e = e.Prev() {
		if e.Value.(Waiter[R]).Order <= w.Order {
			return s.order.InsertAfter(w, e)
		}
	}
	return s.order.PushFront(w)
}

// Offer takes the first waiter, or the first that fits if fits is not nil.
// Those whose deadline has passed are dropped on the way, so that nobody is
// served too late.
func (s *State[R]) Offer(fits func(R) bool, now time.Time) []Event[R] {
	var out []Event[R]
	for e := s.order.Front(); e != nil; {
		next := e.Next()
		w := e.Value.(Waiter[R])
		switch {
		case !w.Deadline.After(now):
			out = append(out, Left[R]{s.remove(e), TimedOut})
		case fits == nil || fits(w.Request):
			return append(out, Taken[R]{s.remove(e)})
		}
		e = next
	}
	return append(out, Returned[R]{})
}

// Cancel drops the waiter of session id, if it is there.
func (s *State[R]) Cancel(id actor.ID) []Event[R] {
	if e := s.byID[id]; e != nil {
		return []Event[R]{Left[R]{s.remove(e), Cancelled}}
	}
	return nil
}

// Expire drops all whose deadline has passed.
func (s *State[R]) Expire(now time.Time) []Event[R] {
	var out []Event[R]
	for e := s.order.Front(); e != nil; {
		next := e.Next()
		if !e.Value.(Waiter[R]).Deadline.After(now) {
			out = append(out, Left[R]{s.remove(e), TimedOut})
		}
		e = next
	}
	return out
}

// Empty drops everybody.
func (s *State[R]) Empty() []Event[R] {
	var out []Event[R]
	for e := s.order.Front(); e != nil; e = s.order.Front() {
		out = append(out, Left[R]{s.remove(e), Closed})
	}
	return out
}

// NextDeadline is the earliest deadline of all waiters.
func (s *State[R]) NextDeadline() (at time.Time, ok bool) {
	for e := s.order.Front(); e != nil; e = e.Next() {
		if d := e.Value.(Waiter[R]).Deadline; !ok || d.Before(at) {
			at, ok = d, true
		}
	}
	return at, ok
}

func (s *State[R]) remove(e *list.Element) Waiter[R] {
	w := s.order.Remove(e).(Waiter[R])
	delete(s.byID, w.ID)
	return w
}
