package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"sluice/gossip"
)

var ledgerStates = map[string]int{"unknown": 0, "open": 1, "recovering": 2, "unreachable": 3}

// writeMetrics writes what is known of the fleet.
func (f *fleet) writeMetrics(w io.Writer, peers *peerTotals) {
	v := f.slots.View()
	one := func(name string, value any) { fmt.Fprintf(w, "%s %v\n", name, value) }
	others := f.heardOf()
	for _, b := range v.Buckets {
		all := f.bucketReport(b, others, nil)
		each := func(name string, value int) { fmt.Fprintf(w, "%s{bucket_id=%q} %d\n", name, b.Bucket, value) }
		each("proxy_slots_owned", b.Owned)
		each("proxy_slots_borrowed", b.Borrowed)
		each("proxy_slots_lent", b.Lent)
		each("proxy_slots_owed", b.Owes)
		each("proxy_fleet_limit", b.Limit)
		each("proxy_fleet_slots_owned", all.Owned)
		each("proxy_fleet_connections_open", all.Open)
		each("proxy_fleet_connections_active", all.InUse)
		each("proxy_fleet_queue_length", all.Waiting)
	}
	fences, borrowed, lent, relayed := f.slots.Counts()
	one("proxy_slots_borrowed_total", borrowed)
	one("proxy_slots_lent_total", lent)
	one("proxy_ledger_relayed_total", relayed)
	one("proxy_fences_total", fences)
	one("proxy_ledger_state", ledgerStates[v.Ledger])
	one("proxy_ledger_valid_seconds", min(v.ValidFor, forever).Seconds())
	one("proxy_ledger_members", v.Members)
	one("proxy_fleet_inside", bit(v.Phase == "inside"))
	one("proxy_witnesses_heard", v.Witnesses)
	one("proxy_witnesses_quorum", v.Quorum)
	one("proxy_gossip_members", f.members())
	one("proxy_fleet_conflicts", len(f.problems()))
	one(fmt.Sprintf("proxy_instance_heartbeat{instance_id=%q}", f.self.Name()), max(v.HeardAgo.Seconds(), -1))
	if g := f.gossip.Load(); g != nil {
		s := g.Stats()
		one("proxy_gossip_bytes_total", s.BytesSent)
		one("proxy_gossip_packets_total", s.PacketsSent)
		one("proxy_gossip_malformed_total", s.Malformed)
		one("proxy_gossip_queue_length", s.Queued)
		one("proxy_gossip_health", s.Health)
	}
	if l := f.links.Load(); l != nil {
		peers.write(w, l.Stats())
	}
}

// peerTotals sums figures of links, which begin anew with each link, so that
// the sums only grow. What a link has done after it was last looked at is lost
// with it.
type peerTotals struct {
	mu   sync.Mutex
	last map[string]gossip.PeerStats
	sum  gossip.PeerStats
}

func (t *peerTotals) add(now []gossip.PeerStats) (sum gossip.PeerStats, connected int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := map[string]gossip.PeerStats{}
	for _, p := range now {
		was := t.last[p.ID]
		if p.BytesSent < was.BytesSent || p.BytesReceived < was.BytesReceived || p.Dropped < was.Dropped || p.Sent < was.Sent || p.Received < was.Received {
			was = gossip.PeerStats{}
		}
		t.sum.BytesSent += p.BytesSent - was.BytesSent
		t.sum.BytesReceived += p.BytesReceived - was.BytesReceived
		t.sum.Sent += p.Sent - was.Sent
		t.sum.Received += p.Received - was.Received
		t.sum.Dropped += p.Dropped - was.Dropped
		seen[p.ID] = p
		if p.Connected {
			connected++
		}
	}
	t.last = seen
	return t.sum, connected
}

func (t *peerTotals) write(w io.Writer, now []gossip.PeerStats) {
	sum, connected := t.add(now)
	fmt.Fprintf(w, "proxy_peers_connected %d\n", connected)
	fmt.Fprintf(w, "proxy_peer_bytes_total{direction=\"in\"} %d\nproxy_peer_bytes_total{direction=\"out\"} %d\n", sum.BytesReceived, sum.BytesSent)
	fmt.Fprintf(w, "proxy_peer_messages_total{direction=\"in\"} %d\nproxy_peer_messages_total{direction=\"out\"} %d\n", sum.Received, sum.Sent)
	fmt.Fprintf(w, "proxy_peer_dropped_total %d\n", sum.Dropped)
}

// redisCall counts a call to Redis.
func (m *nodeMetrics) redisCall(operation, status string, took time.Duration) {
	m.set.GetOrCreateCounter(fmt.Sprintf("proxy_redis_operations_total{operation=%q,status=%q}", operation, status)).Inc()
	m.set.GetOrCreatePrometheusHistogramExt(fmt.Sprintf("proxy_redis_seconds{operation=%q}", operation), redisBounds).Update(took.Seconds())
}

var redisBounds = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1}
