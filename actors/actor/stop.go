package actor

import "time"

// history holds when an actor was restarted, as far back as its limit looks.
type history struct{ at []time.Duration }

// mayRestart reports whether the limit allows one more restart now, and counts it if
// so. mu is held.
func (c *core) mayRestart(now time.Duration) bool {
	if c.opts.restarts <= 0 {
		return false
	}
	if c.history == nil {
		c.history = new(history)
	}
	h := c.history
	for c.opts.within > 0 && len(h.at) > 0 && now-h.at[0] >= c.opts.within {
		h.at = h.at[1:]
	}
	if len(h.at) >= c.opts.restarts {
		return false
	}
	h.at = append(h.at, now)
	c.restarts++
	return true
}

// panicked ends an instance whose code panicked and decides what follows.
func (c *cell[M]) panicked(p *PanicError) {
	var (
		lost   []asked
		timers []*Timer
	)
	c.mu.Lock()
	again := !c.stopping && c.mayRestart(c.sys.now())
	switch {
	case again:
		c.fresh = true
		timers = c.timers.drain(nil)
		taken := c.taken
		lost = c.asks.drain(func(a asked) bool { return a.place < taken })
		if c.opts.backoff > 0 {
			c.pausing = true
			c.arm(c.opts.backoff, func() { c.pausing = false })
		}
	case !c.stopping:
		c.stopping, c.reason = true, p
	}
	info := c.info()
	c.mu.Unlock()

	c.sys.panicked(info, p)
	if !again {
		return // finish comes next and calls the Stopped hook
	}
	c.kind.restarts.Add(1)
	stopClocks(timers)
	old := c.actor
	c.actor = nil
	c.stopped(old, p)
	for _, a := range lost {
		a.question.fail()
	}
}

// stopped calls the hook of an instance. A panic in it is reported and changes nothing.
func (c *cell[M]) stopped(a Actor[M], reason error) {
	s, ok := a.(Stopper)
	if !ok {
		return
	}
	if p := contain(func() { s.Stopped(reason) }); p != nil {
		c.mu.Lock()
		info := c.info()
		c.mu.Unlock()
		c.sys.panicked(info, p)
	}
}

// finish ends the actor. The hook comes first: it may still answer questions.
func (c *cell[M]) finish() {
	defer c.bury() // also if the hook ends this goroutine
	c.stopped(c.actor, c.reason)
}

// bury tells everybody who waits for the actor that it is dead, and forgets all it held.
func (c *cell[M]) bury() {
	c.mu.Lock()
	c.dead, c.running = true, false
	unread, senders := c.mail, c.senders.drain(nil)
	asks, timers := c.asks.drain(nil), c.timers.drain(nil)
	watchers, watching := c.watchers.drain(nil), c.watching.drain(nil)
	left := uint64(unread.len())
	c.dropped += left
	c.mail, c.control, c.history = ring[M]{}, nil, nil
	c.actor, c.mk = nil, nil
	c.busy.Store(0)
	c.mu.Unlock()

	c.kind.live.Add(-1)
	c.kind.dropped.Add(left)
	stopClocks(timers)
	for _, s := range senders {
		s.done <- ErrStopped
	}
	for _, a := range asks {
		a.question.fail()
	}
	for unread.len() > 0 {
		c.discard(unread.pop())
	}
	for _, w := range watching {
		w.detach()
	}
	down := Down{ID: c.id, Kind: c.kind.name, Reason: c.reason}
	for _, w := range watchers {
		w.down(down)
	}
	c.mu.Lock()
	if c.done != nil {
		close(c.done)
	}
	c.buried = true
	c.mu.Unlock()
	c.sys.remove(c.id)
}

func (c *cell[M]) discard(m M) {
	d, ok := any(m).(Discarder)
	if !ok {
		return
	}
	if p := contain(d.Discarded); p != nil {
		c.mu.Lock()
		info := c.info()
		c.mu.Unlock()
		c.sys.panicked(info, p)
	}
}
