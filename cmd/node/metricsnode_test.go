package main

import (
	"testing"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/gossip"
	"sluice/sandbox"
)

// probe is an actor that does what it is told.
type probe struct{}

func (probe) Receive(_ *actor.Context[func()], f func()) { f() }

func movesOfTheNode(t *testing.T, seen *account) {
	s := server(t, sandbox.Options{})
	n := startNode(t, testConfig(bucketFor("bucket-001", s, 2, "app1")))
	m := movements{t, n, seen}
	m.expect("time passes", func() {}, moves{"proxy_uptime_seconds": "+", "proxy_node_ready": "=1", "proxy_node_draining": "=0"})
	m.expect("a reload is refused", func() { n.metrics.reloads.done(false) }, moves{
		"proxy_config_reloads_total result=refused": "+1", "proxy_config_last_reload_successful": "=0",
	})
	m.expect("a reload is applied", func() { n.reload(testConfig(bucketFor("bucket-001", s, 2, "app1"))) }, moves{
		"proxy_config_reloads_total result=applied": "+1", "proxy_config_last_reload_successful": "=1",
	})

	full, hold := make(chan struct{}), make(chan struct{})
	ref := actor.Spawn(n.system, "probe", func() actor.Actor[func()] { return probe{} }, actor.With(actor.Mailbox(1), actor.Restart(2, time.Minute, time.Millisecond)))
	defer ref.Stop(nil)
	m.expect("a mailbox is full", func() {
		_ = ref.Tell(func() { close(full); <-hold })
		<-full
		_, _ = ref.Tell(func() {}), ref.Tell(func() {})
		close(hold)
	}, moves{"proxy_actor_mailbox_dropped_total kind=probe": "=1", "proxy_actors kind=probe": "=1"})
	m.expect("an actor panics", func() { _ = ref.Tell(func() { panic("as the test wants") }) }, moves{"proxy_actor_restarts_total kind=probe": "=1"})

	m.expect("a governor falls behind", func() { stall(t, n, m) }, moves{"proxy_actor_mailbox_depth kind=bucket": "=0"})

	db := conn(t, dsn(n.tdsAddr(), "app1"))
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	m.expect("the node drains", func() { go func() { n.drain(); close(drained) }() }, moves{"proxy_node_draining": "=1", "proxy_node_ready": "=0"})
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
	<-drained
}

// stall keeps a governor busy while messages for it arrive.
func stall(t *testing.T, n *node, m movements) {
	busy, hold := make(chan struct{}), make(chan struct{})
	g := n.bucketList()[0].Governor
	err := g.Tell(bucket.Acquire{
		Request: &bucket.Request{Session: 1 << 62, Key: backend.Key{User: "nobody"}, Dedicated: true},
		Watch:   func(*actor.Context[bucket.Msg], func(actor.Down) bucket.Msg) func() { return func() {} },
		Reply: func(bucket.Grant) error {
			close(busy)
			<-hold
			return actor.ErrStopped
		},
		Died: func(*bucket.Lease) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-busy
	for range 3 {
		_ = g.Tell(bucket.Forget{User: "nobody"})
	}
	m.shows("three messages wait", nil, moves{"proxy_actor_mailbox_depth kind=bucket": ">2"})
	close(hold)
}

func movesOfTheFleet(t *testing.T, seen *account) {
	r := newFleetRig(t, 4, "node-1", "node-2", "node-3")
	r.hold, r.loan, r.heartbeat = borrowHold, borrowLoan, borrowBeat
	c := r.config("node-1")
	r.start(c)
	first := movements{t, r.nodes[0].node, seen}
	first.shows("one node has all", nil, moves{
		"proxy_fleet_limit": "=4", "proxy_gossip_members": "=1", "proxy_ledger_members": "=1", "proxy_fleet_inside": "=1",
		"proxy_ledger_state": "=1", "proxy_ledger_valid_seconds": ">0", "proxy_instance_heartbeat": ">0", "proxy_witnesses_quorum": "=2",
		"proxy_redis_operations_total": ">0", "proxy_redis_seconds_count": ">0", "proxy_slots_usable": "=4",
	})
	first.expect("another one joins", func() { r.start(r.config("node-2")) }, moves{
		"proxy_gossip_members": "=2", "proxy_ledger_members": "=2", "proxy_peers_connected": "=1", "proxy_witnesses_heard": ">0",
		"proxy_gossip_bytes_total": "+", "proxy_gossip_packets_total": "+",
		"proxy_peer_bytes_total direction=in": "+", "proxy_peer_bytes_total direction=out": "+",
		"proxy_peer_messages_total direction=in": "+", "proxy_peer_messages_total direction=out": "+",
	})
	second := movements{t, r.nodes[1].node, seen}
	l := r.traffic("WAITFOR DELAY '00:00:00.300'")
	stop := l.run(6, 0)
	first.shows("the first node uses the limit", nil, moves{
		"proxy_slots_owned": "=4", "proxy_connections_active": "=4", "proxy_fleet_connections_open": "=4", "proxy_fleet_slots_owned": "=4",
	})
	r.redis.Stop(false)
	stop()
	other := l.run(2, 1)
	second.shows("the second borrows", nil, moves{
		"proxy_ledger_state": "=3", "proxy_slots_borrowed": ">0", "proxy_slots_borrowed_total": ">0",
		"proxy_fleet_connections_active": ">0",
	})
	first.shows("the first has lent", nil, moves{"proxy_slots_lent": ">0", "proxy_slots_lent_total": ">0"})
	other()
	if err := r.redis.Restart(false); err != nil {
		t.Fatal(err)
	}
	first.shows("the ledger is back", nil, moves{"proxy_ledger_state": "=1"})
	movesOfALowerLimit(t, r, first)
}

// movesOfALowerLimit is what shows while more is in use than there may be.
func movesOfALowerLimit(t *testing.T, r *fleetRig, first movements) {
	stop := r.traffic("WAITFOR DELAY '00:00:02'").run(4, 0)
	defer stop()
	first.shows("all are in use", nil, moves{"proxy_connections_active": "=4"})
	lower := r.config("node-1")
	lower.Buckets[0].MaxConnections = 1
	first.expect("the limit is lowered on one node", func() { r.nodes[0].reload(lower) }, moves{
		"proxy_slots_owed": ">0", "proxy_fleet_conflicts": ">0",
	})
}

func movesOfAFence(t *testing.T, seen *account) {
	r := newFleetRig(t, 5)
	c := r.config("node-1")
	patient := time.Minute
	c.Buckets[0].ConnectionTimeout = &patient
	r.start(c)
	n := r.nodes[0].node
	m := movements{t, n, seen}
	m.shows("the node serves", nil, moves{"proxy_slots_usable": "=5"})
	one[int](t, conn(t, dsn(n.tdsAddr(), "app1")), "SELECT 1")
	r.sql.SetFault(sandbox.Fault{Kind: sandbox.StallLogin, Connections: 1})
	db := open(t, dsn(n.tdsAddr(), "app1", "app name", "late"))
	failed := make(chan error, 1)
	go func() { failed <- db.PingContext(t.Context()) }()
	m.shows("a login is under way", nil, moves{"proxy_connections_opening": "=1"})
	m.expect("nobody hears the node", func() { r.redis.Stop(true) }, moves{
		"proxy_fences_total": "+1", "proxy_fleet_inside": "=0", "proxy_node_ready": "=0", "proxy_slots_usable": "=0",
		"proxy_backend_dials_total result=called_off": "+1", "proxy_backend_closes_total reason=slot_lost": "+1",
		"proxy_connection_errors_total error_type=slot_lost": "+", "proxy_connections_open": "=0",
	})
	if err := <-failed; err == nil {
		t.Error("the login succeeded")
	}
}

// The sums of peers' figures only grow, though those of a peer begin anew.
func TestPeerTotals(t *testing.T) {
	peer := func(id string, n uint64) gossip.PeerStats {
		return gossip.PeerStats{ID: id, Connected: true, Sent: n, Received: n, Dropped: n, BytesSent: 10 * n, BytesReceived: 10 * n}
	}
	var p peerTotals
	steps := []struct {
		now       []gossip.PeerStats
		sum       uint64
		connected int
	}{
		{[]gossip.PeerStats{peer("a", 5), peer("b", 1)}, 6, 2},
		{[]gossip.PeerStats{peer("a", 7)}, 8, 1},
		{nil, 8, 0},
		{[]gossip.PeerStats{peer("a", 2)}, 10, 1}, // it came back
		{[]gossip.PeerStats{peer("a", 1)}, 11, 1}, // and again, between two looks
	}
	for i, s := range steps {
		sum, connected := p.add(s.now)
		if sum.Sent != s.sum || sum.Dropped != s.sum || sum.BytesReceived != 10*s.sum || connected != s.connected {
			t.Errorf("step %d: %+v, %d connected", i, sum, connected)
		}
	}
}
