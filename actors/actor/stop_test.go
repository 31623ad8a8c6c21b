package actor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is an actor that writes down what happens to it and does what it is told.
type recorder struct {
	log  *[]string
	name string
}

func (r *recorder) note(format string, args ...any) {
	*r.log = append(*r.log, r.name+" "+fmt.Sprintf(format, args...))
}

func (r *recorder) Started(*Context[string]) { r.note("started") }

func (r *recorder) Receive(c *Context[string], m string) {
	r.note("%s", m)
	switch m {
	case "panic":
		panic("told to")
	case "stop":
		c.Stop(errBoom)
	case "stop and panic":
		c.Stop(errBoom)
		panic("told to")
	case "goexit":
		runtime.Goexit()
	}
}

func (r *recorder) Stopped(reason error) { r.note("stopped: %v", reason) }

func TestEndsOfAnActor(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options []Option
		tell    []string
		wait    time.Duration // fake
		log     []string
		down    string // reason, if the actor stopped
	}{
		{
			name: "stops itself, the rest is dropped",
			tell: []string{"x", "stop", "y"},
			log:  []string{"1 started", "1 x", "1 stop", "1 stopped: boom"},
			down: "boom",
		},
		{
			name: "a panic stops it by default",
			tell: []string{"x", "panic", "y"},
			log:  []string{"1 started", "1 x", "1 panic", "1 stopped: actor: panic: told to"},
			down: "actor: panic: told to",
		},
		{
			name: "a panic after its own stop keeps the reason",
			tell: []string{"stop and panic", "y"},
			log:  []string{"1 started", "1 stop and panic", "1 stopped: boom"},
			down: "boom",
		},
		{
			name: "Goexit counts as a panic",
			tell: []string{"goexit", "y"},
			log:  []string{"1 started", "1 goexit", "1 stopped: actor: panic: runtime.Goexit called in an actor"},
			down: "actor: panic: runtime.Goexit called in an actor",
		},
		{
			name:    "restarts and goes on with its mailbox",
			options: []Option{Restart(2, time.Minute, 0)},
			tell:    []string{"panic", "x", "goexit", "y"},
			log: []string{
				"1 started", "1 panic", "1 stopped: actor: panic: told to", "2 started", "2 x", "2 goexit",
				"2 stopped: actor: panic: runtime.Goexit called in an actor", "3 started", "3 y",
			},
		},
		{
			name:    "one panic too many",
			options: []Option{Restart(1, time.Minute, 0)},
			tell:    []string{"panic", "panic", "y"},
			log: []string{
				"1 started", "1 panic", "1 stopped: actor: panic: told to", "2 started", "2 panic",
				"2 stopped: actor: panic: told to",
			},
			down: "actor: panic: told to",
		},
		{
			name:    "backoff is not over",
			options: []Option{Restart(1, time.Minute, 5*time.Second)},
			tell:    []string{"panic", "y"},
			wait:    4999 * time.Millisecond,
			log:     []string{"1 started", "1 panic", "1 stopped: actor: panic: told to"},
		},
		{
			name:    "backoff is over",
			options: []Option{Restart(1, time.Minute, 5*time.Second)},
			tell:    []string{"panic", "y"},
			wait:    5 * time.Second,
			log:     []string{"1 started", "1 panic", "1 stopped: actor: panic: told to", "2 started", "2 y"},
		},
		{
			name:    "the limit forgets what is older than its period",
			options: []Option{Restart(1, 4*time.Second, 5*time.Second)},
			tell:    []string{"panic", "panic", "y"},
			wait:    11 * time.Second,
			log: []string{
				"1 started", "1 panic", "1 stopped: actor: panic: told to", "2 started", "2 panic",
				"2 stopped: actor: panic: told to", "3 started", "3 y",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var (
					s         = NewSystem()
					log       []string
					instances int
				)
				ref := Spawn(s, "recorder", func() Actor[string] {
					instances++
					return &recorder{&log, fmt.Sprint(instances)}
				}, With(tc.options...))
				synctest.Wait()
				for _, m := range tc.tell {
					if err := ref.Tell(m); err != nil && tc.down == "" {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				advance(tc.wait)
				if !slices.Equal(log, tc.log) {
					t.Errorf("got  %q\nwant %q", log, tc.log)
				}
				if tc.down != "" {
					gone(t, ref)
					if got := fmt.Sprint(ref.cell.reason); got != tc.down {
						t.Errorf("reason %q, want %q", got, tc.down)
					}
				}
				shutdown(t, s)
			})
		})
	}
}

func TestStopOvertakesTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := NewSystem(), newGate()
		ref := g.spawn(s)
		for i := range 1000 {
			_ = ref.Tell(i)
		}
		synctest.Wait()
		ref.Stop(errBoom)
		if err := ref.Tell(1); !errors.Is(err, ErrStopped) {
			t.Errorf("Tell after Stop: %v", err)
		}
		select {
		case <-ref.Done():
			t.Error("done while it handles a message")
		default:
		}
		g.open <- struct{}{}
		gone(t, ref)
		if n := len(g.entered); n != 1 {
			t.Errorf("%d messages handled, want 1", n)
		}
	})
}

func TestStopEndsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSystem()
		var log []string
		ref := Spawn(s, "recorder", func() Actor[string] { return &recorder{&log, "r"} },
			With(Restart(1, 0, time.Hour)))
		_ = ref.Tell("panic")
		synctest.Wait()
		begin := time.Now()
		_ = ref.Tell("never")
		ref.Stop(errBoom)
		gone(t, ref)
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v", took)
		}
		want := []string{"r started", "r panic", "r stopped: actor: panic: told to"}
		if !slices.Equal(log, want) {
			t.Errorf("got %q, want %q", log, want)
		}
	})
}

// TestStopsRace: whoever stops it and whatever it is doing, the hook runs once, as the
// last call.
func TestStopsRace(t *testing.T) {
	for range 500 {
		s := NewSystem()
		var calls, late atomic.Int32
		ref := Spawn(s, "test", func() Actor[int] {
			return &script[int]{
				receive: func(c *Context[int], m int) {
					late.Add(calls.Load())
					switch m {
					case 1:
						c.Stop(nil)
					case 2:
						panic("told to")
					}
				},
				stopped: func(error) { calls.Add(1) },
			}
		}, nil)
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				_ = ref.Tell(i % 3)
				if i == 5 {
					ref.Stop(errBoom)
				}
			})
		}
		wg.Wait()
		gone(t, ref)
		if calls.Load() != 1 || late.Load() != 0 {
			t.Fatalf("%d Stopped calls, %d messages after one", calls.Load(), late.Load())
		}
	}
}

type brittle struct{}

func (brittle) Receive(*Context[int], int) {}
func (brittle) Stopped(error)              { panic("hook") }
func (brittle) Inspect() any               { panic("look") }

func TestPanicsAreReportedOnce(t *testing.T) {
	for _, tc := range []struct {
		name   string
		spawn  func(s *System) Ref[int]
		act    func(s *System, ref Ref[int])
		panics []string
		stack  string
		lives  bool
	}{
		{
			name:   "in Receive",
			spawn:  func(s *System) Ref[int] { return spawn(s, func(*Context[int], int) { panic("x") }) },
			act:    func(_ *System, ref Ref[int]) { _ = ref.Tell(1) },
			panics: []string{"x"},
			stack:  "TestPanicsAreReportedOnce",
		},
		{
			name: "restarted",
			spawn: func(s *System) Ref[int] {
				return spawn(s, func(*Context[int], int) { panic("x") }, Restart(5, 0, 0))
			},
			act:    func(_ *System, ref Ref[int]) { _ = ref.Tell(1) },
			panics: []string{"x"},
			stack:  "TestPanicsAreReportedOnce",
			lives:  true,
		},
		{
			name:   "in the Stopped hook",
			spawn:  func(s *System) Ref[int] { return Spawn(s, "test", func() Actor[int] { return brittle{} }, nil) },
			act:    func(_ *System, ref Ref[int]) { ref.Stop(errBoom) },
			panics: []string{"hook"},
			stack:  "brittle",
		},
		{
			name:  "in Inspect: the asker's error, the actor lives",
			spawn: func(s *System) Ref[int] { return Spawn(s, "test", func() Actor[int] { return brittle{} }, nil) },
			act: func(s *System, ref Ref[int]) {
				var p *PanicError
				if _, err := s.Inspect(context.Background(), ref.ID()); !errors.As(err, &p) {
					t.Errorf("Inspect: %v", err)
				}
			},
			lives: true,
		},
		{
			name: "in the constructor of a restart",
			spawn: func(s *System) Ref[int] {
				first := true
				return Spawn(s, "test", func() Actor[int] {
					if !first {
						panic("mk")
					}
					first = false
					return &script[int]{receive: func(*Context[int], int) { panic("x") }}
				}, With(Restart(2, 0, 0)))
			},
			act:    func(_ *System, ref Ref[int]) { _ = ref.Tell(1) },
			panics: []string{"x", "mk", "mk"},
			stack:  "TestPanicsAreReportedOnce",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var panics []string
				s := NewSystem(OnPanic(func(info Info, p *PanicError) {
					if info.Kind != "test" || info.ID == 0 || !strings.Contains(string(p.Stack), tc.stack) {
						t.Errorf("report %+v with stack\n%s", info, p.Stack)
					}
					panics = append(panics, fmt.Sprint(p.Value))
					panic("the hook itself")
				}))
				ref := tc.spawn(s)
				tc.act(s, ref)
				synctest.Wait()
				if !slices.Equal(panics, tc.panics) {
					t.Errorf("reported %q, want %q", panics, tc.panics)
				}
				select {
				case <-ref.Done():
					if tc.lives {
						t.Error("stopped")
					}
				default:
					if !tc.lives {
						t.Error("still running")
					}
				}
				ref.Stop(nil)
				synctest.Wait()
			})
		})
	}
}
