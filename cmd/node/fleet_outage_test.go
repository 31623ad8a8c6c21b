package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// One busy node uses what the fleet may have, with Redis and without, and the
// server, which counts by itself, never sees more.
func TestFleetThroughAnOutageOfRedis(t *testing.T) {
	const limit, most = 20, 19 // 95 %
	r := newFleetRig(t, limit, nodeNames(3)...)
	r.hold, r.loan, r.heartbeat = borrowHold, borrowLoan, borrowBeat
	r.startAll(nodeNames(3)...)
	l := r.traffic("WAITFOR DELAY '00:00:00.300'")
	stop := l.run(30, -1)

	took := within(t, 30*time.Second, "one node uses the whole limit", func() bool { return r.nodes[0].inUse() >= most })
	t.Logf("Redis up: 95 %% in use on one node after %v", took)
	// What the ledger was being asked to make another's is nobody's to use until
	// it answers, so it is not stopped in the middle of that.
	within(t, 30*time.Second, "nothing is borrowed", func() bool {
		for _, n := range r.nodes {
			if b := n.bucketView(); b.Borrowed+b.Lent > 0 {
				return false
			}
		}
		return r.nodes[0].inUse() >= most
	})

	r.redis.Stop(false)
	within(t, 30*time.Second, "all nodes miss the ledger", func() bool {
		for _, n := range r.nodes {
			if n.fleet.slots.View().Ledger != "unreachable" {
				return false
			}
		}
		return true
	})
	l.hot.Store(1)
	took = within(t, 30*time.Second, "another node uses the whole limit", func() bool { return r.nodes[1].inUse() >= most })
	t.Logf("Redis down: 95 %% in use on another node after %v", took)
	if code, h := r.nodes[1].health(t); code != http.StatusOK || h.Status != "degraded" || h.Ledger != "unreachable" {
		t.Errorf("without Redis /health says %d, %s, ledger %s", code, h.Status, h.Ledger)
	}
	eventually(t, "it shows that it borrows", func() bool { return r.nodes[1].bucketView().Borrowed > 0 })

	if err := r.redis.Restart(false); err != nil {
		t.Fatal(err)
	}
	took = within(t, 30*time.Second, "the ledger is open and no loan is left", func() bool {
		for _, n := range r.nodes {
			if v := n.fleet.slots.View(); v.Ledger != "open" || n.bucketView().Borrowed+n.bucketView().Lent > 0 {
				return false
			}
		}
		return true
	})
	t.Logf("Redis back, empty: normal after %v", took)
	took = within(t, 30*time.Second, "the whole limit is in use", func() bool { return r.nodes[1].inUse() >= most })
	t.Logf("and 95 %% in use after another %v; %d requests served", took, l.served.Load())
	stop()
	if n := l.failed.Load(); n > 0 {
		t.Errorf("%d requests failed", n)
	}
	r.peakWithin(limit)
	leaveUnderLoad(t, r, l)
	r.peakWithin(limit)
}

// leaveUnderLoad lets a node leave while it and another share the slots.
func leaveUnderLoad(t *testing.T, r *fleetRig, l *traffic) {
	first, second := r.nodes[0], r.nodes[1]
	stopFirst, stopSecond := l.run(30, 0), l.run(30, 1)
	within(t, 30*time.Second, "two nodes share the slots", func() bool { return first.inUse() >= 8 && second.inUse() >= 8 })
	before := l.failed.Load()
	go stopFirst() // its clients stay away, as a load balancer would have it
	start := time.Now()
	done := make(chan struct{})
	go func() { defer close(done); first.end(first.drain) }()
	within(t, 30*time.Second, "the other node has all slots", func() bool { return second.inUse() >= 19 })
	t.Logf("slots of a node that left are in use elsewhere after %v", time.Since(start))
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the drain does not end")
	}
	t.Logf("it has left after %v", time.Since(start))
	ledger := ledgerOf(t, r.redis.Addr(), "test")
	if s := sessionsOf(t, ledger, "node-1"); len(s) > 0 {
		t.Errorf("the ledger still has %v", s)
	}
	within(t, 30*time.Second, "gossip shows that it has left", func() bool { return second.fleet.members() == 2 })
	stopSecond()
	stopFirst()
	if failed := l.failed.Load() - before; failed > 0 {
		t.Logf("%d clients of the leaving node were turned away", failed)
	}
}

// A node that nobody hears closes its connections in time, says so, and comes
// back by itself.
func TestUnheardNodeFences(t *testing.T) {
	t.Parallel()
	r := newFleetRig(t, 5)
	r.startAll("node-1")
	n := r.nodes[0]
	ran := make(chan error, 1)
	db := open(t, dsn(n.tdsAddr(), "app1"))
	eventually(t, "the node serves", func() bool { return n.bucketView().Entitled == 5 })
	go func() {
		_, err := db.ExecContext(context.Background(), "WAITFOR DELAY '00:01:00'")
		ran <- err
	}()
	eventually(t, "the query runs", func() bool { return n.inUse() == 1 })
	start := time.Now()
	r.redis.Stop(true)
	err := <-ran
	took := time.Since(start)
	t.Logf("after %v: %v", took, err)
	if err == nil || took > testHold+time.Second || took < testHold/2 {
		t.Errorf("the client was cut after %v (hold time %v) with %v", took, testHold, err)
	}
	if sqlError(err) != 50016 && sqlError(err) != 0 {
		t.Errorf("the client was told %v", err)
	}
	eventually(t, "the server has no session left", func() bool { return r.sql.Sessions() == 0 })
	within(t, 5*time.Second, "/health fails", func() bool { code, _ := n.health(t); return code == http.StatusServiceUnavailable })
	if _, h := n.health(t); h.Status != "outside" || h.Fleet.Phase == "inside" {
		t.Errorf("/health says %s, %+v", h.Status, h.Fleet)
	}
	if code, text := get(t, n.node, "health", "/health/ready"); code != http.StatusServiceUnavailable || !strings.Contains(text, "ledger is unreachable") {
		t.Errorf("/health/ready says %d %s", code, text)
	}
	if v, _ := metric(t, n.node, "proxy_fences_total"); v != 1 {
		t.Errorf("proxy_fences_total is %v", v)
	}
	if !strings.Contains(n.log.String(), "msg=fenced") {
		t.Error("the log does not tell of the fence")
	}
	if err := r.redis.Restart(true); err != nil {
		t.Fatal(err)
	}
	took = within(t, 30*time.Second, "the node serves again", func() bool {
		code, _ := n.health(t)
		return code == http.StatusOK && n.bucketView().Entitled == 5
	})
	t.Logf("serves again %v after Redis came back", took)
	one[int](t, open(t, dsn(n.tdsAddr(), "app1")), "SELECT 1")
}

// A node that stops while Redis is away says that it could not tell, and leaves
// that to its guard, or its successor under the same name.
func TestNodeThatCannotTellLeavesWord(t *testing.T) {
	t.Parallel()
	r := newFleetRig(t, 5)
	r.startAll("node-1")
	n := r.nodes[0]
	eventually(t, "the node has slots", func() bool { return n.bucketView().Owned == 5 })
	r.redis.Stop(true)
	start := time.Now()
	n.end(n.close)
	if took := time.Since(start); took > closeTimeout+5*time.Second {
		t.Errorf("closed after %v", took)
	}
	if !strings.Contains(n.log.String(), "the ledger was not told") {
		t.Error("the log does not say that the ledger was not told")
	}
	if n.fleet.state.settled() {
		t.Error("the state file says that nothing is left to be told")
	}
}
