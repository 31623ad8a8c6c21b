package gossip

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sluice/gossip/gossiptest"
)

// cluster is some members on a network in memory. It lives in a bubble.
type cluster struct {
	t   *testing.T
	net *gossiptest.Network
}

func newCluster(t *testing.T) *cluster {
	// The library does not wait for its goroutines, and a bubble's clock stops
	// with the test.
	t.Cleanup(func() { <-time.After(time.Minute) })
	n := gossiptest.New()
	n.SetDelay(200*time.Microsecond, 300*time.Microsecond)
	return &cluster{t: t, net: n}
}

func ip(i int) string { return fmt.Sprintf("10.0.%d.%d", i/200, i%200+1) }

func (c *cluster) config(i int) Config {
	return Config{
		ID: fmt.Sprintf("node-%d#1", i), Name: fmt.Sprintf("node-%d", i), Cluster: "test", Protocol: 1,
		Info: Info{PeerAddr: ":7947", Version: "1.0", Witnesses: "w", Config: "c"},
		Join: []string{ip(0) + ":7946"},
	}
}

// start runs member i until the test ends.
func (c *cluster) start(i int, change ...func(*Config)) *Gossip {
	c.t.Helper()
	cfg := c.config(i)
	for _, f := range change {
		f(&cfg)
	}
	tr, err := c.net.Host(ip(i)).Transport(7946)
	if err != nil {
		c.t.Fatal(err)
	}
	cfg.Transport = tr
	g, err := Start(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = g.Close() })
	return g
}

func (c *cluster) startAll(n int, change ...func(*Config)) []*Gossip {
	all := make([]*Gossip, n)
	for i := range all {
		all[i] = c.start(i, change...)
	}
	return all
}

// until waits for a condition in virtual time and returns how long it took.
func until(t *testing.T, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		<-time.After(10 * time.Millisecond)
	}
	return time.Since(began)
}

// sees says whether g has exactly n live members.
func sees(g *Gossip, n int) bool {
	live := 0
	for _, m := range g.Members() {
		if m.State == Alive {
			live++
		}
	}
	return live == n
}

func (c *cluster) converge(n int, all ...*Gossip) time.Duration {
	c.t.Helper()
	return until(c.t, 2*time.Minute, fmt.Sprint(n, " live members everywhere"), func() bool {
		return !slices.ContainsFunc(all, func(g *Gossip) bool { return !sees(g, n) })
	})
}

func value(g *Gossip, from, key string) (v string, age time.Duration) {
	g.Each(func(id, k string, _ uint64, b []byte, a time.Duration) {
		if id == from && k == key {
			v, age = string(b), a
		}
	})
	return v, age
}

func stateOf(g *Gossip, id string) State {
	for _, m := range g.Members() {
		if m.ID == id {
			return m.State
		}
	}
	return ""
}

func problem(g *Gossip, k Kind) (Problem, bool) { return problemOf(g.Problems(), k) }

func noProblems(t *testing.T, all ...*Gossip) {
	t.Helper()
	for _, g := range all {
		for _, p := range g.Problems() {
			t.Errorf("%s: problem %s: %s", g.cfg.ID, p.Kind, p.Text)
		}
	}
}

// publish panics where a test's own values do not fit.
func publish(g *Gossip, key, value string) {
	if err := g.Publish(key, []byte(value)); err != nil {
		panic(err)
	}
}

func TestConvergence(t *testing.T) {
	for _, n := range []int{3, 16} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				c.net.SetLoss(0.02)
				all := c.startAll(n, func(c *Config) { c.SecretKey = []byte("0123456789abcdef") })
				t.Logf("%d members after %v", n, c.converge(n, all...))
				for i, g := range all {
					publish(g, "b", fmt.Sprint("of ", i))
				}
				for round := range 3 {
					v := fmt.Sprint("round ", round)
					publish(all[n-1], "a", v)
					d := until(t, 10*time.Second, "everybody has it", func() bool {
						return !slices.ContainsFunc(all[:n-1], func(g *Gossip) bool {
							got, _ := value(g, all[n-1].cfg.ID, "a")
							return got != v
						})
					})
					t.Logf("a value reached all after %v", d)
				}
				until(t, 40*time.Second, "everybody has all", func() bool {
					return !slices.ContainsFunc(all, func(g *Gossip) bool {
						return !slices.ContainsFunc(all, func(o *Gossip) bool {
							v, _ := value(g, o.cfg.ID, "b")
							return o != g && v == ""
						}) == false
					})
				})
				m := all[1].Members()
				if !m[0].Self || m[0].ID != "node-1#1" || m[1].ID != "node-0#1" || m[1].Name != "node-0" ||
					m[1].Addr != ip(0)+":7946" || m[1].Info.PeerAddr != ip(0)+":7947" || m[1].Info.Version != "1.0" {
					t.Errorf("members %+v", m[:2])
				}
				if a, ok := all[1].Resolve("node-0#1"); !ok || a != ip(0)+":7947" {
					t.Errorf("resolved to %q %v", a, ok)
				}
				noProblems(t, all...)
			})
		})
	}
}

// TestOrder: of two versions the newer stays, whatever comes last, and ages
// grow while nothing is published.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.net.SetDelay(time.Millisecond, 200*time.Millisecond) // packets overtake each other
		c.net.SetLoss(0.1)
		all := c.startAll(5)
		c.converge(5, all...)
		for i := range 50 {
			publish(all[0], "k", fmt.Sprint(i))
			<-time.After(50 * time.Millisecond)
		}
		until(t, 40*time.Second, "the last one", func() bool {
			return !slices.ContainsFunc(all[1:], func(g *Gossip) bool { v, _ := value(g, "node-0#1", "k"); return v != "49" })
		})
		<-time.After(time.Minute)
		for _, g := range all[1:] {
			if _, age := value(g, "node-0#1", "k"); age < 58*time.Second || age > 2*time.Minute {
				t.Errorf("age %v", age)
			}
		}
		// One who comes now hears the true age too.
		late := c.start(9)
		until(t, 20*time.Second, "value at the newcomer", func() bool { v, _ := value(late, "node-0#1", "k"); return v == "49" })
		if _, age := value(late, "node-0#1", "k"); age < 55*time.Second {
			t.Errorf("age %v at a newcomer", age)
		}
	})
}

func TestPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.startAll(6)
		c.converge(6, all...)
		publish(all[0], "k", "before")
		// No member that was configured to start with is on the second side.
		c.net.Partition([]string{ip(0), ip(1), ip(2)}, []string{ip(3), ip(4), ip(5)})
		c.converge(3, all...)
		if s := stateOf(all[0], "node-4#1"); s != Failed {
			t.Errorf("other side is %q", s)
		}
		<-time.After(5 * time.Minute) // both sides have forgotten each other
		publish(all[0], "k", "during")
		publish(all[5], "k", "during")
		c.net.Heal()
		t.Logf("healed after %v", c.converge(6, all...))
		d := until(t, time.Minute, "values of both sides everywhere", func() bool {
			return !slices.ContainsFunc(all, func(g *Gossip) bool {
				a, _ := value(g, "node-0#1", "k")
				b, _ := value(g, "node-5#1", "k")
				return g != all[0] && a != "during" || g != all[5] && b != "during"
			})
		})
		t.Logf("values after %v more", d)
	})
}

// TestHealWithoutSeeds: the sides find each other by the addresses of those
// who failed, when nobody they were configured with is left.
func TestHealWithoutSeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		seed := c.start(0)
		all := []*Gossip{c.start(1), c.start(2), c.start(3), c.start(4)}
		c.converge(5, append(all, seed)...)
		_ = seed.Leave(t.Context())
		_ = seed.Close()
		c.converge(4, all...)
		c.net.Partition([]string{ip(1), ip(2)}, []string{ip(3), ip(4)})
		c.converge(2, all...)
		<-time.After(10 * time.Minute)
		c.net.Heal()
		t.Logf("healed after %v", c.converge(4, all...))
	})
}

func TestRestart(t *testing.T) {
	for _, tt := range []struct {
		name string
		host int
	}{{"same address", 2}, {"other address", 7}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				all := c.startAll(3)
				c.converge(3, all...)
				publish(all[2], "k", "old")
				until(t, 5*time.Second, "old value", func() bool { v, _ := value(all[0], "node-2#1", "k"); return v == "old" })
				_ = all[2].Close() // no goodbye
				again := c.start(tt.host, func(c *Config) { c.ID, c.Name = "node-2#2", "node-2" })
				publish(again, "k", "new")
				d := until(t, 5*time.Second, "new value", func() bool { v, _ := value(all[0], "node-2#2", "k"); return v == "new" })
				t.Logf("the new process is heard after %v", d)
				d = until(t, 20*time.Second, "old process failed", func() bool { return stateOf(all[0], "node-2#1") == Failed })
				t.Logf("the old process is given up after %v more", d)
				<-time.After(40 * time.Second)
				noProblems(t, all[0], all[1], again)
				<-time.After(time.Minute)
				if v, _ := value(all[0], "node-2#1", "k"); v != "" || stateOf(all[0], "node-2#1") != "" {
					t.Errorf("dead process still known: %q", v)
				}
				if n := len(all[0].store.list()); n != 1 {
					t.Errorf("values of %d members stored, want 1", n)
				}
			})
		})
	}
}

func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.startAll(16)
		c.converge(16, all...)
		began := time.Now()
		if err := all[7].Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		rest := slices.Delete(slices.Clone(all), 7, 8)
		until(t, time.Second-took, "everybody knows it left", func() bool {
			return !slices.ContainsFunc(rest, func(g *Gossip) bool { return stateOf(g, "node-7#1") != Left })
		})
		t.Logf("Leave took %v, all knew after %v", took, time.Since(began))
		if _, ok := rest[0].Resolve("node-7#1"); ok {
			t.Error("a member that left is resolved")
		}
		if err := all[7].SetInfo(Info{}); err == nil {
			t.Error("SetInfo after Leave")
		}
		_ = all[7].Close()
		<-time.After(40 * time.Second)
		if s := stateOf(rest[0], "node-7#1"); s != Left {
			t.Errorf("later it is %q", s)
		}
	})
}

func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.startAll(3)
		c.converge(3, all...)
		c.net.Isolate(ip(2))
		d := until(t, 15*time.Second, "failed", func() bool {
			return stateOf(all[0], "node-2#1") == Failed && stateOf(all[1], "node-2#1") == Failed
		})
		t.Logf("crash seen after %v", d)
		if _, ok := all[0].Resolve("node-2#1"); !ok {
			t.Error("a failed member may be alive and has to be resolved")
		}
		<-time.After(61 * time.Second)
		if all[0].members.known("node-2#1") {
			t.Error("still listed")
		}
	})
}
