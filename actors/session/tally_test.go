package session

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/bucket"
	"sluice/actors/tenants"
)

func tallying() *port {
	p := &port{env: &Env{Metrics: &Metrics{Tenants: tenants.NewTable()}}, mx: &muxed{}, born: time.Now()}
	p.bucket = &Bucket{ID: "b1", Metrics: &BucketMetrics{}}
	p.who = identity{user: "sa", database: "db", app: "shop"}
	return p
}

// told is how many milliseconds the table has been told of.
func (p *port) told() int {
	if top := p.env.Metrics.Tenants.Top(tenants.Use, 1, nil).Tenants; len(top) > 0 {
		return int(math.Round(top[0].Used * 1000))
	}
	return 0
}

// The table of tenants is told of many short leases at once, and of the rest
// when the session ends; until then a look at the session has them.
func TestShortLeasesAreToldTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := tallying()
		lease := func() {
			l := &bucket.Lease{Granted: time.Now()}
			<-time.After(time.Millisecond)
			p.mu.Lock()
			p.spent(l)
			p.mu.Unlock()
		}
		lease()
		if got := p.told(); got != 1 {
			t.Errorf("of the first lease %v ms are told", got)
		}
		for range tellLeases - 1 {
			lease()
		}
		if got := p.told(); got != 1 || p.standing().Held != (tellLeases-1)*time.Millisecond {
			t.Errorf("%v ms are told, %v are held back", got, p.standing().Held)
		}
		lease()
		if got := p.told(); got != tellLeases+1 || p.standing().Held != 0 {
			t.Errorf("after so many %v ms are told, %v held back", got, p.standing().Held)
		}
		lease()
		<-time.After(tellAfter)
		lease()
		if got := p.told(); got != tellLeases+3 {
			t.Errorf("after a while %v ms are told", got)
		}
		lease()
		p.mu.Lock()
		p.flushSpent()
		p.mu.Unlock()
		if got := p.told(); got != tellLeases+4 {
			t.Errorf("at the end %v ms are told", got)
		}
	})
}

func TestTransactionsAreTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := tallying()
		p.setPhase(phaseIdle)
		p.setInTx(true)
		<-time.After(time.Second)
		p.setInTx(true) // the next request of the same one
		<-time.After(time.Second)
		if s := p.standing(); s.InTransaction != 2*time.Second || s.State != "idle_in_transaction" {
			t.Errorf("%+v", s)
		}
		p.setInTx(false)
		if s := p.standing(); s.InTransaction != 0 || s.State != "idle" {
			t.Errorf("%+v", s)
		}
	})
}

// BenchmarkTally is what the metrics of a request in transaction pooling cost
// beside the histograms: its count, its transaction, and its lease.
func BenchmarkTally(b *testing.B) {
	p := tallying()
	p.bucket.Metrics.Requests[1] = &count{}
	l := &bucket.Lease{Granted: time.Now()}
	for b.Loop() {
		inc(p.bucket.Metrics.Requests[1])
		p.setInTx(false)
		p.spent(l)
	}
}
