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

// missing is how many samples in a row, without a bucket being full, are more
// than clients that just change over.
const missing = 6

// fellShort tells whether something really was missing within a span.
func fellShort(list []Sample, limit int, s span) bool {
	row := 0
	for _, x := range list {
		switch {
		case !s.has(x.At):
		case x.full(limit):
			row = 0
		default:
			if row++; row == missing {
				return true
			}
		}
	}
	return false
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

// recovery is how long it took until clients could hold everything again.
type recovery struct {
	what string
	took time.Duration
	ok   bool
}

// recoveries measures, for each disturbance that began or ended, the time until
// all is in use again; what is disturbed before by another is left out. Starts
// after which nothing was ever missing take no time and are left out as well.
func recoveries(list []Sample, done []Mark, limit int, end time.Time) []recovery {
	next := func(t time.Time, skip int) time.Time {
		n := end
		for i, m := range done {
			if m.Step.Fault.quiet() {
				continue
			}
			for k, edge := range []time.Time{m.From, m.To} {
				if !(i == skip && k == 0) && edge.After(t) && edge.Before(n) {
					n = edge
				}
			}
		}
		return n
	}
	// A client that has lost its connection needs this long to be counted out.
	const notice = 60 * time.Millisecond
	var all []recovery
	measure := func(what string, from time.Time, until time.Time) {
		if !fellShort(list, limit, span{from, from.Add(10 * notice)}) || until.Sub(from) < 2*notice {
			return
		}
		took, ok := reached(list, limit, from.Add(notice), until)
		if !ok && until.Before(end) {
			return // disturbed before it was over
		}
		all = append(all, recovery{what, took + notice, ok})
	}
	for i, m := range done {
		if m.Step.Fault.quiet() {
			continue
		}
		measure(string(m.Step.Fault), m.From, next(m.From, i))
		if !m.To.IsZero() && m.To.After(m.From.Add(notice)) {
			measure(string(m.Step.Fault)+" end", m.To, next(m.To, -1))
		}
	}
	return all
}
