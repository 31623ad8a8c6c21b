package actor

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestTellHereHandlesBeforeItReturns(t *testing.T) {
	s := NewSystem()
	got := 0 // no lock: nobody else works for the actor
	ref := spawn(s, func(_ *Context[int], m int) { got += m })
	for range 3 {
		if err := ref.TellHere(2); err != nil {
			t.Fatal(err)
		}
	}
	if got != 6 {
		t.Errorf("handled %d, want 6", got)
	}
	shutdown(t, s)
	if err := ref.TellHere(1); !errors.Is(err, ErrStopped) {
		t.Errorf("after the stop: %v", err)
	}
	if err := (Ref[int]{}).TellHere(1); !errors.Is(err, ErrStopped) {
		t.Errorf("zero Ref: %v", err)
	}
}

func TestTellHereDoesNotWaitForABusyActor(t *testing.T) {
	s := NewSystem()
	g := newGate()
	ref := g.spawn(s, Mailbox(1))
	if err := ref.Tell(1); err != nil {
		t.Fatal(err)
	}
	<-g.entered
	if err := ref.TellHere(2); err != nil { // would block in the gate
		t.Fatal(err)
	}
	if err := ref.TellHere(3); !errors.Is(err, ErrFull) {
		t.Errorf("a full mailbox: %v", err)
	}
	g.open <- struct{}{}
	if m := <-g.entered; m != 2 {
		t.Errorf("%d was handled next", m)
	}
	g.open <- struct{}{}
	shutdown(t, s)
}

// A caller is not kept by an actor that never runs out of work.
func TestTellHereEnds(t *testing.T) {
	s := NewSystem()
	var turns atomic.Int64
	ref := spawn(s, func(c *Context[int], m int) {
		turns.Add(1)
		_ = c.Self().Tell(m)
	})
	if err := ref.TellHere(1); err != nil {
		t.Fatal(err)
	}
	ctx := within(t)
	for turns.Load() <= lent && ctx.Err() == nil { // goes on without the caller
		runtime.Gosched()
	}
	if turns.Load() <= lent {
		t.Error("nobody went on")
	}
	shutdown(t, s)
}

// Two actors that tell each other so take turns on one goroutine.
func TestTellHereInsideReceive(t *testing.T) {
	s := NewSystem()
	var a, b Ref[int]
	count := 0 // no lock: nobody else works for either
	a = spawn(s, func(_ *Context[int], m int) {
		if m > 0 {
			_ = b.TellHere(m)
		}
	})
	b = spawn(s, func(_ *Context[int], m int) {
		count++
		_ = a.TellHere(m - 1)
	})
	if err := a.TellHere(lent - 1); err != nil {
		t.Fatal(err)
	}
	if count != lent-1 {
		t.Errorf("%d turns, want %d", count, lent-1)
	}
	shutdown(t, s)
}

// A panic in the actor is the actor's, not the caller's.
func TestTellHereSurvivesAPanic(t *testing.T) {
	s := NewSystem()
	ref := spawn(s, func(*Context[int], int) { panic("bad") })
	if err := ref.TellHere(1); err != nil {
		t.Fatal(err)
	}
	gone(t, ref)
	shutdown(t, s)
}

// TestTellHereTakesTurns mixes callers that work for the actor with ones that do not.
func TestTellHereTakesTurns(t *testing.T) {
	const senders, each = 8, 3000
	type msg struct{ from, n int }
	var (
		s     = NewSystem()
		next  [senders]int // no lock: the race detector checks that turns see each other
		total atomic.Int64
	)
	ref := spawn(s, func(_ *Context[msg], m msg) {
		if next[m.from] != m.n {
			t.Errorf("sender %d: got %d, want %d", m.from, m.n, next[m.from])
		}
		next[m.from] = m.n + 1
		total.Add(1)
	}, Mailbox(8))
	var wg sync.WaitGroup
	for from := range senders {
		wg.Go(func() {
			tell := ref.TellHere
			if from%4 == 0 {
				tell = ref.Tell
			}
			for n := range each {
				for tell(msg{from, n}) != nil {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	ctx := within(t)
	for total.Load() < senders*each && ctx.Err() == nil {
		runtime.Gosched()
	}
	shutdown(t, s)
	if total.Load() != senders*each {
		t.Errorf("%d messages arrived, want %d", total.Load(), senders*each)
	}
}
