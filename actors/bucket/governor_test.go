package bucket

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/backend"
	"sluice/actors/refusal"
	"sluice/tds"
)

func TestManySessionsShareFewSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 20}, QueueSettings{Timeout: time.Minute})
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				s := r.session(16)
				s.ask([]string{"ann", "bob", "eve"}[i%3], "p")
				if g := s.wait(); g.Err != nil {
					t.Error(g.Err)
					return
				}
				<-time.After(time.Duration(5+i%11) * time.Millisecond)
				switch i % 10 {
				case 0: // crashes with its lease
					s.ref.Stop(errors.New("crash"))
				case 1: // stops right after it has given back
					s.release(Used)
					s.ref.Stop(nil)
				default:
					s.release(Used)
				}
			})
		}
		wg.Wait()
		if i := r.info(); i.Leased != 0 || i.Waiting != 0 || i.Open > 20 {
			t.Errorf("at rest: %+v", i)
		}
		if n := r.srv.most.Load(); n > 20 || n < 15 {
			t.Errorf("%d open at most, want up to 20", n)
		}
		r.end()
	})
}

func TestCrashGivesItsSlotBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 1}, QueueSettings{Timeout: time.Minute})
		a, b, c := r.session(16), r.session(16), r.session(16)
		a.ask("ann", "p")
		first := a.wait().Lease.Conn
		b.ask("ann", "p") // waits, and leaves
		c.ask("ann", "p")
		synctest.Wait()
		b.ref.Stop(nil)
		a.ref.Stop(errors.New("crash"))
		g := c.wait()
		if g.Err != nil || g.Lease.Conn == first || g.Lease.Warm {
			t.Errorf("got %+v: a connection of unknown state must not be used again", g)
		}
		if len(b.grants) != 0 {
			t.Error("who left got an answer")
		}
		c.release(Unused)
		if i := r.info(); i.Open != 1 || i.Idle != 1 || i.Leased != 0 || i.Waiting != 0 {
			t.Errorf("%+v", i)
		}
		r.end()
	})
}

// TestReleaseRacesStop: the death of a session is heard of before what it sent
// last, which must still count.
func TestReleaseRacesStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 1}, QueueSettings{Timeout: time.Minute})
		for range 200 {
			s := r.session(16)
			s.ask("ann", "p")
			if g := s.wait(); g.Err != nil {
				t.Fatal(g.Err)
			}
			_ = s.ref.Tell(func() { s.release(Unused) })
			_ = s.ref.Tell(func() { s.ref.Stop(nil) })
			<-s.ref.Done()
		}
		synctest.Wait()
		if n := r.srv.logins.Load(); n != 1 {
			t.Errorf("%d logins: a good connection was closed", n)
		}
		r.end()
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 1}, QueueSettings{Timeout: time.Second, MaxSize: 1})
		a, b, c := r.session(16), r.session(16), r.session(16)
		a.ask("ann", "p")
		a.wait()
		began := time.Now()
		b.ask("ann", "p")
		synctest.Wait()
		c.ask("ann", "p")
		if g := c.wait(); causeOf(g.Err) != refusal.QueueFull {
			t.Errorf("got %v, want queue_full", g.Err)
		}
		g := b.wait()
		if waited := time.Since(began); causeOf(g.Err) != refusal.QueueTimeout || waited < time.Second || waited > time.Second+10*time.Millisecond {
			t.Errorf("got %v after %v", g.Err, waited)
		}
		_ = r.gov.Tell(Configure{Settings: Settings{Limit: 1, MaxParallelLogins: 1}})
		b.ask("ann", "p")
		if g := b.wait(); causeOf(g.Err) != refusal.PoolExhausted {
			t.Errorf("got %v, want pool_exhausted", g.Err)
		}
		a.release(Broken)
		<-time.After(10 * time.Millisecond)
		b.ask("ann", "wrong")
		if g := b.wait(); !errors.Is(g.Err, error(errPassword)) {
			t.Errorf("got %v, want the server's own words", g.Err)
		}
		fault := error(&backend.DialError{Stage: backend.StageTLS, Address: "db:1433", Err: errDial})
		r.srv.refuse.Store(&fault)
		b.ask("ann", "p")
		if g := b.wait(); causeOf(g.Err) != refusal.BackendUnavailable || !errors.Is(g.Err, errDial) {
			t.Errorf("got %v, want backend_unavailable", g.Err)
		}
		r.end()
	})
}

func TestShut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 2}, QueueSettings{Timeout: time.Minute})
		r.srv.login = time.Second
		a, b, c := r.session(16), r.session(16), r.session(16)
		a.ask("ann", "p")
		a.wait()
		b.ask("bob", "p") // still dialing
		c.ask("eve", "p") // waiting
		synctest.Wait()
		cause := &refusal.Error{Cause: refusal.Draining}
		_ = r.gov.Tell(Shut{Cause: cause})
		for _, s := range []*sess{b, c} {
			if g := s.wait(); causeOf(g.Err) != refusal.Draining {
				t.Errorf("got %+v", g)
			}
		}
		<-time.After(time.Minute)
		select {
		case <-r.gov.Done():
			t.Fatal("stopped with a lease out")
		default:
		}
		a.release(Used)
		<-r.gov.Done()
		synctest.Wait()
		if n := r.srv.open.Load(); n != 0 {
			t.Errorf("stopped with %d open", n)
		}
		r.end()
	})
}

// heldAndWaiting returns a bucket whose one connection a holds and b waits for.
func heldAndWaiting(t *testing.T) (r *rig, a, b *sess) {
	t.Helper()
	r = newRig(t, Settings{Limit: 1}, QueueSettings{Timeout: time.Hour})
	a, b = r.session(16), r.session(16)
	a.ask("ann", "p")
	a.wait()
	b.ask("ann", "p")
	synctest.Wait()
	return r, a, b
}

// TestQueueFails: those who waited are told, and the bucket comes to an end.
func TestQueueFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a, b := heldAndWaiting(t)
		r.governor.queue.Stop(errors.New("crash"))
		if g := b.wait(); causeOf(g.Err) != refusal.Internal {
			t.Errorf("got %+v", g)
		}
		a.release(Unused)
		<-r.gov.Done()
		r.end()
	})
}

// TestGovernorFails: nobody waits for an answer of a governor that is gone.
func TestGovernorFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, b := heldAndWaiting(t)
		r.gov.Stop(errors.New("crash"))
		if g := b.wait(); causeOf(g.Err) != refusal.Internal {
			t.Errorf("got %+v", g)
		}
		r.end()
	})
}

// TestUnreadRequests: a request that a governor stopped without reading is
// answered as well.
func TestUnreadRequests(t *testing.T) {
	var got error
	Acquire{Reply: func(g Grant) error { got = g.Err; return nil }}.Discarded()
	if causeOf(got) != refusal.BucketRemoved {
		t.Errorf("got %v", got)
	}
}

// TestFullSession: an answer that finds no room in its session's mailbox comes
// when there is.
func TestFullSession(t *testing.T) {
	for _, password := range []string{"p", "wrong"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, Settings{Limit: 1}, QueueSettings{Timeout: time.Minute})
			s := r.session(1)
			unblock := make(chan struct{})
			_ = s.ref.Tell(func() { <-unblock })
			synctest.Wait()
			_ = s.ref.Tell(func() {})
			s.ask("ann", password)
			<-time.After(time.Second)
			close(unblock)
			if g := s.wait(); (g.Err == nil) != (password == "p") {
				t.Errorf("got %+v", g)
			}
			<-time.After(time.Second)
			if len(s.grants) != 0 {
				t.Error("answered twice")
			}
			r.end()
		})
	}
}

// TestFullSessionStops: what could not be handed over is not lost either.
func TestFullSessionStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 1}, QueueSettings{Timeout: time.Minute})
		s, next := r.session(1), r.session(16)
		unblock := make(chan struct{})
		_ = s.ref.Tell(func() { <-unblock })
		synctest.Wait()
		_ = s.ref.Tell(func() {})
		s.ask("ann", "p")
		next.ask("ann", "p")
		<-time.After(time.Second)
		s.ref.Stop(nil)
		close(unblock)
		if g := next.wait(); g.Err != nil {
			t.Error(g.Err)
		}
		if i := r.info(); i.Leased != 1 || i.Open != 1 {
			t.Errorf("%+v", i)
		}
		r.end()
	})
}

func TestMinIdleAndChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 4, MinIdle: 2, MaxIdleTime: 5 * time.Second, CheckEvery: 2 * time.Second}, QueueSettings{},
			func(c *Config) {
				warm := request(0, "ann", "db", "p")
				c.Warm = &Warm{Login: warm.Login, Key: warm.Key, Digest: warm.Digest}
			})
		<-time.After(100 * time.Millisecond)
		if i := r.info(); i.Open != 2 || i.Idle != 2 {
			t.Errorf("%+v", i)
		}
		s := r.session(16)
		s.ask("ann", "p")
		if g := s.wait(); g.Err != nil || !g.Lease.Warm {
			t.Errorf("got %+v, want a warm connection", g)
		}
		<-time.After(30 * time.Second)
		s.release(Unused)
		<-time.After(30 * time.Second)
		if i := r.info(); i.Open != 2 || i.Idle != 2 || len(i.Pools) != 1 || i.Pools[0].Idle != 2 || i.Pools[0].User != "ann" {
			t.Errorf("%+v", i)
		}
		if g := &r.metrics.Gauges; g.Open.Load() != 2 || g.Idle.Load() != 2 || g.Limit.Load() != 4 {
			t.Error("gauges differ from the state")
		}
		r.end()
	})
}

// TestTargetChanges while one connection is leased and another is being
// dialled: neither comes to rest.
func TestTargetChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 4}, QueueSettings{Timeout: time.Minute})
		r.srv.login = time.Second
		a, b := r.session(16), r.session(16)
		a.ask("ann", "p")
		a.wait()
		b.ask("bob", "p")
		<-time.After(500 * time.Millisecond)
		_ = r.gov.Tell(Configure{Settings: Settings{Limit: 4, MaxParallelLogins: 4, ReverifyAfter: time.Hour}, Target: &backend.Target{Address: "new:1433"}, Recycle: true, Queue: QueueSettings{Timeout: time.Minute}})
		if g := b.wait(); g.Err != nil {
			t.Fatal(g.Err)
		}
		a.release(Used)
		b.release(Unused)
		<-time.After(time.Second)
		if i := r.info(); i.Open != 0 || i.Address != "new:1433" {
			t.Errorf("%+v", i)
		}
		b.ask("bob", "p")
		if g := b.wait(); g.Err != nil || g.Lease.Warm || g.Lease.Target.Address != "new:1433" {
			t.Errorf("got %+v", g)
		}
		r.end()
	})
}

// TestBackendDies in the hands of a session and at rest.
func TestBackendDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 1}, QueueSettings{Timeout: time.Minute})
		s := r.session(16)
		s.ask("ann", "p")
		conn := s.wait().Lease.Conn
		_ = r.gov.Tell(died{conn})
		if l := <-s.died; l != s.lease {
			t.Error("told of another lease")
		}
		s.release(Unused)
		_ = r.gov.Tell(died{conn})
		<-time.After(10 * time.Millisecond)
		if i := r.info(); i.Open != 0 {
			t.Errorf("%+v", i)
		}
		r.end()
	})
}

func TestDefaultsAreTheRealThing(t *testing.T) {
	c := Config{}
	c.setDefaults()
	_, err := c.dial(t.Context(), &backend.Target{Address: "127.0.0.1:1", ConnectTimeout: time.Second}, &tds.Login7{}, backend.Key{})
	if failed := (*backend.DialError)(nil); !errors.As(err, &failed) {
		t.Errorf("dialling a closed port: %v", err)
	}
}
