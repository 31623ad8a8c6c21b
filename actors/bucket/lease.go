package bucket

import (
	"context"
	"sync/atomic"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
)

// Lease is the right to use one backend connection, or with Dedicated to open
// one, until it is given back or lost.
type Lease struct {
	ID   uint64
	Conn *backend.Conn // nil with Dedicated
	// Warm says that no backend login was needed.
	Warm   bool
	Waited time.Duration
	// Granted is when the lease was handed over.
	Granted time.Time
	Target  *backend.Target // where to dial, with Dedicated

	session   actor.ID
	request   *Request
	dedicated bool
	lost      atomic.Bool
	own       *ownSocket // with dedicated
}

// Lost tells whether the bucket has taken the slot back by force. The lease's
// connection is closed then, or about to be, and need not be given back.
func (l *Lease) Lost() bool { return l.lost.Load() }

// Begin is to be called by the session of a dedicated lease immediately before
// it dials, with the context that it returns: that ends with backend.ErrCut
// when the slot is lost. From then on not even the session's death frees the
// slot before Freed is called. An error, a *refusal.Error, says that the right
// to dial has ended; then nothing is to be opened, and Freed need not be called.
func (l *Lease) Begin(ctx context.Context) (context.Context, error) {
	if l.own == nil {
		return ctx, nil
	}
	return l.own.begin(ctx)
}

// Opened hands over the way to close the socket that was opened within a
// dedicated lease, at once and from any goroutine: it is called if the slot is
// lost, and when it has returned the socket counts as closed. Opened returns
// false if the slot is lost already: the session has to close the socket.
func (l *Lease) Opened(abort func()) (ok bool) { return l.own == nil || l.own.opened(abort) }

// Freed says that the socket opened within a dedicated lease is closed.
func (l *Lease) Freed() {
	if l.own != nil {
		l.own.free()
	}
}
