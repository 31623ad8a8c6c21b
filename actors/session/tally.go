package session

import (
	"crypto/tls"
	"time"

	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/actors/tenants"
	"sluice/tds"
)

// inc counts if somebody wants to know.
func inc(c Counter) {
	if c != nil {
		c.Inc()
	}
}

func (p *port) countPacket(h tds.Header) { inc(p.bucket.Metrics.ClientPackets[h.Type]) }

// countError counts an error that the client was told, or would have been.
func (p *port) countError(kind string) {
	p.bucket.Metrics.Errors(kind).Inc()
	if t := p.env.Metrics.Tenants; t != nil {
		t.Failed(p.tenant())
	}
}

// setInTx notes whether the client is in a transaction.
func (p *port) setInTx(in bool) {
	if p.inTx.Load() == in {
		return
	}
	if in {
		p.txSince.Store(int64(time.Since(p.born)))
	}
	p.inTx.Store(in)
}

// shake does a TLS handshake with the client.
func (p *port) shake(c *tls.Conn) error {
	err := c.Handshake()
	if count := p.env.Metrics.Handshakes; count != nil {
		version := ""
		if err == nil {
			version = tls.VersionName(c.ConnectionState().Version)
		}
		count(version).Inc()
	}
	return err
}

func (p *port) tenant() tenants.Tenant {
	t := tenants.Tenant{Database: p.who.database, Login: p.who.user, App: p.who.app}
	if p.bucket != nil {
		t.Bucket = p.bucket.ID
	}
	return t
}

// cost is what a session's leases have cost that the table of tenants was not
// told of yet: in transaction pooling there is one for each request.
type cost struct {
	waited, held time.Duration
	leases       int
	told         time.Duration // when it was told last, from the session's birth on; 0: never
}

// The table is told after so many leases, or when it was so long ago.
const (
	tellLeases = 32
	tellAfter  = time.Second
)

// spent counts a lease that ends in transaction pooling. It is called with mu held.
func (p *port) spent(l *bucket.Lease) {
	if p.env.Metrics.Tenants == nil {
		return
	}
	c := &p.mx.cost
	now := time.Now()
	c.waited += l.Waited
	c.held += now.Sub(l.Granted)
	age := max(now.Sub(p.born), 1)
	if c.leases++; c.leases >= tellLeases || c.told == 0 || age-c.told >= tellAfter {
		p.flushSpent()
		c.told = age
	}
}

// flushSpent is called with mu held.
func (p *port) flushSpent() {
	if c := &p.mx.cost; c.leases > 0 {
		p.env.Metrics.Tenants.Spent(p.tenant(), c.waited, c.held)
		*c = cost{told: c.told}
	}
}

// spentWhole counts a lease that was the session's own.
func (p *port) spentWhole(l *bucket.Lease) {
	if t := p.env.Metrics.Tenants; t != nil {
		t.Spent(p.tenant(), l.Waited, time.Since(l.Granted))
	}
}

// spentInVain counts the wait of a request that got nothing. e may be nil.
func (p *port) spentInVain(e *refusal.Error) {
	if t := p.env.Metrics.Tenants; t != nil && e != nil && e.Waited > 0 {
		t.Spent(p.tenant(), e.Waited, 0)
	}
}
