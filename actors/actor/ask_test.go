package actor

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// keeper keeps the questions it takes and lets the test answer them.
type keeper struct {
	kept    []Reply[int]
	stopped func(*keeper)
}

func (k *keeper) Receive(_ *Context[Reply[int]], r Reply[int]) {
	if r == nil {
		panic("told to")
	}
	k.kept = append(k.kept, r)
}

func (k *keeper) Stopped(error) {
	if k.stopped != nil {
		k.stopped(k)
	}
}

func put(r Reply[int]) Reply[int] { return r }

type answer struct {
	value int
	err   error
}

// asking asks in a goroutine of its own.
func asking(ctx context.Context, ref Ref[Reply[int]]) <-chan answer {
	out := make(chan answer, 1)
	go func() {
		v, err := Ask(ctx, ref, put)
		out <- answer{v, err}
	}()
	return out
}

func TestAsk(t *testing.T) {
	boom := errors.New("boom")
	for _, tc := range []struct {
		name    string
		options []Option
		act     func(k *keeper, ref Ref[Reply[int]], cancel context.CancelFunc)
		want    answer
		replier error         // of a reply after the act
		after   time.Duration // how long Ask took
	}{
		{
			name:    "answered",
			act:     func(k *keeper, _ Ref[Reply[int]], _ context.CancelFunc) { _ = k.kept[0](7) },
			want:    answer{7, nil},
			replier: ErrAbandoned, // a second answer
		},
		{
			name:    "context cancelled",
			act:     func(_ *keeper, _ Ref[Reply[int]], cancel context.CancelFunc) { cancel() },
			want:    answer{0, context.Canceled},
			replier: ErrAbandoned,
		},
		{
			name:    "context ran out",
			act:     func(*keeper, Ref[Reply[int]], context.CancelFunc) {},
			want:    answer{0, context.DeadlineExceeded},
			replier: ErrAbandoned,
			after:   time.Minute,
		},
		{
			name:    "stopped while the question was kept",
			act:     func(_ *keeper, ref Ref[Reply[int]], _ context.CancelFunc) { ref.Stop(boom) },
			want:    answer{0, ErrStopped},
			replier: ErrAbandoned,
		},
		{
			name: "answered by the Stopped hook",
			act: func(k *keeper, ref Ref[Reply[int]], _ context.CancelFunc) {
				k.stopped = func(k *keeper) { _ = k.kept[0](8) }
				ref.Stop(boom)
			},
			want:    answer{8, nil},
			replier: ErrAbandoned,
		},
		{
			name:    "panicked while the question was kept",
			act:     func(_ *keeper, ref Ref[Reply[int]], _ context.CancelFunc) { _ = ref.Tell(nil) },
			want:    answer{0, ErrStopped},
			replier: ErrAbandoned,
		},
		{
			name:    "restarted while the question was kept",
			options: []Option{Restart(1, 0, time.Hour)},
			act:     func(_ *keeper, ref Ref[Reply[int]], _ context.CancelFunc) { _ = ref.Tell(nil) },
			want:    answer{0, ErrStopped},
			replier: ErrAbandoned,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, k := NewSystem(), new(keeper)
				ref := Spawn(s, "keeper", func() Actor[Reply[int]] { return k }, With(tc.options...))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begin := time.Now()
				result := asking(ctx, ref)
				synctest.Wait()
				tc.act(k, ref, cancel)
				got := <-result
				if got.value != tc.want.value || !errors.Is(got.err, tc.want.err) {
					t.Errorf("got %+v, want %+v", got, tc.want)
				}
				if took := time.Since(begin); took != tc.after {
					t.Errorf("took %v, want %v", took, tc.after)
				}
				if err := k.kept[0](9); !errors.Is(err, tc.replier) {
					t.Errorf("late reply: %v, want %v", err, tc.replier)
				}
				if !ref.cell.asks.empty() {
					t.Error("the question is still in the list")
				}
				shutdown(t, s)
			})
		})
	}
}

func TestAskIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		open := make(chan struct{})
		ref := spawn(s, func(*Context[Reply[int]], Reply[int]) { <-open }, Mailbox(1))
		_ = ref.Tell(nil)
		synctest.Wait()
		_ = ref.Tell(nil)
		var leaked Reply[int]
		leak := func(r Reply[int]) Reply[int] { leaked = r; return r }
		if _, err := Ask(t.Context(), ref, leak); !errors.Is(err, ErrFull) {
			t.Errorf("full: %v", err)
		}
		if err := leaked(1); !errors.Is(err, ErrAbandoned) {
			t.Errorf("reply to a refused question: %v", err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Ask(ended, ref, leak); !errors.Is(err, context.Canceled) {
			t.Errorf("ended context: %v", err)
		}
		ref.Stop(nil)
		if _, err := Ask(t.Context(), ref, put); !errors.Is(err, ErrStopped) {
			t.Errorf("stopping: %v", err)
		}
		close(open)
		shutdown(t, s)
	})
}

// TestAskQueuedInAnActorThatStops: questions in the mailbox end with the actor, not
// with their contexts.
func TestAskQueuedInAnActorThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		open := make(chan struct{})
		ref := spawn(s, func(*Context[Reply[int]], Reply[int]) { <-open })
		begin := time.Now()
		var results []<-chan answer
		for range 10 {
			results = append(results, asking(t.Context(), ref))
		}
		synctest.Wait()
		ref.Stop(nil)
		close(open)
		for i, r := range results {
			if got := <-r; !errors.Is(got.err, ErrStopped) {
				t.Errorf("question %d: %v", i, got.err)
			}
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}

// TestRestartKeepsQueuedQuestions: a restart fails the questions the old instance took
// and leaves those in the mailbox to the new one.
func TestRestartKeepsQueuedQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		open := make(chan struct{})
		instance := 0
		ref := Spawn(s, "test", func() Actor[Reply[int]] {
			instance++
			me := instance
			return &script[Reply[int]]{receive: func(_ *Context[Reply[int]], r Reply[int]) {
				if me == 1 {
					<-open
					panic("first instance")
				}
				_ = r(me)
			}}
		}, With(Restart(1, 0, time.Second)))
		taken := asking(t.Context(), ref)
		synctest.Wait()
		queued := asking(t.Context(), ref)
		synctest.Wait()
		close(open)
		if got := <-taken; !errors.Is(got.err, ErrStopped) {
			t.Errorf("taken question: %+v, want ErrStopped", got)
		}
		if got := <-queued; got != (answer{2, nil}) {
			t.Errorf("queued question: %+v, want an answer of instance 2", got)
		}
		shutdown(t, s)
	})
}

func TestReplyTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		got := make(chan string, 1)
		asker := spawn(s, func(_ *Context[string], m string) { got <- m })
		reply := ReplyTo(asker, func(n int) string { return string(rune('a' + n)) })
		if err := reply(2); err != nil {
			t.Fatal(err)
		}
		if m := <-got; m != "c" {
			t.Errorf("received %q", m)
		}
		shutdown(t, s)
		if err := reply(3); !errors.Is(err, ErrStopped) {
			t.Errorf("reply to a stopped actor: %v", err)
		}
	})
}

// governor hands out permits to waiters in order, as a real one would: a grant nobody
// takes goes to the next waiter.
type governor struct {
	free    int
	waiting []Reply[int]
	refused int
}

type governorMsg interface{ governorMsg() }

type acquire struct{ reply Reply[int] }

type giveBack struct{}

func (acquire) governorMsg()  {}
func (giveBack) governorMsg() {}

func (g *governor) Receive(_ *Context[governorMsg], m governorMsg) {
	switch m := m.(type) {
	case acquire:
		g.waiting = append(g.waiting, m.reply)
	case giveBack:
		g.free++
	}
	for g.free > 0 && len(g.waiting) > 0 {
		next := g.waiting[0]
		g.waiting = g.waiting[1:]
		if next(1) == nil {
			g.free--
		} else {
			g.refused++
		}
	}
}

// TestNoGrantIsLost lets 4000 askers race their own time-outs for 50 permits, on real
// time. At the end every permit must be back and the counts of both sides agree.
func TestNoGrantIsLost(t *testing.T) {
	const askers, permits = 4000, 50
	s := NewSystem()
	g := &governor{free: permits}
	ref := Spawn(s, "governor", func() Actor[governorMsg] { return g }, With(Mailbox(2*askers)))
	var got, left, held, most atomic.Int64
	var wg sync.WaitGroup
	for i := range askers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 1))
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(3000))*time.Microsecond)
			defer cancel()
			_, err := Ask(ctx, ref, func(r Reply[int]) governorMsg { return acquire{r} })
			if err != nil {
				left.Add(1)
				return
			}
			got.Add(1)
			if n := held.Add(1); n > most.Load() {
				most.Store(n)
			}
			held.Add(-1)
			if err := ref.Send(context.Background(), giveBack{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// The mailbox is in order: when this is answered, all that came before is settled.
	if _, err := Ask(within(t), ref, func(r Reply[int]) governorMsg { return acquire{r} }); err != nil {
		t.Errorf("no permit left: %v", err)
	}
	shutdown(t, s)
	if g.free != permits-1 || len(g.waiting) != 0 || most.Load() > permits {
		t.Errorf("%d permits and %d waiters at the end, want %d and 0; %d held at most",
			g.free, len(g.waiting), permits-1, most.Load())
	}
	if got.Load()+left.Load() != askers {
		t.Errorf("%d + %d askers came back, want %d", got.Load(), left.Load(), askers)
	}
	t.Logf("%d got a permit, %d left, %d grants refused", got.Load(), left.Load(), g.refused)
}

// TestReplyRacesTheAskersEnd makes the two ends meet as closely as possible: answer and
// cancellation at once. Exactly one side sees each answer.
func TestReplyRacesTheAskersEnd(t *testing.T) {
	const rounds = 5000
	s := NewSystem()
	replies := make(chan Reply[int])
	ref := spawn(s, func(_ *Context[Reply[int]], r Reply[int]) { replies <- r })
	both := map[bool]int{}
	for i := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		result := asking(ctx, ref)
		reply := <-replies
		start := make(chan struct{})
		go func() { <-start; cancel() }()
		close(start)
		for range i % 4 { // let the two meet at different points
			runtime.Gosched()
		}
		given := reply(i) == nil
		got := <-result
		if given != (got.err == nil) || given && got.value != i {
			t.Fatalf("round %d: replier saw %v, asker %+v", i, given, got)
		}
		both[given]++
	}
	t.Logf("%d answered, %d abandoned", both[true], both[false])
	shutdown(t, s)
}

// TestAsksRaceTheStop: every asker comes back, with an answer exactly if one was given.
func TestAsksRaceTheStop(t *testing.T) {
	for range 200 {
		s := NewSystem()
		var given, got atomic.Int64
		ref := spawn(s, func(_ *Context[Reply[int]], r Reply[int]) {
			if r(1) == nil {
				given.Add(1)
			}
		})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				switch _, err := Ask(t.Context(), ref, put); {
				case err == nil:
					got.Add(1)
				case !errors.Is(err, ErrStopped):
					t.Error(err)
				}
			})
		}
		wg.Go(func() { ref.Stop(nil) })
		wg.Wait()
		gone(t, ref)
		if given.Load() != got.Load() {
			t.Fatalf("%d answers given, %d seen", given.Load(), got.Load())
		}
	}
}
