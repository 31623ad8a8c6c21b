package actor

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Info describes an actor at one moment.
type Info struct {
	ID       ID
	Kind     string
	Queued   int    // messages in the mailbox
	Handled  uint64 // messages taken from the mailbox since the actor was spawned
	Dropped  uint64 // messages refused as full, or unread when the actor stopped
	Restarts int
	// BusyFor is how long the current burst of up to 64 messages has been going on, 0
	// for an idle actor. Much over 100 ms means that a handler blocks.
	BusyFor time.Duration
	Age     time.Duration // since the actor was spawned
}

// KindTotals sums over all actors of a kind. All but Count only grow.
type KindTotals struct {
	Kind     string
	Count    int    // actors that have not stopped
	Handled  uint64 // as in Info; lags by at most one burst of each actor
	Dropped  uint64 // as in Info
	Restarts uint64
}

// Queued is the number of messages in the actor's mailbox.
func (r Ref[M]) Queued() int {
	if r.cell == nil {
		return 0
	}
	r.cell.mu.Lock()
	defer r.cell.mu.Unlock()
	return r.cell.queued()
}

// Each calls f for every actor, in no particular order, until f returns false. No lock
// is held during the call; actors spawned meanwhile may be missed.
func (s *System) Each(f func(Info) bool) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		actors := sh.list()
		sh.mu.Unlock()
		for _, c := range actors {
			c.mu.Lock()
			dead, info := c.dead, c.info()
			c.mu.Unlock()
			if !dead && !f(info) {
				return
			}
		}
	}
}

// Look returns the Info of one actor; ok is false if there is none.
func (s *System) Look(id ID) (info Info, ok bool) {
	c := s.find(id)
	if c == nil {
		return Info{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.info(), !c.dead
}

// Totals returns one entry for each kind that was ever spawned, sorted by name. Its
// cost does not depend on the number of actors.
func (s *System) Totals() []KindTotals {
	var out []KindTotals
	for _, v := range s.kinds.Range {
		k := v.(*kind)
		out = append(out, KindTotals{
			Kind:     k.name,
			Count:    int(k.live.Load()),
			Handled:  k.handled.Load(),
			Dropped:  k.dropped.Load(),
			Restarts: k.restarts.Load(),
		})
	}
	slices.SortFunc(out, func(a, b KindTotals) int { return cmp.Compare(a.Kind, b.Kind) })
	return out
}

// Inspect runs the Inspect method of an actor, ahead of its mailbox, and returns what
// it returned. It waits while the actor handles a message or pauses before a restart.
// It fails with the error of ctx, with ErrStopped if there is no such actor, with
// ErrNotInspectable, or with the *PanicError of a failed Inspect, which leaves the
// actor running. It must not be called inside Receive.
func (s *System) Inspect(ctx context.Context, id ID) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := s.find(id)
	if c == nil {
		return nil, ErrStopped
	}
	q := newQuestion[inspection]()
	c.mu.Lock()
	if c.stopping {
		c.mu.Unlock()
		return nil, ErrStopped
	}
	c.asks.push(&q.elem)
	c.enqueue(func() { _ = q.reply(c.self.inspection()) }) // nobody there: nothing lost
	c.unlock(c.wake())

	got, err := q.wait(ctx, c)
	if err != nil {
		return nil, err
	}
	return got.value, got.err
}

// inspection is what came of looking at an actor.
type inspection struct {
	value any
	err   error
}

func (s *System) find(id ID) *core {
	sh := s.shardOf(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.actors[id]
}
