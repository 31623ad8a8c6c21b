package actor

import (
	"context"
	"runtime"
)

// burst is how many turns a goroutine takes before it lets others run, and lent how many
// a caller of TellHere takes before another goroutine goes on: its own message's, and a
// few that have come meanwhile.
const (
	burst = 64
	lent  = 4
)

// cell is an actor with its mailbox. Fields without a lock belong to the goroutine
// that runs the actor; running, under mu, hands them from one burst to the next.
type cell[M any] struct {
	core
	mail    ring[M]          // guarded by mu
	senders list[*sender[M]] // guarded by mu; not empty only while mail is full
	actor   Actor[M]         // nil between two instances and after the end
	mk      func() Actor[M]  // nil if the actor is never restarted
	ctx     Context[M]
}

// sender waits for room. done gets one value once it is out of the list.
type sender[M any] struct {
	elem elem[*sender[M]]
	m    M
	done chan error
}

// post puts m into the mailbox or says at once why not. If question is not nil, it is
// registered as waiting for an answer to m. With here, the caller's goroutine works for
// an actor that was idle.
func (c *cell[M]) post(m M, question *elem[asked], here bool) error {
	c.mu.Lock()
	if c.stopping {
		c.mu.Unlock()
		return ErrStopped
	}
	if c.mail.len() >= c.opts.mailbox {
		c.dropped++
		c.mu.Unlock()
		c.kind.dropped.Add(1)
		return ErrFull
	}
	if question != nil {
		question.value.place = c.taken + uint64(c.mail.len())
		c.asks.push(question)
	}
	c.mail.push(m)
	wake := c.wake()
	if !here {
		c.unlock(wake)
		return nil
	}
	c.mu.Unlock()
	if wake && c.burst(lent) {
		go c.run()
	}
	return nil
}

func (c *cell[M]) send(ctx context.Context, m M) error {
	c.mu.Lock()
	if c.stopping {
		c.mu.Unlock()
		return ErrStopped
	}
	if c.mail.len() < c.opts.mailbox {
		c.mail.push(m)
		c.unlock(c.wake())
		return nil
	}
	s := &sender[M]{m: m, done: make(chan error, 1)}
	s.elem.value = s
	c.senders.push(&s.elem)
	c.mu.Unlock()

	select {
	case err := <-s.done:
		return err
	case <-ctx.Done():
	}
	c.mu.Lock()
	left := c.senders.remove(&s.elem)
	c.mu.Unlock()
	if left {
		return ctx.Err()
	}
	return <-s.done // accepted or stopped in the same moment
}

// admit gives room in the mailbox to waiting senders, so that a Tell that comes later
// cannot overtake them. mu is held.
func (c *cell[M]) admit() {
	for !c.senders.empty() && c.mail.len() < c.opts.mailbox {
		s := c.senders.pop()
		c.mail.push(s.m)
		s.done <- nil
	}
}

func (c *cell[M]) queued() int { return c.mail.len() }

func (c *cell[M]) run() {
	for c.burst(burst) {
		runtime.Gosched() // to the end of the global queue: nobody starves
	}
}

// burst takes up to most turns and reports whether there may be more.
func (c *cell[M]) burst(most int) bool {
	handled := uint64(0)
	defer func() { c.kind.handled.Add(handled) }()
	c.busy.Store(int64(c.sys.now()) + 1)
	for range most {
		n, more := c.turn()
		handled += n
		if !more {
			return false
		}
	}
	return true
}

// turn does the most urgent thing there is: the stop, a restart, the control lane, the
// mailbox. It returns how many messages it took from the mailbox, and false if the
// goroutine has to go: the actor may then be running on another one already.
func (c *cell[M]) turn() (handled uint64, more bool) {
	c.mu.Lock()
	switch {
	case c.stopping:
		c.mu.Unlock()
		c.finish()
		return 0, false
	case c.fresh && !c.pausing:
		c.fresh = false
		c.mu.Unlock()
		c.protect(c.start)
	case c.control != nil && !c.pausing:
		turn := c.dequeue()
		c.mu.Unlock()
		c.protect(turn)
	case c.mail.len() > 0 && !c.pausing:
		m := c.mail.pop()
		c.taken++
		c.admit()
		c.mu.Unlock()
		handled = 1
		c.protect(func() { c.actor.Receive(&c.ctx, m) })
	default:
		c.busy.Store(0)
		c.running = false
		c.mail.release()
		c.mu.Unlock()
		return 0, false
	}
	return handled, true
}

// start makes the instance if there is none and calls its Started hook.
func (c *cell[M]) start() {
	if c.actor == nil {
		c.actor = c.mk()
	}
	if s, ok := c.actor.(Starter[M]); ok {
		s.Started(&c.ctx)
	}
}

// protect calls code of the actor and turns its panic into a restart or a stop.
func (c *cell[M]) protect(f func()) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		if v == nil { // Goexit, as by testing.T.FailNow: goes on unwinding this goroutine
			defer func() { go c.run() }()
		}
		c.panicked(caught(v))
	}()
	f()
	returned = true
}

func (c *cell[M]) inspection() inspection {
	i, ok := c.actor.(Inspector)
	if !ok {
		return inspection{err: ErrNotInspectable}
	}
	var out inspection
	// Looking at an actor must not kill it.
	if p := contain(func() { out.value = i.Inspect() }); p != nil {
		return inspection{err: p}
	}
	return out
}
