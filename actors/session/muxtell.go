package session

import (
	"errors"
	"time"

	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
)

// write sends the client a message of ours.
func (p *port) write(body []byte) {
	_ = p.tcp.SetWriteDeadline(time.Now().Add(p.env.CleanTimeout))
	err := writePackets(p.client.conn, tds.AppendMessage(nil, tds.PacketReply, 0, 0, p.mx.login.packetSize, body))
	_ = p.tcp.SetWriteDeadline(time.Time{})
	if err != nil {
		_ = p.tcp.Close() // who reads the client ends the session
	}
}

// acknowledge answers an attention that no server has got.
func (p *port) acknowledge() {
	p.write(tds.Done{Status: tds.DoneAttention, CurCmd: tds.CurCmdNone}.Append(nil, p.tokens))
}

// errorTokens is what the client of a request is told: our words, or the
// server's.
func (p *port) errorTokens(r *muxRequest, err error) []byte {
	var body []byte
	var refused *backend.LoginError
	var own *refusal.Error
	switch {
	case errors.As(err, &refused):
		body = refused.Tokens(nil, p.tokens)
		p.countError("login_refused")
	case errors.As(err, &own):
		body = p.refusalTokens(nil, own)
		p.countError(own.Cause.String())
	default:
		own = &refusal.Error{Cause: refusal.Internal, Bucket: p.bucket.ID, Node: p.env.Node}
		body = p.refusalTokens(nil, own)
		p.countError(own.Cause.String())
	}
	done := tds.Done{Status: tds.DoneError}
	if r.typ == tds.PacketRPC {
		done.Kind = tds.TokenDoneProc
	}
	return done.Append(body, p.tokens)
}

// tellFor answers a request with an error.
func (p *port) tellFor(r *muxRequest, err error) { p.write(p.errorTokens(r, err)) }

// refuseRequest answers a request that got no backend. The session lives on,
// unless the error is one at which clients hang up.
func (p *port) refuseRequest(r *muxRequest) deed {
	p.tellFor(r, r.err)
	own := (*refusal.Error)(nil)
	errors.As(r.err, &own)
	p.spentInVain(own)
	if own == nil || own.Cause.Describe().Closes {
		p.mu.Lock()
		p.cause = r.err
		p.mx.core.stage = over
		p.mu.Unlock()
		return deed{act: actEnd, how: bucket.Broken}
	}
	return p.step(event{what: hapWritten})
}

// drainLong reads the rest of a request that will not be served.
func (p *port) drainLong(r *muxRequest) {
	if r.whole {
		return
	}
	for {
		h, _, err := p.client.packet()
		if err != nil {
			return
		}
		p.client.take(h.Length)
		if h.EOM() {
			r.whole = true
			return
		}
	}
}

// answerHere answers a request without a server.
func (p *port) answerHere(r *muxRequest, body []byte) bool {
	p.drainLong(r)
	p.write(body)
	return p.rest(r)
}
