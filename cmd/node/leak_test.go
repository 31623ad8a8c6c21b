package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/configs"
	"sluice/sandbox"
)

// The oracle's size. The defaults are for every run of the tests;
// scripts/leak/run.sh has the large ones.
var (
	leakClients    = flag.Int("leak.clients", 10, "leak oracle: clients")
	leakBackends   = flag.Int("leak.backends", 3, "leak oracle: max_connections of the bucket they share")
	leakSteps      = flag.Int("leak.steps", 150, "leak oracle: steps of each client's program")
	leakStatements = flag.Int64("leak.statements", 0, "leak oracle: go on until so many answers are compared (0: leak.steps)")
	leakSeed       = flag.Uint64("leak.seed", 4, "leak oracle: seed of the programs and faults")
	leakFaults     = flag.Int64("leak.faults", 0, "leak oracle: a fault of the server each so many answers, on average (0: none, but for the test of faults)")
	leakSkip       = flag.String("leak.skip", "", "leak oracle: names of steps to leave out, with commas between")
	leakServer     = flag.String("leak.server", "", "leak oracle: host:port of a server to pool, in place of the sandbox")
	leakTwin       = flag.String("leak.twin", "", "leak oracle: host:port of its twin, where each client also runs alone")
	leakLogin      = flag.String("leak.login", "", "leak oracle: user:password at both")
)

// leakRun is one run of the oracle.
type leakRun struct {
	clients, backends, steps int
	statements               int64
	seed                     uint64
	faults                   int64 // one each so many answers, on average; 0 none

	tag    string // ends the names of tables
	users  []leakUser
	ops    []leakOp
	addr   string          // of the node
	alone  []string        // of the servers that clients have for themselves
	behind *sandbox.Server // the server that they share; nil if it is external
	struck atomic.Int64    // lives that a fault has ended
	lives  atomic.Int64    // lives begun
	seen   atomic.Int64    // answers compared
	failed atomic.Bool     // a difference was found: stop
	mu     sync.Mutex      // guards the counts below
	counts map[string]int  // steps done, by name
	hits   map[string]int  // faults, by name
}

type leakUser struct{ name, password string }

// Clients with random programs see through few shared backends exactly what
// each would see alone.
func TestLeakOracle(t *testing.T) {
	x := leakRun{
		clients: *leakClients, backends: *leakBackends, steps: *leakSteps, statements: *leakStatements,
		seed: *leakSeed, faults: *leakFaults,
	}
	x.run(t)
}

// While the server misbehaves clients see errors, but never a wrong answer.
func TestLeakOracleWithFaults(t *testing.T) {
	if *leakServer != "" {
		t.Skip("the faults are the sandbox's")
	}
	x := leakRun{clients: 10, backends: 3, steps: 100, seed: *leakSeed, faults: 20}
	x.run(t)
	if x.struck.Load() == 0 {
		t.Error("no client met a fault")
	}
}

func (x *leakRun) run(t *testing.T) {
	x.counts, x.hits = make(map[string]int), make(map[string]int)
	x.ops = opsWithout(strings.Split(*leakSkip, ","))
	x.start(t)
	begun := time.Now()
	stop := x.inject()
	var wg sync.WaitGroup
	for i := range x.clients {
		wg.Go(func() {
			p := newPlayer(x, i)
			err := p.play()
			p.leave()
			x.mu.Lock()
			defer x.mu.Unlock()
			for name, n := range p.counts {
				x.counts[name] += n
			}
			if err != nil {
				x.failed.Store(true)
				t.Errorf("client %d, seed %d: %v\nafter %q", i, x.seed, err, p.recent)
			}
		})
	}
	wg.Wait()
	stop()
	x.report(t, time.Since(begun))
}

// start brings up the node, the server behind it and those for one client.
func (x *leakRun) start(t *testing.T) {
	var b configs.Bucket
	if *leakServer == "" {
		x.users = []leakUser{{testUser, testPassword}, {"second", testPassword}}
		o := sandbox.Options{Databases: []string{"app1", "app2"}, Logins: map[string]sandbox.Login{}}
		for _, u := range x.users {
			o.Logins[u.name] = sandbox.Login{Password: u.password}
		}
		x.behind = server(t, o)
		for range 1 + x.clients/32 {
			x.alone = append(x.alone, server(t, o).Addr().String())
		}
		b = bucketFor("bucket-001", x.behind, x.backends, "app1")
	} else {
		x.external(t, &b)
	}
	connect := leakPatience
	if x.faults > 0 {
		connect = 2 * time.Second // logins stall
	}
	b.ConnectionTimeout = &connect
	c := testConfig(b)
	c.Proxy.Pooling = configs.PoolingTransaction
	c.Pool.IdentityHold, c.Pool.CleanTimeout = 30*time.Second, 2*time.Second
	c.Proxy.QueueTimeout = leakPatience
	c.BackendTLS.Mode = configs.BackendTLSOff
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	log := testLogger(t)
	if x.statements > 0 {
		log = newLogger(os.Stderr, configs.Log{Level: "error"})
	}
	n, err := newNode(c, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	x.addr = n.tdsAddr().String()
}

// report says what was done, and checks the limit.
func (x *leakRun) report(t *testing.T, took time.Duration) {
	t.Helper()
	t.Logf("%d answers compared in %.1fs (%.0f/s), seed %d, %d clients on %d backends, %d lives",
		x.seen.Load(), took.Seconds(), float64(x.seen.Load())/took.Seconds(), x.seed, x.clients, x.backends, x.lives.Load())
	t.Logf("steps: %s", counted(x.counts))
	if x.faults > 0 {
		t.Logf("faults: %s; %d lives ended by one", counted(x.hits), x.struck.Load())
	}
	if x.behind == nil {
		return
	}
	st := x.behind.Stats()
	t.Logf("the server saw at most %d sessions, %d logins, %d resets, %d attentions", st.PeakSessions, st.TotalLogins, st.Resets, st.Attentions)
	if st.PeakSessions > x.backends {
		t.Errorf("%d sessions at the server", st.PeakSessions)
	}
}

// counted lists counts by name.
func counted(counts map[string]int) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, "%s %d, ", name, counts[name])
	}
	return strings.TrimSuffix(b.String(), ", ")
}
