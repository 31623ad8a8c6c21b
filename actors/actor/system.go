package actor

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// shardCount spreads the registry over this many locks. IDs are handed out in turn, so
// neighbours in time fall into different shards.
const shardCount = 64

// System is a set of actors that are listed, inspected and shut down together.
type System struct {
	start    time.Time
	lastID   atomic.Uint64
	kinds    sync.Map // string to *kind; never shrinks: kinds are few and fixed
	defaults *Options
	onPanic  func(Info, *PanicError)
	shards   [shardCount]shard
}

// shard is a part of the registry.
type shard struct {
	mu      sync.Mutex
	actors  map[ID]*core
	drained chan struct{} // nil until Shutdown, closed once actors is empty
	reason  error         // of Shutdown
	_       [64 - 40]byte // shards share no cache line
}

// kind counts over all actors of a kind, those that have stopped included.
type kind struct {
	name     string
	live     atomic.Int64
	handled  atomic.Uint64
	dropped  atomic.Uint64
	restarts atomic.Uint64
}

// SystemOption sets up a System.
type SystemOption func(*System)

// OnPanic has f called once for every panic in an actor, whether it restarts, stops, or
// was stopping anyway. f runs on the actor's goroutine: it must not block, and must be
// safe for concurrent calls.
func OnPanic(f func(Info, *PanicError)) SystemOption {
	return func(s *System) { s.onPanic = f }
}

// NewSystem returns an empty System. It owns no goroutine.
func NewSystem(o ...SystemOption) *System {
	s := &System{start: time.Now(), defaults: With()}
	for i := range s.shards {
		s.shards[i].actors = make(map[ID]*core)
	}
	for _, set := range o {
		set(s)
	}
	return s
}

// Spawn starts an actor. mk makes its first instance at once, in the caller's
// goroutine, and later ones after each restart, on the actor's. kind names actors of
// the same sort in listings and totals and should be a constant; o may be nil for the
// defaults. An actor spawned after Shutdown began is stopped at once and gets its
// Stopped call.
func Spawn[M any](s *System, kind string, mk func() Actor[M], o *Options) Ref[M] {
	if o == nil {
		o = s.defaults
	}
	c := &cell[M]{actor: mk()}
	c.id = ID(s.lastID.Add(1))
	c.sys, c.kind, c.opts, c.self = s, s.kindOf(kind), o, c
	c.born = s.now()
	c.ctx.cell = c
	if o.restarts > 0 {
		c.mk = mk
	}
	_, starts := c.actor.(Starter[M])
	c.fresh = starts
	c.kind.live.Add(1)
	closing, reason := s.add(&c.core) // from here on others may stop it
	if closing {
		c.stop(reason)
	} else if starts {
		c.mu.Lock()
		c.unlock(c.wake())
	}
	return Ref[M]{c}
}

// Shutdown stops all actors with the given reason and waits until the last of them has
// stopped, or ctx ends: then its error says how many are left. It must not be called
// by an actor, which would wait for itself.
func (s *System) Shutdown(ctx context.Context, reason error) error {
	for i := range s.shards {
		for _, c := range s.shards[i].close(reason) {
			c.stop(reason)
		}
	}
	for i := range s.shards {
		select {
		case <-s.shards[i].drained:
		case <-ctx.Done():
			return fmt.Errorf("actor: %d still running: %w", s.count(), ctx.Err())
		}
	}
	return nil
}

// now is the time since the system was made, by the monotonic clock.
func (s *System) now() time.Duration { return time.Since(s.start) }

func (s *System) kindOf(name string) *kind {
	if k, ok := s.kinds.Load(name); ok {
		return k.(*kind)
	}
	k, _ := s.kinds.LoadOrStore(name, &kind{name: name})
	return k.(*kind)
}

func (s *System) shardOf(id ID) *shard { return &s.shards[id%shardCount] }

// add registers c and reports whether the system is being shut down, and why.
func (s *System) add(c *core) (closing bool, reason error) {
	sh := s.shardOf(c.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.actors[c.id] = c
	return sh.drained != nil, sh.reason
}

func (s *System) remove(id ID) {
	sh := s.shardOf(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.actors, id)
	sh.signal()
}

// close marks the shard and returns the actors to stop. Those added later see the mark.
func (sh *shard) close(reason error) []*core {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.drained == nil {
		sh.drained, sh.reason = make(chan struct{}), reason
	}
	sh.signal()
	return sh.list()
}

// signal closes drained if the shard is closed and empty. mu is held.
func (sh *shard) signal() {
	if sh.drained == nil || len(sh.actors) > 0 {
		return
	}
	select {
	case <-sh.drained: // an actor spawned after the end came and went
	default:
		close(sh.drained)
	}
}

// list returns the actors of the shard. mu is held.
func (sh *shard) list() []*core {
	out := make([]*core, 0, len(sh.actors))
	for _, c := range sh.actors {
		out = append(out, c)
	}
	return out
}

func (s *System) count() int {
	n := 0
	for i := range s.shards {
		s.shards[i].mu.Lock()
		n += len(s.shards[i].actors)
		s.shards[i].mu.Unlock()
	}
	return n
}

// panicked reports a panic. A panic of the hook itself is not reported again.
func (s *System) panicked(info Info, p *PanicError) {
	if s.onPanic != nil {
		_ = contain(func() { s.onPanic(info, p) })
	}
}
