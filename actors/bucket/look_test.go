package bucket

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/refusal"
)

// An inspection says who waits, since when, and why; and who holds, since when.
func TestLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 2, MaxParallelLogins: 1}, QueueSettings{Timeout: time.Minute})
		defer r.end()
		why := func(want string) {
			t.Helper()
			if got := r.info().Why; !strings.Contains(got, want) {
				t.Errorf("it waits because %q, not %q", got, want)
			}
		}
		a, b, c, d := r.session(16), r.session(16), r.session(16), r.session(16)
		a.ask("ann", "p")
		b.ask("ann", "p")
		why("1 logins at the server are under way")
		a.wait()
		b.wait()
		why("")
		<-time.After(time.Second)
		c.ask("bob", "p")
		<-time.After(time.Second)
		d.ask("ann", "p")
		<-time.After(time.Second)
		i := r.info()
		why("all 2 connections are taken")
		if len(i.Waiters) != 2 || i.Waiters[0].Session != c.ref.ID() || i.Waiters[0].User != "bob" || i.Waiters[0].Waited != 2*time.Second || i.Waiters[1].Left != 59*time.Second {
			t.Errorf("waiters: %+v", i.Waiters)
		}
		if len(i.Leases) != 2 || i.Leases[0].Session != a.ref.ID() || i.Leases[0].Held < 3*time.Second || i.Leases[1].Session != b.ref.ID() {
			t.Errorf("leases: %+v", i.Leases)
		}
		r.tell(Pause{})
		why("the bucket is paused")
		r.tell(Resume{})
		a.release(Unused)
		c.wait()
		b.release(Unused)
		d.wait()
		why("")
	})
}

// Of many leases the oldest are told, in order.
func TestLookAtManyLeases(t *testing.T) {
	s := newState(Settings{})
	for id := range uint64(1000) {
		s.leases[actor.ID(id)] = &Lease{ID: id, session: actor.ID(id)}
	}
	all := s.oldestLeases()
	if len(all) != maxLeaseInfos {
		t.Fatalf("%d leases", len(all))
	}
	for i, l := range all {
		if l.Session != actor.ID(i) {
			t.Fatalf("lease %d is session %d", i, l.Session)
		}
	}
}

// An error that ends a wait names it, whatever the error is.
func TestRefusalNamesTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 1}, QueueSettings{Timeout: time.Minute})
		defer r.end()
		a, b := r.session(16), r.session(16)
		a.ask("ann", "p")
		a.wait()
		b.ask("bob", "p")
		<-time.After(3 * time.Second)
		fault := error(&backend.DialError{Stage: backend.StageTLS, Address: "db:1433", Err: errDial})
		r.srv.refuse.Store(&fault)
		a.release(Broken)
		e := (*refusal.Error)(nil)
		if err := b.wait().Err; !errors.As(err, &e) || e.Cause != refusal.BackendUnavailable || e.Waited.Round(time.Second) != 3*time.Second {
			t.Errorf("answer: %v", err)
		}
	})
}
