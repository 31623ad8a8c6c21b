package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"sluice/actors/bucket"
	"sluice/actors/session"
	"sluice/tds"
)

// nodeMetrics holds every instrument of a node in one set; docs/metrics.md
// says what each means.
type nodeMetrics struct {
	set      *metrics.Set
	sessions *session.Metrics

	mu    sync.Mutex
	names map[string][]string // by bucket, to be dropped with it
}

type bucketMetrics struct {
	governor *bucket.Metrics
	session  *session.BucketMetrics
}

var (
	waitBounds  = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60}
	queryBounds = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
	loginBounds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15}
)

func newNodeMetrics() *nodeMetrics {
	m := &nodeMetrics{set: metrics.NewSet(), names: map[string][]string{}}
	m.sessions = &session.Metrics{
		LoginSeconds: m.set.NewPrometheusHistogramExt("proxy_login_seconds", loginBounds),
		Dropped: func(reason string) session.Counter {
			return m.set.GetOrCreateCounter(fmt.Sprintf("proxy_clients_dropped_total{reason=%q}", reason))
		},
	}
	return m
}

// watch adds the gauges that look at the node when they are read.
func (m *nodeMetrics) watch(n *node) {
	m.set.NewGauge("proxy_clients_connected", func() float64 { return float64(m.sessions.Clients.Load()) })
	m.set.NewGauge("proxy_uptime_seconds", func() float64 { return time.Since(n.started).Seconds() })
	m.set.NewGauge(fmt.Sprintf("proxy_build_info{version=%q,instance_id=%q}", version, n.env.Node), func() float64 { return 1 })
	m.set.RegisterMetricsWriter(func(w io.Writer) { n.fleet.writeMetrics(w) })
	m.set.RegisterMetricsWriter(func(w io.Writer) {
		kinds := n.system.Totals()
		family := func(name, kind, help string, value func(i int) uint64) {
			fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
			for i, k := range kinds {
				fmt.Fprintf(w, "%s{kind=%q} %d\n", name, k.Kind, value(i))
			}
		}
		family("proxy_actors", "gauge", "Actors alive, by kind.", func(i int) uint64 { return uint64(kinds[i].Count) })
		family("proxy_actor_messages_total", "counter", "Messages handled by actors.", func(i int) uint64 { return kinds[i].Handled })
		family("proxy_actor_mailbox_dropped_total", "counter", "Messages refused because a mailbox was full.", func(i int) uint64 { return kinds[i].Dropped })
		family("proxy_actor_restarts_total", "counter", "Restarts of actors.", func(i int) uint64 { return kinds[i].Restarts })
	})
}

// bucketSet creates a bucket's instruments and remembers their names.
type bucketSet struct {
	m  *nodeMetrics
	id string
}

func (b bucketSet) name(metric, labels string) string {
	full := fmt.Sprintf("%s{bucket_id=%q%s}", metric, b.id, labels)
	b.m.mu.Lock()
	b.m.names[b.id] = append(b.m.names[b.id], full)
	b.m.mu.Unlock()
	return full
}

func (b bucketSet) counter(metric, labels string) *metrics.Counter {
	return b.m.set.GetOrCreateCounter(b.name(metric, labels))
}

func (b bucketSet) gauge(metric string, v *atomic.Int64) {
	b.m.set.GetOrCreateGauge(b.name(metric, ""), func() float64 { return float64(v.Load()) })
}

func (b bucketSet) histogram(metric string, bounds []float64) *metrics.PrometheusHistogram {
	return b.m.set.GetOrCreatePrometheusHistogramExt(b.name(metric, ""), bounds)
}

func (m *nodeMetrics) bucket(id string) *bucketMetrics {
	b := bucketSet{m, id}
	status := func(s string) bucket.Counter {
		return b.counter("proxy_connections_total", fmt.Sprintf(",status=%q", s))
	}
	failed := func(kind string) *metrics.Counter {
		return b.counter("proxy_connection_errors_total", fmt.Sprintf(",error_type=%q", kind))
	}
	g := &bucket.Metrics{
		Acquired: status("acquired"), AcquiredAfterWait: status("acquired_after_wait"), Released: status("released"),
		QueueTimeout: status("timeout"), QueueFull: status("rejected_queue_full"), Cancelled: status("cancelled"),
		DialFailed: status("error"), CleanFailed: failed("clean_failed"),
		QueueWait:      b.histogram("proxy_queue_wait_seconds", waitBounds),
		AcquireSeconds: b.histogram("proxy_acquire_seconds", waitBounds),
		LoginSeconds:   b.histogram("proxy_backend_login_seconds", loginBounds),
	}
	b.gauge("proxy_connections_active", &g.Gauges.Leased)
	b.gauge("proxy_connections_idle", &g.Gauges.Idle)
	b.gauge("proxy_connections_opening", &g.Gauges.Dialing)
	b.gauge("proxy_connections_cleaning", &g.Gauges.Cleaning)
	b.gauge("proxy_connections_open", &g.Gauges.Open)
	b.gauge("proxy_connections_max", &g.Gauges.Limit)
	b.gauge("proxy_queue_length", &g.Gauges.Waiting)

	s := &session.BucketMetrics{
		QuerySeconds:  b.histogram("proxy_query_duration_seconds", queryBounds),
		ServerPackets: b.counter("proxy_tds_packets_total", `,direction="server",type="reply"`),
		Errors: func(kind string) session.Counter {
			return b.counter("proxy_connection_errors_total", fmt.Sprintf(",error_type=%q", kind))
		},
	}
	for _, t := range []tds.PacketType{tds.PacketSQLBatch, tds.PacketRPC, tds.PacketTransMgr, tds.PacketBulkLoad, tds.PacketAttention} {
		s.ClientPackets[t] = b.counter("proxy_tds_packets_total", fmt.Sprintf(`,direction="client",type=%q`, t))
	}
	return &bucketMetrics{governor: g, session: s}
}

// forget drops the instruments of a bucket that is no longer served.
func (m *nodeMetrics) forget(id string) {
	m.mu.Lock()
	names := m.names[id]
	delete(m.names, id)
	m.mu.Unlock()
	for _, name := range names {
		m.set.UnregisterMetric(name)
	}
}

func (m *nodeMetrics) write(w io.Writer) {
	m.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
}
