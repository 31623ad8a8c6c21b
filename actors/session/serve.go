package session

import (
	"errors"
	"time"

	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
)

// goServe runs f, which may block, on a goroutine of the port.
func (p *port) goServe(f func()) {
	p.env.Ports.Add(1)
	go func() {
		defer p.env.Ports.Done()
		defer p.recovered()
		f()
	}()
}

// serve answers the login with what the server said when the connection was
// opened, and puts the client on it.
func (p *port) serve(l *bucket.Lease) {
	hello := p.begin(l, l.Conn)
	if hello == nil {
		return
	}
	if l.Lost() {
		p.refuse(p.loss(nil))
		return
	}
	body := l.Conn.Answer.Append(nil, hello)
	msg := tds.AppendMessage(nil, tds.PacketReply, 0, l.Conn.SPID, tds.DefaultPacketSize, body)
	p.mu.Lock()
	p.hello = nil
	// Before the answer is on its way: the client may send as soon as it has it.
	p.setPhase(phaseIdle)
	p.mu.Unlock()
	if err := writePackets(p.client.conn, msg); err != nil {
		p.end(bucket.Unused, &lost{"client", err})
		return
	}
	p.env.Metrics.LoginSeconds.Update(time.Since(p.born).Seconds())
	p.catchUp()
}

// catchUp does what could not be done while the login was being answered.
func (p *port) catchUp() {
	p.mu.Lock()
	dead, draining, cause := p.dead, p.draining, p.drainFor
	p.mu.Unlock()
	switch {
	case dead:
		p.backendDied()
	case draining:
		p.drain(cause)
	}
}

// begin makes the lease's connection the port's server side. It returns the
// client's login, or nil if the session has ended meanwhile.
func (p *port) begin(l *bucket.Lease, c *backend.Conn) *tds.Login7 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	p.lease, p.backend = l, c
	p.server.attach(c.Net)
	return p.hello
}

// refuse answers the login with an error, the server's or ours, and closes.
func (p *port) refuse(err error) {
	var body []byte
	var refused *backend.LoginError
	var own *refusal.Error
	switch {
	case errors.As(err, &refused):
		body = refused.Tokens(nil, p.tokens)
	case errors.As(err, &own):
		body = p.refusalTokens(nil, own)
	default:
		own = &refusal.Error{Cause: refusal.Internal, Node: p.env.Node}
		body = p.refusalTokens(nil, own)
	}
	p.spentInVain(own)
	if p.bucket != nil {
		kind := "login_refused"
		if own != nil {
			kind = own.Cause.String()
		}
		p.countError(kind)
	} else if own != nil {
		p.env.Metrics.Dropped(own.Cause.String()).Inc()
	}
	body = tds.Done{Status: tds.DoneError}.Append(body, p.tokens)
	msg := tds.AppendMessage(nil, tds.PacketReply, 0, 0, tds.DefaultPacketSize, body)
	_ = p.tcp.SetWriteDeadline(time.Now().Add(p.env.CleanTimeout))
	_ = writePackets(p.client.conn, msg)
	p.end(bucket.Unused, err)
}

// interrupt ends the session from outside: the goroutine that reads the client
// finds its socket closed and does the rest.
func (p *port) interrupt(cause error) {
	p.mu.Lock()
	if p.cause == nil {
		p.cause = cause
	}
	if p.mx != nil {
		p.mx.interrupted()
	}
	if p.phase == phaseBusy && p.backend != nil {
		// Whoever is passing a request on may be blocked by a server that does
		// not read.
		_ = p.backend.Net.SetWriteDeadline(time.Now().Add(p.env.CleanTimeout))
	}
	p.mu.Unlock()
	_ = p.tcp.Close()
	p.awake() // to find that out
}

// abandon closes the sockets that nobody else would when the actor has
// stopped. With a reason the port may not have ended yet: a connection of its
// own must be closed before the bucket learns of the stop and gives its slot away.
func (p *port) abandon(reason error) {
	p.mu.Lock()
	if reason != nil {
		p.cause = reason
	}
	if p.mx != nil {
		p.mx.stopped = true
		p.mx.asked.wake()
	}
	var own *backend.Conn
	if !p.ended && (p.lease == nil || p.lease.Conn == nil) {
		own = p.backend
	}
	p.mu.Unlock()
	_ = p.tcp.Close()
	if own != nil {
		own.Abort()
		p.lease.Freed()
	}
	p.awake()
}

// drain closes the client's connection now if it is idle outside a
// transaction, else when it next is.
func (p *port) drain(cause refusal.Cause) {
	p.mu.Lock()
	if cause == 0 {
		cause = refusal.Draining
	}
	p.draining, p.drainFor = true, cause
	idle := p.phase == phaseIdle && !p.inTx.Load() || p.phase == phaseLogin && p.hello == nil
	p.mu.Unlock()
	if idle {
		p.interrupt(&refusal.Error{Cause: cause, Node: p.env.Node})
	}
}

// backendDied is called when the server hung up or the slot was lost. While a response is owed its
// reader notices, or has read all of it and ends the session after it; an idle
// client would not learn of it before its next request, and its driver's pool
// would take the connection for a good one.
func (p *port) backendDied() {
	p.mu.Lock()
	p.dead = true
	idle := p.phase == phaseIdle
	p.mu.Unlock()
	if idle {
		e := p.loss(nil)
		p.countError(e.Cause.String())
		p.end(bucket.Broken, e)
	}
}
