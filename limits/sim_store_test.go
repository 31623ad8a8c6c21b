package limits

import (
	"maps"
	"slices"
	"time"
)

// snapshot keeps copies of the ledger, for a store that comes back older.
func (w *world) snapshot() {
	s := w.store
	if s.up {
		s.snapshots = append(s.snapshots, s.ledger.clone())
		if len(s.snapshots) > 40 {
			s.snapshots = s.snapshots[1:]
		}
	}
	w.drained()
	w.after(300*time.Millisecond, w.snapshot)
}

func (l *Ledger) clone() *Ledger {
	c := *l
	c.sessions, c.known, c.buckets = map[Session]*account{}, maps.Clone(l.known), map[string]*pot{}
	for s, a := range l.sessions {
		b := *a
		b.pins, b.moved = maps.Clone(a.pins), slices.Clone(a.moved)
		c.sessions[s] = &b
	}
	for n, p := range l.buckets {
		q := &pot{limit: p.limit, shares: map[Session]*share{}}
		for s, x := range p.shares {
			y := *x
			q.shares[s] = &y
		}
		c.buckets[n] = q
	}
	return &c
}

// callLedger carries a call to the store and its reply back. What was asked may
// be done although no reply comes, and may be done once more later.
func (p *proc) callLedger(c CallLedger) {
	w := p.h.w
	done := false
	answer := func(a Answer) {
		if !done {
			done = true
			p.step(a)
		}
	}
	by := p.h
	if c.Via != "" {
		by = nil
		for _, o := range w.hosts {
			if o.proc != nil && o.proc.alive && o.proc.node.self == c.Via && !w.cut[[2]int{p.h.index, o.index}] {
				by = o
			}
		}
	}
	p.later(time.Second, func() { answer(Answer{Call: c.Call, Failed: true}) })
	if by == nil {
		return
	}
	attempt := func(reply bool) {
		st := w.storeFor(by)
		if st == nil || !st.up {
			return
		}
		r := st.ledger.Do(c.Op, st.replid)
		if w.trace != nil {
			w.trace("    done for %s call %d %T: %+v", p.node.session, c.Call, c.Op, r)
		}
		if reply && !w.chance(w.loss) && !w.noStore[by.index] {
			w.after(w.storeDelay(), func() { p.later(0, func() { answer(Answer{Call: c.Call, Reply: r}) }) })
		}
	}
	if !w.chance(w.loss) {
		w.after(w.storeDelay(), func() { attempt(true) })
	}
	if !w.calm && w.chance(0.02) {
		w.after(w.upTo(12*time.Second), func() { attempt(false) })
	}
}

func (w *world) storeDelay() time.Duration {
	if w.now < w.slowTo {
		return w.upTo(3 * time.Second)
	}
	return w.delay() / 2
}

// storeFor is the store that h reaches: some reach a master that was replaced.
func (w *world) storeFor(h *host) *store {
	switch {
	case w.noStore[h.index]:
		return nil
	case w.old != nil && w.now < w.oldTill && h.index%2 == 0:
		return w.old
	}
	return w.store
}
