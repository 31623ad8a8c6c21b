package session

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"time"

	"sluice/actors/bucket"
	"sluice/tds"
)

// beginTransaction is how an ENVCHANGE 8 starts on the wire (MS-TDS 2.2.7.9):
// token, length 11, type 8, an 8-byte descriptor. A response that contains it
// may have begun a transaction; data that looks the same only makes the
// session seem to be in one.
var beginTransaction = []byte{byte(tds.TokenEnvChange), 0x0B, 0x00, byte(tds.EnvBeginTransaction), 0x08}

// maxDone is the size of the largest DONE token with its type byte.
const maxDone = 13

// response follows the messages of a response as they pass.
type response struct {
	started bool // bytes of the current message have been passed on
	tail    [maxDone]byte
	ntail   int
}

// note keeps the last bytes of a message's payload, which hold its final DONE.
func (r *response) note(payload []byte) {
	if len(payload) >= maxDone {
		r.ntail = copy(r.tail[:], payload[len(payload)-maxDone:])
		return
	}
	keep := min(r.ntail, maxDone-len(payload))
	copy(r.tail[:], r.tail[r.ntail-keep:r.ntail])
	r.ntail = keep + copy(r.tail[keep:], payload)
}

// relayResponse passes what the server says back to the client until nothing
// is owed any more. It returns true if this goroutine is to read the client
// again, false if another one does so or the session has ended.
func (p *port) relayResponse() bool {
	start := time.Now()
	p.awaitResponse(len(p.client.buffered()) > 0)
	var r response
	for {
		n, eom, err := p.serverPackets(&r)
		if err != nil {
			p.responseBroken(&r, err)
			return false
		}
		if eom {
			p.settle(&r)
		}
		// The client's goroutine may set discard at any time; writing to a
		// client that is gone does no harm.
		if err := p.client.send(p.server.buffered()[:n]); err != nil && !p.stopWriting() {
			return false
		}
		p.server.take(n)
		r.started = !eom
		if eom {
			if done, again := p.messageEnd(start); done {
				return again
			}
			r = response{}
		}
	}
}

// serverPackets reads until at least one whole packet is buffered and returns
// how many bytes of whole packets there are, up to the end of the message. It
// masks the status of each: some drivers take any bit for the end of the
// message, and only EOM has a meaning towards a client.
func (p *port) serverPackets(r *response) (n int, eom bool, err error) {
	h, _, err := p.server.packet()
	if err != nil {
		return 0, false, err
	}
	b := p.server.buffered()
	for {
		if h.Type != tds.PacketReply {
			return 0, false, fmt.Errorf("%w: %v from the server", errPacket, h.Type)
		}
		b[n+1] &= byte(tds.StatusEOM)
		r.note(b[n+tds.HeaderSize : n+h.Length])
		p.bucket.Metrics.ServerPackets.Inc()
		n += h.Length
		if h.EOM() {
			eom = true
			break
		}
		if len(b)-n < tds.HeaderSize {
			break
		}
		if h, err = tds.ParseHeader(b[n:]); err != nil {
			return 0, false, fmt.Errorf("%w: %w", errPacket, err)
		}
		if len(b)-n < h.Length {
			break
		}
	}
	if !p.inTx.Load() && bytes.Contains(b[:n], beginTransaction) {
		p.setInTx(true)
	}
	return n, eom, nil
}

// settle counts a response message that has been read to its end. It comes
// before the message's end is written: the client may send its next request as
// soon as it has it, which is to count as the next.
func (p *port) settle(r *response) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attention {
		d, ok := tds.FinalDone(r.tail[:r.ntail], p.tokens)
		p.attention = !ok || d.Status&tds.DoneAttention == 0
	}
	// An acknowledgement that is part of the response it cut short answers
	// both; one in a message of its own finds the response paid for already.
	p.owed = max(p.owed-1, 0)
}

// messageEnd is called when a response message has been passed on. done says
// that the server owes nothing more; again as in relayResponse.
func (p *port) messageEnd(start time.Time) (done, again bool) {
	p.mu.Lock()
	if p.owed > 0 || p.attention {
		p.mu.Unlock()
		return false, false
	}
	// Bytes beyond what was owed belong to nobody.
	p.unsure = p.unsure || p.dead || len(p.server.buffered()) > 0
	if p.discard {
		how := bucket.Used
		if p.unsure {
			how = bucket.Broken
		}
		p.mu.Unlock()
		_ = p.backend.Net.SetReadDeadline(time.Time{})
		p.end(how, nil)
		return true, false
	}
	handOver, dead := p.watching, p.dead
	p.watching, p.awaiting = false, false
	leave := p.draining && !p.inTx.Load() || p.unsure
	if leave {
		// Who watches the client must not send the server another request.
		p.setPhase(phaseDone)
	} else {
		p.setPhase(phaseIdle)
	}
	p.mu.Unlock()
	p.bucket.Metrics.QuerySeconds.Update(time.Since(start).Seconds())
	switch {
	case dead:
		e := p.loss(nil)
		p.countError(e.Cause.String())
		p.end(bucket.Broken, e)
	case leave && p.unsure:
		p.end(bucket.Broken, nil)
	case leave:
		p.end(bucket.Used, nil)
	}
	return true, !handOver && !leave
}

// stopWriting is called when a write to the client failed. It makes the rest
// of the response be read and dropped, having cancelled it, and returns true,
// or false if the session has ended.
func (p *port) stopWriting() bool {
	p.mu.Lock()
	done := p.phase == phaseDone
	already := p.discard
	p.mu.Unlock()
	if !done && !already {
		_ = p.client.conn.Close() // ends the goroutine that watches, if there is one
		p.clientLost(nil)
	}
	return !done
}

// responseBroken ends the session when the server's side failed while a
// response was owed. If the client has seen none of it yet, it gets an error
// to read; in the middle of a response nothing can be put in that would not
// look like data.
func (p *port) responseBroken(r *response, err error) {
	p.mu.Lock()
	over := p.ended
	silent := p.discard || r.started
	p.mu.Unlock()
	if silent && !over {
		e := p.loss(err)
		p.countError(e.Cause.String())
		p.end(bucket.Broken, lostTo(e))
		return
	}
	p.backendLost(true, err)
}

// awaitResponse lets the client be watched while a response is read: at once
// if it has already said more, else after a while.
func (p *port) awaitResponse(more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watching {
		return
	}
	p.awaiting = true
	switch {
	case more:
		p.spawnWatcher()
	case p.timer == nil:
		p.armed = true
		p.timer = time.AfterFunc(watchAfter, p.watchDue)
	case !p.armed:
		p.armed = true
		p.timer.Reset(watchAfter)
	}
}

// watchDue is called when the timer fires. The timer is not stopped when a
// response ends, nor set anew for each: it runs out, and then finds no response
// awaited, or one so young that it is set for the rest of its time.
func (p *port) watchDue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	if !p.awaiting {
		return
	}
	if left := watchAfter - time.Since(p.since); left > 0 {
		p.armed = true
		p.timer.Reset(left)
		return
	}
	p.spawnWatcher()
}

// spawnWatcher starts the second goroutine. It must be called with mu held. A
// timer that fired as its response ended finds awaiting unset: it is never set
// while a request is being read.
func (p *port) spawnWatcher() {
	if !p.awaiting || p.phase != phaseBusy || p.discard {
		return
	}
	p.watching, p.awaiting = true, false
	p.env.Ports.Add(1)
	go p.readClient()
}

func panicked(v any) error { return fmt.Errorf("session: panic: %v\n%s", v, debug.Stack()) }
