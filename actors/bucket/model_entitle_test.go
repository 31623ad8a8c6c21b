package bucket

import (
	"time"

	"sluice/actors/backend"
)

// fleet is what the model knows of the slots that a bucket was told to use, and
// of what it has reported.
type fleet struct {
	on      bool // Entitles come
	version uint64
	pending bool // an Entitle has not been acknowledged
	forced  bool // the step under way is one with Force

	forcedTo int // to what a Force brought the number of open connections, -1 if to nothing
	ownCut   int // sockets of dedicated leases that are being cut
	offDials map[*dial]bool
	aborted  map[*backend.Conn]bool // while being cleaned
	cuts     int                    // in this step

	told    Usage
	ceiling int  // of Open, by the last acknowledgement and what was open since
	acked   bool // an Entitle was acknowledged and none seen since
	ticked  bool // the step under way is a tick
}

func newFleet(m *model) fleet {
	f := fleet{on: m.rng.IntN(2) == 0, forcedTo: -1, offDials: map[*dial]bool{}, aborted: map[*backend.Conn]bool{}}
	if f.on && m.rng.IntN(2) == 0 {
		m.st.governed, m.limit = true, 0
	}
	return f
}

// repeat tells the bucket something old.
func (m *model) repeat() {
	if f := &m.fleet; f.version > 0 {
		if out := m.st.entitle(Entitle{Version: f.version - 1, Slots: m.rng.IntN(7), Force: true}); len(out) > 0 {
			m.fail("an old version had the effects %v", out)
		}
		m.step(nil)
	}
}

func (m *model) entitleAny() {
	if m.rng.IntN(3) == 0 {
		m.entitle(m.rng.IntN(3), true)
	} else {
		m.entitle(m.rng.IntN(9), false)
	}
}

// entitle tells the bucket a number of slots.
func (m *model) entitle(slots int, force bool) {
	f := &m.fleet
	f.version += uint64(1 + m.rng.IntN(3))
	f.pending, f.acked, f.forced = true, false, force
	m.limit, m.lastOpen = slots, m.st.open
	switch {
	case force:
		f.forcedTo = slots
	case f.forcedTo >= 0:
		f.forcedTo = max(f.forcedTo, slots)
	}
	m.step(m.st.entitle(Entitle{Version: f.version, Slots: slots, Force: force}))
	f.forced = false
}

// cut takes something away from whoever uses it.
func (m *model) cut(e effect) {
	f := &m.fleet
	f.cuts++
	switch e := e.(type) {
	case doAbort:
		if c := e.cleaning.conn; m.places[c] != placeBusy || f.aborted[c] {
			m.fail("the cleaning of a connection that is %s is aborted", m.places[c])
		}
		f.aborted[e.cleaning.conn] = true
	case doCallOff:
		f.offDials[e.dial] = true
	case doCut:
		l := e.lease
		c := m.clients[l.session]
		if c.lease != l || c.cut || !l.Lost() {
			m.fail("session %d loses what it does not have", l.session)
		}
		c.cut = true
		if l.Conn == nil {
			f.ownCut++
		} else {
			m.move(l.Conn, placeClosing, placeLeased)
		}
		m.later(func() {
			if l.Conn == nil {
				f.ownCut--
				m.own--
			} else {
				m.move(l.Conn, placeClosed, placeClosing)
				delete(m.places, l.Conn)
			}
			m.step(m.st.slotClosed(nil))
		})
	}
}

// dialEnds is the end of a dial: by being called off, for want of the right to
// dial, or by the server's answer, which may come in spite of being called off.
func (m *model) dialEnds(d *dial, k backend.Key, password string, began time.Time) (*backend.Conn, error) {
	m.dials--
	off := m.fleet.offDials[d]
	delete(m.fleet.offDials, d)
	if off && m.rng.IntN(4) > 0 || m.fleet.on && m.rng.IntN(40) == 0 {
		return nil, errLost
	}
	return m.login(k, password, began)
}

// reports checks, after every step, that what must be reported is, and nothing
// else, and that it is true; and what an acknowledgement promises.
func (m *model) reports() {
	st, f := m.st, &m.fleet
	kept := m.dials - len(f.offDials) + m.own - f.ownCut
	for c, p := range m.places {
		if p == placeIdle || p == placeLeased || p == placeBusy && !f.aborted[c] {
			kept++
		}
	}
	if f.forced && kept > m.limit {
		m.fail("%d are kept open, forced down to %d", kept, m.limit)
	}
	if f.cuts > 0 && (!f.forced || kept < m.limit || st.idle.len() > 0) {
		m.fail("%d were cut (force %t), %d of %d are left, %d idle", f.cuts, f.forced, kept, m.limit, st.idle.len())
	}
	t, ticked := f.told, f.ticked
	f.cuts, f.ticked = 0, false
	must := f.pending || (st.waiting > 0 && !m.paused) != (t.Waiting > 0) ||
		st.open != t.Open && (st.waiting > 0 || st.closed || st.open > m.limit || t.Open > m.limit)
	switch due := st.reportDue(ticked); {
	case must && !due:
		m.fail("not reported: %+v, last %+v", st.usage(), t)
	case due && !must && !ticked:
		m.fail("needless report: %+v, last %+v", st.usage(), t)
	case due:
		u := st.report()
		m.believe(u)
		f.told = u
	}
	if f.acked && st.open > f.ceiling {
		m.fail("%d open; version %d was acknowledged with %d slots, and since then no more than %d were", st.open, t.Version, m.limit, f.ceiling)
	}
	if f.acked {
		f.ceiling = max(m.limit, st.open)
	}
}

// believe compares a report with the facts.
func (m *model) believe(u Usage) {
	f := &m.fleet
	var oldest time.Time
	waiting, inUse := 0, m.own-f.ownCut
	for _, c := range m.clients {
		if !c.queued || m.paused {
			continue
		}
		waiting++
		if !c.req.gone && (oldest.IsZero() || c.req.arrived.Before(oldest)) {
			oldest = c.req.arrived
		}
	}
	idle := 0
	for _, p := range m.places {
		switch p {
		case placeIdle:
			idle++
		case placeLeased:
			inUse++
		}
	}
	inUse += m.dials - m.st.warmUps + m.st.passing
	if want := (Usage{Version: f.version, Slots: m.limit, Open: m.st.open, InUse: inUse, Idle: idle, Waiting: waiting, Oldest: oldest, Acquired: u.Acquired}); u != want {
		m.fail("reported %+v, in fact %+v", u, want)
	}
	if u.Acquired < f.told.Acquired {
		m.fail("grants were taken back")
	}
	if f.pending {
		f.pending, f.acked, f.ceiling = false, true, max(u.Slots, u.Open)
	}
}
