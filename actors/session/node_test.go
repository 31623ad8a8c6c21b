package session

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// count is a Counter and a Summary.
type count struct{ n atomic.Int64 }

func (c *count) Inc()           { c.n.Add(1) }
func (c *count) Add(n int)      { c.n.Add(int64(n)) }
func (c *count) Update(float64) { c.n.Add(1) }
func (c *count) get() int       { return int(c.n.Load()) }

// counts are counters by name.
type counts struct {
	mu sync.Mutex
	m  map[string]*count
}

func (c *counts) of(name string) Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[string]*count{}
	}
	if c.m[name] == nil {
		c.m[name] = &count{}
	}
	return c.m[name]
}

func (c *counts) get(name string) int { return c.of(name).(*count).get() }

// names are those that have been counted.
func (c *counts) names() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, k := range c.m {
		if k.get() > 0 {
			all = append(all, name)
		}
	}
	return all
}

func (c *counts) total() (sum int) {
	for _, name := range c.names() {
		sum += c.get(name)
	}
	return sum
}

// node is all of a node that sessions need: one bucket behind one port.
type node struct {
	t        testing.TB
	env      *Env
	governor *bucket.Metrics
	dropped  counts
	errors   counts
	queries  count
	logins   count
	listener *net.TCPListener
	cert     tls.Certificate
}

// setup is what a test may change of a node.
type setup struct {
	limit          int
	queue          bucket.QueueSettings
	tls, required  bool
	strict         bool
	loginTimeout   time.Duration
	cleanTimeout   time.Duration
	sessionTimeout time.Duration
	target         backend.Target
	mapping        Mapping
	username       string
	password       string
	style          refusal.Style
	bucket         func(*bucket.Config)
	sharing        *Sharing
}

// startNode serves the bucket "b1", whose server is at address; logins to the
// database "nowhere" have no route.
func startNode(t testing.TB, address string, change func(*setup)) *node {
	t.Helper()
	o := setup{
		limit: 4, queue: bucket.QueueSettings{Timeout: 20 * time.Second, MaxSize: 100},
		loginTimeout: 20 * time.Second, cleanTimeout: 20 * time.Second,
		target: backend.Target{Bucket: "b1", Address: address, ConnectTimeout: 20 * time.Second, CleanTimeout: 20 * time.Second},
	}
	if change != nil {
		change(&o)
	}
	n := &node{t: t}
	watcher, err := backend.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	sys := actor.NewSystem()
	var workers sync.WaitGroup
	n.governor = &bucket.Metrics{
		Acquired: &count{}, AcquiredAfterWait: &count{}, Released: &count{}, QueueTimeout: &count{}, QueueFull: &count{},
		Cancelled: &count{}, DialFailed: &count{}, CleanFailed: &count{}, QueueWait: &count{}, AcquireSeconds: &count{}, LoginSeconds: &n.logins,
	}
	cfg := bucket.Config{
		ID: "b1", Node: "n1",
		Settings: bucket.Settings{Limit: o.limit, MaxIdleTime: time.Hour, MaxParallelLogins: 8, ReverifyAfter: time.Hour},
		Queue:    o.queue, Target: &o.target, Metrics: n.governor, Log: log,
	}
	if o.bucket != nil {
		o.bucket(&cfg)
	}
	governor := bucket.Spawn(sys, cfg, &workers, watcher)
	n.env = &Env{
		System: sys, Node: "n1", Log: log, Credentials: NewCredentials(), Watcher: watcher,
		TLSRequired: o.required, Strict: o.strict, LoginTimeout: o.loginTimeout, CleanTimeout: o.cleanTimeout, ErrorStyle: o.style,
		Match: backend.Match{NodeName: "n1"}, Product: tds.ProductVersion{Major: 16},
	}
	n.env.Metrics = &Metrics{LoginSeconds: &count{}, Dropped: n.dropped.of}
	if o.tls {
		n.cert = tdstest.Certificate(t, 0)
		n.env.SetTLS(&tls.Config{Certificates: []tls.Certificate{n.cert}})
	}
	bm := &BucketMetrics{QuerySeconds: &n.queries, ServerPackets: &count{}, Errors: n.errors.of}
	for _, typ := range []tds.PacketType{tds.PacketSQLBatch, tds.PacketRPC, tds.PacketAttention} {
		bm.ClientPackets[typ] = &count{}
	}
	n.env.Routing.Store(&Routing{
		Route: func(l *tds.Login7) string {
			if l.Database == "nowhere" {
				return ""
			}
			return "b1"
		},
		Mapping: o.mapping, SessionTimeout: o.sessionTimeout,
		Buckets: map[string]*Bucket{"b1": {ID: "b1", Governor: governor, Username: o.username, Password: o.password, Metrics: bm, Sharing: o.sharing}},
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.listener = l.(*net.TCPListener)
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			c, err := n.listener.AcceptTCP()
			if err != nil {
				return
			}
			Accept(n.env, c)
		}
	}()
	t.Cleanup(func() {
		n.listener.Close()
		<-accepting
		KillAll(n.env, refusal.Draining)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := sys.Shutdown(ctx, nil); err != nil {
			t.Error(err)
		}
		n.env.Ports.Wait()
		watcher.Close() // before the workers: it may start some
		workers.Wait()
		if c := n.env.Connections(); c != 0 {
			t.Errorf("%d clients are still counted", c)
		}
	})
	return n
}

func (n *node) addr() string { return n.listener.Addr().String() }

// eventually waits for a condition that has no event of its own.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	limit := time.NewTimer(15 * time.Second)
	defer limit.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// gauges waits until the bucket has so many connections open, idle and leased.
func (n *node) gauges(open, idle, leased int64) {
	n.t.Helper()
	g := &n.governor.Gauges
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	limit := time.NewTimer(15 * time.Second)
	defer limit.Stop()
	for g.Open.Load() != open || g.Idle.Load() != idle || g.Leased.Load() != leased {
		select {
		case <-tick.C:
		case <-limit.C:
			n.t.Fatalf("open, idle, leased are %d, %d, %d instead of %d, %d, %d", g.Open.Load(), g.Idle.Load(), g.Leased.Load(), open, idle, leased)
		}
	}
}

// gone waits until no client is connected.
func (n *node) gone() {
	n.t.Helper()
	eventually(n.t, "all sessions end", func() bool { return n.env.Connections() == 0 })
}

func credentials() tdstest.ClientConfig {
	return tdstest.ClientConfig{Encryption: tds.EncryptNotSupported, Login: tds.Login7{UserName: "u", Password: "p", Database: "db"}}
}

func (n *node) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: tdstest.Roots(n.cert), ServerName: "localhost"}
}

// dial connects a client that has said nothing yet.
func (n *node) dial() *tdstest.Client {
	n.t.Helper()
	c, err := tdstest.Dial(n.addr())
	if err != nil {
		n.t.Fatal(err)
	}
	// A test that went wrong must not wait for ever.
	_ = c.Conn().SetDeadline(time.Now().Add(20 * time.Second))
	n.t.Cleanup(func() { _ = c.Close() })
	return c
}

// connect logs a client in.
func (n *node) connect(cfg tdstest.ClientConfig) *tdstest.Client {
	n.t.Helper()
	c := n.dial()
	if err := c.Connect(cfg); err != nil {
		n.t.Fatal(err)
	}
	return c
}

// query runs a batch that must succeed.
func query(t testing.TB, c *tdstest.Client, text string) tdstest.Response {
	t.Helper()
	r, err := c.Query(text)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

// closed checks that the node has closed c's connection.
func closed(t testing.TB, c *tdstest.Client) {
	t.Helper()
	if r, err := c.Read(); err == nil {
		t.Fatalf("the connection lives on and gave %+v", r)
	} else if ne := net.Error(nil); asTimeout(err, &ne) {
		t.Fatal("the connection was not closed")
	}
}

func asTimeout(err error, ne *net.Error) bool {
	return errors.As(err, ne) && (*ne).Timeout()
}

// numbers are those of a response's errors.
func numbers(r tdstest.Response) (all []int32) {
	for _, e := range r.Errors() {
		all = append(all, e.Number)
	}
	return all
}
