package load

import (
	"context"
	"time"
)

// pace says when a client's operations are meant to start.
type pace struct {
	next     time.Time
	interval time.Duration // 0: as soon as possible
	eager    int           // operations to come before the interval counts
}

// free tells that the next operation starts as soon as it can.
func (p *pace) free() bool { return p.interval == 0 || p.eager > 0 }

// take returns when the next operation is meant to start: never later than it
// can because of those before it, which would hide that they took too long.
func (p *pace) take(now time.Time) time.Time {
	if p.interval == 0 {
		return now
	}
	if p.eager > 0 {
		p.eager--
		p.next = now.Add(p.interval)
		return now
	}
	t := p.next
	p.next = t.Add(p.interval)
	return t
}

// sleep waits for d, or until ctx ends, and tells whether it waited to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
