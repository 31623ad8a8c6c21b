package bucket

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/backend"
	"sluice/actors/refusal"
)

// TestForceInFullSwing: many sessions come and go while the number of slots
// rises and falls, by force every other time. The server never sees more
// connections than the slots allowed, and everybody is answered.
func TestForceInFullSwing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := governed(t, Settings{Limit: 20, MinIdle: 2, MaxIdleTime: time.Second})
		var wg sync.WaitGroup
		for i := range 400 {
			wg.Go(func() {
				<-time.After(time.Duration(i) * 5 * time.Millisecond)
				s := r.session(16)
				s.dedicated = i%7 == 0
				s.ask([]string{"ann", "bob", "eve"}[i%3], "p")
				g := s.wait()
				switch {
				case g.Err != nil && causeOf(g.Err) != refusal.SlotLost:
					t.Error(g.Err)
				case g.Err != nil:
				case g.Lease.Conn == nil:
					own(r.srv, s, time.Duration(5+i%31)*time.Millisecond)
				default:
					select {
					case <-time.After(time.Duration(5+i%31) * time.Millisecond):
						s.release(Used)
					case <-s.died:
						s.release(Broken)
					}
				}
				s.ref.Stop(nil)
			})
		}
		for v := range 40 {
			slots := []int{12, 3, 7, 0, 20, 1}[v%6]
			r.srv.most.Store(r.srv.open.Load())
			before := r.srv.open.Load()
			r.entitle(uint64(v+1), slots, v%2 == 1)
			<-time.After(60 * time.Millisecond)
			if most := r.srv.most.Load(); most > max(before, int64(slots)) {
				t.Errorf("version %d: %d open, %d slots, %d before", v+1, most, slots, before)
			}
			if u, _ := l.last(); v%2 == 1 && (u.Open > slots || r.srv.open.Load() > int64(slots)) {
				t.Errorf("version %d: forced down to %d, but %d are open: %+v", v+1, slots, r.srv.open.Load(), u)
			}
		}
		r.entitle(100, 20, false)
		wg.Wait()
		<-time.After(5 * time.Second)
		if i := r.info(); i.Leased != 0 || i.Waiting != 0 || i.Open != i.Idle {
			t.Errorf("at rest: %+v", i)
		}
		r.end()
	})
}

// own uses a slot with a socket of its own for a while.
func own(srv *server, s *sess, d time.Duration) {
	defer s.release(Gone)
	ctx, err := s.lease.Begin(context.Background())
	if err != nil {
		return
	}
	defer s.lease.Freed()
	c, err := srv.dial(ctx, nil, request(0, "u", "db", "p").Login, backend.Key{})
	if err != nil {
		return
	}
	defer c.Close()
	if s.lease.Opened(c.Abort) {
		select {
		case <-time.After(d):
		case <-s.died:
		}
	}
}
