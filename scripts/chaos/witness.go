package main

import (
	"context"
	"sync"
	"time"

	"sluice/sandbox"
	"sluice/scripts/rig"
)

// watcher follows every change of the servers' counts, with its time.
type watcher struct {
	servers []*rig.Server
	load    *load
	series  *series
	probe   *rig.Probe
	nodes   int

	mu     sync.Mutex
	meters []*rig.Meter
	last   []sandbox.Event // the latest seen of each server
	missed int             // looks that came too late to see every event
	normal string          // state of a ledger when all is well; empty: not known yet
}

// lookEvery is the time between two looks. Servers keep their events between
// looks, so that it does not bound what is seen.
const lookEvery = 15 * time.Millisecond

func newWatcher(c *rig.Cluster, limit int, l *load, s *series) *watcher {
	w := &watcher{servers: c.Servers, load: l, series: s, probe: c.Probe, nodes: len(c.Nodes)}
	for i, srv := range c.Servers {
		events := srv.Events()
		w.last = append(w.last, events[len(events)-1])
		w.meters = append(w.meters, &rig.Meter{Bucket: i, Limit: limit})
	}
	return w
}

// run looks until ctx ends, and once more then.
func (w *watcher) run(ctx context.Context) {
	for rig.Sleep(ctx, lookEvery) {
		w.look()
	}
	w.look()
}

// look takes in what happened since the last look.
func (w *watcher) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Sample{At: time.Now()}
	for i, srv := range w.servers {
		stats := srv.Stats() // counts out whoever has closed
		s.Sessions = append(s.Sessions, stats.Sessions)
		fresh, complete := rig.After(srv.Events(), w.last[i])
		if !complete {
			w.missed++
		}
		for _, e := range fresh {
			w.meters[i].Observe(srv.Base.Add(e.At), e.Connections, e.Sessions)
			w.last[i] = e
		}
		if len(fresh) == 0 {
			// What the last event said is still so, those who have closed counted out.
			w.meters[i].Observe(s.At, w.last[i].Connections, w.last[i].Sessions)
		}
	}
	w.load.sample(&s)
	for _, state := range w.probe.Ledgers(w.nodes) {
		s.Strange = s.Strange || w.normal != "" && state != w.normal
	}
	w.series.add(s)
}

// isNormal says that what the nodes say of their ledgers now is what they say
// when all is well.
func (w *watcher) isNormal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if all := w.probe.Ledgers(w.nodes); len(all) > 0 {
		w.normal = all[0]
	}
}

// overruns counts the overruns so far.
func (w *watcher) overruns() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, m := range w.meters {
		n += len(m.Over)
	}
	return n
}

// results are the meters; nobody may look any more.
func (w *watcher) results() []*rig.Meter {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.meters
}
