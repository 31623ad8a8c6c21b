package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/configs"
	"sluice/limits"
	"sluice/limits/redisledger"
	"sluice/sandbox"
	"sluice/sandbox/redisd"
)

// fleetRig is a fleet in this process: nodes before one SQL server, which
// counts its sessions by itself, and an embedded Redis.
type fleetRig struct {
	t         *testing.T
	redis     *redisd.Server
	sql       *sandbox.Server
	limit     int
	witnesses []string
	key       configs.Secret
	hold      time.Duration
	loan      time.Duration
	heartbeat time.Duration
	dir, join string
	nodes     []*fleetNode
}

type fleetNode struct {
	*node
	cfg  *configs.Config
	log  *logText
	once sync.Once
}

// logText is a log that a test reads while it is written.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Times of the fleets here: short, so that what they bound can be waited for.
const (
	testHold      = 4 * time.Second
	testHeartbeat = 300 * time.Millisecond
	testLoan      = time.Second

	// Those of a fleet that lives by loans: the tests' machine may stand still
	// for seconds, and a loan that is not renewed costs clients.
	borrowHold = 18 * time.Second
	borrowLoan = 6 * time.Second
	borrowBeat = 500 * time.Millisecond
)

func newFleetRig(t *testing.T, limit int, witnesses ...string) *fleetRig {
	t.Helper()
	r := &fleetRig{t: t, limit: limit, witnesses: witnesses, hold: testHold, loan: testLoan, heartbeat: testHeartbeat, dir: t.TempDir(), sql: server(t, sandbox.Options{})}
	var err error
	if r.redis, err = redisd.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.redis.Close)
	return r
}

// config is that of a node which fits the fleet.
func (r *fleetRig) config(name string) *configs.Config {
	c := testConfig(bucketFor("bucket-001", r.sql, r.limit, "app1"))
	c.Proxy.InstanceID = name
	c.Proxy.QueueTimeout = time.Minute
	c.ShutdownTimeout = 2 * time.Second
	c.Redis.Addr, c.Redis.HeartbeatInterval = r.redis.Addr(), r.heartbeat
	c.Gossip.BindAddr, c.Gossip.BindPort, c.Gossip.PeerPort = "127.0.0.1", 0, 0
	c.Gossip.Preset, c.Gossip.ClusterName, c.Gossip.SecretKey = configs.GossipLocal, "test", r.key
	if r.join != "" {
		c.Gossip.Join = []string{r.join}
	}
	c.Limits.HoldTime, c.Limits.LoanTime, c.Limits.StateDir = r.hold, r.loan, r.dir
	c.Limits.Witnesses, c.Limits.Guard = r.witnesses, false
	return c
}

// make returns a node that is not started. It ends with the test.
func (r *fleetRig) make(c *configs.Config) *fleetNode {
	r.t.Helper()
	if err := c.Validate(); err != nil {
		r.t.Fatal(err)
	}
	n := &fleetNode{cfg: c, log: &logText{}}
	var err error
	if n.node, err = newNode(c, newLogger(n.log, configs.Log{Level: "debug"})); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		stood := n.fleet.slots.View()
		n.end(n.close)
		if r.t.Failed() {
			r.t.Logf("%s stood as %+v", c.Proxy.InstanceID, stood)
			lines := slices.DeleteFunc(strings.Split(n.log.String(), "\n"), func(l string) bool {
				return strings.Contains(l, "level=DEBUG") || strings.Contains(l, "client has ended")
			})
			r.t.Logf("log of %s:\n%s", c.Proxy.InstanceID, strings.Join(lines[max(0, len(lines)-60):], "\n"))
		}
	})
	return n
}

// end ends a node, once.
func (n *fleetNode) end(how func()) { n.once.Do(how) }

// start adds a node to the fleet and waits until it has its place.
func (r *fleetRig) start(c *configs.Config) *fleetNode {
	r.t.Helper()
	if len(r.nodes) == 0 {
		c.Limits.Bootstrap = true
	}
	n := r.make(c)
	if err := n.start(); err != nil {
		r.t.Fatal(err)
	}
	r.nodes = append(r.nodes, n)
	if r.join == "" {
		r.join = n.fleet.gossip.Load().Addr()
	}
	return n
}

// startAll starts nodes with these names and waits until they are one fleet.
func (r *fleetRig) startAll(names ...string) {
	r.t.Helper()
	for _, name := range names {
		r.start(r.config(name))
	}
	eventually(r.t, "all nodes are in the fleet and may get slots", func() bool {
		for _, n := range r.nodes {
			if v := n.fleet.slots.View(); n.fleet.members() != len(names) || v.Members != len(names) || !v.Granting {
				return false
			}
		}
		return true
	})
}

// inUse is how many connections clients of a node have.
func (n *fleetNode) inUse() int {
	return int(n.bucketList()[0].metrics.governor.Gauges.Leased.Load())
}

// bucketView is how the node's only bucket stands.
func (n *fleetNode) bucketView() limits.BucketView {
	for _, b := range n.fleet.slots.View().Buckets {
		return b
	}
	return limits.BucketView{}
}

// within waits until f holds, for a multiple of the time that it should take,
// and returns how long it took.
func within(t *testing.T, most time.Duration, what string, f func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for ; !f(); wait(t, 5*time.Millisecond) {
		if time.Since(start) > most {
			t.Fatalf("not within %v: %s", most, what)
		}
	}
	return time.Since(start)
}

// peakWithin fails the test if the server ever saw more than the limit.
func (r *fleetRig) peakWithin(limit int) {
	r.t.Helper()
	st := r.sql.Stats()
	r.t.Logf("witness: at most %d sessions, %d connections of %d; %d logins", st.PeakSessions, st.PeakConnections, limit, st.TotalLogins)
	if st.PeakSessions > limit || st.PeakConnections > limit {
		r.t.Errorf("the server saw %d sessions and %d connections, %d are allowed", st.PeakSessions, st.PeakConnections, limit)
	}
}

// health is what /health says.
func (n *fleetNode) health(t *testing.T) (int, healthReport) {
	t.Helper()
	code, body := get(t, n.node, "health", "/health")
	var h healthReport
	if err := json.Unmarshal([]byte(body), &h); err != nil {
		t.Fatal(err)
	}
	return code, h
}

// complains waits until /health shows a problem that has all of the words.
func (n *fleetNode) complains(t *testing.T, words ...string) {
	t.Helper()
	var h healthReport
	start := time.Now()
	for found := false; !found; wait(t, 20*time.Millisecond) {
		_, h = n.health(t)
		for _, p := range h.Fleet.Problems {
			all := true
			for _, w := range words {
				all = all && strings.Contains(p, w)
			}
			found = found || all
		}
		if !found && time.Since(start) > 15*time.Second {
			t.Fatalf("%s does not complain of %q: %+v", n.cfg.Proxy.InstanceID, words, h.Fleet)
		}
	}
}

// ledgerOf looks into a fleet's ledger as a stranger.
func ledgerOf(t *testing.T, redis, cluster string) *redisledger.Ledger {
	t.Helper()
	l, err := redisledger.Open(redisledger.Config{Addrs: []string{redis}, Key: redisledger.Key(cluster)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, l) })
	return l
}

// sessionsOf is which sessions the ledger has of a name.
func sessionsOf(t *testing.T, l *redisledger.Ledger, name string) map[limits.Session]limits.State {
	t.Helper()
	reply, err := l.Do(t.Context(), limits.List{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[limits.Session]limits.State{}
	for s, st := range reply.Sessions {
		if s.Name() == name {
			out[s] = st
		}
	}
	return out
}

// traffic is clients that each use a node again and again.
type traffic struct {
	t      *testing.T
	rig    *fleetRig
	work   string
	served atomic.Int64
	failed atomic.Int64
	hot    atomic.Int64 // the node that clients without one of their own use
}

func (r *fleetRig) traffic(work string) *traffic {
	return &traffic{t: r.t, rig: r, work: work}
}

// run adds clients until stop is called, which waits for them. Own is the node
// they use, -1 the hot one.
func (l *traffic) run(clients, own int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var mine sync.WaitGroup
	for range clients {
		mine.Go(func() {
			for ctx.Err() == nil {
				at := own
				if at < 0 {
					at = int(l.hot.Load())
				}
				if err := l.once(l.rig.nodes[at].tdsAddr()); err != nil {
					l.failed.Add(1)
					l.t.Logf("client of node %d: %v", at+1, err)
				} else {
					l.served.Add(1)
				}
			}
		})
	}
	end := sync.OnceFunc(func() { cancel(); mine.Wait() })
	l.t.Cleanup(end)
	return end
}

func (l *traffic) once(addr net.Addr) error {
	db, err := sql.Open("sqlserver", dsn(addr.(*net.TCPAddr), "app1"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), l.work)
	return errors.Join(err, db.Close())
}

func nodeNames(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("node-%d", i+1))
	}
	return names
}
