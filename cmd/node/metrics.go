package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"sluice/actors/session"
	"sluice/actors/tenants"
)

// nodeMetrics holds every instrument of a node in one set; the reference says
// what each means.
type nodeMetrics struct {
	set      *metrics.Set
	sessions *session.Metrics
	accepted *metrics.Counter
	reloads  reloadMetrics
	peers    peerTotals

	mu    sync.Mutex
	names map[string][]string // by bucket, to be dropped with it
}

// reloadMetrics says what became of reloads of the configuration.
type reloadMetrics struct {
	applied, refused *metrics.Counter
	at               atomic.Int64 // of the last success, in Unix seconds
	failed           atomic.Bool  // the last one was refused
}

func (r *reloadMetrics) done(ok bool) {
	r.failed.Store(!ok)
	if !ok {
		r.refused.Inc()
		return
	}
	r.applied.Inc()
	r.at.Store(time.Now().Unix())
}

// Bounds of the histograms, in seconds: 1-2.5-5 where quantiles are read off,
// wider above.
var (
	waitBounds  = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60}
	queryBounds = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
	loginBounds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15}
)

func newNodeMetrics() *nodeMetrics {
	m := &nodeMetrics{set: metrics.NewSet(), names: map[string][]string{}}
	m.accepted = m.set.NewCounter("proxy_clients_accepted_total")
	m.reloads.applied = m.set.NewCounter(`proxy_config_reloads_total{result="applied"}`)
	m.reloads.refused = m.set.NewCounter(`proxy_config_reloads_total{result="refused"}`)
	m.reloads.at.Store(time.Now().Unix())
	m.sessions = &session.Metrics{
		LoginSeconds: m.set.NewPrometheusHistogramExt("proxy_login_seconds", loginBounds),
		Dropped: func(reason string) session.Counter {
			return m.set.GetOrCreateCounter(fmt.Sprintf("proxy_clients_dropped_total{reason=%q}", reason))
		},
		Tenants: tenants.NewTable(),
	}
	for _, reason := range []string{"login_timeout", "hung_up", "protocol", "tls", "encryption", "strict_disabled", "network", "no_route", "max_client_connections"} {
		m.sessions.Dropped(reason) // so that the first one shows as a rise
	}
	return m
}

// watch adds what looks at the node when it is read.
func (m *nodeMetrics) watch(n *node) {
	gauge := func(name string, f func() float64) { m.set.NewGauge(name, f) }
	gauge("proxy_clients_connected", func() float64 { return float64(m.sessions.Clients.Load()) })
	limit := float64(n.cfg.Proxy.MaxClientConnections) // only a restart changes it
	gauge("proxy_clients_max", func() float64 { return limit })
	gauge("proxy_uptime_seconds", func() float64 { return time.Since(n.started).Seconds() })
	gauge(fmt.Sprintf("proxy_build_info{version=%q,instance_id=%q}", version, n.env.Node), func() float64 { return 1 })
	gauge("proxy_node_draining", func() float64 { return bit(n.draining.Load()) })
	gauge("proxy_node_ready", func() float64 { return bit(n.unready() == "") })
	gauge("proxy_config_last_reload_successful", func() float64 { return bit(!m.reloads.failed.Load()) })
	gauge("proxy_config_last_reload_success_timestamp_seconds", func() float64 { return float64(m.reloads.at.Load()) })
	m.watchTLS(n)
	m.set.RegisterMetricsWriter(func(w io.Writer) { n.fleet.writeMetrics(w, &m.peers) })
	m.set.RegisterMetricsWriter(n.writeSessions)
	m.set.RegisterMetricsWriter(n.writeActors)
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// watchTLS adds what there is to tell of encryption towards clients.
func (m *nodeMetrics) watchTLS(n *node) {
	if n.env.TLS == nil {
		return
	}
	failures := m.set.NewCounter("proxy_tls_handshake_failures_total")
	m.sessions.Handshakes = func(version string) session.Counter {
		if version == "" {
			return failures
		}
		return m.set.GetOrCreateCounter(fmt.Sprintf("proxy_tls_handshakes_total{version=%q}", version))
	}
	m.set.NewGauge("proxy_tls_certificate_expiry_timestamp_seconds", func() float64 {
		return float64(certificateExpiry(n.env.TLS).Unix())
	})
}

// writeActors writes sums over the actors of each kind.
func (n *node) writeActors(w io.Writer) {
	for _, k := range n.system.Totals() {
		fmt.Fprintf(w, "proxy_actors{kind=%q} %d\n", k.Kind, k.Count)
		fmt.Fprintf(w, "proxy_actor_messages_total{kind=%q} %d\n", k.Kind, k.Handled)
		fmt.Fprintf(w, "proxy_actor_mailbox_dropped_total{kind=%q} %d\n", k.Kind, k.Dropped)
		fmt.Fprintf(w, "proxy_actor_restarts_total{kind=%q} %d\n", k.Kind, k.Restarts)
	}
	governors := 0
	for _, b := range n.bucketList() {
		governors += b.Governor.Queued()
	}
	fmt.Fprintf(w, "proxy_actor_mailbox_depth{kind=\"bucket\"} %d\n", governors)
	fmt.Fprintf(w, "proxy_actor_mailbox_depth{kind=\"keeper\"} %d\n", n.fleet.keeper.Queued())
}

func (m *nodeMetrics) write(w io.Writer) {
	var b bytes.Buffer
	m.set.WritePrometheus(&b)
	metrics.WriteProcessMetrics(&b)
	metrics.WriteFDMetrics(&b)
	expose(w, b.Bytes())
}
