package session

import (
	"errors"
	"fmt"
	"math"
	"time"

	"sluice/actors/prepared"
	"sluice/actors/refusal"
	"sluice/actors/statement"
	"sluice/tds"
)

// attach makes the backend ready for the request: its session gets the
// client's settings, and is reset if it could show the client something of
// another's. Statements that the request needs are prepared.
func (p *port) attach(r *muxRequest) deed {
	c := p.backend
	s := p.mx.servedBy(c)
	r.fresh = !p.mx.core.kept
	sql, batchReset := "", false
	var err error
	if r.fresh {
		sql, batchReset = p.arrange(r, s)
		if r.asksBase {
			r.asksBase, r.ourReset = false, false
			if err = p.askBase(r, s); err == nil {
				sql, batchReset = p.arrange(r, s)
			}
		}
	}
	p.between(r, s)
	if err == nil && r.fresh && s.prepared.Due() {
		err = p.freeHandles(r, s)
	}
	if err == nil && (sql != "" || batchReset) {
		err = p.arrangeBy(r, s, sql, batchReset)
	}
	if err == nil && r.inText && r.ourReset {
		// The reset must come before the handles that the text is to name.
		r.ourReset = false
		err = p.arrangeBy(r, s, resetAlone, true)
	}
	if r.ourReset {
		inc(p.bucket.Metrics.Resets)
	}
	if r.reset || r.ourReset {
		s.prepared.Forget()
	}
	if err == nil && r.inText && !r.reset {
		err = p.rewriteText(r, s)
	}
	var answer []byte
	rolledBack := false
	if err == nil && r.handles {
		answer, rolledBack, err = p.prepareStatements(r, s)
	}
	switch {
	case err != nil:
		r.err = &refusal.Error{Cause: refusal.BackendLost, Bucket: p.bucket.ID, Node: p.env.Node, Err: err, Detail: "a connection could not be made ready"}
		p.env.Log.Warn("backend could not be made ready and is closed", "bucket", p.bucket.ID, "err", err)
		return p.step(event{what: hapUnready})
	case answer != nil:
		s.left |= statement.Unseen
		return p.answeredEarly(answer, rolledBack)
	}
	return p.step(event{what: hapReady})
}

// nobody is the owner of a backend that was made ready for a request which was
// not sent: what is left there is not the client's, and no more as its owner
// knows it.
const nobody = math.MaxUint64

// between notes what is to be thought of the backend if the request is given up
// before it is sent. The owner changes with the request (runRequest).
func (p *port) between(r *muxRequest, s *served) {
	if c := &p.backend.Session; c.Owner != 0 && c.Owner != uint64(p.actor.ID()) {
		c.Owner = nobody
		if s.prepared.Len()+s.prepared.Garbage() > 0 {
			s.left |= statement.Handles
		}
	}
	if r.reset || r.ourReset {
		s.left |= statement.Unseen // as it still is, and its handles forgotten
	}
}

// arrange decides how a backend that the session did not hold gets the
// settings it must have: by a batch with the text sql, which resets it first
// if reset is set, or by the request's own reset alone.
func (p *port) arrange(r *muxRequest, s *served) (sql string, reset bool) {
	x := p.mx
	if r.reset {
		// The request resets by itself; what survives that must be right before.
		from := x.login.afterReset(s.settings)
		if from == r.want {
			return "", false
		}
		if sql, _ = statement.Replay(from, r.want, x.login.base); sql == "" {
			sql = resetAlone
		}
		return sql, true
	}
	me := uint64(p.actor.ID())
	owner := p.backend.Session.Owner
	// The session's own backend may be reset too, for its settings' sake; what
	// it held of the client's is not there any more than in another one.
	unread := !r.judged && r.typ != tds.PacketTransMgr
	leaks := owner != me && (s.left&statement.Unseen != 0 || owner != 0 && (unread || r.verdict.Effects&(statement.ReadsLast|statement.Unseen) != 0))
	// What is not seen may name any statement that is prepared there.
	leaks = leaks || s.left&statement.Handles != 0 && (unread || r.verdict.Effects&statement.Unseen != 0)
	if !leaks {
		if s.settings == r.want {
			return "", false
		}
		if text, ok := statement.Replay(s.settings, r.want, x.login.base); ok {
			return text, false
		}
		// Only where a reset that comes with the request would not do as well.
		if s.prepared.Len() > 0 || x.login.afterReset(s.settings) != r.want {
			base, valid, ask := x.share.bases.of(&x.login.key, time.Now())
			if valid {
				if text, ok := statement.Replay(s.settings, r.want, base); ok {
					return text, false
				}
			}
			r.asksBase = ask
		}
	}
	from := x.login.afterReset(s.settings)
	if from != r.want {
		sql, _ = statement.Replay(from, r.want, x.login.base)
		if sql != "" {
			return sql, true
		}
	}
	if r.headers.Transaction != 0 || r.typ == tds.PacketBulkLoad {
		return resetAlone, true // cannot be: a backend is taken outside of transactions only
	}
	r.ourReset = true
	return "", false
}

// resetAlone is the text of a batch that is there for its reset.
const resetAlone = "IF @@TRANCOUNT > 0 ROLLBACK"

// errNotArranged says that a server did not take over a client's settings.
var errNotArranged = errors.New("session: settings were not taken")

// arrangeBy runs a batch of ours on the backend and reads its answer.
func (p *port) arrangeBy(r *muxRequest, s *served, sql string, reset bool) error {
	status := tds.Status(0)
	if reset {
		s.prepared.Forget()
		status = tds.StatusReset
	}
	body := tds.SQLBatch{Text: sql}.Append(nil, p.tokens)
	inc(p.bucket.Metrics.Replays)
	seen := arranged{}
	if err := p.aside(tds.PacketSQLBatch, status, body, &seen, &r.walker); err != nil {
		return err
	}
	switch {
	case seen.failed != nil:
		return fmt.Errorf("%w: %w", errNotArranged, seen.failed)
	case reset && !seen.reset:
		return errNotReset
	}
	s.settings = r.want
	if reset {
		s.left = 0
		p.backend.Session.Owner = 0
	}
	return nil
}

var errNotReset = errors.New("session: a reset was not acknowledged")

// arranged follows the response to a batch of ours.
type arranged struct {
	version tds.Version
	reset   bool
	failed  error
	// rolledBack says that the open transaction was, by an error.
	rolledBack bool
	plan       *prepared.Plan
	recovery   *statement.Recovery // of the connection
	keep       bool                // the payload, in kept
	kept       []byte
}

// maxKept bounds the answer to a question of ours, in bytes.
const maxKept = 16 << 10

// Token implements tds.Handler.
func (a *arranged) Token(t tds.Token, body []byte, _ int) error {
	switch t {
	case tds.TokenEnvChange:
		if len(body) > 0 {
			switch tds.EnvType(body[0]) {
			case tds.EnvResetConnection:
				a.reset = true
				a.recovery.Reset()
			case tds.EnvBeginTransaction:
				a.failed = errors.New("it began a transaction")
			case tds.EnvRollbackTransaction:
				a.rolledBack = true
			}
		}
	case tds.TokenSessionState:
		s, err := tds.DecodeSessionState(body)
		if err != nil {
			return err
		}
		a.recovery.Apply(s)
	case tds.TokenError:
		if a.plan == nil && a.failed == nil {
			if e, err := tds.DecodeServerError(body, a.version); err == nil {
				a.failed = e
			} else {
				a.failed = err
			}
		}
	}
	if a.plan != nil {
		return a.plan.BeforeToken(t, body)
	}
	return nil
}

// freeHandles drops statements at the server that nobody wants any more. Errors
// in its answer do not matter.
func (p *port) freeHandles(r *muxRequest, s *served) error {
	b := s.prepared.Cleanup(nil, p.tokens)
	if b == nil {
		return nil
	}
	return p.aside(tds.PacketRPC, 0, b, &arranged{}, &r.walker)
}

// prepareStatements makes the request's prepared statements ready on the
// backend. An answer that is not nil is the whole response to the request.
func (p *port) prepareStatements(r *muxRequest, s *served) (answer []byte, rolledBack bool, err error) {
	x := p.mx
	scope := prepared.Scope{Database: r.want.Database(), Settings: r.want.Fingerprint()}
	r.plan.Prepare(r.payload(), &r.rpc, &x.handles, s.prepared, scope, x.core.tran)
	b := r.plan.Before()
	if b == nil {
		return nil, false, nil
	}
	seen := arranged{plan: &r.plan}
	status := tds.Status(0)
	switch {
	case r.ourReset:
		status = tds.StatusReset
	case r.reset:
		// The client's own reset comes with its request, after which what is
		// prepared now would be gone.
		return nil, false, errResetOfHandles
	}
	if err := p.aside(tds.PacketRPC, status, b, &seen, &r.walker); err != nil {
		return nil, false, err
	}
	if r.ourReset {
		if !seen.reset {
			return nil, false, errNotReset
		}
		r.ourReset = false
		s.settings, s.left = x.login.afterReset(s.settings), 0
		p.backend.Session.Owner = 0
	}
	answer, err = r.plan.BeforeEnd(r.payload(), &r.rpc)
	return answer, seen.rolledBack, err
}

// answeredEarly answers a request whose statement the server would not prepare.
func (p *port) answeredEarly(answer []byte, rolledBack bool) deed {
	p.mu.Lock()
	x := p.mx
	if rolledBack {
		x.state.TransactionDone(true, false)
		x.core.step(event{what: hapEnded})
		p.setInTx(false)
	}
	d := x.core.step(event{what: hapAnswered, pinned: x.state.Pinned()})
	p.mu.Unlock()
	if d.act == actEnd {
		return d
	}
	if d.back {
		p.giveBack(d.how)
	}
	p.write(answer)
	return p.step(event{what: hapWritten})
}

var errResetOfHandles = errors.New("session: a reset with a prepared statement")

// aside runs a request of ours on the backend and reads its response to the end.
func (p *port) aside(typ tds.PacketType, status tds.Status, body []byte, h *arranged, w *tds.Walker) error {
	h.version, h.recovery = p.tokens, &p.mx.servedBy(p.backend).recovery
	_ = p.backend.Net.SetDeadline(time.Now().Add(p.env.CleanTimeout))
	if err := p.server.send(tds.AppendMessage(nil, typ, status, 0, p.mx.login.packetSize, body)); err != nil {
		return err
	}
	p.followBy(w, h)
	for {
		head, packet, err := p.server.packet()
		if err != nil {
			return err
		}
		if head.Type != tds.PacketReply {
			return fmt.Errorf("%w: %v from the server", errPacket, head.Type)
		}
		if err := w.Feed(packet[tds.HeaderSize:]); err != nil {
			return err
		}
		if h.keep {
			if len(h.kept)+len(packet) > maxKept {
				return fmt.Errorf("%w: a long answer", errPacket)
			}
			h.kept = append(h.kept, packet[tds.HeaderSize:]...)
		}
		eom := head.EOM()
		p.server.take(head.Length)
		if !eom {
			continue
		}
		if err := w.EndOfMessage(); err != nil {
			return err
		}
		if len(p.server.buffered()) > 0 {
			return fmt.Errorf("%w: more than was asked for", errPacket)
		}
		return p.backend.Net.SetDeadline(time.Time{})
	}
}
