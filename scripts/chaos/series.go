package main

import (
	"sync"
	"time"
)

// Sample is what was seen at one moment.
type Sample struct {
	At       time.Time
	Sessions []int // logged in at each server
	Held     []int // by clients, of each bucket
	ByNode   []int // held by clients through each node, from node-1
	Strange  bool  // a node's ledger is in another state than at first
}

// series collects samples. Its methods may be called from any goroutine.
type series struct {
	mu   sync.Mutex
	list []Sample
}

func (s *series) add(x Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, x)
}

// all returns the samples; they are not changed afterwards.
func (s *series) all() []Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list[:len(s.list):len(s.list)]
}

// enough is the share of a limit that must be reachable, in percent.
const enough = 95

// mostly is the smallest count that is enough of a limit.
func mostly(limit int) int { return (limit*enough + 99) / 100 }

// full tells that clients hold enough of every bucket.
func (x Sample) full(limit int) bool {
	for _, n := range x.Held {
		if n < mostly(limit) {
			return false
		}
	}
	return len(x.Held) > 0
}

// reached returns how long after from every bucket is full for the first time,
// not looking past until.
func reached(list []Sample, limit int, from, until time.Time) (time.Duration, bool) {
	for _, x := range list {
		if x.At.Before(from) {
			continue
		}
		if x.At.After(until) {
			break
		}
		if x.full(limit) {
			return x.At.Sub(from), true
		}
	}
	return 0, false
}

// heldAt is what the clients of each node held at the last sample up to t, or the first.
func heldAt(list []Sample, t time.Time) []int {
	var held []int
	for _, x := range list {
		if x.At.After(t) && held != nil {
			break
		}
		held = x.ByNode
	}
	return held
}

// share is the mean of what clients held within a span, as a part of all limits.
func share(list []Sample, limit int, s span) float64 {
	sum, count := 0.0, 0
	for _, x := range list {
		if !s.has(x.At) || len(x.Held) == 0 {
			continue
		}
		held := 0
		for _, n := range x.Held {
			held += min(n, limit)
		}
		sum += float64(held) / float64(limit*len(x.Held))
		count++
	}
	if count == 0 {
		return 0
	}
	return sum / float64(count)
}
