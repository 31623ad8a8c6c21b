package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"sluice/actors/bucket"
	"sluice/actors/prepared"
	"sluice/actors/session"
	"sluice/tds"
)

type bucketMetrics struct {
	governor *bucket.Metrics
	session  *session.BucketMetrics
}

// bucketSet creates a bucket's instruments and remembers their names. Of a
// bucket that is not served any more it creates instruments that nobody sees:
// its last clients may still be there.
type bucketSet struct {
	m  *nodeMetrics
	id string
}

func (b bucketSet) name(metric, labels string) (full string, served bool) {
	full = fmt.Sprintf("%s{bucket_id=%q%s}", metric, b.id, labels)
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	if b.m.names[b.id] == nil {
		return full, false
	}
	b.m.names[b.id] = append(b.m.names[b.id], full)
	return full, true
}

func (b bucketSet) counter(metric, labels string) *metrics.Counter {
	name, served := b.name(metric, labels)
	if !served {
		return new(metrics.Counter)
	}
	return b.m.set.GetOrCreateCounter(name)
}

func (b bucketSet) gauge(metric string, v *atomic.Int64) {
	b.gaugeOf(metric, "", func() float64 { return float64(v.Load()) })
}

// gaugeOf returns a gauge that is set if f is nil.
func (b bucketSet) gaugeOf(metric, labels string, f func() float64) *metrics.Gauge {
	name, served := b.name(metric, labels)
	if !served {
		return new(metrics.Gauge)
	}
	return b.m.set.GetOrCreateGauge(name, f)
}

func (b bucketSet) histogram(metric, labels string, bounds []float64) *metrics.PrometheusHistogram {
	name, served := b.name(metric, labels)
	set := b.m.set
	if !served {
		set = metrics.NewSet()
	}
	return set.GetOrCreatePrometheusHistogramExt(name, bounds)
}

func (m *nodeMetrics) bucket(id string) *bucketMetrics {
	m.mu.Lock()
	m.names[id] = []string{}
	m.mu.Unlock()
	b := bucketSet{m, id}
	lazy := &counterCache{by: map[string]*metrics.Counter{}, set: b}
	return &bucketMetrics{governor: b.governor(lazy), session: b.session(lazy)}
}

func (b bucketSet) governor(lazy *counterCache) *bucket.Metrics {
	status := func(s string) bucket.Counter {
		return b.counter("proxy_connections_total", fmt.Sprintf(",status=%q", s))
	}
	dials := func(result string) bucket.Counter {
		return b.counter("proxy_backend_dials_total", fmt.Sprintf(",result=%q", result))
	}
	cleans := func(kind, result string) bucket.Counter {
		return b.counter("proxy_backend_cleans_total", fmt.Sprintf(",kind=%q,result=%q", kind, result))
	}
	g := &bucket.Metrics{
		Acquired: status("acquired"), AcquiredAfterWait: status("acquired_after_wait"), Released: status("released"),
		QueueTimeout: status("timeout"), QueueFull: status("rejected_queue_full"), Cancelled: status("cancelled"),
		DialFailed: status("error"), CleanFailed: lazy.get("proxy_connection_errors_total", `,error_type="clean_failed"`),
		Dials:   bucket.Dials{Opened: dials("opened"), Refused: dials("refused"), Unreachable: dials("unreachable"), CalledOff: dials("called_off")},
		Cleaned: cleans("clean", "ok"), Unclean: cleans("clean", "failed"), Checked: cleans("check", "ok"), CheckFailed: cleans("check", "failed"),
		Closed: func(reason string) bucket.Counter {
			return lazy.get("proxy_backend_closes_total", fmt.Sprintf(",reason=%q", reason))
		},
		QueueWait:      b.histogram("proxy_queue_wait_seconds", "", waitBounds),
		AcquireSeconds: b.histogram("proxy_acquire_seconds", "", waitBounds),
		LoginSeconds:   b.histogram("proxy_backend_login_seconds", "", loginBounds),
	}
	v := &g.Gauges
	for name, value := range map[string]*atomic.Int64{
		"proxy_connections_active": &v.Leased, "proxy_connections_idle": &v.Idle, "proxy_connections_opening": &v.Dialing,
		"proxy_connections_cleaning": &v.Cleaning, "proxy_connections_closing": &v.Closing, "proxy_connections_open": &v.Open,
		"proxy_connections_max": &v.Limit, "proxy_connections_min_idle": &v.MinIdle, "proxy_slots_usable": &v.Slots,
		"proxy_queue_length": &v.Waiting, "proxy_queue_max": &v.QueueMax, "proxy_bucket_paused": &v.Paused,
	} {
		b.gauge(name, value)
	}
	b.gaugeOf("proxy_backend_up", "", func() float64 { return bit(v.Failure.Load() == nil) })
	b.gaugeOf("proxy_queue_oldest_wait_seconds", "", func() float64 {
		at := v.Oldest.Load()
		if at == 0 {
			return 0
		}
		return max(time.Since(time.Unix(0, at)), 0).Seconds()
	})
	return g
}

func (b bucketSet) session(lazy *counterCache) *session.BucketMetrics {
	cancels := func(by string) session.Counter {
		return b.counter("proxy_cancels_total", fmt.Sprintf(",by=%q", by))
	}
	s := &session.BucketMetrics{
		QuerySeconds:  b.histogram("proxy_query_duration_seconds", "", queryBounds),
		ServerPackets: b.counter("proxy_tds_packets_total", `,direction="server",type="reply"`),
		Cancels:       cancels("client"), Abandoned: cancels("proxy"),
		Replays: b.counter("proxy_settings_replays_total", ""), Resets: b.counter("proxy_backend_resets_total", ""),
		Errors: func(kind string) session.Counter {
			return lazy.get("proxy_connection_errors_total", fmt.Sprintf(",error_type=%q", kind))
		},
	}
	for _, t := range []tds.PacketType{tds.PacketSQLBatch, tds.PacketRPC, tds.PacketTransMgr, tds.PacketBulkLoad, tds.PacketAttention} {
		s.ClientPackets[t] = b.counter("proxy_tds_packets_total", fmt.Sprintf(`,direction="client",type=%q`, t))
	}
	for _, t := range []tds.PacketType{tds.PacketSQLBatch, tds.PacketRPC, tds.PacketTransMgr, tds.PacketBulkLoad} {
		s.Requests[t] = b.counter("proxy_requests_total", fmt.Sprintf(",type=%q", t))
	}
	return s
}

// prepared shows what a bucket's store of prepared statements does.
func (b bucketSet) prepared(s *prepared.Store) {
	of := func(f func(hits, misses, evicted uint64) uint64) func() float64 {
		return func() float64 { return float64(f(s.Counts())) }
	}
	b.gaugeOf("proxy_prepared_statements", "", func() float64 { return float64(s.Stats().Statements) })
	b.gaugeOf("proxy_prepared_bytes", "", func() float64 { return float64(s.Stats().Bytes) })
	b.gaugeOf("proxy_prepared_cache_hits_total", "", of(func(h, _, _ uint64) uint64 { return h }))
	b.gaugeOf("proxy_prepared_cache_misses_total", "", of(func(_, m, _ uint64) uint64 { return m }))
	b.gaugeOf("proxy_prepared_cache_evictions_total", "", of(func(_, _, e uint64) uint64 { return e }))
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

// census is what is counted of a bucket's sessions.
type census struct {
	states                       map[string]int
	inTransaction                int
	oldestTransaction, oldestPin time.Duration
}

// writeSessions looks at every session: their number by state costs them
// nothing while nobody asks.
func (n *node) writeSessions(w io.Writer) {
	all := map[string]*census{}
	buckets := n.bucketList()
	for _, b := range buckets {
		all[b.ID] = &census{states: map[string]int{}}
	}
	session.Census(n.env, func(s session.Standing) {
		c := all[s.Tenant.Bucket]
		if c == nil {
			return
		}
		c.states[s.State]++
		if s.InTransaction > 0 {
			c.inTransaction++
		}
		c.oldestTransaction = max(c.oldestTransaction, s.InTransaction)
		c.oldestPin = max(c.oldestPin, s.Pinned)
	})
	for _, b := range buckets {
		c := all[b.ID]
		for _, state := range session.States() {
			fmt.Fprintf(w, "proxy_sessions{bucket_id=%q,state=%q} %d\n", b.ID, state, c.states[state])
		}
		fmt.Fprintf(w, "proxy_transactions_open{bucket_id=%q} %d\n", b.ID, c.inTransaction)
		fmt.Fprintf(w, "proxy_transaction_oldest_seconds{bucket_id=%q} %v\n", b.ID, c.oldestTransaction.Seconds())
		fmt.Fprintf(w, "proxy_pin_oldest_seconds{bucket_id=%q} %v\n", b.ID, c.oldestPin.Seconds())
	}
}
