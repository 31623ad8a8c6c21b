package bucket

import (
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/refusal"
)

func (r *rig) tell(m Msg) {
	r.t.Helper()
	if err := r.gov.Tell(m); err != nil {
		r.t.Error(err)
	}
}

func TestPauseAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 3}, QueueSettings{Timeout: time.Second, MaxSize: 1})
		defer r.end()
		busy, idle, waits, full := r.session(16), r.session(16), r.session(16), r.session(16)
		busy.ask("ann", "p")
		busy.wait()
		idle.ask("ann", "p")
		idle.wait()
		idle.release(Unused)
		r.tell(Pause{})
		<-time.After(10 * time.Millisecond)
		g := &r.metrics.Gauges
		if i := r.info(); i.Open != 1 || i.Leased != 1 || !i.Paused || g.Paused.Load() != 1 {
			t.Errorf("while the bucket is paused: %+v", i)
		}
		waits.ask("ann", "p")
		synctest.Wait()
		full.ask("ann", "p")
		if e := full.wait().Err; causeOf(e) != refusal.QueueFull || e.Error() != "Sluice: too many requests are waiting for a connection: the bucket is paused (bucket bucket-001, node n1)." {
			t.Errorf("with a full queue: %v", e)
		}
		if e := waits.wait().Err; causeOf(e) != refusal.Paused || e.Error() != "Sluice: the bucket is paused (bucket bucket-001, node n1, waited 1.002s)." {
			t.Errorf("after the time-out: %v", e)
		}
		busy.release(Used)
		waits.ask("ann", "p")
		<-time.After(500 * time.Millisecond)
		if n := r.srv.open.Load(); n != 0 {
			t.Errorf("%d connections are open", n)
		}
		r.tell(Resume{})
		if w := waits.wait(); w.Err != nil || w.Lease.Waited != 500*time.Millisecond {
			t.Errorf("resumed: %+v", w)
		}
		if r.info().Paused || g.Paused.Load() != 0 {
			t.Error("still paused")
		}
		waits.release(Unused)
	})
}

// With no time to wait the answer comes at once, and says why.
func TestPausedWithoutAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Settings{Limit: 3}, QueueSettings{})
		defer r.end()
		r.tell(Pause{})
		s := r.session(16)
		s.ask("ann", "p")
		if e := s.wait().Err; causeOf(e) != refusal.Paused {
			t.Errorf("answer: %v", e)
		}
	})
}
