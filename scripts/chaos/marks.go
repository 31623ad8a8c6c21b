package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Mark is a step as it was really done.
type Mark struct {
	Step     Step
	From, To time.Time // To is zero while it lasts
	Note     string    // what went wrong with it, or that it was skipped
	// Borrowed is how many slots of each bucket the node had on loan right before
	// it was stopped.
	Borrowed []int
}

func (m Mark) onAt(t time.Time) bool { return !t.Before(m.From) && (m.To.IsZero() || !t.After(m.To)) }

// marks is the log of what was done. Its methods may be called from any goroutine.
type marks struct {
	mu   sync.Mutex
	list []Mark
}

func (m *marks) begin(s Step, now time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(m.list, Mark{Step: s, From: now})
	return len(m.list) - 1
}

// lent notes what a node that is about to be stopped has borrowed.
func (m *marks) lent(i int, borrowed []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list[i].Borrowed = borrowed
}

// end closes the mark; err, if any, is noted.
func (m *marks) end(i int, now time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.list[i].To.IsZero() {
		m.list[i].To = now
	}
	if err != nil {
		m.list[i].Note = err.Error()
	}
}

// endAll closes what still lasts.
func (m *marks) endAll(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.list {
		if m.list[i].To.IsZero() {
			m.list[i].To = now
		}
	}
}

// all returns the marks in the order in which they began.
func (m *marks) all() []Mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.list)
}

// span is a stretch of time.
type span struct{ from, to time.Time }

func (s span) has(t time.Time) bool { return !t.Before(s.from) && !t.After(s.to) }

// before names the last n disturbances before t, the latest first.
func before(list []Mark, t time.Time, n int) string {
	var names []string
	for i := len(list) - 1; i >= 0 && len(names) < n; i-- {
		m := list[i]
		if m.Step.Fault.quiet() || m.From.After(t) {
			continue
		}
		state := "on for"
		since := t.Sub(m.From)
		if !m.onAt(t) {
			state, since = "over for", t.Sub(m.To)
		}
		if m.Step.Node > 0 {
			names = append(names, fmt.Sprintf("%s node-%d (%s %v)", m.Step.Fault, m.Step.Node, state, since.Round(10*time.Millisecond)))
		} else {
			names = append(names, fmt.Sprintf("%s (%s %v)", m.Step.Fault, state, since.Round(10*time.Millisecond)))
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
