package session

import (
	"errors"
	"io"
	"time"

	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
)

// unwritable is called when a request could not be passed on. While a response
// is being read its reader is the one to tell the client: what this goroutine
// wrote would end up in the middle of that response.
func (p *port) unwritable(requestRead bool, err error) {
	p.mu.Lock()
	reading := p.watching
	p.mu.Unlock()
	if reading {
		p.backend.Abort() // wakes the reader
		return
	}
	p.backendLost(requestRead, err)
}

// backendLost ends the session because the server cannot be written to or
// read from, telling the client if it is the client's turn to listen.
func (p *port) backendLost(requestRead bool, err error) {
	if p.hasEnded() {
		return // and its backend was closed
	}
	if !requestRead {
		p.drainRequest()
	}
	e := p.loss(err)
	p.tell(e)
	p.countError(e.Cause.String())
	p.end(bucket.Broken, lostTo(e))
}

// lostTo is what the log has of a loss.
func lostTo(e *refusal.Error) error {
	if e.Cause == refusal.SlotLost {
		return &lost{"slot", e.Err}
	}
	return &lost{"backend", e.Err}
}

// loss is why the server's side is gone: the server closed or broke it, or the
// bucket did because it has lost the slot.
func (p *port) loss(err error) *refusal.Error {
	cause := refusal.BackendLost
	if p.lease.Lost() {
		cause = refusal.SlotLost
	}
	return &refusal.Error{Cause: cause, Bucket: p.bucket.ID, Node: p.env.Node, Err: err}
}

// drainRequest reads the rest of a request that will not be served, so that
// the client is ready to read why.
func (p *port) drainRequest() {
	_ = p.tcp.SetReadDeadline(time.Now().Add(p.env.CleanTimeout))
	for {
		h, _, err := p.client.packet()
		if err != nil {
			return
		}
		p.client.take(h.Length)
		if h.EOM() {
			return
		}
	}
}

// refusalTokens appends the tokens of an error of ours. Whoever made it may not
// have known where it happened: every error names the node, and the bucket
// where there is one.
func (p *port) refusalTokens(dst []byte, e *refusal.Error) []byte {
	bucketID := ""
	if p.bucket != nil {
		bucketID = p.bucket.ID
	}
	return e.At(p.env.Node, bucketID).Tokens(dst, p.tokens, p.env.ErrorStyle)
}

// tell sends the client an error message of ours.
func (p *port) tell(e *refusal.Error) {
	body := p.refusalTokens(nil, e)
	body = tds.Done{Status: tds.DoneError}.Append(body, p.tokens)
	_ = p.tcp.SetWriteDeadline(time.Now().Add(p.env.CleanTimeout))
	_ = writePackets(p.client.conn, tds.AppendMessage(nil, tds.PacketReply, 0, 0, tds.DefaultPacketSize, body))
}

// lost says which side broke off.
type lost struct {
	side string
	err  error
}

func (l *lost) Error() string { return l.side + " lost: " + l.err.Error() }
func (l *lost) Unwrap() error { return l.err }

// clientLost is called when the client cannot be read from, or written to, any more.
func (p *port) clientLost(err error) {
	if errors.Is(err, io.EOF) {
		err = nil // hung up between messages, as clients do
	}
	if p.mx != nil {
		p.muxClientLost(err)
		return
	}
	p.mu.Lock()
	ph := p.phase
	if ph == phaseDone {
		p.mu.Unlock()
		return // who set it ends the session and knows in what state the backend is
	}
	if ph != phaseBusy {
		how := bucket.Unused
		if p.used {
			how = bucket.Used
		}
		if ph == phaseLoginRelay {
			how = bucket.Broken
		}
		p.mu.Unlock()
		if err != nil {
			err = &lost{"client", err}
		}
		p.end(how, err)
		return
	}
	// A response is being read: cancel what there is still to come of it, and
	// let its reader go on to the end.
	p.discard, p.watching = true, false
	cancel := !p.attention && p.owed > 0
	p.attention = p.attention || cancel
	p.unsure = p.unsure || p.owed > 1
	p.mu.Unlock()
	// A client that has stopped to read would block the response's writer.
	_ = p.tcp.Close()
	_ = p.backend.Net.SetReadDeadline(time.Now().Add(p.env.CleanTimeout))
	if cancel {
		inc(p.bucket.Metrics.Abandoned)
		// If the write fails the reader of the response finds out as well.
		_ = p.server.send(tds.AppendAttention(nil))
	}
}
