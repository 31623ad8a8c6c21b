package main

import (
	"context"
	"time"

	"sluice/scripts/rig"
)

// nodeWatch asks the nodes for their metrics again and again.
type nodeWatch struct {
	t       *trial
	samples []NodeSample
}

const sampleEvery = 500 * time.Millisecond

func (w *nodeWatch) watch(ctx context.Context) {
	for rig.Sleep(ctx, sampleEvery) {
		at := w.t.now() // of all samples of the round, which belong together
		for _, n := range w.t.cluster.Nodes {
			if !n.Running() {
				continue
			}
			m, err := w.t.cluster.Probe.Metrics(ctx, n)
			if err != nil {
				continue // it may have just ended
			}
			w.samples = append(w.samples, sampleOf(at, n.Index, w.t.fleet.buckets, m))
		}
	}
}

func sampleOf(at float64, node, buckets int, m rig.Metrics) NodeSample {
	s := NodeSample{
		At: at, Node: node,
		Heap: m["go_memstats_heap_inuse_bytes"], RSS: m["process_resident_memory_bytes"], Goroutines: m["go_goroutines"],
		Clients: m["proxy_clients_connected"], Pinned: m.Sum("proxy_connections_pinned"),
	}
	for i := range buckets {
		id := rig.BucketName(i)
		s.Open = append(s.Open, m.Bucket("proxy_connections_open", id))
		s.Idle = append(s.Idle, m.Bucket("proxy_connections_idle", id))
		s.Waiting = append(s.Waiting, m.Bucket("proxy_queue_length", id))
		s.Slots = append(s.Slots, m.Bucket("proxy_slots_owned", id))
	}
	return s
}

// used is how many connections of a bucket are not idle.
func (s NodeSample) used(bucket int) float64 { return s.Open[bucket] - s.Idle[bucket] }

func (s NodeSample) waiting() float64 {
	sum := 0.0
	for _, n := range s.Waiting {
		sum += n
	}
	return sum
}
