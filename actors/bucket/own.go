package bucket

import (
	"context"
	"sync"

	"sluice/actors/backend"
)

// ownSocket is what a governor knows of the socket that a session opens by
// itself within a dedicated lease.
type ownSocket struct {
	admit func() bool  // nil: always
	loss  func() error // what Begin says once nothing may be opened; nil in tests of the state

	mu    sync.Mutex
	begun bool // the session may have a socket open
	over  bool // the slot is gone: nothing may be opened any more
	stop  context.CancelCauseFunc
	abort func()

	once  sync.Once
	freed chan struct{} // closed when the session has no socket open any more
}

func newOwnSocket() *ownSocket { return &ownSocket{freed: make(chan struct{})} }

func (o *ownSocket) begin(parent context.Context) (context.Context, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over || o.admit != nil && !o.admit() {
		o.over = true
		if o.loss == nil {
			return nil, errLost
		}
		return nil, o.loss()
	}
	ctx, stop := context.WithCancelCause(parent)
	o.begun, o.stop = true, stop
	return ctx, nil
}

func (o *ownSocket) opened(abort func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.abort = abort
	return !o.over
}

func (o *ownSocket) free() {
	o.once.Do(func() {
		o.mu.Lock()
		if o.stop != nil {
			o.stop(nil)
		}
		o.mu.Unlock()
		close(o.freed)
	})
}

// vacate is called when the session is gone. It returns false if a socket may
// be open still; else none will be from now on.
func (o *ownSocket) vacate() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begun {
		select {
		case <-o.freed:
		default:
			return false
		}
	}
	o.over = true
	return true
}

// cut closes the socket at once, calls off its dial, or keeps one from being
// opened. It returns when there is none, or when done is closed.
func (o *ownSocket) cut(done <-chan struct{}) {
	o.mu.Lock()
	o.over = true
	begun, stop, abort := o.begun, o.stop, o.abort
	o.mu.Unlock()
	if !begun {
		return
	}
	stop(backend.ErrCut)
	if abort != nil {
		abort()
		o.free()
	}
	select {
	case <-o.freed:
	case <-done:
	}
}
