package main

import (
	"fmt"
	"sync"
	"time"
	"unicode"

	"github.com/VictoriaMetrics/metrics"

	"sluice/actors/prepared"
	"sluice/actors/session"
	"sluice/actors/statement"
	"sluice/configs"
)

// sharing says how the sessions of a bucket share its backends; nil if each
// has its own.
func (n *node) sharing(c *configs.Config, bucketID string) *session.Sharing {
	if n.cfg.Proxy.Pooling != configs.PoolingTransaction {
		return nil
	}
	s := &session.Sharing{
		Statements: prepared.NewStore(prepared.Limits{}), Linger: c.Pool.IdentityHold,
		Pins: &pinMetrics{set: bucketSet{n.metrics, bucketID}, by: map[string]pinMetric{}},
	}
	s.Judge = judge(c)
	bucketSet{n.metrics, bucketID}.prepared(s.Statements)
	return s
}

func judge(c *configs.Config) statement.Judge {
	if c.Pool.Procedures == configs.ProceduresPin {
		return statement.Judge{Unseen: statement.PinUnseen}
	}
	return statement.Judge{}
}

// observing counts what transaction pooling would pin; nil unless it is asked for.
func (n *node) observing(c *configs.Config, bucketID string) *session.Observing {
	if n.cfg.Proxy.Pooling != configs.PoolingObserve {
		return nil
	}
	set := bucketSet{n.metrics, bucketID}
	apps := &appNames{known: map[string]bool{}}
	counters := &counterCache{by: map[string]*metrics.Counter{}, set: set}
	return &session.Observing{
		Judge: judge(c),
		Requests: func(app string) session.Counter {
			return counters.get("proxy_observed_requests_total", fmt.Sprintf(",app=%q", apps.label(app)))
		},
		Pins: func(app string, r statement.Reason) session.Counter {
			return counters.get("proxy_observed_pins_total", fmt.Sprintf(",app=%q,pin_reason=%q", apps.label(app), r))
		},
	}
}

// counterCache makes each counter once, and registers its name once.
type counterCache struct {
	set bucketSet

	mu sync.Mutex
	by map[string]*metrics.Counter
}

func (c *counterCache) get(name, labels string) *metrics.Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := name + labels
	m := c.by[k]
	if m == nil {
		m = c.set.counter(name, labels)
		c.by[k] = m
	}
	return m
}

// appNames bounds how many application names, which clients choose, become
// labels of metrics.
type appNames struct {
	mu    sync.Mutex
	known map[string]bool
}

const (
	maxApps    = 100
	maxAppName = 64 // characters
)

func (a *appNames) label(app string) string {
	r := []rune(app)
	r = r[:min(len(r), maxAppName)]
	for i := range r {
		if !unicode.IsPrint(r[i]) {
			r[i] = '?'
		}
	}
	app = string(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.known[app] {
		if len(a.known) >= maxApps {
			return "other"
		}
		a.known[app] = true
	}
	return app
}

// pinMetrics counts the pinned sessions of a bucket, by reason.
type pinMetrics struct {
	set bucketSet

	mu sync.Mutex
	by map[string]pinMetric
}

type pinMetric struct {
	now   *metrics.Gauge
	lasts *metrics.PrometheusHistogram
}

var pinBounds = []float64{0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 86400}

func (p *pinMetrics) of(reason string) pinMetric {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.by[reason]
	if !ok {
		label := fmt.Sprintf(",pin_reason=%q", reason)
		m.now = p.set.gaugeOf("proxy_connections_pinned", label, nil)
		m.lasts = p.set.histogram("proxy_pinning_duration_seconds", label, pinBounds)
		p.by[reason] = m
	}
	return m
}

// Pinned implements session.PinMetrics.
func (p *pinMetrics) Pinned(reason string) { p.of(reason).now.Inc() }

// Unpinned implements session.PinMetrics.
func (p *pinMetrics) Unpinned(reason string, after time.Duration) {
	m := p.of(reason)
	m.now.Dec()
	m.lasts.Update(after.Seconds())
}
