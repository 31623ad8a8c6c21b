package actor

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// observer watches what it is told to and records every Down.
type observer struct {
	downs   []Down
	cancels []func()
	open    chan struct{} // if not nil, a pause message waits for it
}

type observerMsg interface{ observerMsg() }

type (
	look   struct{ at Ref[int] }
	cancel struct{ n int }
	pause  struct{}
	fault  struct{}
	fell   struct{ Down }
)

func (look) observerMsg()   {}
func (cancel) observerMsg() {}
func (pause) observerMsg()  {}
func (fault) observerMsg()  {}
func (fell) observerMsg()   {}

func (o *observer) Receive(c *Context[observerMsg], m observerMsg) {
	switch m := m.(type) {
	case look:
		o.cancels = append(o.cancels, Watch(c, m.at, func(d Down) observerMsg { return fell{d} }))
	case cancel:
		o.cancels[m.n]()
	case pause:
		<-o.open
	case fault:
		panic("told to")
	case fell:
		o.downs = append(o.downs, m.Down)
	}
}

func watching(s *System, o ...Option) (*observer, Ref[observerMsg]) {
	obs := &observer{open: make(chan struct{})}
	return obs, Spawn(s, "observer", func() Actor[observerMsg] { return obs }, With(o...))
}

var errBoom = errors.New("boom")

func TestWatch(t *testing.T) {
	type world struct {
		*observer
		obs    Ref[observerMsg]
		target Ref[int] // panics on a negative message
	}
	for _, tc := range []struct {
		name  string
		act   func(w world)
		downs int
		want  error // reason of the first
	}{
		{"target stops later", func(w world) {
			_ = w.obs.Tell(look{w.target})
			synctest.Wait()
			w.target.Stop(errBoom)
		}, 1, errBoom},
		{"target has stopped already", func(w world) {
			w.target.Stop(errBoom)
			synctest.Wait()
			_ = w.obs.Tell(look{w.target})
		}, 1, errBoom},
		{"ordinary end", func(w world) {
			_ = w.obs.Tell(look{w.target})
			synctest.Wait()
			w.target.Stop(nil)
		}, 1, nil},
		{"nobody", func(w world) { _ = w.obs.Tell(look{}) }, 1, ErrStopped},
		{"stopped twice, first reason wins", func(w world) {
			_ = w.obs.Tell(look{w.target})
			synctest.Wait()
			w.target.Stop(errBoom)
			w.target.Stop(nil)
		}, 1, errBoom},
		{"two watches, two downs", func(w world) {
			_ = w.obs.Tell(look{w.target})
			_ = w.obs.Tell(look{w.target})
			synctest.Wait()
			w.target.Stop(errBoom)
		}, 2, errBoom},
		{"cancelled before", func(w world) {
			_ = w.obs.Tell(look{w.target})
			_ = w.obs.Tell(cancel{0})
			_ = w.obs.Tell(cancel{0})
			synctest.Wait()
			if !w.target.cell.watchers.empty() {
				t.Error("the target keeps a cancelled watch")
			}
			w.target.Stop(errBoom)
		}, 0, nil},
		{"one of two cancelled", func(w world) {
			_ = w.obs.Tell(look{w.target})
			_ = w.obs.Tell(look{w.target})
			_ = w.obs.Tell(cancel{1})
			synctest.Wait()
			w.target.Stop(errBoom)
		}, 1, errBoom},
		{"cancelled by another goroutine while the down is queued", func(w world) {
			_ = w.obs.Tell(look{w.target})
			_ = w.obs.Tell(pause{})
			synctest.Wait()
			w.target.Stop(errBoom)
			synctest.Wait() // the Down waits behind the pause
			w.cancels[0]()
			w.open <- struct{}{}
		}, 0, nil},
		{"cancelled after the down", func(w world) {
			_ = w.obs.Tell(look{w.target})
			synctest.Wait()
			w.target.Stop(errBoom)
			synctest.Wait()
			_ = w.obs.Tell(cancel{0})
		}, 1, errBoom},
		{"full mailbox", func(w world) {
			_ = w.obs.Tell(look{w.target})
			_ = w.obs.Tell(pause{})
			synctest.Wait()
			for w.obs.Tell(pause{}) == nil {
			}
			w.target.Stop(errBoom)
			synctest.Wait()
			w.open <- struct{}{}
			synctest.Wait()
			if len(w.downs) != 1 {
				t.Error("the Down did not overtake the mailbox")
			}
			close(w.open)
		}, 1, errBoom},
		{"watcher restarts in between", func(w world) {
			_ = w.obs.Tell(look{w.target})
			_ = w.obs.Tell(fault{})
			synctest.Wait()
			w.target.Stop(errBoom)
			advance(2 * time.Second)
		}, 1, errBoom},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewSystem()
				obs, ref := watching(s, Mailbox(8), Restart(1, 0, time.Second))
				w := world{obs, ref, spawn(s, func(*Context[int], int) {})}
				tc.act(w)
				synctest.Wait()
				if len(obs.downs) != tc.downs {
					t.Fatalf("%d downs, want %d", len(obs.downs), tc.downs)
				}
				for _, d := range obs.downs {
					if !errors.Is(d.Reason, tc.want) || (d.Reason == nil) != (tc.want == nil) {
						t.Errorf("reason %v, want %v", d.Reason, tc.want)
					}
					if d.ID != 0 && (d.ID != w.target.ID() || d.Kind != "test") {
						t.Errorf("down of %d %q, want %d", d.ID, d.Kind, w.target.ID())
					}
				}
				shutdown(t, s)
			})
		})
	}
}

// TestWatchesEndWithTheWatcher: a long-lived target must not collect the watches of
// short-lived actors.
func TestWatchesEndWithTheWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		target := spawn(s, func(*Context[int], int) {})
		obs, ref := watching(s)
		_ = ref.Tell(look{target})
		synctest.Wait()
		if target.cell.watchers.empty() {
			t.Fatal("not watched")
		}
		ref.Stop(nil)
		synctest.Wait()
		if !target.cell.watchers.empty() {
			t.Error("the target keeps the watch of a stopped actor")
		}
		target.Stop(nil)
		synctest.Wait()
		if len(obs.downs) != 0 {
			t.Errorf("a stopped actor received %v", obs.downs)
		}
	})
}

// TestWatchOfItself ends like any watch whose watcher stops.
func TestWatchOfItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		received := 0
		ref := spawn(s, func(c *Context[int], m int) {
			received++
			Watch(c, c.Self(), func(Down) int { return -1 })
			c.Stop(nil)
		})
		_ = ref.Tell(1)
		gone(t, ref)
		synctest.Wait()
		if received != 1 {
			t.Errorf("%d messages received, want 1", received)
		}
	})
}

func TestDownCarriesThePanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		target := spawn(s, func(*Context[int], int) { panic(errBoom) })
		obs, ref := watching(s)
		_ = ref.Tell(look{target})
		_ = target.Tell(1)
		synctest.Wait()
		var p *PanicError
		if len(obs.downs) != 1 || !errors.As(obs.downs[0].Reason, &p) || !errors.Is(p, errBoom) {
			t.Fatalf("downs %+v, want the panic", obs.downs)
		}
		shutdown(t, s)
	})
}

// TestWatchRacesTheStop has many actors watch targets that stop at that moment, some
// cancelling, some dying themselves: never more than one Down for a watch, and exactly
// one if nothing but the target ended.
func TestWatchRacesTheStop(t *testing.T) {
	const rounds, watchers = 300, 8
	for round := range rounds {
		s := NewSystem()
		target := spawn(s, func(*Context[int], int) {})
		var downs [watchers]atomic.Int32
		var settled, wg sync.WaitGroup
		refs := make([]Ref[int], watchers)
		for i := range watchers {
			var cancel func()
			settled.Add(1)
			refs[i] = spawn(s, func(c *Context[int], m int) {
				switch m {
				case 0:
					cancel = Watch(c, target, func(Down) int { return 1 })
					switch i % 4 {
					case 1:
						cancel()
						settled.Done()
					case 2:
						c.Stop(nil)
						settled.Done()
					}
				case 1:
					if downs[i].Add(1) == 1 && i%4 != 2 {
						settled.Done()
					}
				}
			})
		}
		for _, r := range refs {
			wg.Go(func() { _ = r.Tell(0) })
		}
		wg.Go(func() { target.Stop(nil) })
		wg.Wait()
		settled.Wait() // every watch has come to its end
		shutdown(t, s)
		for i := range downs {
			want := int32(1)
			if i%4 == 1 || i%4 == 2 {
				want = 0
			}
			if got := downs[i].Load(); got != want {
				t.Fatalf("round %d: watcher %d got %d downs, want %d", round, i, got, want)
			}
		}
	}
}

// TestCrashedHoldersGiveBack is the use the death watch is for: a governor gets back
// the permit of every holder that dies, whatever it died of.
func TestCrashedHoldersGiveBack(t *testing.T) {
	const holders = 1000
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		held := map[ID]bool{}
		type hold struct {
			who Ref[int]
			end Down
		}
		governor := spawn(s, func(c *Context[hold], m hold) {
			if m.who == (Ref[int]{}) {
				delete(held, m.end.ID)
				return
			}
			held[m.who.ID()] = true
			Watch(c, m.who, func(d Down) hold { return hold{end: d} })
		}, Mailbox(holders))
		refs := make([]Ref[int], holders)
		for i := range refs {
			refs[i] = spawn(s, func(c *Context[int], m int) {
				if m%2 == 0 {
					panic("crash")
				}
				c.Stop(errBoom)
			})
			if err := governor.Tell(hold{who: refs[i]}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if len(held) != holders {
			t.Fatalf("%d permits held, want %d", len(held), holders)
		}
		for i, r := range slices.Backward(refs) {
			_ = r.Tell(i)
		}
		synctest.Wait()
		if len(held) != 0 {
			t.Errorf("%d permits lost", len(held))
		}
		shutdown(t, s)
	})
}
