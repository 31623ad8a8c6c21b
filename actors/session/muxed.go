package session

import (
	"sync"
	"syscall"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/prepared"
	"sluice/actors/refusal"
	"sluice/actors/statement"
)

// Sharing is how the sessions of a bucket share its backends: request by
// request. It is nil where each session has a backend of its own.
type Sharing struct {
	Judge      statement.Judge
	Statements *prepared.Store
	// Linger is how long a backend waits for the client's next request after one
	// that inserted rows, should it ask for the identity they got; 0: not at all.
	Linger time.Duration
	Pins   PinMetrics // nil: nobody counts
	// Transactions says how a server is taken that might not announce them.
	Transactions Announcing
	// Silenced are reasons that do not pin, Raised kinds of requests that pin
	// though their state could be followed.
	Silenced, Raised statement.ReasonSet

	bases bases
}

// muxed is what a port in transaction pooling has beside its own. It is small:
// most clients are idle, without a backend. What a request needs is in muxRequest.
type muxed struct {
	share     *Sharing
	login     *sharedLogin
	core      mux  // guarded by the port's mu, and so are:
	asked     *ask // the request that waits for a backend
	serving   bool // a goroutine is at work on a request, and closes handles after it
	stopped   bool // the actor is gone: nobody answers what was asked
	sent      bool // the backend has all of the request: an attention may follow
	late      bool // one came before that
	lostTrack bool // of the backend's responses
	reads     bool // the client has asked for what the request before left (@@ROWCOUNT)
	mute      bool // the server has not announced a transaction that it began
	tells     bool // it has announced one that a batch began
	unheard   bool // it did not tell the client's options when it was asked
	died      func(*bucket.Lease)
	timer     *time.Timer      // of lingering
	until     time.Time        // when it ends
	state     statement.State  // the client's; of the goroutine that serves it, and so is:
	handles   prepared.Handles // its prepared statements
	cost      cost             // guarded by the port's mu
	shown     []PinInfo        // guarded by the port's mu: what Inspect tells of state
}

// sharedLogin is what further backends for a client are asked for with.
type sharedLogin struct {
	key        backend.Key
	digest     bucket.Digest
	packetSize int
	encryption bool               // of columns
	rank       bool               // of data classification
	suspect    bool               // its server may not announce transactions
	base       statement.Settings // of a session as this login leaves it, where known
}

// served is what is known of the server's session behind a shared connection.
type served struct {
	settings statement.Settings
	prepared *prepared.Cache
	left     statement.Effects // by the owner, until a reset; with Handles, statements of others
	raw      syscall.RawConn   // of the connection, nil until it was taken
	recovery statement.Recovery
}

func (s *served) Resetting() { s.prepared.Forget() }

func (s *served) Cleaned() {
	s.settings, s.left = statement.Settings{}, 0
	s.recovery.Reset()
}

// stays tells whether a reset may leave a session with these settings in
// another database than the login's: Babelfish does not change it.
func (l *sharedLogin) stays(s *statement.Settings) bool {
	return l.suspect && (s.Database() != "" || s.Unknown().Has(statement.Database))
}

// afterReset is what RESETCONNECTION makes of a backend's settings.
func (l *sharedLogin) afterReset(s statement.Settings) statement.Settings {
	if l.stays(&s) {
		return s.LeftByReset().Forget(1 << statement.Database)
	}
	return s.LeftByReset()
}

// servedBy returns the state of a connection, making it on first use.
func (x *muxed) servedBy(c *backend.Conn) *served {
	s, ok := c.Session.State.(*served)
	if !ok {
		s = &served{prepared: x.share.Statements.NewCache()}
		c.Session.State = s
	}
	return s
}

// ask is one request for a backend on its way to the bucket and back.
type ask struct {
	request *bucket.Request
	grants  chan bucket.Grant // gets exactly one answer, unless the session's actor stops
	stir    chan struct{}     // something has happened to the session meanwhile
	self    Ref               // the session that asks

	// What the bucket calls until it has answered; made once for all sessions
	// that use the ask.
	watch func(*actor.Context[bucket.Msg], func(actor.Down) bucket.Msg) func()
	reply actor.Reply[bucket.Grant]
}

var asks = sync.Pool{New: func() any {
	a := &ask{grants: make(chan bucket.Grant, 1), stir: make(chan struct{}, 1)}
	a.watch = func(g *actor.Context[bucket.Msg], wrap func(actor.Down) bucket.Msg) func() {
		return actor.Watch(g, a.self, wrap)
	}
	a.reply = func(g bucket.Grant) error {
		a.grants <- g // has room for the one answer
		return nil
	}
	return a
}}

// wake makes the goroutine that waits look at the session. It must be called
// with the port's mu held.
func (a *ask) wake() {
	if a == nil {
		return
	}
	select {
	case a.stir <- struct{}{}:
	default:
	}
}

// step is the core's, with mu held.
func (p *port) step(e event) deed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mx.core.step(e)
}

// giveBack gives the backend back to the bucket. mu must not be held.
func (p *port) giveBack(how bucket.GiveBack) {
	p.mu.Lock()
	l := p.detach(how)
	p.mu.Unlock()
	p.release(l, how)
}

// detach takes the backend out of the port, for the caller to release. It must
// be called with mu held.
func (p *port) detach(how bucket.GiveBack) *bucket.Lease {
	l := p.lease
	if l == nil {
		return nil
	}
	p.spent(l)
	p.lease, p.backend = nil, nil
	p.server.conn, p.server.raw = nil, nil
	if c := l.Conn; how == bucket.Known && c != nil {
		s := p.mx.servedBy(c)
		c.Session.Print = s.settings.Fingerprint()
	}
	return l
}

func (p *port) release(l *bucket.Lease, how bucket.GiveBack) {
	if l != nil {
		p.released(p.bucket.Governor.TellHere(bucket.Release{Session: p.actor.ID(), Lease: l, How: how}))
	}
}

// releaseIdle gives back the backend of a session that no goroutine serves. It
// must be called with mu held, to the end: a request that comes now must not
// ask for another backend before the bucket has heard of this.
func (p *port) releaseIdle(how bucket.GiveBack) {
	if l := p.detach(how); l != nil {
		p.released(p.bucket.Governor.Tell(bucket.Release{Session: p.actor.ID(), Lease: l, How: how}))
	}
}

func (p *port) released(err error) {
	if err != nil {
		// The death watch brings the lease back.
		p.actor.Stop(&refusal.Error{Cause: refusal.Internal, Node: p.env.Node, Detail: "release refused"})
	}
}

// askBucket asks for a backend and waits for it.
func (p *port) askBucket(r *muxRequest) deed {
	x := p.mx
	a := asks.Get().(*ask)
	a.self = p.actor
	a.request = &bucket.Request{
		Session: p.actor.ID(), Key: x.login.key, Digest: x.login.digest, Trusted: true, Print: r.want.Fingerprint(),
		Own: r.judged && r.verdict.Effects&statement.ReadsLast != 0,
	}
	p.mu.Lock()
	if x.stopped {
		p.mu.Unlock()
		return deed{act: actEnd}
	}
	x.asked = a
	p.waitBegins()
	p.mu.Unlock()
	if r.whole {
		p.awaitResponse(len(p.client.buffered()) > 0)
	}
	if err := p.bucket.Governor.TellHere(p.acquisition(a)); err != nil {
		p.unask(a, true)
		r.err = p.unreachable(err)
		return p.step(event{what: hapRefused})
	}
	for {
		select {
		case g := <-a.grants:
			p.mu.Lock()
			p.waitOver(g)
			p.mu.Unlock()
			p.unask(a, true)
			return p.answered(r, g)
		case <-a.stir:
			p.mu.Lock()
			stopped := x.stopped
			p.mu.Unlock()
			if stopped {
				p.unask(a, false) // an answer may still come: a is not used again
				return deed{act: actEnd}
			}
			_ = p.bucket.Governor.Tell(bucket.Withdraw{Request: a.request})
		}
	}
}

// unask forgets what was asked.
func (p *port) unask(a *ask, reuse bool) {
	p.mu.Lock()
	p.mx.asked = nil
	p.mu.Unlock()
	if !reuse {
		return
	}
	select {
	case <-a.stir:
	default:
	}
	a.request = nil
	asks.Put(a)
}

// answered takes the bucket's answer over.
func (p *port) answered(r *muxRequest, g bucket.Grant) deed {
	l := g.Lease
	if l == nil {
		r.err = g.Err
		return p.step(event{what: hapRefused})
	}
	p.mu.Lock()
	d := p.mx.core.step(event{what: hapGranted})
	if d.back {
		p.mu.Unlock()
		p.release(l, d.how)
		d.back = false
		return d
	}
	p.lease, p.backend = l, l.Conn
	s := p.mx.servedBy(l.Conn)
	s.raw = p.server.attachAgain(l.Conn.Net, s.raw)
	p.mu.Unlock()
	return d
}
