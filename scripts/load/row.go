package load

import (
	"slices"
	"time"
)

// lateWrite is how long after a later write one whose answer was lost may still
// take effect: its connection may have to be given up by a server first.
const lateWrite = 10 * time.Second

// ownRow is what a client knows of the value of its row. The zero value knows
// nothing yet and takes what it sees first.
type ownRow struct {
	known bool
	value int64   // of the last write that was answered
	maybe []doubt // writes without an answer
}

// doubt is a value that the row may have.
type doubt struct {
	value int64
	until time.Time // zero: until a later write is answered
}

// wrote takes note of a write that was answered.
func (r *ownRow) wrote(v int64, now time.Time) {
	r.known, r.value = true, v
	r.maybe = slices.DeleteFunc(r.maybe, func(d doubt) bool { return !d.until.IsZero() && now.After(d.until) })
	for i := range r.maybe {
		if r.maybe[i].until.IsZero() {
			r.maybe[i].until = now.Add(lateWrite)
		}
	}
}

// maxDoubts bounds what is remembered while no write is answered.
const maxDoubts = 1000

// lost takes note of a write whose answer did not come.
func (r *ownRow) lost(v int64) {
	if len(r.maybe) == maxDoubts {
		r.maybe = slices.Delete(r.maybe, 0, 1)
	}
	r.maybe = append(r.maybe, doubt{value: v})
}

// may tells whether the row may have the value that was read.
func (r *ownRow) may(got int64) bool {
	if !r.known {
		r.known, r.value = true, got
		return true
	}
	return r.value == got || slices.ContainsFunc(r.maybe, func(d doubt) bool { return d.value == got })
}
