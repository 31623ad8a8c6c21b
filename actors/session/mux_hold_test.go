package session

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// A request that comes as the hold for an identity ends finds the bucket
// informed: it is served, whoever was first.
func TestSharedHoldEndsAsARequestComes(t *testing.T) {
	const hold = 300 * time.Microsecond
	s := &txServer{}
	n, _ := startShared(t, s, func(o *setup) {
		shared(8)(o)
		o.sharing.Linger = hold
	})
	var wg sync.WaitGroup
	for range 16 {
		c := n.connect(credentials())
		wg.Go(func() {
			for range 100 {
				r, err := c.Query("INSERT t VALUES (1)")
				if err != nil || r.Err() != nil {
					t.Errorf("%v, %v", r.Err(), err)
					return
				}
				<-time.After(rand.N(2 * hold))
			}
		})
	}
	wg.Wait()
}
