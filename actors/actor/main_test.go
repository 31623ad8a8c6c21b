package actor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is an actor whose behaviour is given by functions; missing ones do nothing.
type script[M any] struct {
	receive func(c *Context[M], m M)
	stopped func(reason error)
}

func (s *script[M]) Receive(c *Context[M], m M) {
	if s.receive != nil {
		s.receive(c, m)
	}
}

func (s *script[M]) Stopped(reason error) {
	if s.stopped != nil {
		s.stopped(reason)
	}
}

// spawn starts an actor that only receives.
func spawn[M any](s *System, receive func(c *Context[M], m M), o ...Option) Ref[M] {
	return Spawn(s, "test", func() Actor[M] { return &script[M]{receive: receive} }, With(o...))
}

// gate is an actor that blocks in Receive until the test opens it, which real actors
// must not do. It passes on what it receives.
type gate struct {
	entered chan int      // one value as each message begins
	open    chan struct{} // one receive lets one message end
}

func newGate() *gate { return &gate{entered: make(chan int, 1<<16), open: make(chan struct{})} }

func (g *gate) Receive(_ *Context[int], m int) {
	g.entered <- m
	<-g.open
}

func (g *gate) spawn(s *System, o ...Option) Ref[int] {
	return Spawn(s, "gate", func() Actor[int] { return g }, With(o...))
}

// within returns a context for calls that are expected to return at once.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// advance lets d pass on the fake clock of a synctest bubble and all actors come to rest.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// gone waits until an actor has stopped.
func gone[M any](t testing.TB, r Ref[M]) {
	t.Helper()
	select {
	case <-r.Done():
	case <-within(t).Done():
		t.Fatal("actor did not stop")
	}
}

func shutdown(t testing.TB, s *System) {
	t.Helper()
	if err := s.Shutdown(within(t), nil); err != nil {
		t.Fatal(err)
	}
}
