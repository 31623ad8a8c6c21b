// Package session serves client connections. A session is two things: a port,
// the goroutine that moves bytes between the client and its backend, and an
// actor, which decides by message: where the login goes, what the bucket is
// asked for, and what becomes of the backend when either side has gone.
package session

import (
	"errors"
	"fmt"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
)

// Msg is a message to a session.
type Msg interface{ sessionMsg() }

// Drain makes the session end as soon as its client is idle outside a
// transaction.
type Drain struct{ Cause refusal.Cause } // 0 is refusal.Draining

// Kill ends the session now.
type Kill struct{ Cause refusal.Cause }

type (
	// loggedIn comes from the port: the client's LOGIN7.
	loggedIn struct{ login *tds.Login7 }
	// granted comes from the bucket.
	granted struct {
		bucket.Grant
		leave func(kept uint64) // tells the bucket of a login that nobody has after all
	}
	// portEnded comes from the port: the client's socket is closed.
	portEnded struct {
		how bucket.GiveBack
		err error
	}
	// backendDied comes from the bucket: the server has hung up.
	backendDied struct{ lease *bucket.Lease }
	// expired is the end of session_timeout.
	expired struct{}
)

func (Drain) sessionMsg()       {}
func (Kill) sessionMsg()        {}
func (loggedIn) sessionMsg()    {}
func (granted) sessionMsg()     {}
func (portEnded) sessionMsg()   {}
func (backendDied) sessionMsg() {}
func (expired) sessionMsg()     {}

// Discarded implements actor.Discarder: the session has stopped before it
// learned that the bucket keeps its login.
func (m granted) Discarded() {
	if m.leave != nil && m.Kept != 0 {
		m.leave(m.Kept)
	}
}

// Ref addresses a session.
type Ref = actor.Ref[Msg]

// Session is the actor.
type Session struct {
	env   *Env
	port  *port
	state state
	id    actor.ID
	kept  uint64 // by the bucket, the login, until told that the session has ended
}

// mailbox is small: a session that gets more messages than this at once has a
// broken peer. Options are shared by all sessions.
var options = actor.With(actor.Mailbox(16))

// Started implements actor.Starter.
func (s *Session) Started(c *actor.Context[Msg]) {
	s.id = c.Self().ID()
	s.env.sessions.add(c.Self(), s.port)
	if d := s.env.Routing.Load().SessionTimeout; d > 0 {
		c.After(d, expired{})
	}
}

// Receive implements actor.Actor.
func (s *Session) Receive(c *actor.Context[Msg], m Msg) {
	if _, ok := m.(expired); ok {
		m = Drain{refusal.SessionExpired} // closed at its next idle moment, never in the middle
	}
	switch m := m.(type) {
	case portEnded:
		s.logEnd(m.err)
	case granted:
		s.kept = m.Kept
	}
	if g, ok := m.(granted); ok {
		s.port.mu.Lock()
		s.port.waitOver(g.Grant)
		s.port.mu.Unlock()
	}
	for _, e := range s.state.step(m) {
		s.do(c, e)
	}
}

// Stopped implements actor.Stopper: whatever ended the actor, the client's
// socket does not outlive it.
func (s *Session) Stopped(reason error) {
	s.port.abandon(reason)
	if x := s.port.mx; s.kept != 0 && x != nil {
		// If its mailbox is full, the login stays until others crowd it out.
		_ = s.port.bucket.Governor.Tell(bucket.Left{Key: x.login.key, Digest: x.login.digest, Kept: s.kept})
	}
	s.env.sessions.remove(s.id)
	if s.state.console {
		return
	}
	s.env.conns.Add(-1)
	s.env.Metrics.Clients.Add(-1)
}

func (s *Session) do(c *actor.Context[Msg], e effect) {
	switch e := e.(type) {
	case doAcquire:
		s.acquire(c, e.login.login)
	case doServe:
		if e.lease.Conn == nil {
			s.port.beginRelay()
			s.port.goServe(func() { s.port.relayLogin(e.lease) })
		} else {
			s.port.goServe(func() { s.port.serve(e.lease) })
		}
	case doServeShared:
		s.port.goServe(func() { s.port.serveShared(e.answer) })
	case doSharedDied:
		s.port.goServe(func() { s.port.muxBackendDied(e.lease) })
	case doRefuse:
		s.port.goServe(func() { s.port.refuse(e.err) })
	case doRelease:
		s.port.spentWhole(e.lease)
		if s.port.bucket.Governor.Tell(bucket.Release{Session: c.Self().ID(), Lease: e.lease, How: e.how}) != nil {
			// The death watch brings the lease back.
			c.Stop(errors.New("session: release refused"))
		}
	case doEndPort:
		s.port.interrupt(e.cause)
	case doDrainPort:
		s.port.drain(e.cause)
	case doBackendDied:
		s.port.goServe(s.port.backendDied)
	case doStop:
		c.Stop(e.reason)
	}
}

// acquire routes the login and asks the bucket's governor for a backend.
func (s *Session) acquire(c *actor.Context[Msg], l *tds.Login7) {
	self := c.Self()
	refuse := func(err error) {
		for _, e := range s.state.step(granted{Grant: bucket.Grant{Err: err}}) {
			s.do(c, e)
		}
	}
	r := s.env.Routing.Load()
	if r.Console != nil && r.Console.Serves(l) {
		s.openConsole(r.Console, l)
		return
	}
	id := r.Route(l)
	b := r.Buckets[id]
	if b == nil {
		refuse(&refusal.Error{Cause: refusal.NoRoute, Node: s.env.Node, Detail: fmt.Sprintf("database %q, server %q, user %q", l.Database, l.ServerName, l.UserName)})
		return
	}
	s.port.mu.Lock()
	s.port.bucket = b
	s.port.waitBegins()
	s.port.mu.Unlock()
	sharing, observing := b.Sharing, b.Observing
	if r.Pooling != nil { // by the client's own name, which a mapping changes
		sharing, observing = r.Pooling(l, b)
	}
	pooled, why := backend.Pooled(l)
	if pooled && !r.Mapping.apply(s.env.Credentials, l, b) {
		refuse(&refusal.Error{Cause: refusal.LoginRejected, Bucket: id, Node: s.env.Node, Detail: fmt.Sprintf("user %q", l.UserName)})
		return
	}
	if !pooled && r.Mapping.On {
		refuse(&refusal.Error{Cause: refusal.LoginNotSupported, Bucket: id, Node: s.env.Node, Detail: why + " with auth.mode mapped"})
		return
	}
	send, key := backend.Request(l, s.env.Match)
	req := &bucket.Request{Session: self.ID(), Key: key, Login: &send, Dedicated: !pooled}
	if pooled {
		req.Digest = s.env.Credentials.Digest(id, send.UserName, send.Password)
		l.Password = "" // the request has it; a login that is relayed needs it itself
		if sharing != nil {
			backend.Share(req.Login, &req.Key)
			req.AnswerOnly = true
			s.state.shared = true
			s.port.share(sharing, req.Key, req.Digest)
		} else if observing != nil {
			s.port.observe(observing, l.AppName)
		}
	} else {
		s.env.Log.Debug("login gets a connection of its own", "why", why, "user", l.UserName, "bucket", id)
	}
	leave := func(kept uint64) { _ = b.Governor.Tell(bucket.Left{Key: req.Key, Digest: req.Digest, Kept: kept}) }
	acquire := bucket.Acquire{
		Request: req,
		Watch: func(g *actor.Context[bucket.Msg], wrap func(actor.Down) bucket.Msg) func() {
			return actor.Watch(g, self, wrap)
		},
		Reply: actor.ReplyTo(self, func(g bucket.Grant) Msg { return granted{g, leave} }),
		Died:  func(lease *bucket.Lease) { _ = self.Tell(backendDied{lease}) },
	}
	if err := b.Governor.Tell(acquire); err != nil {
		cause := refusal.Overloaded
		if errors.Is(err, actor.ErrStopped) {
			cause = refusal.BucketRemoved
		}
		refuse(&refusal.Error{Cause: cause, Bucket: id, Node: s.env.Node})
	}
}
