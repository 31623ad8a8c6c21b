package queue

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/actor"
)

var errFull = errors.New("mailbox full")

// governor is what a queue reports to. Tests look at what came when all is at
// rest.
type governor struct {
	events []Event[int]
	times  []time.Duration // when each came, since began
	began  time.Time
	room   atomic.Int64 // events that find room; negative is no limit
}

func (g *governor) tell(e Event[int]) error {
	if g.room.Load() == 0 {
		return errFull
	}
	g.room.Add(-1)
	g.events = append(g.events, e)
	g.times = append(g.times, time.Since(g.began))
	return nil
}

// start runs a queue in a synctest bubble until the test ends it.
func start(t *testing.T, limit int) (*governor, actor.Ref[Msg[int]], *actor.System, func()) {
	g := &governor{began: time.Now()}
	g.room.Store(-1)
	sys := actor.NewSystem()
	q := actor.Spawn(sys, "queue", func() actor.Actor[Msg[int]] { return New(limit, g.tell) }, nil)
	return g, q, sys, func() {
		if err := sys.Shutdown(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
}

func tell(t *testing.T, q actor.Ref[Msg[int]], msgs ...Msg[int]) {
	t.Helper()
	for _, m := range msgs {
		if err := q.Tell(m); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
}

func enqueue(id int, wait time.Duration) Enqueue[int] {
	now := time.Now()
	return Enqueue[int]{Waiter: Waiter[int]{ID: actor.ID(id), Order: uint64(id), Arrived: now, Deadline: now.Add(wait), Request: id}}
}

func expect(t *testing.T, g *governor, want string) {
	t.Helper()
	if got := text(g.events); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTimeouts: everybody leaves at its deadline, not before, and at once.
func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, q, _, end := start(t, 0)
		defer end()
		// Each waiter comes ten milliseconds after the one before it, and
		// neither the first nor the last to come is the first to leave.
		waits := []time.Duration{500 * time.Millisecond, 2 * time.Second, 100 * time.Millisecond, time.Second, 100 * time.Millisecond, 1500 * time.Millisecond}
		due := map[actor.ID]time.Duration{}
		for i, d := range waits {
			tell(t, q, enqueue(i+1, d))
			due[actor.ID(i+1)] = time.Since(g.began) + d
			<-time.After(10 * time.Millisecond)
		}
		<-time.After(5 * time.Second)
		synctest.Wait()
		if len(g.events) != len(waits) {
			t.Fatalf("%d events: %s", len(g.events), text(g.events))
		}
		for i, e := range g.events {
			l, ok := e.(Left[int])
			if !ok || l.Reason != TimedOut {
				t.Fatalf("got %s", text(g.events))
			}
			if late := g.times[i] - due[l.Waiter.ID]; late < 0 || late > wakeSlack {
				t.Errorf("waiter %d left %v after its deadline", l.Waiter.ID, late)
			}
		}
	})
}

// TestServedBeforeDeadlineOnly: an offer in the slack between a deadline and
// its timer serves nobody.
func TestServedBeforeDeadlineOnly(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{
		{time.Second - 1, "taken 1"},
		{time.Second, "left 1 timeout, returned"},
		{time.Second + time.Millisecond, "left 1 timeout, returned"},
		{time.Second + time.Minute, "left 1 timeout, returned"},
	} {
		synctest.Test(t, func(t *testing.T) {
			g, q, _, end := start(t, 0)
			defer end()
			tell(t, q, enqueue(1, time.Second))
			<-time.After(tt.after)
			tell(t, q, Offer[int]{})
			expect(t, g, tt.want)
		})
	}
}

func TestMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, q, _, end := start(t, 2)
		defer end()
		tell(t, q, enqueue(1, time.Minute), enqueue(2, time.Minute), enqueue(3, time.Minute))
		tell(t, q, Cancel[int]{ID: 2}, SetLimit[int]{Limit: 3}, enqueue(4, time.Minute), enqueue(5, time.Minute))
		tell(t, q, Offer[int]{Fits: func(r int) bool { return r == 5 }}, Offer[int]{})
		again := enqueue(1, time.Minute)
		again.Again = true
		tell(t, q, again, Offer[int]{}, Empty[int]{}, Offer[int]{})
		expect(t, g, "left 3 queue_full, left 2 cancelled, taken 5, taken 1, taken 1, left 4 closed, returned")
	})
}

// TestFullGovernor: events that found no room come later, all and in order.
func TestFullGovernor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, q, sys, end := start(t, 0)
		defer end()
		g.room.Store(0)
		for i := range 100 {
			tell(t, q, enqueue(i+1, time.Hour))
		}
		for range 60 {
			tell(t, q, Offer[int]{})
		}
		tell(t, q, Cancel[int]{ID: 61}, enqueue(1000, time.Nanosecond))
		v, err := sys.Inspect(t.Context(), q.ID())
		if i := v.(Info); err != nil || i.Unsent != 61 || i.Waiting != 40 {
			t.Errorf("%+v, %v", i, err)
		}
		for i := range 8 { // a little room every now and then
			g.room.Store(int64(i))
			<-time.After(retryAfter)
			synctest.Wait()
		}
		g.room.Store(-1)
		<-time.After(2 * (retryAfter + wakeSlack))
		synctest.Wait()
		if len(g.events) != 62 {
			t.Fatalf("%d events, want 62", len(g.events))
		}
		for i, e := range g.events[:60] {
			if w, ok := e.(Taken[int]); !ok || w.Waiter.ID != actor.ID(i+1) {
				t.Fatalf("event %d is %s", i, text(g.events[i:i+1]))
			}
		}
		if got := text(g.events[60:]); got != "left 61 cancelled, left 1000 timeout" {
			t.Errorf("then came %q", got)
		}
	})
}

// TestTimeoutsBehindFullGovernor: the retries do not make the queue forget
// its deadlines.
func TestTimeoutsBehindFullGovernor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, q, _, end := start(t, 0)
		defer end()
		tell(t, q, enqueue(1, time.Hour), enqueue(2, time.Second), enqueue(3, 2*time.Second))
		g.room.Store(0)
		tell(t, q, Offer[int]{})
		<-time.After(500 * time.Millisecond)
		g.room.Store(-1)
		<-time.After(10 * time.Second)
		synctest.Wait()
		expect(t, g, "taken 1, left 2 timeout, left 3 timeout")
		if late := g.times[1] - time.Second; late < 0 || late > wakeSlack {
			t.Errorf("left %v after its deadline", late)
		}
	})
}

// TestOfferMeetsLeaver: waiters leave while they are offered what they waited
// for. Each is taken or has left, once, and every offer is answered.
func TestOfferMeetsLeaver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, q, _, end := start(t, 0)
		defer end()
		const n = 1000
		done := make(chan struct{}, 2)
		for i := range n {
			if err := q.Tell(enqueue(i+1, time.Hour)); err != nil {
				t.Fatal(err)
			}
			if i%500 == 499 {
				synctest.Wait()
			}
		}
		go func() {
			for i := range n {
				_ = q.Send(t.Context(), Cancel[int]{ID: actor.ID(n - i)})
			}
			done <- struct{}{}
		}()
		go func() {
			for range n {
				_ = q.Send(t.Context(), Offer[int]{})
			}
			done <- struct{}{}
		}()
		<-done
		<-done
		synctest.Wait()
		seen, answers := map[actor.ID]string{}, 0
		for _, e := range g.events {
			switch e := e.(type) {
			case Taken[int]:
				seen[e.Waiter.ID] += "taken "
				answers++
			case Left[int]:
				seen[e.Waiter.ID] += fmt.Sprint(e.Reason, " ")
			case Returned[int]:
				answers++
			}
		}
		if len(seen) != n || answers != n {
			t.Errorf("%d waiters and %d offers were answered, want %d", len(seen), answers, n)
		}
		for id, what := range seen {
			if !slices.Contains([]string{"taken ", "cancelled "}, what) {
				t.Errorf("waiter %d: %s", id, what)
			}
		}
	})
}

func TestInspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, q, sys, end := start(t, 7)
		defer end()
		tell(t, q, enqueue(1, time.Hour), enqueue(2, time.Hour))
		<-time.After(3 * time.Second)
		v, err := sys.Inspect(t.Context(), q.ID())
		if want := (Info{Waiting: 2, Limit: 7, Oldest: 3 * time.Second}); err != nil || v != want {
			t.Errorf("got %+v, %v", v, err)
		}
	})
}
