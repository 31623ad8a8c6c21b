package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/scripts/rig"
)

// This file looks for what is left when nothing should be.

// measureIdle notes how many goroutines nodes have before there are clients.
func (r *trial) measureIdle(ctx context.Context) error {
	const within = 10 * time.Second
	for _, n := range r.cluster.Nodes[:r.schedule.Nodes] {
		var m rig.Metrics
		var err error
		if !rig.Eventually(ctx, within, func() bool { m, err = r.cluster.Probe.Metrics(ctx, n); return err == nil }) {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		r.idle = max(r.idle, m[goroutines])
	}
	return nil
}

// Metrics of nodes.
const (
	goroutines    = "go_goroutines"
	sessionActors = `proxy_actors{kind="session"}`
	clientsThere  = "proxy_clients_connected"
	slotsOwned    = "proxy_slots_owned"
	slotsBorrowed = "proxy_slots_borrowed"
	slotsLent     = "proxy_slots_lent"
)

// What a node without clients may have in goroutines beside those it had before:
// for each backend connection, and for what comes and goes.
const (
	goroutinesEach = 3
	goroutinesMore = 20
)

// checkQuiet looks at a fleet without clients: nothing is in use, and the nodes
// have open what the servers see.
func (r *trial) checkQuiet(ctx context.Context) {
	const within = 8 * time.Second
	var wrong error
	if !rig.Eventually(ctx, within, func() bool { wrong = r.leaks(ctx); return wrong == nil }) && ctx.Err() == nil {
		r.res.violate("without clients: %v", wrong)
	}
}

var errLeak = errors.New("leak")

// books are what the nodes say together of one bucket.
type books struct{ open, owned, borrowed, lent int }

func (r *trial) leaks(ctx context.Context) error {
	all := make([]books, len(r.cluster.Servers))
	for _, n := range r.cluster.Nodes {
		if !n.Running() {
			continue
		}
		if err := r.leaksOf(ctx, n, all); err != nil {
			return fmt.Errorf("%w: %s: %w", errLeak, n.Name, err)
		}
	}
	for i, s := range r.cluster.Servers {
		b, seen := all[i], s.Stats()
		switch {
		case seen.Connections != b.open || seen.Sessions != b.open:
			return fmt.Errorf("%w: %s: the nodes say %d open, the server sees %d connections and %d sessions", errLeak, rig.BucketName(i), b.open, seen.Connections, seen.Sessions)
		case b.owned > r.schedule.Limit:
			return fmt.Errorf("%w: %s: the nodes say they own %d slots of %d", errLeak, rig.BucketName(i), b.owned, r.schedule.Limit)
		case b.borrowed != b.lent:
			return fmt.Errorf("%w: %s: %d slots are borrowed and %d lent", errLeak, rig.BucketName(i), b.borrowed, b.lent)
		}
	}
	return nil
}

// leaksOf looks at one node and adds what it says to the books.
func (r *trial) leaksOf(ctx context.Context, n *rig.Node, all []books) error {
	h, err := r.cluster.Probe.Health(ctx, n)
	if err != nil {
		return err
	}
	m, err := r.cluster.Probe.Metrics(ctx, n)
	if err != nil {
		return err
	}
	open := 0
	for i, b := range h.Buckets {
		if b.InUse != 0 || b.Waiting != 0 || b.Open != b.Idle {
			return fmt.Errorf("%s: open %d, idle %d, in use %d, waiting %d", b.ID, b.Open, b.Idle, b.InUse, b.Waiting)
		}
		open += b.Open
		if i < len(all) {
			all[i].open += b.Open
			all[i].owned += int(m.Bucket(slotsOwned, b.ID))
			all[i].borrowed += int(m.Bucket(slotsBorrowed, b.ID))
			all[i].lent += int(m.Bucket(slotsLent, b.ID))
		}
	}
	if m[clientsThere] != 0 || m[sessionActors] != 0 {
		return fmt.Errorf("%.0f clients, %.0f sessions", m[clientsThere], m[sessionActors])
	}
	if most := r.idle + float64(goroutinesEach*open+goroutinesMore); m[goroutines] > most {
		return fmt.Errorf("%.0f goroutines with %d connections open, before there were clients at most %.0f", m[goroutines], open, r.idle)
	}
	return nil
}

// afterLoad ends the nodes; nothing may be left of them.
func (r *trial) afterLoad(ctx context.Context) {
	if err := r.cluster.StopNodes(); err != nil {
		r.res.violate("stopping the nodes: %v", err)
	}
	for i, s := range r.cluster.Servers {
		if !rig.Eventually(ctx, 5*time.Second, func() bool { return s.Stats().Connections == 0 }) && ctx.Err() == nil {
			r.res.violate("%s: %d connections are open although all nodes have ended", rig.BucketName(i), s.Stats().Connections)
		}
	}
}
