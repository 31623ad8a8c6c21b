package rig

import (
	"time"

	"sluice/sandbox"
)

// Witness follows every change of the counts of one server. It belongs to one
// goroutine.
type Witness struct {
	Meter  Meter
	Missed int // looks that came too late to see every event

	server *Server
	last   sandbox.Event // the latest seen
}

// NewWitness returns a witness of a server, whose bucket has that limit. What
// happened before does not count.
func NewWitness(s *Server, bucket, limit int) *Witness {
	w := &Witness{server: s, Meter: Meter{Bucket: bucket, Limit: limit}}
	if events := s.Events(); len(events) > 0 {
		w.last = events[len(events)-1]
	}
	return w
}

// LookEvery is the time between two looks that sees every event. Servers keep
// their events between looks, so that it does not bound what is seen.
const LookEvery = 15 * time.Millisecond

// Look takes in what happened since the last look and returns how many sessions
// the server has now.
func (w *Witness) Look() (sessions int) {
	stats := w.server.Stats() // counts out whoever has closed
	fresh, complete := after(w.server.Events(), w.last)
	if !complete {
		w.Missed++
	}
	for _, e := range fresh {
		w.Meter.Observe(w.server.Base.Add(e.At), e.Connections, e.Sessions)
		w.last = e
	}
	if len(fresh) == 0 {
		// What the last event said is still so, those who have closed counted out.
		w.Meter.Observe(time.Now(), w.last.Connections, w.last.Sessions)
	}
	return stats.Sessions
}

// after returns the events behind last, and whether last is still among them.
func after(events []sandbox.Event, last sandbox.Event) ([]sandbox.Event, bool) {
	for i := len(events) - 1; i >= 0; i-- {
		if events[i] == last {
			return events[i+1:], true
		}
		if events[i].At < last.At {
			return events[i+1:], true
		}
	}
	return events, false
}
