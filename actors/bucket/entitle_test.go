package bucket

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/refusal"
)

// ledger collects what a governor reports.
type ledger struct {
	mu  sync.Mutex
	all []Usage
}

func (l *ledger) report(u Usage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, u)
}

// last returns the last report and how many there were.
func (l *ledger) last() (Usage, int) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == 0 {
		return Usage{}, 0
	}
	return l.all[len(l.all)-1], len(l.all)
}

// governed returns a bucket that begins without slots.
func governed(t *testing.T, set Settings, change ...func(*Config)) (*rig, *ledger) {
	l := &ledger{}
	change = append(change, func(c *Config) { c.Governed, c.Report = true, l.report })
	return newRig(t, set, QueueSettings{Timeout: time.Minute}, change...), l
}

func (r *rig) entitle(version uint64, slots int, force bool) {
	r.t.Helper()
	if err := r.gov.Tell(Entitle{Version: version, Slots: slots, Force: force}); err != nil {
		r.t.Error(err)
	}
}

func TestEntitleUpAndDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := governed(t, Settings{Limit: 20})
		a, b, c := r.session(16), r.session(16), r.session(16)
		began := time.Now()
		for _, s := range []*sess{a, b, c} {
			s.ask("ann", "p")
			<-time.After(time.Second)
		}
		if u, _ := l.last(); u.Bucket != "bucket-001" || u.Waiting == 0 || !u.Oldest.Equal(began) || r.srv.open.Load() != 0 {
			t.Errorf("without slots: %+v, %d open", u, r.srv.open.Load())
		}
		r.entitle(1, 2, false)
		a.wait()
		b.wait()
		if i := r.info(); i.Limit != 20 || i.Slots != 2 || i.Open != 2 || i.Waiting != 1 {
			t.Errorf("%+v", i)
		}
		r.entitle(2, 1, false)
		<-time.After(10 * time.Second)
		if u, _ := l.last(); u.Version != 2 || u.Open != 2 || u.InUse != 2 || len(a.died)+len(b.died) != 0 {
			t.Errorf("a busy client was cut: %+v", u)
		}
		b.release(Used)
		<-time.After(10 * time.Second)
		if i := r.info(); i.Open != 1 || i.Waiting != 1 {
			t.Errorf("%+v", i)
		}
		a.release(Used)
		if g := c.wait(); g.Err != nil || !g.Lease.Warm {
			t.Errorf("got %+v", g)
		}
		c.release(Unused)
		r.entitle(3, 0, false)
		<-time.After(10 * time.Millisecond)
		if u, _ := l.last(); u.Open != 0 || u.Slots != 0 || r.srv.open.Load() != 0 {
			t.Errorf("an idle connection is above the limit: %+v", u)
		}
		if g := &r.metrics.Gauges; g.Limit.Load() != 20 || g.Slots.Load() != 0 {
			t.Error("gauges differ from the state")
		}
		r.end()
	})
}

// TestForce takes everything away at once, and it takes no time.
func TestForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := governed(t, Settings{Limit: 20})
		r.srv.closing, r.srv.cleaning = time.Hour, time.Hour
		r.entitle(1, 8, false)
		a, b, idle, cleaned := r.session(16), r.session(16), r.session(16), r.session(16)
		for _, s := range []*sess{a, b, idle, cleaned} {
			s.ask("ann", "p")
			s.wait()
		}
		idle.release(Unused)
		cleaned.release(Used)
		r.srv.login = time.Hour
		dialling := r.session(16)
		dialling.ask("bob", "p")
		if i := r.info(); i.Open != 5 || i.Leased != 2 || i.Idle != 1 || i.Dialing != 1 || i.Cleaning != 1 {
			t.Fatalf("%+v", i)
		}
		now := time.Now()
		r.entitle(2, 1, true)
		if g := dialling.wait(); causeOf(g.Err) != refusal.SlotLost {
			t.Errorf("got %v, want slot_lost", g.Err)
		}
		if lost := <-b.died; lost != b.lease || !lost.Lost() {
			t.Error("the newer client was not told")
		}
		if u, _ := l.last(); u.Open != 1 || u.InUse != 1 || r.srv.open.Load() != 1 || len(a.died) != 0 || a.lease.Lost() {
			t.Errorf("%+v, %d open, the older client told: %t", u, r.srv.open.Load(), len(a.died) != 0)
		}
		r.entitle(3, 0, true)
		<-a.died
		if u, _ := l.last(); u.Open != 0 || r.srv.open.Load() != 0 || !time.Now().Equal(now) {
			t.Errorf("%+v, %d open, after %v", u, r.srv.open.Load(), time.Since(now))
		}
		a.release(Broken) // has no effect any more
		b.ref.Stop(errors.New("crash"))
		if i := r.info(); i.Open != 0 || i.Leased != 0 {
			t.Errorf("%+v", i)
		}
		if n := r.metrics.CleanFailed.(*counter).n.Load() + r.metrics.DialFailed.(*counter).n.Load(); n != 0 || r.metrics.Gauges.Failure.Load() != nil {
			t.Error("what was cut counts as failed")
		}
		r.end()
	})
}

// TestForceMeetsAnUnreadGrant: a lease is lost before its session's mailbox had
// room for it.
func TestForceMeetsAnUnreadGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := governed(t, Settings{Limit: 1})
		r.entitle(1, 1, false)
		s := r.session(1)
		unblock := make(chan struct{})
		_ = s.ref.Tell(func() { <-unblock })
		synctest.Wait()
		_ = s.ref.Tell(func() {})
		s.ask("ann", "p")
		<-time.After(time.Second)
		r.entitle(2, 0, true)
		synctest.Wait()
		close(unblock)
		if g := s.wait(); causeOf(g.Err) != refusal.SlotLost {
			t.Errorf("got %+v", g)
		}
		<-time.After(time.Second)
		if len(s.grants) != 0 {
			t.Error("answered twice")
		}
		r.end()
	})
}

// TestForceDuringShut: what a Shut waits for is taken away as well.
func TestForceDuringShut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := governed(t, Settings{Limit: 2})
		r.entitle(1, 2, false)
		s := r.session(16)
		s.ask("ann", "p")
		s.wait()
		_ = r.gov.Tell(Shut{})
		synctest.Wait()
		r.entitle(2, 0, true)
		<-r.gov.Done()
		if u, _ := l.last(); u.Version != 2 || u.Open != 0 {
			t.Errorf("last report %+v", u)
		}
		r.end()
	})
}

// TestNoRightToDial: the slots are there, the right to them is not.
func TestNoRightToDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := governed(t, Settings{Limit: 2, MinIdle: 1}, func(c *Config) {
			warm := request(0, "ann", "db", "p")
			c.Warm = &Warm{Login: warm.Login, Key: warm.Key, Digest: warm.Digest}
			c.Admit = func() bool { return false }
		})
		r.entitle(1, 2, false)
		pooled, own := r.session(16), r.session(16)
		pooled.ask("ann", "p")
		if g := pooled.wait(); causeOf(g.Err) != refusal.SlotLost {
			t.Errorf("got %+v", g)
		}
		own.dedicated = true
		own.ask("ann", "p")
		if _, err := own.wait().Lease.Begin(t.Context()); causeOf(err) != refusal.SlotLost {
			t.Errorf("got %v", err)
		}
		own.release(Gone)
		<-time.After(10 * time.Second)
		if i := r.info(); i.Open != 0 || r.srv.logins.Load() != 0 {
			t.Errorf("%+v, %d logins", i, r.srv.logins.Load())
		}
		r.end()
	})
}

func TestWhyNoSlotCameFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := governed(t, Settings{Limit: 2}, func(c *Config) {
			c.Queue.Timeout = time.Second
			c.Why = func() string { return "this node holds 1 of 2 slots" }
		})
		r.entitle(1, 1, false)
		a, b := r.session(16), r.session(16)
		a.ask("ann", "p")
		a.wait()
		ask := func() *refusal.Error {
			b.ask("ann", "p")
			e := (*refusal.Error)(nil)
			if !errors.As(b.wait().Err, &e) {
				t.Fatal("no refusal")
			}
			return e
		}
		if e := ask(); e.Cause != refusal.QueueTimeout || !strings.Contains(e.Error(), "holds 1 of 2") {
			t.Error(e)
		}
		r.entitle(2, 2, false)
		c := r.session(16)
		c.ask("ann", "p")
		c.wait()
		if e := ask(); e.Cause != refusal.QueueTimeout || e.Detail != "" {
			t.Errorf("with all slots: %v", e)
		}
		r.end()
	})
}

// TestGrantsAreNotReported one by one.
func TestGrantsAreNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := governed(t, Settings{Limit: 4})
		r.entitle(1, 4, false)
		_, before := l.last()
		for range 1000 { // 2 s, in which each third connection is dialled anew
			s := r.session(16)
			s.ask("ann", "p")
			s.wait()
			<-time.After(2 * time.Millisecond)
			s.release(Unused)
			s.ref.Stop(nil)
		}
		<-time.After(2 * time.Second)
		if u, n := l.last(); n-before > 4 || u.Acquired != 1000 {
			t.Errorf("%d reports, the last %+v", n-before, u)
		}
		r.end()
	})
}
