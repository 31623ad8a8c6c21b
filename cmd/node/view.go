package main

import (
	"context"
	"runtime"
	"strings"
	"time"

	"sluice/actors/bucket"
	"sluice/actors/session"
)

// This file makes the tables that SHOW and /debug/actors?show= answer with.

// viewQuery says what of a view is wanted.
type viewQuery struct {
	bucket string // "": all
	n      int    // rows at most, where clients are listed
}

// defaultRows bounds lists of clients.
const defaultRows = 200

// views are the tables by name.
var views = map[string]func(context.Context, *node, viewQuery) table{
	"buckets": viewBuckets, "pools": viewPools, "clients": viewClients, "backends": viewBackends, "queue": viewQueue,
	"nodes": viewNodes, "pins": viewPins, "config": viewConfig, "lists": viewLists, "version": viewVersion, "help": viewHelp,
}

func ms(d time.Duration) int64 { return d.Milliseconds() }

// wanted returns the buckets of a query.
func (n *node) wanted(q viewQuery) []*runningBucket {
	all := n.bucketList()
	if q.bucket == "" {
		return all
	}
	for _, b := range all {
		if b.ID == q.bucket {
			return []*runningBucket{b}
		}
	}
	return nil
}

// look inspects a bucket's governor; the zero Info if it does not answer.
func (n *node) look(ctx context.Context, b *runningBucket) bucket.Info {
	v, err := n.system.Inspect(ctx, b.Governor.ID())
	if err != nil {
		return bucket.Info{Bucket: b.ID}
	}
	i, _ := v.(bucket.Info)
	return i
}

func viewBuckets(_ context.Context, n *node, q viewQuery) table {
	t := newTable("bucket", "status", "held:i", "in_use:i", "idle:i", "opening:i", "cleaning:i", "open:i", "waiting:i", "oldest_wait_ms:i", "limit:i",
		"fleet_held:i", "fleet_in_use:i", "fleet_open:i", "fleet_waiting:i", "server", "error")
	fleet := n.fleet.sums()
	for _, b := range n.wanted(q) {
		h, g := healthOf(b), &b.metrics.governor.Gauges
		f, ok := fleet[b.ID]
		if !ok {
			f = bucketReport{Owned: int(h.Slots), InUse: int(h.InUse), Open: int(h.Open), Waiting: int(h.Waiting)}
		}
		var oldest time.Duration
		if at := g.Oldest.Load(); at != 0 && h.Waiting > 0 {
			oldest = time.Since(time.Unix(0, at))
		}
		t.add(b.ID, h.Status, h.Slots, h.InUse, h.Idle, g.Dialing.Load(), g.Cleaning.Load(), h.Open, h.Waiting, ms(oldest), h.Limit,
			f.Owned, f.InUse, f.Open, f.Waiting, h.Address, h.Error)
	}
	return t
}

func viewPools(ctx context.Context, n *node, q viewQuery) table {
	t := newTable("bucket", "user", "database", "app", "tds", "idle:i", "oldest_idle_ms:i")
	for _, b := range n.wanted(q) {
		if b.metrics.governor.Gauges.Idle.Load() == 0 {
			continue
		}
		for _, p := range n.look(ctx, b).Pools {
			t.add(b.ID, p.User, p.Database, p.App, p.TDS, p.Idle, ms(p.Oldest))
		}
	}
	return t
}

func viewQueue(ctx context.Context, n *node, q viewQuery) table {
	t := newTable("bucket", "position:i", "of:i", "client:i", "waited_ms:i", "left_ms:i", "user", "database", "app", "address", "why")
	for _, b := range n.wanted(q) {
		if b.metrics.governor.Gauges.Waiting.Load() == 0 {
			continue
		}
		i := n.look(ctx, b)
		for at, w := range i.Waiters {
			c, _ := session.Look(n.env, w.Session)
			t.add(b.ID, at+1, i.Waiting, uint64(w.Session), ms(w.Waited), ms(w.Left), w.User, c.Database, c.App, c.Client, i.Why)
		}
	}
	return t
}

func viewBackends(ctx context.Context, n *node, q viewQuery) table {
	t := newTable("bucket", "spid:i", "state", "held_ms:i", "client:i", "phase", "in_transaction:b", "pins", "user", "database", "app", "address")
	for _, b := range n.wanted(q) {
		if b.metrics.governor.Gauges.Open.Load() == 0 {
			continue
		}
		i := n.look(ctx, b)
		for _, l := range i.Leases {
			c, _ := session.Look(n.env, l.Session)
			t.add(b.ID, l.SPID, "in use", ms(l.Held), uint64(l.Session), c.Phase, c.InTx, pinWords(c.Pins), c.User, c.Database, c.App, c.Client)
		}
		for _, p := range i.Pools {
			for range p.Idle {
				t.add(b.ID, nil, "idle", nil, nil, nil, nil, nil, p.User, p.Database, p.App, nil)
			}
		}
	}
	return t
}

// pinWords are pins in a few words.
func pinWords(pins []session.PinInfo) string {
	words := make([]string, len(pins))
	for i, p := range pins {
		if words[i] = p.Reason; p.Name != "" {
			words[i] += " " + p.Name
		}
	}
	return strings.Join(words, ", ")
}

func viewPins(_ context.Context, n *node, q viewQuery) table {
	t := newTable("bucket", "client:i", "reason", "name", "pinned_ms:i", "statement", "spid:i", "phase", "in_transaction:b", "user", "app", "address")
	n.scans.Lock()
	found, _ := session.Find(n.env, q.bucket, session.ByPinned, q.n)
	n.scans.Unlock()
	for _, c := range found {
		for _, p := range c.Pins {
			t.add(c.Bucket, uint64(c.ID), p.Reason, p.Name, ms(p.For), p.Statement, c.BackendPID, c.Phase, c.InTx, c.User, c.App, c.Client)
		}
	}
	return t
}

func viewClients(ctx context.Context, n *node, q viewQuery) table {
	t := newTable("client:i", "bucket", "waits_for", "wait_ms:i", "position:i", "why", "phase", "in_transaction:b", "pins", "requests:i", "age_ms:i", "spid:i",
		"user", "database", "app", "host", "address")
	for _, c := range n.clients(ctx, q.bucket, session.ByWait, q.n) {
		var spid, at any
		if c.BackendPID != 0 {
			spid = int64(c.BackendPID)
		}
		if c.Wait.Position > 0 {
			at = int64(c.Wait.Position)
		}
		t.add(uint64(c.ID), c.Bucket, c.Wait.For, ms(c.Wait.Time), at, c.Wait.Why, c.Phase, c.InTx, pinWords(c.Pins), c.Requests, ms(c.Age), spid,
			c.User, c.Database, c.App, c.Host, c.Client)
	}
	return t
}

// clients lists sessions with what their governors know of their waits.
func (n *node) clients(ctx context.Context, bucketID string, order session.Order, limit int) []session.Info {
	n.scans.Lock() // one scan at a time, however many look on
	found, _ := session.Find(n.env, bucketID, order, limit)
	n.scans.Unlock()
	n.explain(ctx, found)
	return found
}

// explain says why those of list that wait for a backend do.
func (n *node) explain(ctx context.Context, list []session.Info) {
	known := map[string]bucket.Info{}
	byID := map[string]*runningBucket{}
	for _, b := range n.bucketList() {
		byID[b.ID] = b
	}
	for i := range list {
		c := &list[i]
		b := byID[c.Bucket]
		if c.Wait.For != session.WaitBackend || b == nil {
			continue
		}
		g, ok := known[c.Bucket]
		if !ok {
			g = n.look(ctx, b)
			known[c.Bucket] = g
		}
		c.Wait.Why = "a login at the server is under way"
		for at, w := range g.Waiters {
			if w.Session == c.ID {
				c.Wait.Position, c.Wait.Why = at+1, g.Why
			}
		}
		if c.Wait.Position == 0 && g.Waiting > len(g.Waiters) {
			c.Wait.Why = g.Why
		}
	}
}

func newNodesTable() table {
	return newTable("bucket", "node", "state", "owned_by_gossip:i", "owned_by_ledger:i", "difference:i", "lent:i", "borrowed:i", "in_use:i", "open:i", "waiting:i",
		"oldest_wait_ms:i", "heard_ms_ago:i", "limit:i")
}

func viewNodes(ctx context.Context, n *node, q viewQuery) table {
	t := newNodesTable()
	if n.fleet.alone {
		for _, b := range n.wanted(q) {
			h := healthOf(b)
			t.add(b.ID, n.env.Node, "alone", h.Limit, nil, nil, 0, 0, h.InUse, h.Open, h.Waiting, nil, 0, h.Limit)
		}
		return t
	}
	return nodesTable(n.fleet.report(ctx), q)
}

// nodesTable is SHOW NODES of a fleet.
func nodesTable(rep *fleetReport, q viewQuery) table {
	t := newNodesTable()
	state := map[string]string{}
	for _, m := range rep.Nodes {
		state[m.Node] = m.State
	}
	for _, b := range rep.Buckets {
		if q.bucket != "" && q.bucket != b.Bucket {
			continue
		}
		for _, s := range b.Nodes {
			var ledger, difference any
			if s.Ledger >= 0 {
				ledger, difference = int64(s.Ledger), int64(s.Difference)
			}
			t.add(b.Bucket, s.Node, state[s.Node], s.Owned, ledger, difference, s.Lent, s.Borrowed, s.InUse, s.Open, s.Waiting, s.OldestMS, ms(s.Age), b.Limit)
		}
	}
	return t
}

func viewConfig(_ context.Context, n *node, _ viewQuery) table {
	t := newTable("key", "value", "from", "reloadable:b")
	n.mu.Lock()
	cfg := n.cfg
	n.mu.Unlock()
	for _, v := range cfg.Values() {
		t.add(v.Key, v.Value, v.From, v.Live)
	}
	return t
}

func viewLists(_ context.Context, n *node, _ viewQuery) table {
	t := newTable("list", "items:i")
	var open, idle, inUse, waiting, paused int64
	all := n.bucketList()
	for _, b := range all {
		h := healthOf(b)
		open, idle, inUse, waiting = open+h.Open, idle+h.Idle, inUse+h.InUse, waiting+h.Waiting
		if h.Paused {
			paused++
		}
	}
	members := 1
	if !n.fleet.alone {
		members = n.fleet.members()
	}
	t.add("nodes", members)
	t.add("buckets", len(all))
	t.add("paused buckets", paused)
	t.add("clients", n.env.Connections())
	t.add("waiting clients", waiting)
	t.add("open backends", open)
	t.add("backends in use", inUse)
	t.add("idle backends", idle)
	for _, k := range n.kinds() {
		t.add("actors: "+k.Kind, k.Count)
	}
	return t
}

func viewVersion(_ context.Context, n *node, _ viewQuery) table {
	t := newTable("version", "node", "uptime_s:i", "go", "draining:b")
	t.add("Sluice "+version, n.env.Node, int64(time.Since(n.started).Seconds()), runtime.Version(), n.draining.Load())
	return t
}

func viewHelp(context.Context, *node, viewQuery) table {
	t := newTable("command", "role", "what_it_does")
	for _, c := range needs {
		t.add(c.usage, c.role, c.about)
	}
	return t
}
