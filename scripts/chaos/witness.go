package main

import (
	"context"
	"sync"
	"time"

	"sluice/scripts/rig"
)

// watcher follows every change of the servers' counts, with its time.
type watcher struct {
	load   *demand
	series *series
	probe  *rig.Probe
	nodes  int

	mu      sync.Mutex
	servers []*rig.Witness
	normal  string // state of a ledger when all is well; empty: not known yet
}

func newWatcher(c *rig.Cluster, limit int, l *demand, s *series) *watcher {
	w := &watcher{load: l, series: s, probe: c.Probe, nodes: len(c.Nodes)}
	for i, srv := range c.Servers {
		w.servers = append(w.servers, rig.NewWitness(srv, i, limit))
	}
	return w
}

// run looks until ctx ends, and once more then.
func (w *watcher) run(ctx context.Context) {
	for rig.Sleep(ctx, rig.LookEvery) {
		w.look()
	}
	w.look()
}

// look takes in what happened since the last look.
func (w *watcher) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Sample{At: time.Now()}
	for _, srv := range w.servers {
		s.Sessions = append(s.Sessions, srv.Look())
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
	for _, srv := range w.servers {
		n += len(srv.Meter.Over)
	}
	return n
}

// results are the witnesses; nobody may look any more.
func (w *watcher) results() []*rig.Witness {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.servers
}
