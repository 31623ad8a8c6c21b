package limits

import (
	"maps"
	"time"
)

// chaos drives a world with faults drawn from its seed.
func (w *world) chaos(until time.Duration, pauses bool) {
	if w.now >= until {
		return
	}
	h := w.hosts[w.rnd.IntN(len(w.hosts))]
	k := w.rnd.IntN(17)
	if len(w.kinds) > 0 {
		k = w.kinds[w.rnd.IntN(len(w.kinds))]
	}
	switch k {
	case 0, 1, 2:
		guard := w.chance(0.5)
		w.fault("crash %s, guard %v", h.name, guard)
		h.crash(guard)
		w.after(w.upTo(15*time.Second), h.start)
	case 3:
		w.leave(h)
	case 4, 5:
		w.restartStore()
	case 6:
		w.failover()
	case 7:
		d := w.upTo(20 * time.Second)
		w.fault("store slow for %s", d)
		w.slowTo = w.now + d
	case 8, 9, 10:
		d := w.upTo(25 * time.Second)
		w.fault("%s cut from the store for %s", h.name, d)
		w.noStore[h.index] = true
		w.after(d, func() { delete(w.noStore, h.index) })
	case 11:
		w.partition()
	case 12:
		o := w.hosts[w.rnd.IntN(len(w.hosts))]
		d := w.upTo(25 * time.Second)
		w.fault("%s does not hear %s for %s", o.name, h.name, d)
		w.cutFor([][2]int{{h.index, o.index}}, d)
	case 13:
		d := w.upTo(25 * time.Second)
		w.fault("%s cut from all for %s", h.name, d)
		w.noStore[h.index] = true
		w.after(d, func() { delete(w.noStore, h.index) })
		var cuts [][2]int
		for _, o := range w.hosts {
			cuts = append(cuts, [2]int{h.index, o.index}, [2]int{o.index, h.index})
		}
		w.cutFor(cuts, d)
	case 14:
		d := w.upTo(w.p.Guard() / 5) // closing in time must survive that much
		if pauses {
			d = w.upTo(3 * w.p.Hold)
			w.paused = max(w.paused, w.now+d+w.p.Closing+100*time.Millisecond)
		}
		if p := h.proc; p != nil && p.alive {
			w.fault("%s stopped for %s", h.name, d)
			p.frozen = w.now + d
		}
	case 15:
		w.resize(h)
	case 16:
		d := w.upTo(15 * time.Second)
		w.fault("messages lost for %s", d)
		w.loss = 0.3
		w.after(d, func() { w.loss = 0.01 })
	}
	w.after(200*time.Millisecond+w.upTo(w.pace), func() { w.chaos(until, pauses) })
}

func (w *world) cutFor(pairs [][2]int, d time.Duration) {
	for _, c := range pairs {
		w.cut[c] = true
		w.after(d, func() { delete(w.cut, c) })
	}
}

func (w *world) partition() {
	d := w.upTo(25 * time.Second)
	side := map[int]bool{}
	for _, h := range w.hosts {
		side[h.index] = w.chance(0.5)
	}
	var cuts [][2]int
	for i := range w.hosts {
		for j := range w.hosts {
			if side[i] != side[j] {
				cuts = append(cuts, [2]int{i, j})
			}
		}
	}
	w.fault("partition %v for %s", side, d)
	w.cutFor(cuts, d)
}

// leave lets h go in order: it stops wanting anything, closes, and tells.
func (w *world) leave(h *host) {
	p := h.proc
	if p == nil || !p.alive || p.quiting {
		return
	}
	w.fault("%s leaves", h.name)
	p.quiting = true
	p.later(0, func() {
		for _, b := range sorted(p.govs) {
			g := p.govs[b]
			g.open, g.inUse, g.gone = 0, 0, true
		}
		p.step(Quit{})
	})
	w.after(10*time.Second, func() {
		if p.alive {
			h.crash(w.chance(0.5)) // it gave up waiting
		}
	})
	w.after(10*time.Second+w.upTo(5*time.Second), h.start)
}

func (w *world) restartStore() {
	s := w.store
	if !s.up {
		return
	}
	d := w.upTo(20 * time.Second)
	s.up = false
	how := w.rnd.IntN(3)
	w.fault("store down for %s, comes back %s", d, [...]string{"empty", "older", "as it was"}[how])
	w.after(d, func() {
		s.up, s.replid = true, w.tag()
		switch how {
		case 0:
			s.ledger = w.emptyLedger()
		case 1:
			s.ledger = s.snapshots[w.rnd.IntN(len(s.snapshots))].clone()
		}
	})
}

// failover replaces the master by a replica that is somewhat behind, while some
// hosts still talk to the old one for less than the lag.
func (w *world) failover() {
	if !w.store.up {
		return
	}
	w.fault("failover")
	w.old, w.oldTill = w.store, w.now+w.upTo(w.p.Lag)
	snap := w.store.snapshots[max(0, len(w.store.snapshots)-1-w.rnd.IntN(3))]
	w.store = &store{up: true, replid: w.tag(), ledger: snap.clone(), snapshots: w.store.snapshots}
}

// resize changes a bucket's limit: by an operator's change on h, which the
// others follow one after another.
func (w *world) resize(h *host) {
	b := sorted(w.limit)[w.rnd.IntN(len(w.limit))]
	n := 1 + w.rnd.IntN(2*w.size)
	w.fault("limit of %s changed on %s from %d to %d", b, h.name, w.limit[b], n)
	w.limit[b] = n
	w.bound[b] = max(w.bound[b], n)
	for _, o := range w.hosts {
		d := time.Duration(0)
		if o != h {
			d = w.upTo(10 * time.Second)
		}
		w.after(d, func() {
			o.conf[b] = w.limit[b]
			if p := o.proc; p != nil && p.alive {
				p.later(0, func() { p.step(Configure{maps.Clone(Counts(o.conf)), o == h}) })
			}
		})
	}
}

// turnover lets clients give connections back all the time.
func (w *world) turnover() {
	for _, h := range w.hosts {
		for _, b := range sorted(w.limit) {
			if p := h.proc; p != nil && w.chance(0.3) {
				p.later(0, func() { p.govs[b].turn() })
			}
		}
	}
	w.after(100*time.Millisecond, w.turnover)
}

// busy changes what clients want: one host hot, or all alike, or little.
func (w *world) busy() {
	if w.calm {
		return
	}
	for _, b := range sorted(w.limit) {
		hot := w.rnd.IntN(len(w.hosts))
		kind := w.rnd.IntN(4)
		for i, h := range w.hosts {
			n := w.rnd.IntN(3)
			switch {
			case kind == 0 && i == hot:
				n = 2 * w.limit[b]
			case kind == 1:
				n = w.rnd.IntN(w.limit[b])
			case kind == 2:
				n = w.limit[b]
			}
			h.demand(b, n)
		}
	}
	w.after(w.upTo(4*time.Second), w.busy)
}
