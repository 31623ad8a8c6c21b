package main

import (
	"context"
	"time"
)

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

// look is how often a condition is looked at.
const look = 20 * time.Millisecond

// eventually waits until cond holds and tells whether it did within d.
func eventually(ctx context.Context, d time.Duration, cond func() bool) bool {
	for deadline := time.Now().Add(d); !cond(); {
		if time.Now().After(deadline) || !sleep(ctx, look) {
			return false
		}
	}
	return true
}
