package bucket

import (
	"errors"
	"time"

	"sluice/actors/backend"
	"sluice/actors/queue"
	"sluice/actors/refusal"
)

var errBroken = errors.New("broken")

func refusalOf(c refusal.Cause) error { return &refusal.Error{Cause: c} }

// step carries out the effects of one message, and then looks at everything.
func (m *model) step(effects []effect) {
	for len(effects) > 0 {
		e := effects[0]
		effects = effects[1:]
		todo := []effect{e}
		if m.mutate != nil {
			todo = m.mutate(m, e)
		}
		for _, e := range todo {
			effects = append(effects, m.do(e)...)
		}
	}
	m.check()
	m.reports()
}

func (m *model) do(e effect) []effect {
	switch e := e.(type) {
	case doGrant:
		return m.grant(e)
	case doRefuse:
		m.answered(m.clients[e.req.Session])
	case doDial:
		m.dial(e)
	case doClose:
		m.close(e)
	case doClean:
		m.leave(e.conn, placeBusy)
		m.later(func() {
			m.move(e.conn, placeHeld, placeBusy)
			var err error
			if m.rng.IntN(6) == 0 || m.fleet.aborted[e.conn] && m.rng.IntN(4) > 0 {
				err = errBroken
			}
			m.step(m.st.cleaned(e.conn, e.check, err, m.now))
		})
	case doEnqueue:
		r := e.req
		if m.noQueue {
			return m.st.left(r, errBroken)
		}
		m.clients[r.Session].queued = true
		w := queue.Waiter[*Request]{ID: r.Session, Order: r.order, Arrived: r.arrived, Deadline: r.deadline, Request: r}
		m.sendQueue(func() { m.say(m.q.Enqueue(w, e.again, m.now)) })
	case doOffer:
		if m.rng.IntN(50) == 0 { // the mailbox is full
			m.lossy = true
			m.st.offerFailed()
			return nil
		}
		m.offers++
		m.sendQueue(func() { m.say(m.q.Offer(e.fits(), m.now)) })
	case doCut, doAbort, doCallOff:
		m.cut(e)
	case doCancel:
		m.sendQueue(func() { m.say(m.q.Cancel(e.id)) })
	}
	return nil
}

// leave takes a connection out of where it rests. One that is idle is known to
// be so from the last check, one that was given back from this step.
func (m *model) leave(c *backend.Conn, to place) { m.move(c, to, placeIdle, placeHeld) }

func (m *model) answered(c *client) {
	if c.answers++; c.answers > 1 {
		m.fail("session %d answered twice", c.req.Session)
	}
}

func (m *model) grant(e doGrant) []effect {
	c, l := m.clients[e.req.Session], e.lease
	if m.paused && (l.Conn == nil || l.Warm) {
		m.fail("session %d is served while the bucket is paused", c.req.Session)
	}
	switch {
	case l.Conn == nil:
		m.start(c)
		m.own++
	case l.Warm:
		m.warm(c, l)
		m.leave(l.Conn, placeLeased)
		if m.rng.IntN(10) == 0 {
			m.places[l.Conn] = placeHeld
			return m.st.deadOnGrant(l, m.now)
		}
	default:
		m.move(l.Conn, placeLeased, placeHeld)
	}
	m.answered(c)
	c.lease = l
	if c.stopped && m.rng.IntN(2) == 0 { // its mailbox is closed already
		c.returned = true
		m.backFrom(c)
		return m.st.release(c.req.Session, l.ID, Unused, m.now)
	}
	if m.rng.IntN(20) > 0 { // the rest stay until the end
		m.later(func() { m.giveBack(c) })
	}
	return nil
}

// warm checks that a connection is given without a login to those only who
// have proven that they could have logged in, and to the first of them.
func (m *model) warm(c *client, l *Lease) {
	if !c.req.Trusted && !m.proven(c.req) {
		m.fail("session %d got a warm connection with an unproven password", c.req.Session)
	}
	if l.Conn.Key != c.req.Key {
		m.fail("session %d got a connection of another key", c.req.Session)
	}
	if !m.steady {
		return
	}
	for _, o := range m.clients {
		if m.waits(o) && o.arrival < c.arrival && o.req.Key == c.req.Key && o.req.Digest == c.req.Digest && !o.req.Dedicated {
			m.fail("session %d got the warm connection that session %d waits for", c.req.Session, o.req.Session)
		}
	}
}

func (m *model) proven(r *Request) bool {
	p, known := m.proofs[r.Key.User]
	return known && p.digest == r.Digest && m.now.Sub(p.verified) < m.st.set.ReverifyAfter
}

func (m *model) waits(c *client) bool {
	return c.queued && !c.req.gone && c.req.deadline.After(m.now)
}

// start checks that the first in line gets the slot.
func (m *model) start(c *client) {
	if c.started {
		return
	}
	c.started = true
	for _, o := range m.clients {
		if m.waits(o) && !o.started && o.arrival < c.arrival {
			m.fail("session %d gets a slot before session %d", c.req.Session, o.req.Session)
		}
	}
}

func (m *model) dial(e doDial) {
	m.dials++
	if m.paused {
		m.fail("a login begins while the bucket is paused")
	}
	if m.st.open > m.limit {
		m.fail("a login begins with %d open, limit %d", m.st.open, m.limit)
	}
	if m.dials > m.st.set.MaxParallelLogins {
		m.fail("%d logins at once", m.dials)
	}
	d, began := e.dial, m.now
	if d.req == nil {
		m.later(func() {
			c, err := m.dialEnds(d, backend.Key{User: "eve", Database: "db1"}, "p", m.now)
			sum := request(0, "eve", "db1", "p").Digest
			m.step(m.st.warmed(d, "eve", sum, c, err, m.now))
		})
		return
	}
	c := m.clients[d.req.Session]
	m.start(c)
	m.later(func() {
		conn, err := m.dialEnds(d, d.req.Key, c.password, began)
		m.step(m.st.dialed(d, conn, err, m.now))
	})
}

// login is the server's answer to a login.
func (m *model) login(k backend.Key, password string, began time.Time) (*backend.Conn, error) {
	d := request(0, k.User, k.Database, password).Digest
	switch {
	case m.rng.IntN(8) == 0:
		return nil, errDial
	case password != m.passwords[k.User]:
		if p := m.proofs[k.User]; p.digest == d {
			delete(m.proofs, k.User)
		}
		return nil, errPassword
	case m.rng.IntN(12) == 0:
		return nil, errDatabase
	}
	if !began.Before(m.st.oldest) {
		m.proofs[k.User] = credential{d, m.now}
	}
	c := newConn(k, began)
	m.places[c] = placeHeld
	return c, nil
}

func (m *model) close(e doClose) {
	m.leave(e.conn, placeClosing)
	if e.then != nil {
		if m.st.open > m.limit {
			m.fail("a slot is passed on with %d open, limit %d", m.st.open, m.limit)
		}
		m.start(m.clients[e.then.Session])
	}
	m.later(func() {
		m.move(e.conn, placeClosed, placeClosing)
		delete(m.places, e.conn)
		m.step(m.st.slotClosed(e.then))
	})
}

// pause pauses the bucket, or resumes it.
func (m *model) pause(on bool) {
	if m.paused = on; on {
		m.step(m.st.pause())
	} else {
		m.step(m.st.resume())
	}
}

// check compares the state's counts with where things are.
func (m *model) check() {
	st := m.st
	for c, p := range m.places {
		if p == placeHeld {
			m.places[c] = placeIdle
		}
	}
	at := map[place]int{}
	for _, p := range m.places {
		at[p]++
	}
	for _, c := range st.idle.oldestFirst() {
		if m.fleet.aborted[c] {
			m.fail("a connection that was cut is idle")
		}
		if m.places[c] != placeIdle {
			m.fail("a connection is idle and %s", m.places[c])
		}
	}
	for id, l := range st.leases {
		if l.Conn != nil && m.places[l.Conn] != placeLeased {
			m.fail("session %d has leased a connection that is %s", id, m.places[l.Conn])
		}
	}
	open := m.dials + at[placeIdle] + at[placeLeased] + at[placeBusy] + at[placeClosing] + m.own
	switch {
	case m.paused && st.idle.len() > 0:
		m.fail("%d idle while the bucket is paused", st.idle.len())
	case st.open != open:
		m.fail("%d open by the state's count, %d in fact: %d dials, %v, %d dedicated", st.open, open, m.dials, at, m.own)
	case st.idle.len() != at[placeIdle], len(st.busy) != at[placeBusy], len(st.leases) != at[placeLeased]+m.own-m.fleet.ownCut:
		m.fail("%d idle, %d busy, %d leased by the state's count; in fact %v, %d dedicated", st.idle.len(), len(st.busy), len(st.leases), at, m.own)
	case st.idle.len()+len(st.leases)+len(st.dials)+len(st.busy)+st.closing+st.passing != st.open:
		m.fail("what the gauges show does not add up: %+v", *st)
	case open > m.lastOpen && open > m.limit:
		m.fail("%d open, limit %d", open, m.limit)
	case st.open < 0, st.dialing < m.dials, st.dialing > st.set.MaxParallelLogins, st.waiting < 0, st.closing < 0, st.closing > at[placeClosing]+m.fleet.ownCut:
		m.fail("counts out of range: %+v", *st)
	case st.offered != (m.offers == 1), m.offers > 1:
		m.fail("%d offers out, state says %t", m.offers, st.offered)
	}
	for _, d := range st.dials {
		if r := d.req; r != nil && r.Trusted && !r.gone && !d.passed && !d.cut && st.idle.has(&r.Key) {
			m.fail("session %d waits for a login with an idle connection of its key", r.Session)
		}
	}
	if r := st.waiters.oldest(); r != nil && r.Trusted && st.idle.has(&r.Key) && st.open <= st.limit() && !st.closed && !st.offered && !m.lossy {
		m.fail("session %d is first in line with an idle connection of its key", r.Session)
	}
	m.lastOpen = open
	waiting := 0
	for _, c := range m.clients {
		if c.queued {
			waiting++
		}
	}
	if st.waiting != waiting {
		m.fail("%d waiting by the state's count, %d in fact", st.waiting, waiting)
	}
}
