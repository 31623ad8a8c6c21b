package session

import (
	"cmp"
	"slices"
	"time"

	"sluice/actors/actor"
)

// Info is what Inspect and Find tell of a session.
type Info struct {
	ID         actor.ID      `json:"id"`
	Client     string        `json:"client"`
	Stage      string        `json:"stage,omitempty"` // Inspect only
	Phase      string        `json:"phase"`
	For        time.Duration `json:"for_ns"` // in this phase
	Bucket     string        `json:"bucket,omitempty"`
	User       string        `json:"user,omitempty"`
	Database   string        `json:"database,omitempty"`
	App        string        `json:"app,omitempty"`
	Host       string        `json:"host,omitempty"`
	BackendPID uint16        `json:"backend_spid,omitempty"`
	Warm       bool          `json:"warm"`
	Waited     time.Duration `json:"waited_ns"` // for the backend it has
	Requests   uint64        `json:"requests"`
	InTx       bool          `json:"in_transaction"`
	Age        time.Duration `json:"age_ns"`
	// Wait is what the session waits for now, and since when.
	Wait Wait `json:"wait"`
	// Pooling is "transaction" where backends are taken request by request. Then
	// Request says where one is, and Pins why the session keeps its backend.
	Pooling string    `json:"pooling,omitempty"`
	Request string    `json:"request,omitempty"`
	Pins    []PinInfo `json:"pins,omitempty"`
	Console bool      `json:"console,omitempty"` // the node itself serves it
}

// Wait is a wait that is going on.
type Wait struct {
	For  string        `json:"for"` // one of the texts below
	Time time.Duration `json:"time_ns"`
	// Why is there for backends, and Position as well where it is known: 1 is
	// served next. Who asks the bucket's governor fills them in.
	Why      string `json:"why,omitempty"`
	Position int    `json:"position,omitempty"`
}

// What a session can wait for.
const (
	WaitLogin   = "client: its login"
	WaitBackend = "backend"
	WaitServer  = "server: its answer"
	WaitClient  = "client: its next request"
	WaitConsole = "node: its answer"
	WaitNothing = "nothing: it has ended"
)

// BucketID is the bucket the session belongs to, "" before its login is routed.
func (i Info) BucketID() string { return i.Bucket }

// Inspect implements actor.Inspector.
func (s *Session) Inspect() any {
	i := s.port.info(s.id)
	i.Stage = s.state.stage.String()
	return i
}

func (p *port) info(id actor.ID) Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	i := Info{
		ID: id, Client: p.tcp.RemoteAddr().String(), Phase: p.phase.String(), For: now.Sub(p.since),
		User: p.who.user, Database: p.who.database, App: p.who.app, Host: p.who.host,
		Requests: p.requests.Load(), InTx: p.inTx.Load(), Age: now.Sub(p.born), Wait: p.wait(now), Console: p.console != nil,
	}
	if p.bucket != nil {
		i.Bucket = p.bucket.ID
	}
	if x := p.mx; x != nil {
		i.Pooling, i.Request, i.Pins = "transaction", x.core.stage.String(), x.pinInfos()
	}
	if l := p.lease; l != nil {
		i.Warm, i.Waited = l.Warm, l.Waited
		if l.Conn != nil {
			i.BackendPID = l.Conn.SPID
		}
	}
	return i
}

// wait must be called with mu held.
func (p *port) wait(now time.Time) Wait {
	w := Wait{Time: now.Sub(p.since)}
	switch {
	case p.phase == phaseDone:
		w.For = WaitNothing
	case p.asked > 0:
		w.For, w.Time = WaitBackend, now.Sub(p.born)-p.asked
	case p.phase == phaseIdle:
		w.For = WaitClient
	case p.console != nil:
		w.For = WaitConsole
	case p.phase == phaseLogin && p.bucket == nil:
		w.For = WaitLogin
	default:
		w.For = WaitServer
	}
	return w
}

// Order is an order in which Find lists sessions.
type Order uint8

// The orders; the first of each is what is most worth a look.
const (
	ByAge    Order = iota // oldest first
	ByWait                // those that wait for a backend, for a server, for their clients; longest first
	ByPinned              // those that keep their backend for a reason, longest first
)

// Look returns what there is to tell of the session with that id.
func Look(e *Env, id actor.ID) (i Info, ok bool) {
	part := e.sessions.part(id)
	part.mu.Lock()
	m, ok := part.refs[id]
	part.mu.Unlock()
	if !ok {
		return Info{}, false
	}
	return m.port.info(id), true
}

// Find returns the first n sessions of a bucket, or of all with bucket "", in
// the given order, and how many there are in all. It looks at each session but
// keeps no more than n. By ByPinned only sessions with pins are counted.
func Find(e *Env, bucket string, order Order, n int) (found []Info, all int) {
	top, all := first(e, bucket, order, n)
	found = make([]Info, len(top))
	for i, r := range top {
		found[i] = r.port.info(r.ref.ID())
	}
	return found, all
}

func first(e *Env, bucket string, order Order, n int) (top []ranked, all int) {
	now := time.Now()
	e.sessions.each(func(m member) {
		r, ok := m.port.rank(order, bucket, now)
		if !ok {
			return
		}
		all++
		r.member = m
		if len(top) == n && (n == 0 || !r.before(top[n-1])) {
			return
		}
		at, _ := slices.BinarySearchFunc(top, r, func(a, b ranked) int {
			if a.before(b) {
				return -1
			}
			return 1
		})
		top = slices.Insert(top[:min(len(top), n-1)], at, r)
	})
	return top, all
}

// ranked is a session with its place in an order.
type ranked struct {
	member
	group int // the lower the further ahead
	time  time.Duration
	age   time.Duration
}

func (r ranked) before(o ranked) bool {
	c := cmp.Or(cmp.Compare(r.group, o.group), cmp.Compare(o.time, r.time), cmp.Compare(o.age, r.age), cmp.Compare(r.ref.ID(), o.ref.ID()))
	return c < 0
}

// rank returns the session's place. ok is false if it is not asked for.
func (p *port) rank(order Order, bucket string, now time.Time) (r ranked, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if bucket != "" && (p.bucket == nil || p.bucket.ID != bucket) {
		return r, false
	}
	r.age = now.Sub(p.born)
	switch order {
	case ByWait:
		w := p.wait(now)
		r.time = w.Time
		switch w.For {
		case WaitBackend:
		case WaitClient, WaitNothing:
			r.group = 2
		default:
			r.group = 1
		}
	case ByPinned:
		if p.mx == nil || len(p.mx.shown) == 0 {
			return r, false
		}
		for _, pin := range p.mx.shown {
			r.time = max(r.time, now.Sub(pin.since))
		}
	}
	return r, true
}
