package bucket

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/actor"
	"sluice/tds"
)

// Of 300 clients that share 50 connections nobody waits out of proportion: the
// longest time that a request takes, its wait included, is less than five times
// the median.
func TestCrowdWaits(t *testing.T) {
	const (
		clients, limit, each = 300, 50, 30
		most                 = 5
	)
	for _, load := range []struct {
		name  string
		think time.Duration // between requests, at most
		hold  time.Duration // of every fourth request's connection, by its client
		long  time.Duration // what one request in 50 takes on top, as a transaction does
		fails int           // one in so many requests loses its connection; 0: none
	}{
		{name: "busy"},
		{name: "busy, connections fail", fails: 200},
		{name: "thinking", think: 60 * time.Millisecond},
		{name: "thinking, holds", think: 60 * time.Millisecond, hold: 10 * time.Millisecond},
		{name: "thinking, holds, connections fail", think: 60 * time.Millisecond, hold: 10 * time.Millisecond, fails: 200},
		{name: "busy, transactions", long: 50 * time.Millisecond},
	} {
		t.Run(load.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Settings{Limit: limit}, QueueSettings{Timeout: time.Minute})
				r.srv.login = 200 * time.Millisecond
				var mu sync.Mutex
				var took []time.Duration
				run := func(requests int) {
					var wg sync.WaitGroup
					for i := range clients {
						s := r.session(16)
						rng := rand.New(rand.NewPCG(uint64(i), 1))
						within := func(d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d) + 1)) }
						wg.Go(func() {
							for n := range requests {
								<-time.After(within(load.think))
								start := time.Now()
								s.share()
								if g := s.wait(); g.Err != nil {
									t.Error(g.Err)
									return
								}
								<-time.After(5*time.Millisecond + within(5*time.Millisecond))
								spent := time.Since(start)
								mu.Lock()
								took = append(took, spent)
								mu.Unlock()
								if load.long > 0 && rng.IntN(50) == 0 {
									<-time.After(load.long)
								}
								if load.hold > 0 && n%4 == 0 {
									<-time.After(load.hold)
								}
								how := Known
								if load.fails > 0 && rng.IntN(load.fails) == 0 {
									how = Broken
								}
								s.release(how)
							}
						})
					}
					wg.Wait()
				}
				req := request(0, "ann", "db", "p")
				req.Key.Shared = true
				req.Login.Version = tds.V74
				synctest.Wait() // nobody uses the vault yet
				r.governor.state.vault.enter(req)
				run(5) // opens the connections
				took = nil
				run(each)
				slices.Sort(took)
				median, longest := took[len(took)/2], took[len(took)-1]
				t.Logf("median %v, 99 %% within %v, longest %v: %.1f medians", median, took[len(took)*99/100], longest, float64(longest)/float64(median))
				if longest >= most*median {
					t.Errorf("the longest took %v, the median %v", longest, median)
				}
				r.end()
			})
		})
	}
}

// share asks for a shared connection, as a session that has logged in does.
func (s *sess) share() {
	s.rig.t.Helper()
	req := request(s.ref.ID(), "ann", "db", "p")
	req.cancel, req.Trusted, req.Key.Shared, req.Login = nil, true, true, nil
	err := s.rig.gov.TellHere(Acquire{
		Request: req,
		Watch: func(c *actor.Context[Msg], wrap func(actor.Down) Msg) func() {
			return actor.Watch(c, s.ref, wrap)
		},
		Reply: func(g Grant) error {
			s.grants <- g
			return nil
		},
		Died: func(l *Lease) { s.died <- l },
	})
	if err != nil {
		s.rig.t.Error(err)
	}
}
