package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
)

// maxLoginLegs bounds the messages of a relayed login; NTLM has three legs and
// Kerberos with mutual authentication fewer.
const maxLoginLegs = 16

// relayLogin serves a login whose credentials only the client and the server
// understand: the session opens a connection of its own, within the slot of
// its lease, and both sides talk until the server says yes or no.
func (p *port) relayLogin(l *bucket.Lease) {
	ctx := context.Background()
	if d := l.Target.ConnectTimeout; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	hello := p.hello
	login := relayedLogin(hello)
	_, fedAuth := hello.Feature(tds.FeatureFedAuth)
	defer p.endRelaying()
	var w *backend.Wire
	handedOver := false // to the port, whose end closes it
	defer func() {
		if !handedOver {
			if w != nil {
				w.Close()
			}
			l.Freed()
		}
	}()
	ctx, err := l.Begin(ctx)
	if err != nil {
		p.endRelay(err)
		return
	}
	if w, err = backend.Open(ctx, l.Target, l.Target.Address, fedAuth); err != nil {
		l.Freed() // before the client is told, which may take its time
		p.endRelay(p.relayFailed(l, err))
		return
	}
	if !l.Opened(w.Abort) { // lost meanwhile; what is sent from here on fails
		w.Abort()
		l.Freed()
	}
	echoFedAuth(&login, w.PreLogin)
	if err := w.SendLogin(&login); err != nil {
		p.endRelay(p.relayFailed(l, err))
		return
	}
	conn := w.Conn(p.tokens)
	conn.Watch(p.env.Watcher, func() { _ = p.actor.Tell(backendDied{l}) })
	if p.begin(l, conn) == nil {
		return
	}
	handedOver = true
	p.endRelaying() // from here on end closes the connection
	p.mu.Lock()
	p.setPhase(phaseLoginRelay)
	p.used = true
	p.mu.Unlock()
	for range maxLoginLegs {
		_ = conn.Net.SetReadDeadline(time.Now().Add(p.env.LoginTimeout))
		m, err := tds.ReadMessage(conn.Net, nil, tds.MaxLogin7)
		if err != nil {
			p.endRelay(p.relayFailed(l, err))
			return
		}
		_ = conn.Net.SetReadDeadline(time.Time{}) // the last leg may be followed by anything at once
		done, err := p.relayLeg(conn, m, hello)
		if err != nil {
			p.endRelay(err)
			return
		}
		if done {
			return
		}
	}
	p.endRelay(&refusal.Error{Cause: refusal.Protocol, Bucket: p.bucket.ID, Node: p.env.Node, Detail: "the login does not end"})
}

// beginRelay keeps the session's end from freeing its slot while relayLogin
// opens a connection.
func (p *port) beginRelay() {
	p.mu.Lock()
	p.relaying = true
	p.mu.Unlock()
}

func (p *port) endRelaying() {
	p.mu.Lock()
	last := p.farewell
	p.relaying, p.farewell = false, nil
	p.mu.Unlock()
	if last != nil {
		p.bid(*last)
	}
}

// relayLeg passes one message of the server on. done says that the login has
// succeeded.
func (p *port) relayLeg(conn *backend.Conn, m tds.Message, hello *tds.Login7) (done bool, err error) {
	ack, refused, err := loginOutcome(m.Payload, p.tokens)
	if err != nil {
		return false, &refusal.Error{Cause: refusal.BackendUnavailable, Bucket: p.bucket.ID, Node: p.env.Node, Err: err, Detail: "unreadable login response"}
	}
	if ack {
		p.mu.Lock()
		p.hello = nil
		p.setPhase(phaseIdle)
		p.mu.Unlock()
		if hello.NewPassword != "" {
			// If it does not arrive, the old password goes on to work until reverify_after.
			_ = p.bucket.Governor.Tell(bucket.Forget{User: hello.UserName})
		}
		p.env.Metrics.LoginSeconds.Update(time.Since(p.born).Seconds())
	}
	msg := tds.AppendMessage(nil, tds.PacketReply, 0, m.SPID, tds.DefaultPacketSize, m.Payload)
	if err := writePackets(p.client.conn, msg); err != nil {
		return false, &lost{"client", err}
	}
	if refused != nil {
		return false, refused
	}
	if ack {
		p.catchUp()
	}
	return ack, nil
}

// loginOutcome tells whether a login response accepts or refuses the login; if
// neither, it is the client's turn.
func loginOutcome(payload []byte, v tds.Version) (ack bool, refused *backend.LoginError, err error) {
	for len(payload) > 0 {
		t, body, rest, err := tds.NextToken(payload, v)
		if err != nil {
			return false, nil, err
		}
		payload = rest
		switch t {
		case tds.TokenLoginAck:
			ack = true
		case tds.TokenError:
			e, err := tds.DecodeServerError(body, v)
			if err != nil {
				return false, nil, err
			}
			if refused == nil {
				refused = &backend.LoginError{}
			}
			refused.Errors = append(refused.Errors, e)
		case tds.TokenEnvChange:
			e, err := tds.DecodeEnvChange(body)
			if err != nil {
				return false, nil, err
			}
			if e.Type == tds.EnvRouting || e.Type == tds.EnvEnhancedRouting {
				// The client must not go there by itself, and what it has sent
				// as credentials is good for this server only.
				return false, nil, fmt.Errorf("the server redirects this login to %s", e.Routing.Server)
			}
		}
	}
	if ack {
		refused = nil
	}
	return ack, refused, nil
}

// relayedLogin is the login as the server gets it: the client's own, but for
// what a proxy cannot keep (session recovery, redirects) and a TDS version
// that belongs to the client's TLS.
func relayedLogin(l *tds.Login7) tds.Login7 {
	r := *l
	if v, err := l.Version.Normalize(); err == nil {
		r.Version = v.Tokens()
	}
	r.Features = slices.DeleteFunc(slices.Clone(l.Features), func(f tds.Feature) bool {
		return f.ID == tds.FeatureSessionRecovery || f.ID == tds.FeatureEnhancedRouting
	})
	return r
}

// echoFedAuth makes the fEcho bit of a FEDAUTH feature agree with what this
// server, not this node, said in its PRELOGIN answer (MS-TDS 2.2.6.4).
func echoFedAuth(l *tds.Login7, answer tds.PreLogin) {
	for i, f := range l.Features {
		if f.ID == tds.FeatureFedAuth && len(f.Data) > 0 {
			data := slices.Clone(f.Data)
			data[0] = data[0]&^1 | answer.FedAuthRequired&1
			l.Features[i].Data = data
		}
	}
}

// relayFailed is what a client is told when the server's side of its relayed
// login failed.
func (p *port) relayFailed(l *bucket.Lease, err error) error {
	cause := refusal.BackendUnavailable
	if l.Lost() {
		cause = refusal.SlotLost
	}
	return &refusal.Error{Cause: cause, Bucket: p.bucket.ID, Node: p.env.Node, Err: err}
}

// endRelay ends a relayed login that failed. A client that has not been told
// by the server is told by us, before the server's side is closed: with that
// gone, what the client sends next would fail for another reason.
func (p *port) endRelay(err error) {
	var refused *backend.LoginError
	var gone *lost
	var own *refusal.Error
	if !errors.As(err, &refused) && !errors.As(err, &gone) && errors.As(err, &own) && !p.hasEnded() {
		p.countError(own.Cause.String())
		p.tell(own)
	}
	p.end(bucket.Gone, err)
}
