package bucket

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/backend"
	"sluice/actors/refusal"
)

// TestDedicated: the session gets the right to dial, and where to.
func TestDedicated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 1}, QueueSettings{Timeout: time.Minute})
		a, b := r.session(16), r.session(16)
		for _, s := range []*sess{a, b} {
			s.dedicated = true
			s.ask("ann", "p")
		}
		if g := a.wait(); g.Err != nil || g.Lease.Conn != nil || g.Lease.Target == nil {
			t.Errorf("got %+v", g)
		}
		<-time.After(time.Second)
		a.release(Gone)
		if g := b.wait(); g.Err != nil || g.Lease.Waited < time.Second {
			t.Errorf("got %+v", g)
		}
		b.ref.Stop(nil)
		if i := r.info(); i.Open != 0 {
			t.Errorf("%+v", i)
		}
		r.end()
	})
}

// A session that crashes may leave the socket that it opened within a dedicated
// lease open for a moment: its slot is not free before Freed says so.
func TestCrashedDedicatedSessionKeepsItsSlotUntilFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 2}, QueueSettings{Timeout: time.Minute})
		dialled, idle := r.session(16), r.session(16)
		for _, s := range []*sess{dialled, idle} {
			s.dedicated = true
			s.ask("ann", "p")
			if g := s.wait(); g.Err != nil {
				t.Fatal(g.Err)
			}
		}
		if _, err := dialled.lease.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		dialled.ref.Stop(errors.New("crash"))
		idle.ref.Stop(errors.New("crash")) // had not begun to dial
		if i := r.info(); i.Open != 1 {
			t.Errorf("%d slots are taken, one socket may be open: %+v", i.Open, i)
		}
		dialled.lease.Freed()
		dialled.lease.Freed() // once more does no harm
		if i := r.info(); i.Open != 0 {
			t.Errorf("%+v", i)
		}
		r.end()
	})
}

// TestForceDedicated: sessions that opened their sockets themselves, are about
// to, or have not begun.
func TestForceDedicated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := governed(t, Settings{Limit: 20})
		r.entitle(1, 3, false)
		open, dialling, late := r.session(16), r.session(16), r.session(16)
		for _, s := range []*sess{open, dialling, late} {
			s.dedicated = true
			s.ask("ann", "p")
			s.wait()
		}
		begin := func(s *sess) context.Context {
			ctx, err := s.lease.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return ctx
		}
		aborted := make(chan struct{})
		begin(open)
		if !open.lease.Opened(func() { close(aborted) }) {
			t.Error("lost at once")
		}
		ctx := begin(dialling)
		r.entitle(2, 0, true)
		<-aborted
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), backend.ErrCut) {
			t.Error(context.Cause(ctx))
		}
		if u, _ := l.last(); u.Open != 1 {
			t.Errorf("one dial is under way: %+v", u)
		}
		if dialling.lease.Opened(func() {}) {
			t.Error("a socket that was opened too late may stay")
		}
		dialling.lease.Freed()
		if u, _ := l.last(); u.Open != 0 {
			t.Errorf("%+v", u)
		}
		if _, err := late.lease.Begin(t.Context()); causeOf(err) != refusal.SlotLost {
			t.Errorf("got %v", err)
		}
		for _, s := range []*sess{open, dialling, late} {
			<-s.died
			s.release(Gone)
		}
		if i := r.info(); i.Open != 0 {
			t.Errorf("%+v", i)
		}
		r.end()
	})
}

// TestBeginAfterItsSessionDied: the slot has gone to somebody else.
func TestBeginAfterItsSessionDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 1}, QueueSettings{})
		s := r.session(16)
		s.dedicated = true
		s.ask("ann", "p")
		s.wait()
		s.ref.Stop(errors.New("crash"))
		if i := r.info(); i.Open != 0 {
			t.Errorf("%+v", i)
		}
		if _, err := s.lease.Begin(t.Context()); err == nil {
			t.Error("it may dial")
		}
		r.end()
	})
}

// TestGovernorFailsWithOwnSockets: nobody counts them any more.
func TestGovernorFailsWithOwnSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 1}, QueueSettings{})
		s := r.session(16)
		s.dedicated = true
		s.ask("ann", "p")
		s.wait()
		aborted := make(chan struct{})
		if _, err := s.lease.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.lease.Opened(func() { close(aborted) })
		r.gov.Stop(errors.New("crash"))
		<-aborted
		s.lease.Freed()
		r.end()
	})
}
