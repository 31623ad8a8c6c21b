package actor

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestTellIsRefusedAtTheBound(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options []Option
		bound   int
	}{
		{"default", nil, 1024},
		{"one", []Option{Mailbox(1)}, 1},
		{"not a power of two", []Option{Mailbox(1000)}, 1000},
		{"below one", []Option{Mailbox(-5)}, 1},
		{"large", []Option{Mailbox(65536)}, 65536},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, g := NewSystem(), newGate()
				ref := g.spawn(s, tc.options...)
				if err := ref.Tell(-1); err != nil {
					t.Fatal(err)
				}
				<-g.entered // taken: the mailbox is empty again
				for i := range tc.bound {
					if err := ref.Tell(i); err != nil {
						t.Fatalf("message %d refused: %v", i, err)
					}
				}
				for range 3 {
					if err := ref.Tell(0); !errors.Is(err, ErrFull) {
						t.Fatalf("over the bound: %v, want ErrFull", err)
					}
				}
				if got := s.Totals()[0]; got.Dropped != 3 || got.Count != 1 {
					t.Errorf("totals %+v, want 3 dropped", got)
				}
				for range tc.bound + 1 {
					g.open <- struct{}{}
				}
				synctest.Wait()
				if got := s.Totals()[0].Handled; got != uint64(tc.bound+1) {
					t.Errorf("%d handled, want %d", got, tc.bound+1)
				}
				if slots := len(ref.cell.mail.buf); slots > ringKeep {
					t.Errorf("idle mailbox keeps %d slots", slots)
				}
				shutdown(t, s)
				if err := ref.Tell(0); !errors.Is(err, ErrStopped) {
					t.Errorf("after the stop: %v, want ErrStopped", err)
				}
			})
		})
	}
}

func TestZeroRefIsAStoppedActor(t *testing.T) {
	var ref Ref[int]
	ref.Stop(nil)
	if err := ref.Tell(1); !errors.Is(err, ErrStopped) {
		t.Errorf("Tell: %v", err)
	}
	if err := ref.Send(t.Context(), 1); !errors.Is(err, ErrStopped) {
		t.Errorf("Send: %v", err)
	}
	if _, err := Ask(t.Context(), ref, func(Reply[int]) int { return 1 }); !errors.Is(err, ErrStopped) {
		t.Errorf("Ask: %v", err)
	}
	if ref.ID() != 0 {
		t.Errorf("ID %d", ref.ID())
	}
	gone(t, ref)
}

// TestOrderAndExclusion has several senders, half of them waiting for room, flood one
// small mailbox: each one's messages arrive in order, one at a time, none lost.
func TestOrderAndExclusion(t *testing.T) {
	const senders, each = 8, 3000
	type msg struct{ from, n int }
	var (
		s      = NewSystem()
		inside atomic.Int32
		next   [senders]int // no lock: the race detector checks that turns see each other
		total  atomic.Int64
	)
	ref := spawn(s, func(_ *Context[msg], m msg) {
		if inside.Add(1) != 1 {
			t.Error("two turns at once")
		}
		if next[m.from] != m.n {
			t.Errorf("sender %d: got %d, want %d", m.from, m.n, next[m.from])
		}
		next[m.from] = m.n + 1
		total.Add(1)
		inside.Add(-1)
	}, Mailbox(8))
	ctx := within(t)
	var wg sync.WaitGroup
	for from := range senders {
		wg.Go(func() {
			for n := range each {
				if from%2 == 0 {
					if err := ref.Send(ctx, msg{from, n}); err != nil {
						t.Error(err)
						return
					}
					continue
				}
				for ref.Tell(msg{from, n}) != nil {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	for total.Load() < senders*each && ctx.Err() == nil {
		runtime.Gosched()
	}
	shutdown(t, s)
	if total.Load() != senders*each {
		t.Errorf("%d messages arrived, want %d", total.Load(), senders*each)
	}
}

func TestIdleActorsOwnNoGoroutine(t *testing.T) {
	const actors = 10_000
	before := runtime.NumGoroutine()
	s := NewSystem()
	var handled atomic.Int64
	refs := make([]Ref[int], actors)
	for i := range refs {
		refs[i] = spawn(s, func(*Context[int], int) { handled.Add(1) })
		for n := range 3 {
			if err := refs[i].Tell(n); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx := within(t)
	for (handled.Load() < 3*actors || runtime.NumGoroutine() > before) && ctx.Err() == nil {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines for %d idle actors", n-before, actors)
	}
	shutdown(t, s)
}

func TestSendWaitsForRoomInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := NewSystem(), newGate()
		ref := g.spawn(s, Mailbox(2))
		for i := range 3 {
			if err := ref.Send(t.Context(), i); err != nil { // room: does not wait
				t.Fatal(err)
			}
			if i == 0 {
				synctest.Wait()
			}
		}
		var order []int
		for i := 3; i < 6; i++ {
			go func() {
				if err := ref.Send(context.Background(), i); err != nil {
					t.Error(err)
				}
				order = append(order, i) // one at a time: each is let in by one open
			}()
			synctest.Wait()
		}
		for want := range 4 {
			if len(order) != want {
				t.Fatalf("after %d messages %v were let in", want, order)
			}
			if err := ref.Tell(99); !errors.Is(err, ErrFull) {
				t.Fatalf("Tell overtook a waiting sender: %v", err)
			}
			g.open <- struct{}{}
			synctest.Wait()
		}
		g.open <- struct{}{}
		g.open <- struct{}{}
		synctest.Wait()
		close(g.entered)
		var got []int
		for m := range g.entered {
			got = append(got, m)
		}
		if want := []int{0, 1, 2, 3, 4, 5}; !slices.Equal(got, want) {
			t.Errorf("received %v, want %v", got, want)
		}
		if !slices.Equal(order, []int{3, 4, 5}) {
			t.Errorf("senders were let in as %v", order)
		}
		shutdown(t, s)
	})
}

func TestSendEnds(t *testing.T) {
	boom := errors.New("boom")
	for _, tc := range []struct {
		name string
		end  func(ref Ref[int], g *gate, cancel context.CancelFunc)
		want error
	}{
		{"context", func(_ Ref[int], _ *gate, cancel context.CancelFunc) { cancel() }, context.Canceled},
		{"stop", func(ref Ref[int], g *gate, _ context.CancelFunc) { ref.Stop(boom); g.open <- struct{}{} }, ErrStopped},
		{"room", func(_ Ref[int], g *gate, _ context.CancelFunc) { g.open <- struct{}{} }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, g := NewSystem(), newGate()
				ref := g.spawn(s, Mailbox(1))
				_ = ref.Tell(1)
				synctest.Wait()
				_ = ref.Tell(2)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				result := make(chan error, 1)
				go func() { result <- ref.Send(ctx, 3) }()
				synctest.Wait()
				select {
				case err := <-result:
					t.Fatalf("did not wait: %v", err)
				default:
				}
				tc.end(ref, g, cancel)
				if err := <-result; !errors.Is(err, tc.want) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
				if !ref.cell.senders.empty() {
					t.Error("the sender is still in the list")
				}
				close(g.open)
				shutdown(t, s)
			})
		})
	}
}

func TestSendTriesOnceWithAnEndedContext(t *testing.T) {
	s := NewSystem()
	ref := spawn(s, func(*Context[int], int) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ref.Send(ctx, 1); err != nil {
		t.Errorf("there was room: %v", err)
	}
	shutdown(t, s)
}

// TestSendRacesItsContext checks that Send's result is true: what it reported as
// accepted arrives, what it reported as refused does not.
func TestSendRacesItsContext(t *testing.T) {
	const senders = 2000
	s := NewSystem()
	var arrived, accepted atomic.Int64
	ref := spawn(s, func(*Context[int], int) { arrived.Add(1) }, Mailbox(2))
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%50)*time.Microsecond)
			defer cancel()
			if ref.Send(ctx, i) == nil {
				accepted.Add(1)
			}
		})
	}
	wg.Wait()
	ctx := within(t)
	for arrived.Load() < accepted.Load() && ctx.Err() == nil {
		runtime.Gosched()
	}
	shutdown(t, s)
	if arrived.Load() != accepted.Load() {
		t.Errorf("%d accepted, %d arrived", accepted.Load(), arrived.Load())
	}
}

type parcel struct{ discarded *atomic.Int64 }

func (p parcel) Discarded() { p.discarded.Add(1) }

func TestUnreadMessagesAreDiscarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		var received, discarded atomic.Int64
		open := make(chan struct{})
		ref := spawn(s, func(*Context[parcel], parcel) { received.Add(1); <-open })
		for range 5 {
			_ = ref.Tell(parcel{&discarded})
		}
		synctest.Wait()
		ref.Stop(nil)
		close(open)
		gone(t, ref)
		if received.Load() != 1 || discarded.Load() != 4 {
			t.Errorf("%d received, %d discarded, want 1 and 4", received.Load(), discarded.Load())
		}
		if err := ref.Tell(parcel{&discarded}); err == nil || discarded.Load() != 4 {
			t.Errorf("a refused message is the sender's: %v, %d discarded", err, discarded.Load())
		}
		if got := s.Totals()[0].Dropped; got != 4 {
			t.Errorf("%d counted as dropped, want 4", got)
		}
	})
}
