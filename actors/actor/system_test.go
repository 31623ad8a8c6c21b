package actor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type teller struct{ n int }

func (k *teller) Receive(*Context[int], int) { k.n++ }
func (k *teller) Inspect() any               { return k.n }

func TestEachAndTotals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := NewSystem(), newGate()
		advance(time.Second)
		busy := g.spawn(s, Mailbox(2))
		_ = busy.Tell(1)
		synctest.Wait()
		for range 3 {
			_ = busy.Tell(2)
		}
		idle := Spawn(s, "teller", func() Actor[int] { return new(teller) }, nil)
		for range 5 {
			_ = idle.Tell(1)
		}
		gonner := Spawn(s, "teller", func() Actor[int] { return new(teller) }, nil)
		gonner.Stop(nil)
		crashing := spawn(s, func(*Context[int], int) { panic("x") }, Restart(9, 0, 0))
		_ = crashing.Tell(1)
		advance(3 * time.Second)

		got := map[ID]Info{}
		s.Each(func(i Info) bool { got[i.ID] = i; return true })
		want := map[ID]Info{
			busy.ID(): {
				ID: busy.ID(), Kind: "gate", Queued: 2, Handled: 1, Dropped: 1,
				BusyFor: 3 * time.Second, Age: 3 * time.Second,
			},
			idle.ID():     {ID: idle.ID(), Kind: "teller", Handled: 5, Age: 3 * time.Second},
			crashing.ID(): {ID: crashing.ID(), Kind: "test", Handled: 1, Restarts: 1, Age: 3 * time.Second},
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		seen := 0
		s.Each(func(Info) bool { seen++; return false })
		if seen != 1 {
			t.Errorf("Each went on after false: %d calls", seen)
		}
		close(g.open)
		synctest.Wait()
		totals := []KindTotals{
			{Kind: "gate", Count: 1, Handled: 3, Dropped: 1},
			{Kind: "teller", Count: 1, Handled: 5},
			{Kind: "test", Count: 1, Handled: 1, Restarts: 1},
		}
		if got := s.Totals(); !slices.Equal(got, totals) {
			t.Errorf("totals %+v, want %+v", got, totals)
		}
		shutdown(t, s)
		for _, k := range s.Totals() {
			if k.Count != 0 {
				t.Errorf("after the end: %+v", k)
			}
		}
	})
}

func TestInspect(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tc := range []struct {
		name string
		ctx  context.Context
		mk   func() Actor[int]
		act  func(ref Ref[int])
		want any
		err  error
	}{
		{"idle", nil, func() Actor[int] { return &teller{n: 3} }, func(Ref[int]) {}, 3, nil},
		{"after its messages", nil, func() Actor[int] { return new(teller) }, func(r Ref[int]) { _ = r.Tell(1) }, 1, nil},
		{"no Inspector", nil, func() Actor[int] { return new(script[int]) }, func(Ref[int]) {}, nil, ErrNotInspectable},
		{"stopped", nil, func() Actor[int] { return new(teller) }, func(r Ref[int]) { r.Stop(nil) }, nil, ErrStopped},
		{"context ended", ended, func() Actor[int] { return new(teller) }, func(Ref[int]) {}, nil, context.Canceled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewSystem()
				ref := Spawn(s, "test", tc.mk, nil)
				tc.act(ref)
				synctest.Wait()
				ctx := tc.ctx
				if ctx == nil {
					ctx = t.Context()
				}
				got, err := s.Inspect(ctx, ref.ID())
				if got != tc.want || !errors.Is(err, tc.err) {
					t.Errorf("got %v, %v, want %v, %v", got, err, tc.want, tc.err)
				}
				shutdown(t, s)
			})
		})
	}
}

// TestInspectOfABusyActor: it overtakes the mailbox, waits for the message in hand, and
// gives up with its context or the actor.
func TestInspectOfABusyActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		open := make(chan struct{})
		n := 0
		type inspectable struct {
			*script[int]
			Inspector
		}
		ref := Spawn(s, "test", func() Actor[int] {
			return inspectable{&script[int]{receive: func(*Context[int], int) { n++; <-open }}, inspectFunc(func() any { return n })}
		}, nil)
		for range 10 {
			_ = ref.Tell(1)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Inspect(ctx, ref.ID()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("busy: %v", err)
		}
		look := func() <-chan answer {
			out := make(chan answer, 1)
			go func() {
				v, err := s.Inspect(t.Context(), ref.ID())
				n, _ := v.(int)
				out <- answer{n, err}
			}()
			synctest.Wait()
			return out
		}
		first := look()
		open <- struct{}{}
		if got := <-first; got != (answer{1, nil}) {
			t.Errorf("got %+v, want the state after one message", got)
		}
		synctest.Wait() // in the second message
		second := look()
		ref.Stop(nil)
		open <- struct{}{}
		if got := <-second; !errors.Is(got.err, ErrStopped) {
			t.Errorf("stopped meanwhile: %+v", got)
		}
		gone(t, ref)
	})
}

type inspectFunc func() any

func (f inspectFunc) Inspect() any { return f() }

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		var stopped atomic.Int64
		mk := func() Actor[int] {
			return &script[int]{stopped: func(reason error) {
				if errors.Is(reason, errBoom) {
					stopped.Add(1)
				}
			}}
		}
		for range 1000 {
			Spawn(s, "test", mk, nil)
		}
		if err := s.Shutdown(t.Context(), errBoom); err != nil {
			t.Fatal(err)
		}
		if stopped.Load() != 1000 {
			t.Errorf("%d actors stopped with the reason, want 1000", stopped.Load())
		}
		late := Spawn(s, "test", mk, nil)
		if err := late.Tell(1); !errors.Is(err, ErrStopped) {
			t.Errorf("spawned afterwards: %v", err)
		}
		gone(t, late)
		if stopped.Load() != 1001 {
			t.Error("an actor spawned afterwards did not get its Stopped call")
		}
		if err := s.Shutdown(t.Context(), nil); err != nil {
			t.Errorf("second call: %v", err)
		}
	})
}

func TestShutdownGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := NewSystem(), newGate()
		_ = g.spawn(s).Tell(1)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.Shutdown(ctx, nil)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 still running") {
			t.Errorf("got %v", err)
		}
		close(g.open)
		shutdown(t, s)
	})
}

// TestSpawnsRaceShutdown: every actor gets exactly one Stopped call, whichever side of
// the shutdown it was spawned on.
func TestSpawnsRaceShutdown(t *testing.T) {
	for range 50 {
		s := NewSystem()
		var spawned, stopped atomic.Int64
		var wg sync.WaitGroup
		refs := make([][]Ref[int], 4)
		for i := range refs {
			wg.Go(func() {
				for range 100 {
					spawned.Add(1)
					refs[i] = append(refs[i], Spawn(s, "test", func() Actor[int] {
						return &script[int]{stopped: func(error) { stopped.Add(1) }}
					}, nil))
				}
			})
		}
		wg.Go(func() {
			if err := s.Shutdown(within(t), nil); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		for _, r := range slices.Concat(refs...) {
			gone(t, r)
		}
		if spawned.Load() != stopped.Load() {
			t.Fatalf("%d spawned, %d stopped", spawned.Load(), stopped.Load())
		}
		if n := s.Totals()[0].Count; n != 0 {
			t.Fatalf("%d left", n)
		}
	}
}
