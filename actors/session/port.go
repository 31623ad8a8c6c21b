package session

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
)

// phase is what a session's port is about.
type phase uint8

const (
	phaseLogin      phase = iota // handshake, waiting for a backend, answering the login
	phaseLoginRelay              // a login of several legs is relayed
	phaseIdle                    // the client's turn
	phaseBusy                    // the server's turn
	phaseDone
)

func (p phase) String() string {
	return [...]string{"login", "login relay", "idle", "busy", "done"}[p]
}

// port is the part of a session that touches its sockets.
//
// Most of the time one goroutine serves it: it waits for the client's request,
// passes it on, and passes the response back. Only while a response keeps the
// client waiting longer than watchAfter does a second one look for an
// attention, or for the client leaving. When the response ends, the one that
// watches the client goes on as the one goroutine, and the one that read the
// server ends: nobody's read has to be broken off. A session whose client has
// been idle for a while has no goroutine at all.
type port struct {
	env   *Env
	actor Ref
	tcp   *net.TCPConn
	born  time.Time

	client  source
	server  source
	who     identity
	tokens  tds.Version
	bucket  *Bucket
	lease   *bucket.Lease
	hello   *tds.Login7   // until the login is answered
	backend *backend.Conn // the server's side, from the lease or dialled within it
	mx      *muxed        // in transaction pooling, else nil
	watched *observed     // where pooling by session is watched, else nil
	console *console      // where the node itself is the server, else nil

	mu        sync.Mutex
	phase     phase
	since     time.Time // of the phase
	times     tally
	asked     time.Duration // when a backend was asked for, from born on; 0: none is
	owed      int           // responses the server has yet to finish
	attention bool          // one was passed on and not acknowledged yet
	unsure    bool          // attention met pipelined requests: the count may be off
	discard   bool          // the client is gone: read to the end of the response, write nothing
	watching  bool          // the other goroutine reads the client
	awaiting  bool          // a response is being read and nobody reads the client: one may start to
	draining  bool
	drainFor  refusal.Cause
	dead      bool // the server has hung up, as the bucket says
	used      bool // something was sent to the backend
	timer     *time.Timer
	armed     bool // timer runs
	doze      doze
	ended     bool
	relaying  bool       // a relayed login holds a socket that end cannot see
	farewell  *portEnded // told when relaying is over
	cause     error      // why the session ends, if not by the client

	inTx     atomic.Bool  // as far as requests and responses tell, erring on this side
	txSince  atomic.Int64 // when it was set, in nanoseconds after born
	requests atomic.Uint64
}

// identity is who the client said it is.
type identity struct{ user, database, app, host string }

// watchAfter is how long a response may take before the client is watched for
// an attention. Most responses are quicker; for them not even the timer is
// touched.
const watchAfter = 20 * time.Millisecond

// setPhase must be called with mu held. A session that has ended stays so.
func (p *port) setPhase(ph phase) {
	if p.phase != phaseDone {
		now := time.Now()
		p.account(now)
		p.phase, p.since = ph, now
	}
}

// readClient is the loop of the goroutine that reads the client.
func (p *port) readClient() {
	defer p.env.Ports.Done()
	defer p.recovered()
	for {
		h, packet, err := p.client.packet()
		if err != nil {
			disturbed, asleep := p.drowsy(err)
			if disturbed && !asleep {
				continue
			}
			if !asleep {
				p.clientLost(err)
			}
			return
		}
		if !p.clientPacket(h, packet) {
			return
		}
	}
}

// clientPacket handles the first packet of a message of the client. It returns
// false if this goroutine is no longer the one that reads the client.
func (p *port) clientPacket(h tds.Header, packet []byte) bool {
	p.mu.Lock()
	p.settleDown()
	switch {
	case p.phase == phaseDone:
		p.mu.Unlock()
		return false
	case p.console != nil && p.phase == phaseIdle:
		p.mu.Unlock()
		return p.consolePacket(h)
	case p.phase == phaseLoginRelay && (h.Type == tds.PacketSSPI || h.Type == tds.PacketFedAuthToken):
		p.mu.Unlock()
		return p.forward(h) == nil
	case p.mx != nil && p.phase != phaseLogin:
		return p.muxPacket(h)
	case h.Type == tds.PacketAttention && (p.phase == phaseIdle || p.phase == phaseBusy):
		return p.clientAttention(h, packet)
	case p.phase == phaseIdle && h.Type.IsRequest():
		p.setPhase(phaseBusy)
		p.owed, p.used = 1, true
		p.mu.Unlock()
		p.noteRequest(h, packet)
		if p.forward(h) != nil {
			return false
		}
		return p.relayResponse()
	case p.phase == phaseBusy && h.Type.IsRequest():
		// No driver sends a request before the last one is answered, but the
		// protocol lets it: the server queues it.
		p.owed++
		p.unsure = p.unsure || p.attention
		p.mu.Unlock()
		p.noteRequest(h, packet)
		return p.forward(h) == nil
	}
	ph := p.phase
	p.mu.Unlock()
	p.protocolError(h, ph)
	return false
}

// clientAttention passes an attention on. It is called with mu held.
func (p *port) clientAttention(h tds.Header, packet []byte) bool {
	idle := p.phase == phaseIdle
	if idle {
		// The response it was meant for is over; the server acknowledges it
		// all the same (MS-TDS 3.3.5.9).
		p.setPhase(phaseBusy)
		p.owed = 0
	}
	inc(p.bucket.Metrics.Cancels)
	again := p.attention // a second one before the first is acknowledged: one answer for both
	p.attention, p.used = true, true
	p.unsure = p.unsure || p.owed > 1
	p.mu.Unlock()
	if again {
		p.client.take(len(packet))
	} else if p.forward(h) != nil {
		return false
	}
	if idle {
		return p.relayResponse()
	}
	return true
}

// noteRequest keeps what a request's first packet tells. It decodes what a
// client sent and is therefore not called with mu held: a panic must find the
// lock free.
func (p *port) noteRequest(h tds.Header, packet []byte) {
	p.requests.Add(1)
	inc(p.bucket.Metrics.Requests[h.Type])
	if p.watched != nil {
		p.watched.request(p, h, packet)
	}
	if h.Type == tds.PacketBulkLoad {
		return
	}
	payload := packet[tds.HeaderSize:]
	a, err := tds.DecodeAllHeaders(payload, p.tokens)
	if err != nil || !p.tokens.AtLeast(tds.V72) {
		if err != nil {
			p.setInTx(true)
		}
		return
	}
	p.setInTx(a.Transaction != 0)
	if h.Type != tds.PacketTransMgr || len(payload) < a.Size+2 {
		return
	}
	switch tds.TransMgrType(payload[a.Size]) {
	case tds.TMCommit, tds.TMRollback:
		t, err := tds.DecodeTransMgr(payload, p.tokens)
		p.setInTx(err != nil || t.BeginNext || t.Type == tds.TMRollback && t.Name != "")
	default:
		p.setInTx(true)
	}
}

// forward passes a message of the client on, whole packets at a time, from its
// first packet to its last. On an error the session has been ended.
func (p *port) forward(h tds.Header) error {
	typ := h.Type
	for {
		p.countPacket(h)
		if h.Type != typ {
			p.end(bucket.Broken, tds.ErrMixedMessage)
			return tds.ErrMixedMessage
		}
		// Packets that are there already go out in one write.
		eom, n := h.EOM(), h.Length
		for b := p.client.buffered(); !eom && len(b)-n >= tds.HeaderSize; {
			next, err := tds.ParseHeader(b[n:])
			if err != nil || next.Type != typ || len(b)-n < next.Length {
				break
			}
			p.countPacket(next)
			n += next.Length
			eom = next.EOM()
		}
		if p.watched != nil {
			p.watched.passed(p.client.buffered()[:n])
		}
		if err := p.server.send(p.client.buffered()[:n]); err != nil {
			p.unwritable(eom, err)
			return err
		}
		p.client.take(n)
		if eom {
			return nil
		}
		var err error
		if h, _, err = p.client.packet(); err != nil {
			p.end(bucket.Broken, err) // part of a request has been sent
			return err
		}
	}
}

func (p *port) protocolError(h tds.Header, ph phase) {
	e := &refusal.Error{Cause: refusal.Protocol, Node: p.env.Node, Detail: "unexpected packet of type " + h.Type.String() + " while " + ph.String()}
	how := bucket.Broken
	switch {
	case ph == phaseLogin:
		how = bucket.Unused
	case ph == phaseIdle:
		p.tell(e)
		if how = bucket.Used; !p.used {
			how = bucket.Unused
		}
	}
	p.end(how, e)
}

// end ends the session, once: the actor is told how the backend is left, and
// the client's socket is closed, which wakes whoever reads it.
func (p *port) end(how bucket.GiveBack, err error) {
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		return
	}
	p.ended = true
	if p.cause != nil {
		err = p.cause
	}
	p.setPhase(phaseDone)
	if p.timer != nil {
		p.timer.Stop()
	}
	p.stopDozing()
	var shared *bucket.Lease
	if p.mx != nil {
		shared, how = p.muxEnded(how)
	}
	own := p.backend
	if p.lease != nil && p.lease.Conn != nil {
		own = nil // the bucket's to clean or close
	}
	last := portEnded{how: how, err: err}
	waits := p.relaying
	if waits {
		p.farewell = &last
	}
	p.mu.Unlock()
	p.release(shared, how)
	p.closeClient()
	if waits {
		return // its slot is not free before its socket is closed
	}
	if own != nil {
		own.Close()
		p.lease.Freed()
	}
	p.bid(last)
}

func (p *port) hasEnded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// bid tells the actor that the port has ended.
func (p *port) bid(last portEnded) {
	if p.actor.Tell(last) != nil {
		p.actor.Stop(last.err) // its lease comes back by the death watch
	}
}

// closeClient closes the client's socket, over TLS with a close_notify.
func (p *port) closeClient() { _ = p.client.conn.Close() }

// recovered ends a session whose goroutine panicked; the process lives on.
func (p *port) recovered() {
	if v := recover(); v != nil {
		p.end(bucket.Broken, panicked(v))
	}
}
