package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/configs"
)

// withLimit is a configuration with another max_connections.
func (r *fleetRig) withLimit(n *fleetNode, limit int) *configs.Config {
	c := *n.cfg
	c.Buckets = []configs.Bucket{c.Buckets[0]}
	c.Buckets[0].MaxConnections = limit
	return &c
}

// An operator changes max_connections at one node after the other.
func TestReloadChangesTheLimitOfTheFleet(t *testing.T) {
	t.Parallel()
	r := newFleetRig(t, 6, "node-1")
	r.startAll("node-1", "node-2")
	first, second := r.nodes[0], r.nodes[1]
	fleetPage(t, r)
	eventually(t, "both know the limit", func() bool { return first.bucketView().Limit == 6 && second.bucketView().Limit == 6 })
	l := r.traffic("WAITFOR DELAY '00:00:00.100'")
	stop := l.run(14, 0)
	within(t, 20*time.Second, "six are in use", func() bool { return first.inUse() == 6 })

	up := time.Now()
	first.reload(r.withLimit(first, 10))
	within(t, 20*time.Second, "ten are in use", func() bool { return first.inUse() == 10 })
	t.Logf("raised: in use after %v", time.Since(up))
	second.complains(t, "different max_connections", "10 holds", "says 6")
	first.complains(t, "different max_connections", "10 holds")
	if code, h := second.health(t); code != http.StatusOK || h.Status != "degraded" {
		t.Errorf("with a conflict /health says %d, %s", code, h.Status)
	}
	second.reload(r.withLimit(second, 10))
	for _, n := range r.nodes {
		within(t, 15*time.Second, "the conflict is over", func() bool { _, h := n.health(t); return len(h.Fleet.Problems) == 0 })
	}
	stop()
	r.peakWithin(10)

	// Eight clients in the middle of something; then the limit goes down to 4.
	var conns []*sql.DB
	for range 8 {
		db := open(t, dsn(first.tdsAddr(), "app1"))
		db.SetMaxOpenConns(1)
		one[int](t, db, "SELECT 1")
		conns = append(conns, db)
	}
	ended := make(chan error, len(conns))
	for _, c := range conns {
		go func() {
			ended <- c.QueryRowContext(context.Background(), "WAITFOR DELAY '00:00:01' SELECT 1").Scan(new(int))
		}()
	}
	eventually(t, "eight are in use", func() bool { return first.inUse() == 8 })
	first.reload(r.withLimit(first, 4))
	second.reload(r.withLimit(second, 4))
	within(t, 15*time.Second, "the fleet's limit is 4", func() bool { return first.bucketView().Limit == 4 && second.bucketView().Limit == 4 })
	for range conns {
		if err := <-ended; err != nil {
			t.Error("a busy client was cut:", err)
		}
	}
	for _, c := range conns {
		closing(t, c)
	}
	down := time.Now()
	within(t, 15*time.Second, "no more than four are open", func() bool { return r.sql.Sessions() <= 4 })
	t.Logf("lowered: four are open %v after the clients were done", time.Since(down))
	within(t, 15*time.Second, "and owned", func() bool { return first.bucketView().Owned+second.bucketView().Owned <= 4 })
	stop = l.run(14, 1)
	within(t, 20*time.Second, "four are in use", func() bool { return second.inUse() == 4 })
	if s := r.sql.Sessions(); s > 4 {
		t.Errorf("%d sessions at the server, 4 are allowed now", s)
	}
	stop()
	if n := l.failed.Load(); n > 0 {
		t.Errorf("%d requests failed", n)
	}
}

// A bucket that is removed and comes back while clients are in it shares its
// slots with what it was.
func TestBucketThatComesBackCountsItsOldConnections(t *testing.T) {
	t.Parallel()
	r := newFleetRig(t, 3)
	r.startAll("node-1")
	n := r.nodes[0]
	var old []*sql.DB
	for range 3 {
		db := open(t, dsn(n.tdsAddr(), "app1"))
		db.SetMaxOpenConns(1)
		one[int](t, db, "SELECT 1")
		old = append(old, db)
	}
	without := *n.cfg
	without.Buckets = nil
	n.reload(&without)
	n.reload(n.cfg)
	db := open(t, dsn(n.tdsAddr(), "app1"))
	answered := make(chan error, 1)
	go func() { answered <- db.PingContext(context.Background()) }()
	eventually(t, "a new client waits", func() bool {
		v, _ := metric(t, n.node, `proxy_queue_length{bucket_id="bucket-001"}`)
		return v == 1
	})
	for _, db := range old {
		closing(t, db)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	r.peakWithin(3)
}

// fleetPage checks what /debug/actors shows of a fleet at rest.
func fleetPage(t *testing.T, r *fleetRig) {
	t.Helper()
	n := r.nodes[0]
	db := open(t, dsn(n.tdsAddr(), "app1"))
	one[int](t, db, "SELECT 1")
	closing(t, db)
	var rep struct {
		Fleet   *fleetReport   `json:"fleet"`
		Buckets []bucketHealth `json:"buckets"`
	}
	within(t, 15*time.Second, "ledger and gossip agree that all slots are owned", func() bool {
		_, body := get(t, n.node, "health", "/debug/actors")
		rep.Fleet, rep.Buckets = nil, nil
		if err := json.Unmarshal([]byte(body), &rep); err != nil {
			t.Fatal(err)
		}
		if rep.Fleet == nil || len(rep.Fleet.Buckets) != 1 {
			return false
		}
		b := rep.Fleet.Buckets[0]
		for _, sh := range b.Nodes {
			if sh.Difference != 0 || sh.Ledger < 0 {
				return false
			}
		}
		return len(b.Nodes) == 2 && b.Owned == r.limit && b.Ledger == r.limit && b.Limit == r.limit
	})
	f := rep.Fleet
	if f.View.Phase != "inside" || f.View.Ledger != "open" || f.View.Session == "" || f.View.Members != 2 || len(f.View.Buckets) != 1 {
		t.Errorf("view: %+v", f.View)
	}
	if len(f.Nodes) != 2 || f.Nodes[0].Node != "node-1" || f.Nodes[1].State != "alive" || f.Nodes[1].Version != version || f.Nodes[1].Addr == "" {
		t.Errorf("nodes: %+v", f.Nodes)
	}
	if sh := f.Buckets[0].Nodes; !sh[0].Self || sh[1].Self || sh[1].Node != "node-2" {
		t.Errorf("shares: %+v", sh)
	}
	if f.LedgerError != "" || len(f.Problems) > 0 {
		t.Errorf("at rest: %q, %q", f.LedgerError, f.Problems)
	}
	_, nodes := get(t, n.node, "health", "/debug/actors?show=nodes&format=text")
	for _, want := range []string{"owned_by_ledger", "node-1", "node-2", "alive"} {
		if !strings.Contains(nodes, want) {
			t.Errorf("the nodes do not have %q:\n%s", want, nodes)
		}
	}
}
