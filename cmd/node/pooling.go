package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/VictoriaMetrics/metrics"

	"sluice/actors/prepared"
	"sluice/actors/session"
	"sluice/actors/statement"
	"sluice/configs"
	"sluice/tds"
)

// pool is what all sessions of a bucket have in common that pool in the same
// way, whatever route brought them.
type pool struct {
	set        bucketSet
	shown      sync.Once       // the metrics of statements, once they are in use
	statements *prepared.Store // one for all, since their backends are
	pins       *pinMetrics
	counters   *counterCache
	apps       *appNames
}

func (n *node) newPool(bucketID string) *pool {
	set := bucketSet{n.metrics, bucketID}
	return &pool{
		set: set, statements: prepared.NewStore(prepared.Limits{}),
		pins:     &pinMetrics{set: set, by: map[string]pinMetric{}},
		counters: &counterCache{by: map[string]*metrics.Counter{}, set: set},
		apps:     &appNames{known: map[string]bool{}},
	}
}

// use is how sessions share backends; both are nil if each has its own.
func (p *pool) use(c *configs.Config, mode configs.PoolingMode, pins configs.Pins) (*session.Sharing, *session.Observing) {
	silenced, raised := reasons(pins.Silence), reasons(pins.Raise)
	j := judge(c, silenced, raised)
	switch mode {
	case configs.PoolingTransaction:
		p.shown.Do(func() { p.set.prepared(p.statements) })
		return &session.Sharing{
			Judge: j, Statements: p.statements, Linger: c.Pool.IdentityHold, Pins: p.pins, Transactions: announcing(c),
			Silenced: silenced, Raised: raised,
		}, nil
	case configs.PoolingObserve:
		return nil, &session.Observing{
			Judge: j, Silenced: silenced,
			Requests: func(app string) session.Counter {
				return p.counters.get("proxy_observed_requests_total", fmt.Sprintf(",app=%q", p.apps.label(app)))
			},
			Pins: func(app string, r statement.Reason) session.Counter {
				return p.counters.get("proxy_observed_pins_total", fmt.Sprintf(",app=%q,pin_reason=%q", p.apps.label(app), r))
			},
		}
	}
	return nil, nil
}

// poolLogins returns a session's way to ask the configuration how it shares
// backends. Logins under way go on as they were told.
func (n *node) poolLogins(c *configs.Config) func(*tds.Login7, *session.Bucket) (*session.Sharing, *session.Observing) {
	type way struct {
		sharing   *session.Sharing
		observing *session.Observing
	}
	type place struct {
		bucket string
		route  int
	}
	ways := map[place]way{}
	for id, rb := range n.buckets {
		b, ok := c.Bucket(id)
		if !ok {
			continue
		}
		for i := -1; i < len(c.Routes); i++ {
			if i >= 0 && !strings.EqualFold(c.Routes[i].Bucket, id) {
				continue
			}
			mode, pins := c.RoutePooling(i, b)
			s, o := rb.pool.use(c, mode, pins)
			ways[place{id, i}] = way{s, o}
		}
	}
	return func(l *tds.Login7, b *session.Bucket) (*session.Sharing, *session.Observing) {
		w, ok := ways[place{b.ID, c.MatchRoute(asLogin(l))}]
		if !ok { // it came by default_bucket
			w = ways[place{b.ID, -1}]
		}
		return w.sharing, w.observing
	}
}

func judge(c *configs.Config, silenced, raised statement.ReasonSet) statement.Judge {
	pin := c.Pool.Procedures == configs.ProceduresPin && !silenced.Has(statement.UnseenCode) || raised.Has(statement.UnseenCode)
	if pin {
		return statement.Judge{Unseen: statement.PinUnseen}
	}
	return statement.Judge{}
}

// reasons are those of a configuration that is valid.
func reasons(names []string) (s statement.ReasonSet) {
	for _, name := range names {
		if r, ok := statement.ParseReason(strings.ToLower(name)); ok {
			s |= statement.SetOf(r)
		}
	}
	return s
}

func announcing(c *configs.Config) session.Announcing {
	switch c.Pool.AskTransactions {
	case configs.AskAlways:
		return session.AskAlways
	case configs.AskNever:
		return session.AskNever
	}
	return session.AskWhereDoubtful
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
