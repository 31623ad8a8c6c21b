package actor

import (
	"sync"
	"sync/atomic"
	"time"
)

// core is the part of an actor that does not depend on its message type. No code holds
// the locks of two cores, or of a core and a registry shard, at the same time.
type core struct {
	id   ID
	sys  *System
	kind *kind
	opts *Options
	self runner
	born time.Duration // by the system's clock
	busy atomic.Int64  // when the current burst began, by the system's clock, plus 1; 0: idle

	mu       sync.Mutex // guards what follows
	running  bool       // a goroutine works for the actor, or is about to
	fresh    bool       // the instance has to be made or started before its next turn
	pausing  bool       // in the pause before a restart
	stopping bool       // accepts nothing more; reason is final
	dead     bool       // the last instance had its last call
	buried   bool       // everybody who waited for the end knows
	restarts uint32
	taken    uint64 // messages taken out of the mailbox
	dropped  uint64 // messages refused as full, or left unread at the stop
	reason   error
	control  *ring[func()] // turns ahead of the mailbox; nil while there are none
	asks     list[asked]   // questions not answered yet
	watchers list[watcher] // who is sent a Down
	watching list[watcher] // our watches of others
	timers   list[*Timer]
	history  *history      // nil before the first restart
	done     chan struct{} // nil until somebody asks for it
}

// runner is the part of an actor that depends on its message type.
type runner interface {
	run()                   // works until there is nothing to do
	queued() int            // messages in the mailbox; mu is held
	inspection() inspection // one turn of the actor
}

// wake reports whether the caller, who holds mu and has just added work, must start a
// burst after unlocking.
func (c *core) wake() bool {
	if c.running || c.dead || c.pausing && !c.stopping {
		return false
	}
	c.running = true
	return true
}

// unlock releases mu and starts a burst if there is work and no goroutine for it.
func (c *core) unlock(wake bool) {
	c.mu.Unlock()
	if wake {
		go c.self.run()
	}
}

func (c *core) stop(reason error) {
	c.mu.Lock()
	if c.stopping {
		c.mu.Unlock()
		return
	}
	c.stopping, c.reason = true, reason
	c.unlock(c.wake())
}

// enqueue adds a turn to the control lane. mu is held.
func (c *core) enqueue(turn func()) {
	if c.control == nil {
		c.control = new(ring[func()])
	}
	c.control.push(turn)
}

// dequeue takes the next turn of the control lane, which must not be nil. mu is held.
func (c *core) dequeue() func() {
	turn := c.control.pop()
	if c.control.len() == 0 {
		c.control = nil
	}
	return turn
}

func (c *core) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.buried {
			close(c.done)
		}
	}
	return c.done
}

// info describes the actor. mu is held.
func (c *core) info() Info {
	now := c.sys.now()
	info := Info{
		ID:       c.id,
		Kind:     c.kind.name,
		Queued:   c.self.queued(),
		Handled:  c.taken,
		Dropped:  c.dropped,
		Restarts: int(c.restarts),
		Age:      now - c.born,
	}
	if busy := c.busy.Load(); busy != 0 {
		info.BusyFor = max(0, now-time.Duration(busy-1))
	}
	return info
}
