package session

import (
	"time"

	"sluice/actors/tenants"
)

// Standing is how a session stands at one moment.
type Standing struct {
	Tenant tenants.Tenant // without a bucket before the login is routed
	State  string         // one of States
	// InTransaction is for how long a transaction has been open, 0 if none is.
	InTransaction time.Duration
	// Pinned is the age of the oldest reason to keep its backend, 0 if there is none.
	Pinned time.Duration
	// Waited and Held are what leases have cost that Metrics.Tenants was not
	// told of, the one under way included.
	Waited, Held time.Duration
}

// States of sessions: login is up to the answered login, waiting a request that
// has no backend yet, busy one that the server is at work on, closing what is
// left of a session whose client is about to be gone.
func States() []string {
	return []string{"login", "idle", "idle_in_transaction", "waiting", "busy", "closing"}
}

// Census calls f with every session of a node. It costs them nothing but a
// moment of their lock, and is for what is looked at now and then.
func Census(e *Env, f func(Standing)) {
	e.sessions.each(func(m member) {
		if s := m.port.standing(); s.State != "" {
			f(s)
		}
	})
}

func (p *port) standing() Standing {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Standing{State: "busy", Tenant: p.tenant()}
	if p.inTx.Load() {
		s.InTransaction = max(time.Since(p.born)-time.Duration(p.txSince.Load()), 1)
	}
	if l := p.lease; l != nil && !l.Granted.IsZero() {
		s.Waited, s.Held = l.Waited, time.Since(l.Granted)
	}
	switch {
	case p.console != nil:
		return Standing{} // nobody's client
	case p.phase == phaseLogin, p.phase == phaseLoginRelay:
		s.State = "login"
	case p.phase == phaseDone:
		s.State = "closing"
	case p.phase == phaseIdle && s.InTransaction > 0:
		s.State = "idle_in_transaction"
	case p.phase == phaseIdle:
		s.State = "idle"
	}
	if x := p.mx; x != nil {
		s.Waited += x.cost.waited
		s.Held += x.cost.held
		if x.core.stage == waiting && p.phase == phaseBusy {
			s.State = "waiting"
		}
		for _, pin := range x.shown {
			s.Pinned = max(s.Pinned, time.Since(pin.since))
		}
	}
	return s
}
