package session

import (
	"fmt"
	"time"

	"sluice/actors/bucket"
	"sluice/tds"
)

// heldPacket is part of a response that waits for what follows it.
type heldPacket struct {
	buf  *buffer
	from int
	to   int
}

// runRequest sends the request and relays its response. It returns what is to be done
// next, or with ended that the session has ended.
func (p *port) runRequest(r *muxRequest) (next deed, again, ended bool) {
	start := time.Now()
	p.mu.Lock()
	p.owed, p.used, p.attention = 1, true, false
	if c := p.backend; c != nil { // else the session has just ended
		c.Session.Owner = uint64(p.actor.ID())
	}
	p.mu.Unlock()
	p.followBy(&r.walker, r)
	r.lost = p.mx.lostTrack
	long := !r.whole
	if clientErr, serverErr := p.sendRequest(r); clientErr != nil {
		p.end(bucket.Broken, &lost{"client", clientErr}) // part of a request has been sent
		return deed{}, false, true
	} else if serverErr != nil {
		p.drainLong(r)
		p.backendLost(true, serverErr)
		return deed{}, false, true
	}
	p.requestSent()
	if long || !r.fresh {
		p.awaitResponse(len(p.client.buffered()) > 0)
	}
	var resp response
	for {
		from, n, eom, hold, err := p.followPackets(r, &resp)
		if err == nil && r.ourReset && !r.answer.reset {
			err = errNotReset // which comes first; the answer may be of another client's state
		}
		if err != nil {
			p.responseBroken(&resp, err)
			return deed{}, false, true
		}
		if hold && !eom {
			r.held = append(r.held, p.server.setAside(from, n))
			continue
		}
		d, done := deed{}, false
		if eom {
			d, done = p.endOfMessage(r, &resp, n)
		}
		if r.doubt != 0 {
			r.held = append(r.held, p.server.setAside(from, n))
			from, n = 0, 0
			d, done = p.askBackend(r), true
		}
		if d.back && d.act == actNone {
			p.giveBack(d.how) // before the client is written to, which may take its time
		}
		if err := p.sendChunk(r, from, n); err != nil {
			p.writeFailed()
		}
		p.server.take(n)
		resp.started = !eom
		switch {
		case done && d.act == actEnd:
			p.restoreDeadline()
			p.end(d.how, nil)
			return d, false, true
		case done:
			p.bucket.Metrics.QuerySeconds.Update(time.Since(start).Seconds())
			return p.step(event{what: hapWritten}), false, false
		case eom:
			resp = response{}
		}
	}
}

// requestSent notes that attentions may be passed on, and does so with one that
// has come already.
func (p *port) requestSent() {
	p.mu.Lock()
	p.mx.sent = true
	late := p.mx.late
	p.attention = late
	to := p.backend
	p.mu.Unlock()
	if late && to != nil && p.server.send(tds.AppendAttention(nil)) != nil {
		to.Abort() // who reads the response notices
	}
}

// restoreDeadline takes back what muxClientLost has set, for whoever gets the
// backend next.
func (p *port) restoreDeadline() {
	if p.backend != nil {
		_ = p.backend.Net.SetReadDeadline(time.Time{})
	}
}

// followPackets is serverPackets with a walk over the packets' tokens. The
// packets are buffered()[from:n]; from is above 0 if something was left out.
func (p *port) followPackets(r *muxRequest, resp *response) (from, n int, eom, hold bool, err error) {
	h, _, err := p.server.packet()
	if err != nil {
		return 0, 0, false, false, err
	}
	b := p.server.buffered()
	for {
		if h.Type != tds.PacketReply {
			return 0, 0, false, false, fmt.Errorf("%w: %v from the server", errPacket, h.Type)
		}
		b[n+1] &= byte(tds.StatusEOM)
		payload := b[n+tds.HeaderSize : n+h.Length]
		resp.note(payload)
		p.bucket.Metrics.ServerPackets.Inc()
		hold = r.follow(payload)
		if len(r.cuts) > 0 {
			from += r.strip(b, from, n, h)
		}
		n += h.Length
		if h.EOM() {
			r.lost = r.walker.EndOfMessage() != nil || r.lost
			return from, n, true, hold, nil
		}
		if hold || len(b)-n < tds.HeaderSize {
			return from, n, false, hold, nil
		}
		if h, err = tds.ParseHeader(b[n:]); err != nil {
			return 0, 0, false, false, fmt.Errorf("%w: %w", errPacket, err)
		}
		if len(b)-n < h.Length {
			return from, n, false, false, nil
		}
	}
}

// follow walks over one packet's payload. Where track was lost by an earlier
// response, it looks for what the client must not get.
func (r *muxRequest) follow(payload []byte) (hold bool) {
	if r.walker.Err() != nil {
		return false
	}
	var err error
	if r.handles && !r.lost {
		hold, err = r.plan.Feed(&r.walker, payload)
	} else {
		err = r.walker.Feed(payload)
	}
	r.lost = r.lost || err != nil
	r.cutState(len(payload))
	return hold && err == nil
}

// setAside takes buffered()[:n] out of s together with its buffer.
func (s *source) setAside(from, n int) heldPacket {
	h := heldPacket{s.buf, s.from + from, s.from + n}
	s.taken.Add(uint64(n))
	rest := s.buffered()[n:]
	if len(rest) == 0 {
		s.buf, s.from, s.to = nil, 0, 0
		return h
	}
	next := buffers.Get().(*buffer)
	s.from, s.to = 0, copy(next[:], rest)
	s.buf = next
	return h
}

// sendChunk writes what was held back, and the packets that were read now.
func (p *port) sendChunk(r *muxRequest, from, n int) (err error) {
	for _, h := range r.held {
		if err == nil {
			err = p.client.send(h.buf[h.from:h.to])
		}
		buffers.Put(h.buf)
	}
	r.held = r.held[:0]
	if err != nil {
		return err
	}
	return p.client.send(p.server.buffered()[from:n])
}

// endOfMessage counts a message of the response. With done nothing more is
// owed, and the deed is what becomes of the backend.
func (p *port) endOfMessage(r *muxRequest, resp *response, n int) (d deed, done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attention {
		last, ok := tds.FinalDone(resp.tail[:resp.ntail], p.tokens)
		p.attention = !ok || last.Status&tds.DoneAttention == 0
		r.answer.attention = true
	}
	p.owed = max(p.owed-1, 0)
	if p.owed > 0 || p.attention {
		return deed{}, false
	}
	// With mu held to the end: an attention that comes later finds the response
	// over and is not passed on.
	e := p.conclude(r)
	x := p.mx
	if r.answer.began {
		ended := event{what: hapEnded}
		if r.answer.tran != 0 {
			ended = event{what: hapBegan, tran: r.answer.tran}
		}
		x.core.step(ended)
	}
	e.unsure = e.unsure || len(p.server.buffered()) > n
	if r.doubt = p.doubt(r, &e); r.doubt != 0 {
		x.core.step(event{what: hapAsk})
		r.concluded = e
		return deed{}, false
	}
	return p.decide(r, e), true
}

// decide is the end of a response about which there is no doubt left. It is
// called with mu held.
func (p *port) decide(r *muxRequest, e event) deed {
	x := p.mx
	e.drain = p.draining
	x.lostTrack = r.lost
	p.setInTx(x.core.tran != 0 || e.quiet || r.lost)
	p.weigh(r, &e)
	x.show()
	return x.core.step(e)
}

// writeFailed is called when the client could not be written to.
func (p *port) writeFailed() {
	p.mu.Lock()
	known := p.mx.core.left
	p.mu.Unlock()
	if !known {
		_ = p.client.conn.Close() // ends the goroutine that watches, if there is one
		p.muxClientLost(nil)
	}
}
