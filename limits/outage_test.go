package limits

import (
	"testing"
	"time"
)

// outage is a calm fleet of three with 30 slots and the times that are the
// default, whose clients give connections back all the time.
type outage struct {
	*world
	t *testing.T
}

func newOutage(t *testing.T, off rules) outage {
	t.Helper()
	p := Params{Hold: 45 * time.Second, Heartbeat: 3 * time.Second, Loan: 10 * time.Second, Bootstrap: true}
	for i := range 3 {
		p.Witnesses = append(p.Witnesses, hostName(i))
	}
	w := newWorld(1, simSetup{hosts: 3, buckets: 1, limit: 30, witnesses: 3, p: p}, off)
	w.calm, w.loss = true, 0
	w.after(0, w.turnover)
	o := outage{w, t}
	o.run(2 * time.Minute)
	return o
}

func (o outage) run(d time.Duration) {
	o.t.Helper()
	o.world.run(o.now + d)
	if len(o.violations) > 0 {
		o.t.Fatal(o.report(1))
	}
}

// demands moves all demand to hosts.
func (o outage) demands(hosts ...int) {
	for i, h := range o.hosts {
		n := 0
		for _, x := range hosts {
			if x == i {
				n = 60
			}
		}
		h.demand("b0", n)
	}
}

func (o outage) inUse(hosts ...int) int {
	n := 0
	for _, i := range hosts {
		if p := o.hosts[i].proc; p != nil && p.alive {
			n += p.govs["b0"].inUse
		}
	}
	return n
}

// until is how long it takes until hosts use n connections.
func (o outage) until(n int, within time.Duration, what string, hosts ...int) {
	o.t.Helper()
	start := o.now
	for o.inUse(hosts...) < n {
		if o.now-start > within {
			o.t.Errorf("%s: %d of 30 slots in use after %s, want %d", what, o.inUse(hosts...), within, n)
			return
		}
		o.run(10 * time.Millisecond)
	}
	o.t.Logf("%s: %d of 30 slots in use after %s", what, n, (o.now - start).Round(10*time.Millisecond))
}

// uses is the part of the slots that hosts use during d.
func (o outage) uses(d time.Duration, what string, least float64, hosts ...int) {
	o.t.Helper()
	sum, n := 0, 0
	for end := o.now + d; o.now < end; n++ {
		o.run(100 * time.Millisecond)
		sum += o.inUse(hosts...)
	}
	part := float64(sum) / float64(30*n)
	o.t.Logf("%s: %.1f %% of the slots in use for %s", what, 100*part, d)
	if part < least {
		o.t.Errorf("%s: only %.1f %% of the slots in use", what, 100*part)
	}
}

func (o outage) sessions() (out []Session) {
	for _, h := range o.hosts {
		out = append(out, h.proc.node.session)
	}
	return out
}

// TestOutageUse measures how much of a limit is used, and how soon, when the
// demand moves and when the ledger is away.
func TestOutageUse(t *testing.T) {
	o := newOutage(t, 0)
	o.demands(0)
	o.until(29, 5*time.Second, "ledger up, all demand on one node", 0)
	o.uses(10*time.Second, "ledger up", 0.95, 0)
	o.demands(1)
	o.until(29, 5*time.Second, "ledger up, demand moves", 1)

	before := o.sessions()
	o.store.up = false
	o.run(2 * time.Second)
	o.demands(0)
	o.until(29, 5*time.Second, "ledger away, demand moves", 0)
	o.uses(60*time.Second, "ledger away", 0.95, 0)
	o.demands(2)
	o.until(29, 5*time.Second, "ledger away, demand moves again", 2)
	o.uses(10*time.Minute, "ledger away for long", 0.95, 2)
	o.demands(0, 1, 2)
	o.uses(20*time.Second, "ledger away, everybody wants all", 0.95, 0, 1, 2)
	for i, s := range o.sessions() {
		if s != before[i] {
			t.Errorf("%s was fenced", before[i])
		}
	}

	o.store.up = true
	o.demands(1)
	o.until(29, 5*time.Second, "ledger back, demand moves", 1)
	start := o.now
	for o.unsettledLoans() {
		if o.now-start > 30*time.Second {
			t.Fatal("loans stay after the ledger is back")
		}
		o.run(10 * time.Millisecond)
	}
	t.Logf("ledger back: no loan is left after %s", o.now-start)
}

func (o outage) unsettledLoans() bool {
	for _, h := range o.hosts {
		if b := h.proc.node.books["b0"]; len(b.loans) > 0 || len(b.lent) > 0 || b.burnt > 0 {
			return true
		}
	}
	return false
}

// TestLostLedgerUse: the ledger comes back without its memory.
func TestLostLedgerUse(t *testing.T) {
	o := newOutage(t, 0)
	o.demands(0, 1, 2)
	o.run(5 * time.Second)
	o.store.up = false
	o.run(20 * time.Second)
	o.store.up, o.store.replid, o.store.ledger = true, o.tag(), o.emptyLedger()
	start := o.now
	for !o.store.ledger.open {
		o.run(10 * time.Millisecond)
		if o.now-start > 10*time.Second {
			t.Fatal("the ledger is not open 10 s after it came back empty, with all nodes alive")
		}
	}
	t.Logf("ledger lost, all alive: open again after %s", o.now-start)
	if n := o.inUse(0, 1, 2); n < 29 {
		t.Errorf("%d slots in use meanwhile", n)
	}
	o.demands(2)
	o.until(29, 5*time.Second, "ledger lost and open again, demand moves", 2)
}

func TestDeathUse(t *testing.T) {
	for name, c := range map[string]struct {
		die    func(o outage)
		within time.Duration
	}{
		"process crashes beside its guard": {func(o outage) { o.hosts[0].crash(true) }, 10 * time.Second},
		"host is lost":                     {func(o outage) { o.hosts[0].crash(false) }, 47 * time.Second},
		"node leaves":                      {func(o outage) { o.leave(o.hosts[0]) }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutage(t, 0)
			o.demands(0)
			o.run(5 * time.Second)
			o.demands(0, 1)
			o.run(5 * time.Second)
			c.die(o)
			o.until(29, c.within, name, 1)
		})
	}
}
