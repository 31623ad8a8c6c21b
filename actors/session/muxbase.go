package session

import (
	"errors"
	"sync"
	"time"

	"sluice/actors/backend"
	"sluice/actors/statement"
	"sluice/tds"
)

// bases are the settings that servers give a login, as far as a client was
// seen to change one of them: without them nothing but a reset takes that
// back. A server is asked once for each key, on a backend that is reset anyway.
type bases struct {
	mu    sync.Mutex
	known map[backend.Key]base
}

// base is what is known of one key. While the server is asked, and after it has
// not told, settings are not valid.
type base struct {
	settings statement.Settings
	valid    bool
	since    time.Time
}

const (
	// basesFor is how long settings are taken to be what a login gets: an
	// administrator may change them.
	basesFor = 10 * time.Minute
	maxBases = 1024 // keys; with more it begins anew
)

// of returns the settings of a login with key k, and whether the caller is to
// ask for them, which it is to do at once.
func (b *bases) of(k *backend.Key, now time.Time) (s statement.Settings, valid, ask bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.known[*k]; ok && now.Sub(e.since) < basesFor {
		return e.settings, e.valid, false
	}
	if b.known == nil || len(b.known) >= maxBases {
		b.known = map[backend.Key]base{}
	}
	b.known[*k] = base{since: now}
	return statement.Settings{}, false, true
}

func (b *bases) learn(k *backend.Key, s statement.Settings, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known[*k] = base{settings: s, valid: true, since: now}
}

// askBase resets the backend and asks it for its settings.
func (p *port) askBase(r *muxRequest, s *served) error {
	x := p.mx
	inc(p.bucket.Metrics.Resets)
	s.prepared.Forget()
	seen := arranged{keep: true}
	b := tds.SQLBatch{Text: statement.ReadBack}.Append(nil, p.tokens)
	if err := p.aside(tds.PacketSQLBatch, tds.StatusReset, b, &seen, &r.walker); err != nil {
		return err
	}
	if !seen.reset {
		return errNotReset
	}
	s.settings, s.left = x.login.afterReset(s.settings), 0
	p.backend.Session.Owner = 0
	own := (*tds.ServerError)(nil)
	if errors.As(seen.failed, &own) {
		return nil // it does not tell: things stay as they were
	} else if seen.failed != nil {
		return seen.failed
	}
	text, err := tds.ScalarText(seen.kept, p.tokens)
	if errors.Is(err, tds.ErrNotScalar) {
		return nil
	} else if err != nil {
		return err
	}
	read, err := statement.ParseReadBack(text, statement.Settings{})
	if err != nil {
		return nil // nor that
	}
	// A reset leaves the isolation level; every login begins with this one.
	x.share.bases.learn(&x.login.key, read.WithIsolation(statement.ReadCommitted), time.Now())
	return nil
}
