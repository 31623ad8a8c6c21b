package session

import (
	"errors"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
)

// acquisition is the message that asks the bucket.
func (p *port) acquisition(a *ask) bucket.Acquire {
	return bucket.Acquire{Request: a.request, Watch: a.watch, Reply: a.reply, Died: p.mx.died}
}

// unreachable is why the bucket's governor could not be asked.
func (p *port) unreachable(err error) error {
	cause := refusal.Overloaded
	if errors.Is(err, actor.ErrStopped) {
		cause = refusal.BucketRemoved
	}
	return &refusal.Error{Cause: cause, Bucket: p.bucket.ID, Node: p.env.Node}
}

// serveRequest serves one request of the client from its first packet, which
// is buffered. It returns true if this goroutine is to read the client again.
func (p *port) serveRequest(h tds.Header) bool {
	r := muxRequests.Get().(*muxRequest)
	defer r.done()
	r.begin(p)
	if err := p.readRequest(r, h); err != nil {
		p.requestBroken(err)
		return false
	}
	d := deed{}
	if answer := p.judge(r); answer != nil {
		return p.answerHere(r, answer)
	}
	d = p.step(event{what: hapRequest, tran: r.headers.Transaction, bulk: r.typ == tds.PacketBulkLoad, ignored: r.ignored})
	for {
		if d.back {
			p.giveBack(d.how)
			d.back = false
		}
		switch d.act {
		case actAcquire:
			d = p.askBucket(r)
		case actAttach:
			d = p.attach(r)
		case actSend:
			var again, over bool
			if d, again, over = p.runRequest(r); over {
				return again
			}
		case actRefuse:
			p.drainLong(r)
			d = p.refuseRequest(r)
		case actStray:
			p.drainLong(r)
			p.tellFor(r, &refusal.Error{Cause: refusal.StrayTransaction, Bucket: p.bucket.ID, Node: p.env.Node})
			return p.rest(r)
		case actIgnored:
			p.write(tds.Done{Status: tds.DoneError}.Append(nil, p.tokens))
			return p.rest(r)
		case actDropped:
			p.write(tds.Done{Status: tds.DoneError}.Append(nil, p.tokens))
			p.acknowledge()
			d = p.step(event{what: hapWritten})
		case actAck:
			p.acknowledge()
			d = p.step(event{what: hapWritten})
		case actProtocol:
			p.drainLong(r)
			e := &refusal.Error{Cause: refusal.Protocol, Node: p.env.Node, Detail: "the rows of a bulk load without INSERT BULK"}
			p.tellFor(r, e)
			p.end(bucket.Used, e)
			return false
		case actCut:
			e := p.loss(r.err)
			p.tellFor(r, e)
			p.countError(e.Cause.String())
			p.end(bucket.Broken, lostTo(e))
			return false
		case actEnd:
			p.end(d.how, nil)
			return false
		default:
			return p.rest(r)
		}
	}
}

// rest makes the session idle. It returns true if this goroutine is to read
// the client, false if another one does or the session has ended.
func (p *port) rest(r *muxRequest) bool {
	r.plan.End() // before another goroutine may use the session's handles
	r.rested = true
	p.mu.Lock()
	p.mx.serving = false
	handOver := p.watching
	p.watching, p.awaiting = false, false
	p.setPhase(phaseIdle)
	drain := p.draining && !p.mx.core.open()
	cause := p.drainFor
	p.armLinger()
	p.mu.Unlock()
	if drain {
		p.drain(cause)
	}
	return !handOver
}

// armLinger sets the time after which a backend that waits for the client's
// next request goes back. It must be called with mu held.
func (p *port) armLinger() {
	x := p.mx
	if !x.core.held || !x.core.linger || !x.core.free() {
		return
	}
	x.until = time.Now().Add(x.share.Linger)
	if x.timer == nil {
		x.timer = time.AfterFunc(x.share.Linger, p.lingered)
	} else {
		x.timer.Reset(x.share.Linger)
	}
}

// lingered is called when the timer fires, which may have been set for an
// earlier request.
func (p *port) lingered() {
	p.mu.Lock()
	x := p.mx
	if left := time.Until(x.until); left > 0 {
		if x.core.linger {
			x.timer.Reset(left)
		}
		p.mu.Unlock()
		return
	}
	if d := x.core.step(event{what: hapLingered}); d.back {
		p.releaseIdle(d.how)
	}
	p.mu.Unlock()
}

// muxAttention deals with an attention. It is called with mu held, and releases
// it. It returns false if this goroutine is not to read the client any more.
func (p *port) muxAttention(size int) bool {
	p.countPacket(tds.Header{Type: tds.PacketAttention})
	inc(p.bucket.Metrics.Cancels)
	d := p.mx.core.step(event{what: hapAttention})
	to := p.backend
	switch d.act {
	case actWithdraw:
		p.mx.asked.wake()
	case actForward:
		switch {
		case !p.mx.sent: // ahead of its request it would be answered alone
			p.mx.late, d.act = true, actNone
		case p.attention: // one answer for both
			d.act = actNone
		default:
			p.attention = true
		}
	}
	p.mu.Unlock()
	p.client.take(size)
	switch d.act {
	case actForward:
		if err := p.server.send(tds.AppendAttention(nil)); err != nil {
			to.Abort() // wakes the reader
		}
	case actAck:
		p.acknowledge()
	}
	return true
}

// muxClientLost is clientLost in transaction pooling.
func (p *port) muxClientLost(err error) {
	p.mu.Lock()
	d := p.mx.core.step(event{what: hapLeft})
	p.watching = false
	cancel := false
	var to *backend.Conn
	switch d.act {
	case actWithdraw:
		p.mx.asked.wake()
	case actDiscard:
		p.discard, to = true, p.backend
		if p.mx.sent {
			cancel, p.attention = !p.attention, true
		} else {
			p.mx.late = true
		}
		_ = to.Net.SetReadDeadline(time.Now().Add(p.env.CleanTimeout))
	}
	p.mu.Unlock()
	if d.act == actEnd {
		if err != nil {
			err = &lost{"client", err}
		}
		p.end(d.how, err)
		return
	}
	_ = p.tcp.Close() // a client that has stopped to read would block who writes
	if cancel {
		inc(p.bucket.Metrics.Abandoned)
		if p.server.send(tds.AppendAttention(nil)) != nil {
			to.Abort()
		}
	}
}

// requestBroken ends the session when a request could not be read to its end,
// or what there is of it cannot be passed on.
func (p *port) requestBroken(err error) {
	p.mu.Lock()
	how := bucket.Used
	p.mx.core.step(event{what: hapLeft})
	p.mx.core.stage = over
	p.mu.Unlock()
	p.end(how, &lost{"client", err})
}

// muxBackendDied is backendDied in transaction pooling.
func (p *port) muxBackendDied(l *bucket.Lease) {
	p.mu.Lock()
	if p.lease != l {
		p.mu.Unlock()
		return
	}
	d := p.mx.core.step(event{what: hapDied})
	if d.act != actCut {
		if d.back {
			p.releaseIdle(d.how)
		}
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	e := p.loss(nil)
	p.countError(e.Cause.String())
	p.end(bucket.Broken, e)
}

// muxPacket is clientPacket in transaction pooling. It is called with mu held,
// and releases it.
func (p *port) muxPacket(h tds.Header) bool {
	switch {
	case h.Type == tds.PacketAttention:
		return p.muxAttention(h.Length)
	case p.phase == phaseIdle && h.Type.IsRequest():
		p.mu.Unlock()
		return p.serveRequest(h)
	case p.phase == phaseBusy && h.Type.IsRequest():
		// The client has the response already, or does not wait for it as all
		// drivers do. Whoever serves the last request goes on with this one.
		p.watching = false
		p.mu.Unlock()
		return false
	}
	ph := p.phase
	p.mu.Unlock()
	p.protocolError(h, ph)
	return false
}

// muxEnded takes the backend of a session that ends, for it to be released. It
// is called with mu held.
func (p *port) muxEnded(how bucket.GiveBack) (*bucket.Lease, bucket.GiveBack) {
	x := p.mx
	x.core.stage = over
	if x.timer != nil {
		x.timer.Stop()
	}
	l := p.lease
	if l != nil {
		p.spent(l)
	}
	p.flushSpent()
	mute := p.backend != nil && x.servedBy(p.backend).recovery.Off()
	p.lease, p.backend = nil, nil
	if x.lostTrack || mute || how == bucket.Unused {
		how = bucket.Broken
	}
	if !x.serving {
		x.handles.Close()
	}
	x.count(x.shown, nil)
	x.shown = nil
	return l, how
}

// interrupted makes a request that waits for a backend be given up: its client
// is being closed, and nobody may be reading it. It is called with mu held.
func (x *muxed) interrupted() {
	if x.core.stage == waiting && x.core.step(event{what: hapLeft}).act == actWithdraw {
		x.asked.wake()
	}
}
