// Package actor is a small actor runtime for one process: typed references,
// bounded mailboxes whose senders are refused at once instead of being blocked,
// typed questions and answers, death watch, restarts and inspection.
//
// An actor is a value whose Receive method is called by one goroutine at a time.
// While it has nothing to do it owns no goroutine and a few hundred bytes; a
// message starts a goroutine that works off a burst and goes away again.
//
// Receive must never block: goroutines that do (reading a socket, dialling) live
// outside of actors and report by [Ref.Tell] or [Ref.Send]. DESIGN.md states the
// invariants and the races they close.
package actor

import (
	"context"
	"time"
)

// ID identifies an actor within its System. IDs start at 1 and are never reused;
// 0 is the ID of the zero Ref.
type ID uint64

// Actor handles messages of type M, usually a sealed interface of its package.
type Actor[M any] interface {
	// Receive handles one message. Calls never overlap and see each other's writes.
	// The Context is valid until the call returns. Receive must not block. A panic
	// ends this instance of the actor: see [Restart].
	Receive(c *Context[M], m M)
}

// Starter is implemented by actors that have something to do before their first
// message, such as arming timers. Each instance, so also one made by a restart, is
// started once, unless it is stopped before.
type Starter[M any] interface {
	Started(c *Context[M])
}

// Stopper is implemented by actors that hold resources. Stopped is the last call an
// instance gets, also after a panic, when reason is the *PanicError. It must not block.
type Stopper interface {
	Stopped(reason error)
}

// Inspector is implemented by actors that can show their state. Inspect runs as a
// turn of the actor, ahead of its mailbox. What it returns is read by other
// goroutines and must not share memory that the actor still changes.
type Inspector interface {
	Inspect() any
}

// Discarder is implemented by messages that own a resource, such as a connection.
// Discarded is called instead of delivery if the mailbox had accepted the message and
// the actor stopped without reading it. It must not block.
type Discarder interface {
	Discarded()
}

// Ref addresses an actor. It may be copied, compared and used by any goroutine, and
// stays valid after the actor has stopped. The zero Ref addresses nobody and behaves
// like a stopped actor.
type Ref[M any] struct{ cell *cell[M] }

// ID returns the actor's ID, 0 for the zero Ref.
func (r Ref[M]) ID() ID {
	if r.cell == nil {
		return 0
	}
	return r.cell.id
}

// Tell puts m into the actor's mailbox without ever blocking. On an error m was not
// accepted and still belongs to the caller: ErrFull if the mailbox has no room,
// ErrStopped if the actor stops or has stopped. Messages of one sender are received
// in the order they were sent.
//
// nil means accepted, not handled: the actor may stop before it reads m. Who must
// know either asks or watches.
func (r Ref[M]) Tell(m M) error {
	if r.cell == nil {
		return ErrStopped
	}
	return r.cell.post(m, nil, false)
}

// TellHere is Tell, but if the actor is idle it handles m, and perhaps a few messages
// that come meanwhile, on the goroutine of the caller, who is spared the wake-up of
// another one. If the actor is busy, TellHere does not wait for it.
//
// It is for those that would have nothing to do before the answer, and must not be called
// with a lock held that the actor may want. Inside Receive it holds up its own actor for
// that long, which the other's handlers must be quick enough for; two actors may call each
// other so: the one that waits further up counts as busy.
func (r Ref[M]) TellHere(m M) error {
	if r.cell == nil {
		return ErrStopped
	}
	return r.cell.post(m, nil, true)
}

// Send is Tell for plain goroutines whose message must not be lost: while the mailbox
// is full it waits for room, in order with other waiting senders, until ctx ends. It
// tries once even if ctx has ended already. On an error (ErrStopped or that of ctx) m
// was not accepted. It must not be called inside Receive: an actor that waits for room
// in another mailbox can deadlock with it.
func (r Ref[M]) Send(ctx context.Context, m M) error {
	if r.cell == nil {
		return ErrStopped
	}
	return r.cell.send(ctx, m)
}

// Stop makes the actor stop with the given reason, nil for an ordinary end, as soon as
// the message being handled is done. It overtakes every queued message. The first
// reason wins; stopping a stopped actor does nothing.
func (r Ref[M]) Stop(reason error) {
	if r.cell != nil {
		r.cell.stop(reason)
	}
}

// Done returns a channel that is closed once the actor has stopped: after its Stopped
// hook, when no question is left unanswered and every watcher has been sent its Down.
func (r Ref[M]) Done() <-chan struct{} {
	if r.cell == nil {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return r.cell.wait()
}

// Context is what an actor may do to itself while it handles a message. It must not be
// used after Receive or Started returned, nor by other goroutines.
type Context[M any] struct{ cell *cell[M] }

// Self returns the actor's own Ref.
func (c *Context[M]) Self() Ref[M] { return Ref[M]{c.cell} }

// Stop makes the actor stop once the current message is done; see [Ref.Stop].
func (c *Context[M]) Stop(reason error) { c.cell.stop(reason) }

// After puts m into the actor's own mailbox once d has passed. The mailbox takes it
// even when full: an armed timer has its place reserved. The timer ends with the
// instance that armed it, by a stop or a restart; if it had fired by then, m is an
// ordinary message in the mailbox.
func (c *Context[M]) After(d time.Duration, m M) *Timer {
	cell := c.cell
	cell.mu.Lock()
	defer cell.mu.Unlock()
	return cell.arm(d, func() { cell.mail.push(m) })
}
