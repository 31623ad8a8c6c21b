package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
)

// tally is where a session's time went. It is guarded by its port's mu. Times
// overlap: who is in a transaction is idle or served as well.
type tally struct {
	idle    time.Duration // the client's turn
	busy    time.Duration // the client's request is under way
	tran    time.Duration // in a transaction
	pinned  time.Duration // its backend could not be given back
	queued  time.Duration // waiting for a backend
	opening time.Duration // waiting for a backend login
	longest time.Duration // of queued at once
	waits   uint32        // how often it had to wait in the queue
}

// account adds the time since the phase began to where it belongs. It must be
// called with mu held, before the phase changes. Whether the client was in a
// transaction, or pinned, is taken to be as it is at the end.
func (p *port) account(now time.Time) {
	took := now.Sub(p.since)
	switch p.phase {
	case phaseIdle:
		p.times.idle += took
	case phaseBusy:
		p.times.busy += took
	default:
		return
	}
	if p.inTx.Load() {
		p.times.tran += took
	}
	if p.mx != nil && len(p.mx.shown) > 0 {
		p.times.pinned += took
	}
}

// waitBegins notes that a backend is asked for. It must be called with mu held.
func (p *port) waitBegins() { p.asked = max(time.Since(p.born), 1) }

// waitOver notes the answer. It must be called with mu held.
func (p *port) waitOver(g bucket.Grant) {
	if p.asked == 0 {
		return
	}
	took := time.Since(p.born) - p.asked
	p.asked = 0
	var queued time.Duration
	own := (*refusal.Error)(nil)
	switch {
	case g.Lease != nil:
		queued = min(g.Lease.Waited, took)
	case errors.As(g.Err, &own):
		queued = min(own.Waited, took)
	case errors.Is(g.Err, bucket.ErrWithdrawn):
		queued = took
	}
	if g.Lease == nil || !g.Lease.Warm {
		p.times.opening += took - queued
	}
	if queued > 0 {
		p.times.queued += queued
		p.times.longest = max(p.times.longest, queued)
		p.times.waits++
	}
}

// logEnd writes the one line about a session that has ended, if there is one
// to write: it failed, it once waited long, it is one of the sample, or
// everything is logged. For others nothing is allocated.
func (s *Session) logEnd(err error) {
	r := s.env.Routing.Load()
	p := s.port
	p.mu.Lock()
	spent := p.times
	p.mu.Unlock()
	level := slog.LevelDebug
	switch {
	case err != nil, r.ClientSlow > 0 && spent.longest >= r.ClientSlow:
		level = slog.LevelInfo
	case r.ClientSample > 0 && s.env.finished.Add(1)%uint64(r.ClientSample) == 0:
		level = slog.LevelInfo
	}
	if s.env.Log.Enabled(context.Background(), level) {
		s.writeEnd(level, spent, err)
	}
}

func (s *Session) writeEnd(level slog.Level, spent tally, err error) {
	p := s.port
	text := "client has ended"
	if refused := (*backend.LoginError)(nil); errors.As(err, &refused) {
		text = "login refused by the server"
	} else if err != nil && s.state.lease == nil && !s.state.shared && !s.state.console {
		text = "client was dropped before it was served"
	}
	ms := func(name string, d time.Duration) slog.Attr { return slog.Duration(name, d.Round(time.Millisecond)) }
	running := spent.busy
	if p.mx != nil { // where it waits in the middle of requests
		running = max(running-spent.queued-spent.opening, 0)
	}
	attrs := []slog.Attr{
		slog.String("client", p.tcp.RemoteAddr().String()), slog.Uint64("id", uint64(s.id)), slog.String("reason", endReason(err)),
		ms("lasted", time.Since(p.born)), slog.Uint64("requests", p.requests.Load()),
		slog.Uint64("bytes_in", p.client.taken.Load()), slog.Uint64("bytes_out", p.server.taken.Load()),
		ms("queued", spent.queued), slog.Uint64("waits", uint64(spent.waits)), ms("longest_wait", spent.longest),
		ms("connecting", spent.opening), ms("running", running), ms("idle", spent.idle), ms("in_transaction", spent.tran), ms("pinned", spent.pinned),
	}
	if p.who.user != "" {
		attrs = append(attrs, slog.String("user", p.who.user), slog.String("database", p.who.database), slog.String("app", p.who.app))
	}
	if p.bucket != nil {
		attrs = append(attrs, slog.String("bucket", p.bucket.ID))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	}
	s.env.Log.LogAttrs(context.Background(), level, text, attrs...)
}

// endReason is why a session ended, in a word.
func endReason(err error) string {
	var own *refusal.Error
	var refused *backend.LoginError
	var gone *lost
	switch {
	case err == nil:
		return "client_left"
	case errors.As(err, &own):
		return own.Cause.String()
	case errors.As(err, &refused):
		return "login_refused"
	case errors.As(err, &gone):
		return gone.side + "_lost"
	}
	return dropReason(err)
}
