package actor

import "sync/atomic"

// Down says that a watched actor has stopped: its Stopped hook has returned.
type Down struct {
	ID     ID     // 0 if the zero Ref was watched
	Kind   string // empty if the zero Ref was watched
	Reason error  // nil for an ordinary end; a *PanicError carries the stack
}

// Watch has the actor of c receive wrap(Down) once r has stopped; at once if it has
// already, with ErrStopped as the reason if r is the zero Ref. The Down comes on the
// control lane: it is never refused and overtakes the mailbox. Each call gives exactly
// one Down, unless it is cancelled or the watching actor stops first; a restart of the
// watching actor keeps its watches. wrap runs as part of the turn that receives.
//
// cancel may be called by any goroutine and more than once. Called inside Receive, no
// Down of this watch is received any more. A watch ends by itself on either side's end.
func Watch[M, N any](c *Context[M], r Ref[N], wrap func(Down) M) (cancel func()) {
	w := &watch[M]{watcher: c.cell, wrap: wrap}
	w.inTarget.value, w.inWatcher.value = w, w

	c.cell.mu.Lock()
	c.cell.watching.push(&w.inWatcher)
	c.cell.mu.Unlock()

	if r.cell == nil {
		w.down(Down{Reason: ErrStopped})
		return w.cancel
	}
	target := &r.cell.core
	w.target = target
	target.mu.Lock()
	if !target.dead {
		target.watchers.push(&w.inTarget)
		target.mu.Unlock()
		return w.cancel
	}
	target.mu.Unlock()
	w.down(Down{ID: target.id, Kind: target.kind.name, Reason: target.reason})
	return w.cancel
}

// watcher is a watch of any type.
type watcher interface {
	down(Down) // the target stopped
	detach()   // the watcher no longer cares
}

// watch links two actors. Whoever takes it out of the watcher's list decides whether
// there will be a Down; the target's list only says whom to tell.
type watch[M any] struct {
	watcher   *cell[M]
	target    *core // nil if nobody is watched
	wrap      func(Down) M
	off       atomic.Bool   // cancelled: also stops a Down that is queued
	inTarget  elem[watcher] // guarded by target.mu
	inWatcher elem[watcher] // guarded by watcher.mu
}

func (w *watch[M]) down(d Down) {
	c := w.watcher
	c.mu.Lock()
	if !c.watching.remove(&w.inWatcher) {
		c.mu.Unlock()
		return
	}
	c.enqueue(func() {
		if !w.off.Load() {
			c.actor.Receive(&c.ctx, w.wrap(d))
		}
	})
	c.unlock(c.wake())
}

func (w *watch[M]) cancel() {
	w.off.Store(true)
	w.watcher.mu.Lock()
	w.watcher.watching.remove(&w.inWatcher)
	w.watcher.mu.Unlock()
	w.detach()
}

func (w *watch[M]) detach() {
	if w.target == nil {
		return
	}
	w.target.mu.Lock()
	w.target.watchers.remove(&w.inTarget)
	w.target.mu.Unlock()
}
