package main

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// overview is the answer of /debug/actors without further wishes, and what its
// page shows. Its tables are those of the console, shortened.
type overview struct {
	Node      string         `json:"node"`
	Time      time.Time      `json:"time"`
	Status    string         `json:"status"`
	Version   string         `json:"version"`
	UptimeMS  int64          `json:"uptime_ms"`
	Pooling   string         `json:"pooling"`
	Clients   int            `json:"clients"`
	Kinds     []kindInfo     `json:"kinds"`
	Buckets   []bucketHealth `json:"buckets"`
	List      table          `json:"bucket_list"`
	LeftOut   int            `json:"buckets_left_out,omitempty"`
	Waiters   table          `json:"waiters"`
	Backends  table          `json:"backends"`
	Pins      table          `json:"pins"`
	Nodes     table          `json:"nodes"`
	Fleet     *fleetReport   `json:"fleet,omitempty"`
	madeSince time.Time
}

// overviews keeps the last one for a moment: however many look on, the work is
// done so often and no more.
type overviews struct {
	mu   sync.Mutex
	last *overview
	took time.Duration // to make it
}

const (
	overviewFor     = 500 * time.Millisecond
	overviewShare   = 20  // it is kept for so many times as long as it took
	overviewRows    = 12  // of those who wait, hold and are pinned
	overviewBuckets = 100 // those with the most to do
)

func (n *node) overview(ctx context.Context) *overview {
	n.looks.mu.Lock()
	defer n.looks.mu.Unlock()
	if o := n.looks.last; o != nil && time.Since(o.madeSince) < max(overviewFor, overviewShare*n.looks.took) {
		return o
	}
	start := time.Now()
	o := n.newOverview(ctx)
	n.looks.last, n.looks.took = o, time.Since(start)
	return o
}

func (n *node) newOverview(ctx context.Context) *overview {
	n.mu.Lock()
	pooling := n.cfg.Proxy.Pooling
	n.mu.Unlock()
	now := time.Now()
	o := &overview{
		Node: n.env.Node, Time: now, Version: version, UptimeMS: ms(now.Sub(n.started)), Pooling: string(pooling),
		Clients: n.env.Connections(), Kinds: n.kinds(), List: viewBuckets(ctx, n, viewQuery{}), madeSince: now, Status: "ok",
	}
	for _, b := range n.bucketList() {
		o.Buckets = append(o.Buckets, healthOf(b))
	}
	switch {
	case n.draining.Load():
		o.Status = "draining"
	case !n.fleet.serving():
		o.Status = "outside"
	}
	o.LeftOut = o.List.longest(overviewBuckets, "waiting", "in_use")
	o.Waiters = viewQueue(ctx, n, viewQuery{})
	o.Waiters.longest(overviewRows, "waited_ms")
	o.Backends = viewBackends(ctx, n, viewQuery{})
	o.Backends.Rows = slices.DeleteFunc(o.Backends.Rows, func(r []any) bool { return r[o.Backends.column("state")] != "in use" })
	o.Backends.longest(overviewRows, "held_ms")
	o.Pins, o.Nodes = viewPins(ctx, n, viewQuery{n: overviewRows}), newTable("none")
	if !n.fleet.alone {
		o.Fleet = n.fleet.report(ctx)
		o.Nodes = nodesTable(o.Fleet, viewQuery{})
		o.Nodes.Rows = o.Nodes.Rows[:min(len(o.Nodes.Rows), 2*overviewBuckets)]
	}
	return o
}

func (t *table) column(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// longest keeps the n rows that have most in the first of the columns, and
// where that is the same in the next. If there are no more than n they keep
// their order. It returns how many were left out.
func (t *table) longest(n int, columns ...string) (left int) {
	if len(t.Rows) <= n && len(columns) > 1 {
		return 0
	}
	slices.SortStableFunc(t.Rows, func(a, b []any) int {
		for _, name := range columns {
			i := t.column(name)
			x, _ := a[i].(int64)
			y, _ := b[i].(int64)
			if c := cmp.Compare(y, x); c != 0 {
				return c
			}
		}
		return 0
	})
	left = max(len(t.Rows)-n, 0)
	t.Rows = t.Rows[:len(t.Rows)-left]
	return left
}
