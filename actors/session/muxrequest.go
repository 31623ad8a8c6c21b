package session

import (
	"fmt"
	"sync"
	"time"

	"sluice/actors/prepared"
	"sluice/actors/statement"
	"sluice/tds"
)

// maxJudged is how much of a request is read before it gets a backend, in
// bytes of payload. Longer ones are judged to their end while they are passed on.
const maxJudged = 64 << 10

// muxRequest is what one request needs while it is served.
type muxRequest struct {
	port    *port
	typ     tds.PacketType
	status  tds.Status // of the first packet
	spid    uint16
	whole   bool // all of it is in buf
	ignored bool // the client took it back
	packets int  // in buf
	n       int  // bytes of payload in buf
	headers tds.AllHeaders
	err     error // why it cannot be served
	start   time.Time

	verdict  statement.Verdict
	judged   bool            // verdict is there
	scan     *statement.Scan // of what is too long
	rpc      prepared.Request
	handles  bool               // rpc is inspected, and plan has to see it
	pin      prepared.Pin       // asked for by prepared statements
	manager  tds.TransMgr       // of a transaction-manager request
	want     statement.Settings // that the backend must have
	reset    bool               // the client asks for a reset
	asksBase bool               // the server is to be asked what a login's settings are
	ourReset bool               // the request carries a reset that the client did not ask for
	fresh    bool               // the backend was taken for this request
	lost     bool               // track of the response
	inText   bool               // the text of the batch names handles
	rested   bool               // the session is idle again, perhaps at work on the next request
	held     []heldPacket       // packets that wait for the next one

	answer    muxAnswer
	cuts      []cut    // of the payload being fed
	state     int      // bytes of a SESSIONSTATE that were left out of the packets before
	doubt     question // what the backend is asked before it is known what the request left
	concluded event    // with doubt: what is known so far
	plan      prepared.Plan
	walker    tds.Walker

	buf [tds.HeaderSize + maxJudged]byte // room for a header, then payload
}

var muxRequests = sync.Pool{New: func() any { return new(muxRequest) }}

func (r *muxRequest) payload() []byte { return r.buf[tds.HeaderSize : tds.HeaderSize+r.n] }

// begin makes r ready for a request of p.
func (r *muxRequest) begin(p *port) {
	r.port, r.start = p, time.Now()
	r.whole, r.ignored, r.packets, r.n, r.headers, r.err = false, false, 0, 0, tds.AllHeaders{}, nil
	r.judged, r.scan, r.handles, r.pin = false, nil, false, ""
	r.reset, r.asksBase, r.ourReset, r.fresh, r.lost, r.rested, r.inText = false, false, false, false, false, false, false
	r.answer, r.cuts, r.state, r.doubt = muxAnswer{}, r.cuts[:0], 0, 0
}

// done gives r back.
func (r *muxRequest) done() {
	r.plan.End()
	if !r.rested { // the session has ended, or a panic is about to end it
		r.port.mu.Lock()
		x := r.port.mx
		x.serving = false
		x.handles.Close()
		r.port.mu.Unlock()
	}
	r.port, r.err, r.scan = nil, nil, nil
	r.verdict, r.rpc, r.want, r.manager = statement.Verdict{}, prepared.Request{}, statement.Settings{}, tds.TransMgr{}
	r.answer, r.held = muxAnswer{}, nil
	muxRequests.Put(r)
}

// readRequest takes the request that h begins out of the client's buffer, as
// far as there is room for it.
func (p *port) readRequest(r *muxRequest, h tds.Header) error {
	p.mu.Lock()
	p.setPhase(phaseBusy)
	p.mx.serving, p.mx.sent, p.mx.late = true, false, false
	p.mu.Unlock()
	p.requests.Add(1)
	inc(p.bucket.Metrics.Requests[h.Type])
	r.typ, r.status, r.spid = h.Type, h.Status, h.SPID
	for {
		h, packet, err := p.client.packet()
		switch {
		case err != nil:
			return err
		case h.Type != r.typ:
			return tds.ErrMixedMessage
		}
		n := h.Length - tds.HeaderSize
		if r.n+n > maxJudged {
			break
		}
		copy(r.buf[tds.HeaderSize+r.n:], packet[tds.HeaderSize:])
		r.n += n
		r.packets++
		p.countPacket(h)
		p.client.take(h.Length)
		if h.EOM() {
			r.whole, r.ignored = true, h.Status&tds.StatusIgnore != 0
			break
		}
	}
	r.reset = r.status&(tds.StatusReset|tds.StatusResetSkipTran) != 0 && r.typ != tds.PacketBulkLoad
	if r.typ == tds.PacketBulkLoad {
		return nil
	}
	var err error
	if r.headers, err = tds.DecodeAllHeaders(r.payload(), p.tokens); err != nil {
		return fmt.Errorf("%w: %w", errPacket, err)
	}
	return nil
}

// keepsTransaction tells that the reset which the client asks for leaves its
// transaction open (RESETCONNECTIONSKIPTRAN, MS-TDS 2.2.3.1.2). A reset of ours
// never does, and RESETCONNECTION wins if both bits are set.
func (r *muxRequest) keepsTransaction() bool {
	return r.reset && !r.ourReset && r.status&(tds.StatusReset|tds.StatusResetSkipTran) == tds.StatusResetSkipTran
}

// judge finds out what the request does to the session. An answer that is not
// nil is all the response that it needs.
func (p *port) judge(r *muxRequest) (answer []byte) {
	x := p.mx
	if r.reset {
		x.handles.Reset()
	}
	r.want = x.state.Settings
	if r.reset {
		r.want = r.want.AfterReset()
	}
	if r.ignored {
		return nil
	}
	pinned := p.pinnedCache()
	body := r.payload()[r.headers.Size:]
	j := &x.share.Judge
	switch r.typ {
	case tds.PacketSQLBatch:
		if r.whole {
			d := prepared.DecideText(body, &x.handles, pinned, p.tokens)
			if d.Answer != nil && p.answerable(r) {
				return d.Answer
			}
			r.pin = d.Pin
			r.inText = d.Pin == prepared.PinText && x.handles.Len() > 0
			if d.Text != "" {
				r.replaceText(tds.AppendUTF16(nil, d.Text))
				body = r.payload()[r.headers.Size:]
			}
			r.verdict, r.judged = j.Batch(body, true, r.want), true
			return nil
		}
		r.long(j.NewScan(statement.BatchText, r.want), body)
	case tds.PacketRPC:
		var err error
		if r.rpc, err = prepared.Inspect(r.payload(), r.whole, p.tokens); err != nil {
			r.pin = prepared.PinNotUnderstood
		} else {
			r.rpc.Open = x.core.open()
			d := prepared.Decide(&r.rpc, &x.handles, pinned)
			if d.Answer != nil && p.answerable(r) {
				return d.Answer
			}
			r.pin, r.handles = d.Pin, true
		}
		if r.whole {
			r.verdict, r.judged = j.RPC(body, true, r.want), true
			p.judgeStatement(r)
			return nil
		}
		r.long(j.NewScan(statement.RPCBody, r.want), body)
	case tds.PacketTransMgr:
		m, err := tds.DecodeTransMgr(r.payload(), p.tokens)
		if err != nil || !r.whole {
			r.pin = prepared.PinNotUnderstood
		}
		r.manager = m
	}
	return nil
}

// judgeStatement makes the verdict on a request that runs a prepared statement
// one on that statement. To prepare or to drop one runs nothing, and a text that
// is prepared and run at once has been judged as what it is; the handles that
// these leave behind are found by nobody but who has the numbers of ours for them.
func (p *port) judgeStatement(r *muxRequest) {
	if r.verdict.Effects&statement.Handles == 0 {
		return
	}
	if r.handles && r.pin == "" && r.rpc.Len() == 1 && (r.rpc.Whole || r.plan.OneCall()) {
		switch r.rpc.First.Proc {
		case tds.ProcPrepare, tds.ProcPrepExec, tds.ProcUnprepare:
			return
		case tds.ProcExecute:
			if text := r.rpc.First.Runs(); text != nil {
				r.verdict = p.mx.share.Judge.Text(text, true, r.want)
				return
			}
		}
	}
	r.verdict.Effects |= statement.Unseen
}

// answerable tells whether the request may be answered without a server: one
// that asks for a reset, or names a transaction, is checked first.
func (p *port) answerable(r *muxRequest) bool {
	return !r.reset && (r.headers.Transaction == 0 || r.headers.Transaction == p.mx.core.tran)
}

// long judges a request of which only the beginning is there.
func (r *muxRequest) long(s *statement.Scan, body []byte) {
	r.scan = s
	s.Feed(body)
}

// pinnedCache is the prepared statements of the backend that the session is
// pinned to, nil if it is not.
func (p *port) pinnedCache() *prepared.Cache {
	p.mu.Lock() // it may die just now
	defer p.mu.Unlock()
	if !p.mx.state.Pinned() || p.backend == nil {
		return nil
	}
	return p.mx.servedBy(p.backend).prepared
}

// replaceText puts another, shorter text in the place of the batch's.
func (r *muxRequest) replaceText(utf16 []byte) {
	at := r.headers.Size
	r.n = at + copy(r.buf[tds.HeaderSize+at:], utf16)
	r.packets = min(r.packets, 1)
}

// send sends what is buffered of the request, and whatever of it is still to
// come from the client.
func (p *port) sendRequest(r *muxRequest) (clientErr, serverErr error) {
	st := r.status &^ (tds.StatusEOM | tds.StatusReset | tds.StatusResetSkipTran)
	switch {
	case r.ourReset:
		st |= tds.StatusReset
	case r.reset:
		st |= r.status & (tds.StatusReset | tds.StatusResetSkipTran)
	}
	if r.whole && r.packets == 1 {
		tds.Header{Type: r.typ, Status: st | tds.StatusEOM, Length: tds.HeaderSize + r.n, SPID: r.spid, PacketID: 1}.Append(r.buf[:0])
		return nil, p.server.send(r.buf[:tds.HeaderSize+r.n])
	}
	if r.whole {
		return nil, p.server.send(tds.AppendMessage(nil, r.typ, st, r.spid, p.mx.login.packetSize, r.payload()))
	}
	clientErr, serverErr = p.sendLong(r, st)
	if r.scan != nil && r.whole {
		r.verdict, r.judged = r.scan.End(), true
		p.judgeStatement(r)
	}
	return clientErr, serverErr
}
