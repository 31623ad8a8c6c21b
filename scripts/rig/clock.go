package rig

import (
	"context"
	"time"
)

// Sleep waits for d, or until ctx ends, and tells whether it waited to the end.
func Sleep(ctx context.Context, d time.Duration) bool {
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

// Look is how often a condition is looked at.
const Look = 20 * time.Millisecond

// Eventually waits until cond holds and tells whether it did within d.
func Eventually(ctx context.Context, d time.Duration, cond func() bool) bool {
	for deadline := time.Now().Add(d); !cond(); {
		if time.Now().After(deadline) || !Sleep(ctx, Look) {
			return false
		}
	}
	return true
}
