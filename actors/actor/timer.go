package actor

import "time"

// Timer is a message an actor will send to itself; see [Context.After].
type Timer struct {
	owner *core
	clock *time.Timer  // guarded by owner.mu
	elem  elem[*Timer] // in owner.timers while armed
}

// Stop disarms the timer. It returns true if its message will not be received, false
// if the message is in the mailbox already, was received, or the timer was stopped
// before.
func (t *Timer) Stop() bool {
	t.owner.mu.Lock()
	defer t.owner.mu.Unlock()
	t.clock.Stop()
	return t.owner.timers.remove(&t.elem)
}

// arm makes a timer that calls fire, with mu held, and then wakes the actor. Being in
// the list of timers is what lets it fire: the clock alone may already be running its
// function when it is stopped. mu is held.
func (c *core) arm(d time.Duration, fire func()) *Timer {
	t := &Timer{owner: c}
	t.elem.value = t
	if !c.dead {
		c.timers.push(&t.elem)
	}
	t.clock = time.AfterFunc(d, func() {
		c.mu.Lock()
		wake := false
		if c.timers.remove(&t.elem) {
			fire()
			wake = c.wake()
		}
		c.unlock(wake)
	})
	return t
}

// stopClocks releases the clocks of timers taken out of their list.
func stopClocks(timers []*Timer) {
	for _, t := range timers {
		t.clock.Stop()
	}
}
