package actor

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// clocked arms timers as told: a positive message arms one of so many seconds.
type clocked struct {
	got    *[]int
	timers []*Timer
}

func (k *clocked) Receive(c *Context[int], m int) {
	switch {
	case m > 0:
		k.timers = append(k.timers, c.After(time.Duration(m)*time.Second, -m))
	case m == 0:
		panic("told to")
	default:
		*k.got = append(*k.got, m)
	}
}

func TestTimers(t *testing.T) {
	type world struct {
		ref  Ref[int]
		last func() *clocked
	}
	for _, tc := range []struct {
		name string
		act  func(t *testing.T, w world)
		got  []int
	}{
		{"fire in order of time", func(_ *testing.T, w world) {
			for _, m := range []int{3, 1, 2} {
				_ = w.ref.Tell(m)
			}
		}, []int{-1, -2, -3}},
		{"stopped in time", func(t *testing.T, w world) {
			_ = w.ref.Tell(2)
			synctest.Wait()
			if timer := w.last().timers[0]; !timer.Stop() || timer.Stop() {
				t.Error("Stop must succeed once")
			}
		}, nil},
		{"stopped too late", func(t *testing.T, w world) {
			_ = w.ref.Tell(2)
			advance(3 * time.Second)
			if w.last().timers[0].Stop() {
				t.Error("Stop of a fired timer succeeded")
			}
		}, []int{-2}},
		{"end with the actor", func(t *testing.T, w world) {
			_ = w.ref.Tell(2)
			synctest.Wait()
			w.ref.Stop(nil)
			synctest.Wait()
			if w.last().timers[0].Stop() {
				t.Error("still armed")
			}
		}, nil},
		{"end with the instance", func(_ *testing.T, w world) {
			_ = w.ref.Tell(5)
			_ = w.ref.Tell(0)
			synctest.Wait()
			_ = w.ref.Tell(6)
		}, []int{-6}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var (
					s    = NewSystem()
					got  []int
					last *clocked
				)
				w := world{
					ref: Spawn(s, "test", func() Actor[int] {
						last = &clocked{got: &got}
						return last
					}, With(Restart(1, 0, time.Second))),
					last: func() *clocked { return last },
				}
				tc.act(t, w)
				advance(time.Minute)
				if !slices.Equal(got, tc.got) {
					t.Errorf("received %v, want %v", got, tc.got)
				}
				if !w.ref.cell.timers.empty() {
					t.Error("timers left in the list")
				}
				shutdown(t, s)
			})
		})
	}
}

// TestTimerFindsPlaceInAFullMailbox: its message comes in order, though there was no room.
func TestTimerFindsPlaceInAFullMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		open := make(chan struct{})
		var got []int
		ref := spawn(s, func(c *Context[int], m int) {
			got = append(got, m)
			if m == 0 {
				c.After(time.Second, 99)
				<-open
			}
		}, Mailbox(2))
		_ = ref.Tell(0)
		synctest.Wait()
		_ = ref.Tell(1)
		_ = ref.Tell(2)
		if err := ref.Tell(3); err == nil {
			t.Fatal("not full")
		}
		advance(2 * time.Second)
		close(open)
		synctest.Wait()
		if want := []int{0, 1, 2, 99}; !slices.Equal(got, want) {
			t.Errorf("received %v, want %v", got, want)
		}
		shutdown(t, s)
	})
}

// TestTimerStopIsTrue has timers go off while they are stopped, on real time: a message
// is received exactly if Stop said so.
func TestTimerStopIsTrue(t *testing.T) {
	const timers = 5000
	s := NewSystem()
	var received, stopped atomic.Int64
	armed := make(chan *Timer, timers)
	ref := spawn(s, func(c *Context[int], m int) {
		switch {
		case m < 0:
			received.Add(1)
			return
		case m == timers:
			close(armed)
			return
		}
		armed <- c.After(time.Duration(m%20)*time.Microsecond, -1)
	})
	for i := range timers {
		if err := ref.Send(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		timer := <-armed
		for range i % 5 {
			runtime.Gosched()
		}
		if timer.Stop() {
			stopped.Add(1)
		}
	}
	// The mailbox is in order: the last message comes after all that was not stopped.
	if err := ref.Send(t.Context(), timers); err != nil {
		t.Fatal(err)
	}
	<-armed
	if got := received.Load() + stopped.Load(); got != timers {
		t.Errorf("%d received, %d stopped, want %d together", received.Load(), stopped.Load(), timers)
	}
	shutdown(t, s)
}

// TestTimerStoppedAsItFires holds the actor's lock, as Stop does, until the clock has
// started its function: too late to stop the clock, in time to stop the message.
func TestTimerStoppedAsItFires(t *testing.T) {
	s := NewSystem()
	ref := spawn(s, func(*Context[int], int) {})
	before := runtime.NumGoroutine()
	cell, fired := ref.cell, false
	cell.mu.Lock()
	timer := cell.arm(0, func() { fired = true })
	for timer.clock.Stop() { // true: it had not started yet
		timer.clock.Reset(0)
		runtime.Gosched()
	}
	if !cell.timers.remove(&timer.elem) {
		t.Error("not armed")
	}
	cell.mu.Unlock()
	for ctx := within(t); runtime.NumGoroutine() > before && ctx.Err() == nil; {
		runtime.Gosched()
	}
	if fired {
		t.Error("fired after it was stopped")
	}
	shutdown(t, s)
}
