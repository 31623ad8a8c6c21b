package bucket

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/queue"
	"sluice/actors/refusal"
)

// place is where the model knows a connection to be.
type place string

const (
	placeHeld    place = "held" // returned by a step that is not over yet
	placeIdle    place = "idle"
	placeLeased  place = "leased"
	placeBusy    place = "busy"
	placeClosing place = "closing"
	placeClosed  place = "closed"
)

// client is a session as the model sees it.
type client struct {
	req      *Request
	arrival  int // order among all requests
	password string
	answers  int
	lease    *Lease
	returned bool // its lease has been sent back
	cut      bool // its lease was taken away
	stopped  bool
	queued   bool
	started  bool // got a slot, or a dial, or a connection
}

// model surrounds a state with a queue, a server and sessions that behave at
// random, and checks after every step what must always hold. Messages between
// the governor and its queue keep their order; everything else happens in any.
type model struct {
	rng     *rand.Rand
	st      *state
	q       *queue.State[*Request]
	now     time.Time
	toQueue []func()
	events  []queue.Event[*Request]
	works   []func() // dials, cleans, closes, releases, deaths: each done once, in any order

	limit     int // what was configured, or entitled
	fleet     fleet
	clients   map[actor.ID]*client
	places    map[*backend.Conn]place
	dials     int
	own       int               // dedicated connections
	passwords map[string]string // the server's truth
	proofs    map[string]credential
	steady    bool // credentials neither expire nor change in this run
	paused    bool
	offers    int
	lossy     bool // an offer was lost and no tick has passed
	noQueue   bool // the queue's actor has failed
	lastOpen  int
	timeout   time.Duration

	// mutate, where a test sets it, breaks something on purpose. It returns
	// the effects to carry out in place of e.
	mutate func(m *model, e effect) []effect
}

// violation is a broken invariant.
type violation struct{ what string }

func (v violation) Error() string { return v.what }

func (m *model) fail(format string, args ...any) { panic(violation{fmt.Sprintf(format, args...)}) }

func newModel(seed uint64) *model {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := &model{
		rng: rng, now: epoch, limit: 1 + rng.IntN(6), q: queue.NewState[*Request](rng.IntN(3) * 10),
		clients: map[actor.ID]*client{}, places: map[*backend.Conn]place{},
		passwords: map[string]string{"ann": "p", "bob": "p", "eve": "p"}, proofs: map[string]credential{},
		steady: rng.IntN(2) == 0, timeout: time.Duration(1+rng.IntN(20)) * 100 * time.Millisecond,
	}
	set := Settings{
		Limit: m.limit, MinIdle: rng.IntN(3), MaxIdleTime: time.Duration(rng.IntN(3)) * time.Second,
		MaxLifetime: time.Duration(rng.IntN(3)) * 3 * time.Second, CheckEvery: time.Duration(rng.IntN(3)) * time.Second,
		MaxParallelLogins: 1 + rng.IntN(3), ReverifyAfter: time.Hour,
	}
	if !m.steady {
		set.ReverifyAfter = time.Duration(rng.IntN(4)) * 500 * time.Millisecond
	}
	m.st = newState(set)
	m.fleet = newFleet(m)
	return m
}

// run plays a schedule of n steps, then lets everything come to rest.
func (m *model) run(n int) (err error) {
	defer func() {
		if v := recover(); v != nil {
			broken, ok := v.(violation)
			if !ok {
				panic(v)
			}
			err = broken
		}
	}()
	for range n {
		m.now = m.now.Add(time.Duration(m.rng.IntN(40)) * time.Millisecond)
		switch p := m.rng.IntN(100); {
		case p < 25:
			m.arrive()
		case p < 29:
			m.tick()
		case p < 31:
			m.configure()
		case p < 33:
			m.breakIdle()
		case p == 33:
			m.step(m.st.recycle(m.now))
			clear(m.proofs)
		case p < 38 && m.fleet.on:
			m.entitleAny()
		case p == 38:
			m.repeat()
		case p == 39 && !m.steady:
			m.passwords["ann"] = fmt.Sprint("p", m.rng.IntN(2))
		case p == 40:
			m.pause(!m.paused || m.rng.IntN(4) == 0)
		default:
			m.progress()
		}
	}
	switch m.rng.IntN(6) { // an end with everything in full swing
	case 0:
		m.sendQueue(func() { m.say(m.q.Empty()) })
		m.step(m.st.shut())
	case 1:
		m.loseQueue()
	}
	m.settle()
	return nil
}

// progress does one of the things that are under way.
func (m *model) progress() bool {
	queues := 0
	if len(m.toQueue) > 0 {
		queues++
	}
	if len(m.events) > 0 {
		queues++
	}
	if len(m.works)+queues == 0 {
		return false
	}
	i := m.rng.IntN(len(m.works) + queues)
	switch {
	case i < len(m.works):
		w := m.works[i]
		m.works = slices.Delete(m.works, i, i+1)
		w()
	case len(m.toQueue) > 0 && (i == len(m.works) || len(m.events) == 0):
		f := m.toQueue[0]
		m.toQueue = m.toQueue[1:]
		f()
	default:
		e := m.events[0]
		m.events = m.events[1:]
		m.event(e)
	}
	return true
}

func (m *model) later(f func()) { m.works = append(m.works, f) }

// arrive is a new session that asks.
func (m *model) arrive() {
	id := actor.ID(len(m.clients) + 1)
	user := []string{"ann", "bob", "eve"}[m.rng.IntN(3)]
	password := m.passwords[user]
	if m.rng.IntN(10) == 0 {
		password = "wrong"
	}
	r := request(id, user, []string{"db1", "db2"}[m.rng.IntN(2)], password)
	r.Dedicated = m.rng.IntN(12) == 0
	r.Trusted = !r.Dedicated && m.proven(r) && m.rng.IntN(2) == 0
	r.arrived, r.deadline = m.now, m.now.Add(m.timeout)
	c := &client{req: r, arrival: len(m.clients), password: password}
	m.clients[id] = c
	if m.rng.IntN(8) == 0 {
		m.later(func() { m.stop(c) })
	}
	m.step(m.st.acquire(r, m.now))
}

// stop ends a session. The governor hears of it after what the session sent.
func (m *model) stop(c *client) {
	if !c.stopped {
		c.stopped = true
		m.later(func() { m.down(c) })
	}
}

func (m *model) down(c *client) {
	if c.lease != nil && !c.returned {
		c.returned = true
		if !c.cut {
			m.backFrom(c)
		}
	}
	m.step(m.st.down(c.req.Session, m.now))
}

// giveBack ends a lease in order.
func (m *model) giveBack(c *client) {
	if c.stopped || c.returned {
		return
	}
	c.returned = true
	l := c.lease
	if c.cut { // it does not know yet
		if out := m.st.release(c.req.Session, l.ID, Used, m.now); len(out) > 0 {
			m.fail("a lost lease came back and had the effects %v", out)
		}
		return
	}
	how := []GiveBack{Unused, Used, Used, Broken}[m.rng.IntN(4)]
	if l.Conn == nil {
		how = Gone
	}
	m.backFrom(c)
	m.step(m.st.release(c.req.Session, l.ID, how, m.now))
	if m.rng.IntN(4) == 0 { // a second time must change nothing
		m.step(m.st.release(c.req.Session, l.ID, Broken, m.now))
	}
	if m.rng.IntN(2) == 0 {
		m.stop(c)
	}
}

func (m *model) backFrom(c *client) {
	if c.lease.Conn == nil {
		m.own--
	} else {
		m.move(c.lease.Conn, placeHeld, placeLeased)
	}
}

func (m *model) move(c *backend.Conn, to place, from ...place) {
	if !slices.Contains(from, m.places[c]) {
		m.fail("connection goes to %s from %s", to, m.places[c])
	}
	m.places[c] = to
}

func (m *model) tick() {
	if m.rng.IntN(4) == 0 {
		m.now = m.now.Add(time.Second)
	}
	m.lossy = false
	m.sendQueue(func() { m.say(m.q.Expire(m.now)) })
	m.fleet.ticked = true
	m.step(m.st.tick(m.now, true))
}

func (m *model) configure() {
	set := m.st.set
	set.Limit = 1 + m.rng.IntN(6)
	if !m.st.governed {
		m.limit = set.Limit
	}
	m.lastOpen = max(m.lastOpen, m.st.open)
	m.step(m.st.configure(set))
}

// breakIdle has the server hang up on some connection.
func (m *model) breakIdle() {
	for _, c := range m.st.idle.oldestFirst() {
		if m.rng.IntN(2) == 0 {
			out, _ := m.st.died(c)
			m.step(out)
			return
		}
	}
}

func (m *model) sendQueue(f func())                 { m.toQueue = append(m.toQueue, f) }
func (m *model) say(events []queue.Event[*Request]) { m.events = append(m.events, events...) }

func (m *model) event(e queue.Event[*Request]) {
	switch e := e.(type) {
	case queue.Taken[*Request]:
		r := e.Waiter.Request
		m.clients[r.Session].queued = false
		m.offers--
		if !r.deadline.After(m.now) {
			m.step(m.st.takenLate(r, refusalOf(refusal.QueueTimeout)))
			return
		}
		m.step(m.st.taken(r, m.now))
	case queue.Returned[*Request]:
		m.offers--
		m.step(m.st.returned())
	case queue.Left[*Request]:
		r := e.Waiter.Request
		m.clients[r.Session].queued = false
		if e.Reason == queue.TimedOut && m.now.Before(r.deadline) {
			m.fail("session %d timed out %v before its time", r.Session, r.deadline.Sub(m.now))
		}
		m.step(m.st.left(r, refusalOf(refusal.QueueTimeout)))
	}
}

// loseQueue is the end of the queue's actor. What it said before is heard.
func (m *model) loseQueue() {
	for len(m.events) > 0 {
		e := m.events[0]
		m.events = m.events[1:]
		m.event(e)
	}
	m.noQueue, m.toQueue, m.offers, m.q = true, nil, 0, queue.NewState[*Request](0)
	for _, c := range m.clients {
		c.queued = false
	}
	m.step(m.st.queueLost())
}

// settle lets sessions go one by one until nothing is left to do.
func (m *model) settle() {
	m.pause(false) // who waits would have to wait for ever, as with no slots
	if m.limit == 0 {
		m.entitle(1, false)
	}
	for i := 0; ; i++ {
		if i > 100_000 {
			m.fail("does not come to rest")
		}
		if m.progress() {
			continue
		}
		if m.lossy {
			m.tick()
			continue
		}
		m.rested()
		if !m.anyLeaseBack() {
			break
		}
	}
	st := m.st
	if st.waiting != 0 || st.offered || len(st.pending) != 0 || len(st.leases) != 0 || m.q.Len() != 0 || m.offers != 0 {
		m.fail("at rest with %d waiting, offered %t, %d pending, %d leases, %d queued, %d offers",
			st.waiting, st.offered, len(st.pending), len(st.leases), m.q.Len(), m.offers)
	}
	for id, c := range m.clients {
		if c.answers == 0 && !c.stopped {
			m.fail("session %d was never answered", id)
		}
	}
	m.step(st.shut())
	for m.progress() {
	}
	if st.open != 0 {
		m.fail("%d open after all was shut", st.open)
	}
}

func (m *model) anyLeaseBack() bool {
	for _, id := range slices.Sorted(maps.Keys(m.clients)) {
		if c := m.clients[id]; c.lease != nil && !c.returned {
			if c.stopped {
				m.fail("the lease of session %d, which stopped, is still out", id)
			}
			m.giveBack(c)
			return true
		}
	}
	return false
}

// rested checks that with nothing under way nobody waits for what is there.
func (m *model) rested() {
	st := m.st
	free := !m.paused && (st.open < m.limit || st.open == m.limit && st.idle.len() > 0)
	if m.q.Len() > 0 && !st.closed && free && st.dialing < st.set.MaxParallelLogins {
		m.fail("%d wait although %d of %d are open and %d idle", m.q.Len(), st.open, m.limit, st.idle.len())
	}
	if f := m.fleet.forcedTo; f >= 0 && st.open > f {
		m.fail("%d open at rest, forced down to %d", st.open, f)
	}
}
