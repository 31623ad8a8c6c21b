package queue

import (
	"time"

	"sluice/actors/actor"
)

// Msg is a message to a queue actor.
type Msg[R any] interface{ queueMsg(R) }

// Enqueue hands the queue a request; Again says that it comes back, having
// been let in before.
type Enqueue[R any] struct {
	Waiter Waiter[R]
	Again  bool
}

// Offer asks for the next waiter, or with Fits for the next of those whose
// request fits. It is answered by one Taken or Returned. Fits runs in the
// queue and must not touch what others change.
type Offer[R any] struct{ Fits func(R) bool }

// Cancel drops the waiter of a session.
type Cancel[R any] struct{ ID actor.ID }

// SetLimit changes the largest number of waiters; 0 is no limit.
type SetLimit[R any] struct{ Limit int }

// Empty drops everybody with reason Closed.
type Empty[R any] struct{}

type wakeUp[R any] struct{}

func (Enqueue[R]) queueMsg(R)  {}
func (Offer[R]) queueMsg(R)    {}
func (Cancel[R]) queueMsg(R)   {}
func (SetLimit[R]) queueMsg(R) {}
func (Empty[R]) queueMsg(R)    {}
func (wakeUp[R]) queueMsg(R)   {}

// Queue is the actor around a State.
type Queue[R any] struct {
	state *State[R]
	tell  func(Event[R]) error
	// unsent are events the governor's mailbox had no room for. None may be
	// lost: a Taken that vanished would take a slot with it.
	unsent []Event[R]
	timer  *actor.Timer
	wakeAt time.Time
}

// retryAfter is the pause before an event is offered again to a governor whose
// mailbox was full; wakeSlack keeps timers of close deadlines together.
const (
	retryAfter = 5 * time.Millisecond
	wakeSlack  = 2 * time.Millisecond
)

// New returns the actor. Tell delivers an event to the governor and must not
// block; on an error the event is told again later, in order.
func New[R any](limit int, tell func(Event[R]) error) actor.Actor[Msg[R]] {
	return &Queue[R]{state: NewState[R](limit), tell: tell}
}

// Receive implements actor.Actor.
func (q *Queue[R]) Receive(c *actor.Context[Msg[R]], m Msg[R]) {
	now := time.Now()
	var (
		out  []Event[R]
		hint time.Time // a deadline that may be the next
	)
	switch m := m.(type) {
	case Enqueue[R]:
		out, hint = q.state.Enqueue(m.Waiter, m.Again, now), m.Waiter.Deadline
	case Offer[R]:
		out = q.state.Offer(m.Fits, now)
	case Cancel[R]:
		out = q.state.Cancel(m.ID)
	case SetLimit[R]:
		q.state.SetLimit(m.Limit)
	case Empty[R]:
		out = q.state.Empty()
	case wakeUp[R]:
		q.timer, q.wakeAt = nil, time.Time{}
		out = q.state.Expire(now)
	}
	q.send(append(q.unsent, out...))
	q.arm(c, now, hint)
}

func (q *Queue[R]) send(events []Event[R]) {
	q.unsent = nil
	for i, e := range events {
		if err := q.tell(e); err != nil {
			q.unsent = events[i:]
			return
		}
	}
}

// arm sets the timer for the next deadline. hint is the deadline of a waiter
// that has just come, if one has; every other waiter's was looked at when the
// running timer was set.
func (q *Queue[R]) arm(c *actor.Context[Msg[R]], now, hint time.Time) {
	at := hint
	switch {
	case len(q.unsent) > 0:
		at = now.Add(retryAfter)
	case q.timer == nil:
		at, _ = q.state.NextDeadline()
	}
	if at.IsZero() || q.timer != nil && !at.Before(q.wakeAt) {
		return
	}
	if q.timer != nil {
		q.timer.Stop()
	}
	q.wakeAt = at
	q.timer = c.After(max(at.Sub(now), 0)+wakeSlack, wakeUp[R]{})
}

// Info is what Inspect returns.
type Info struct {
	Waiting int           `json:"waiting"`
	Limit   int           `json:"limit"`
	Oldest  time.Duration `json:"oldest_wait_ns"`
	Unsent  int           `json:"unsent_events"`
}

// Inspect implements actor.Inspector.
func (q *Queue[R]) Inspect() any {
	i := Info{Waiting: q.state.Len(), Limit: q.state.limit, Unsent: len(q.unsent)}
	if w, ok := q.state.Oldest(); ok {
		i.Oldest = time.Since(w.Arrived)
	}
	return i
}
