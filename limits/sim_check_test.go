package limits

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// check looks at the invariant when a connection was opened.
func (w *world) check(bucket string, by *proc) {
	open := 0
	for _, h := range w.hosts {
		if h.proc != nil && h.proc.alive {
			open += h.proc.govs[bucket].open
		}
	}
	w.peak[bucket] = max(w.peak[bucket], open)
	if open <= w.bound[bucket] {
		return
	}
	if w.now < w.paused {
		w.excused++
		return
	}
	text := ""
	for _, h := range w.hosts {
		if p := h.proc; p != nil && p.alive {
			b, g := p.node.books[bucket], p.govs[bucket]
			text += fmt.Sprintf("\n    %s %s own %d out %d burnt %d borrowed %d commit %d; open %d (%d closing) slots %d in use %d", p.node.session, p.node.phase, b.own, b.out(), b.burnt, b.borrowed(), b.commit, g.open, g.closing, g.slots, g.inUse)
		}
	}
	defer func() { w.violations[len(w.violations)-1] += text }()
	w.violations = append(w.violations, fmt.Sprintf("%.3f s: %s has %d connections open, may have %d, the last by %s", w.now.Seconds(), bucket, open, w.bound[bucket], by.node.session))
}

// drained lowers the bound of a bucket whose limit was lowered, once nobody can
// have more: the ledger knows of the limit and has dealt out no more than it,
// and who is not in the ledger has nothing.
func (w *world) drained() {
	l := w.store.ledger
	for b, n := range w.limit {
		if w.bound[b] <= n || !w.store.up || !l.open || l.replid != w.store.replid || w.old != nil && w.now < w.oldTill {
			continue
		}
		p := l.buckets[b]
		if p == nil || p.limit.Max != n || p.used() > n {
			continue
		}
		settled := true
		for _, h := range w.hosts {
			settled = settled && h.conf[b] == n
			q := h.proc
			if q == nil || !q.alive {
				continue
			}
			bk := q.node.books[b]
			a := l.sessions[q.node.session]
			settled = settled && q.govs[b].open <= max(bk.entitled(), 0) && (bk.own == 0 && bk.borrowed() == 0 || a != nil && !a.booked && q.node.epoch == l.epoch && q.node.ledger.op == nil)
		}
		if settled {
			w.bound[b] = n
		}
	}
}

func (w *world) violation(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf("%.3f s: ", w.now.Seconds())+fmt.Sprintf(format, args...))
}

// real is when a clock of h shows t.
func (h *host) real(t time.Duration) time.Duration {
	return time.Duration(float64(t-h.base) / h.rate)
}

// believes looks at what a node believes after a step. One that has closed
// everything and quits may have left already without knowing, and a late Join
// can then have made an empty session of the same name: of it only what others
// have borrowed must be its own.
func (p *proc) believes() {
	w, n := p.h.w, p.node
	l := w.store.ledger
	a := l.sessions[n.session]
	if n.phase != inside || n.epoch != l.epoch || l.replid != w.store.replid || !l.open || a == nil || a.booked || w.off != 0 || w.now < w.paused {
		return
	}
	for _, name := range n.names {
		b, moving := n.books[name], 0
		for _, x := range b.lent {
			if x.state == lentMoving {
				moving += x.n
			}
		}
		held := 0
		if q := l.buckets[name]; q != nil && q.shares[n.session] != nil {
			held = q.shares[n.session].held
		}
		own := b.own
		if n.quit {
			own = b.out()
		}
		if own-moving > held {
			w.violation("%s believes to own %d of %s (%d moving), the ledger has %d", n.session, b.own, name, moving, held)
		}
	}
}

// lendingHolds looks whether all loans end for the borrower before they do for
// the lender.
func (w *world) lendingHolds() {
	if w.off != 0 || w.now < w.paused {
		return
	}
	for _, h := range w.hosts {
		if h.proc == nil || !h.proc.alive {
			continue
		}
		for _, name := range h.proc.node.names {
			for id, l := range h.proc.node.books[name].loans {
				w.loanHolds(h, name, id, l)
			}
		}
	}
}

func (w *world) loanHolds(h *host, name, id string, l *loan) {
	for _, o := range w.hosts {
		if o.proc == nil || !o.proc.alive || o.proc.node.self != l.from {
			continue
		}
		b := o.proc.node.books[name]
		if x := b.lent[id]; x != nil && o.real(x.until) < h.real(l.until) {
			w.violation("loan %s ends at %s for its lender, at %s for the borrower", id, o.real(x.until), h.real(l.until))
		}
	}
}

// settle ends all faults, lets everybody run and want everything, and looks
// whether the fleet comes to use its whole limit again, in equal parts.
func (w *world) settle() {
	w.calm, w.loss, w.slowTo = true, 0, 0
	w.run(w.now + 30*time.Second) // what has begun ends by itself
	if w.over() {
		return
	}
	w.old, w.loss, w.store.up = nil, 0, true
	clear(w.cut)
	clear(w.noStore)
	for _, h := range w.hosts {
		h.start()
		for b := range w.limit {
			h.conf[b] = w.limit[b]
		}
		p := h.proc
		p.later(0, func() { p.step(Configure{maps.Clone(Counts(h.conf)), true}) })
		for _, b := range sorted(w.limit) {
			h.demand(b, 2*w.limit[b])
		}
	}
	w.turnover()
	w.run(w.now + 3*w.p.Hold + w.p.Lag + 20*w.p.Heartbeat)
	text := ""
	for range 30 { // there is always something on its way: some moment must be good
		if w.over() {
			return
		}
		if text = w.unsettled(); text == "" {
			return
		}
		w.run(w.now + 97*time.Millisecond)
	}
	w.violation("does not recover: %s", text)
}

func (w *world) unsettled() string {
	l := w.store.ledger
	var bad []string
	add := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	if !l.open {
		add("the ledger is not open, missing %v", l.list("").Missing)
	}
	if len(l.sessions) != len(w.hosts) {
		add("sessions %v", l.members())
	}
	for _, b := range sorted(w.limit) {
		n := w.limit[b]
		open, least, most := 0, n, 0
		for _, h := range w.hosts {
			x, g := h.proc.node.books[b], h.proc.govs[b]
			if h.proc.node.phase != inside || x.own != g.inUse || x.out() > 0 || len(x.lent) > 0 || x.borrowed() > 0 || x.burnt > 0 {
				add("%s %s own %d out %d lent %d borrowed %d burnt %d in use %d", h.proc.node.session, h.proc.node.phase, x.own, x.out(), len(x.lent), x.borrowed(), x.burnt, g.inUse)
			}
			open += g.open
			least, most = min(least, g.open), max(most, g.open)
		}
		used, limit := 0, 0
		if p := l.buckets[b]; p != nil {
			used, limit = p.used(), p.limit.Max
		}
		if limit != n || used != n || open != n || most-least > 1 {
			add("%s has limit %d, the ledger has %d and dealt out %d, %d are open, between %d and %d", b, n, limit, used, open, least, most)
		}
	}
	return strings.Join(bad, "\n    ")
}

func (w *world) report(seed uint64) string {
	log := w.log
	if len(log) > 40 {
		log = log[len(log)-40:]
	}
	return fmt.Sprintf("seed %d:\n%s\n%s", seed, strings.Join(log, "\n"), strings.Join(w.violations[:min(len(w.violations), 5)], "\n"))
}
