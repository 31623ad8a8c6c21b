package gossip

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestForeigners(t *testing.T) {
	key := []byte("0123456789abcdef")
	for _, tt := range []struct {
		name   string
		change func(*Config)
		kind   Kind // what the members of the cluster see
		theirs Kind
		text   string
	}{
		{"other key", func(c *Config) { c.SecretKey = []byte("fedcba9876543210") }, OtherKey, OtherKey, "does not decrypt"},
		{"no key", func(c *Config) { c.SecretKey = nil }, OtherKey, OtherKey, "does not encrypt"},
		{"other cluster", func(c *Config) { c.Cluster = "staging" }, OtherCluster, JoinFailed, "another cluster name"},
		{"other protocol", func(c *Config) { c.Protocol = 2 }, OtherProtocol, OtherProtocol, "speaks protocol version 2, this node 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				all := c.startAll(3, func(c *Config) { c.SecretKey = key })
				c.converge(3, all...)
				stranger := c.start(3, func(c *Config) { c.SecretKey = key }, tt.change)
				publish(stranger, "k", "foreign")
				<-time.After(time.Minute)
				for _, g := range append(all, stranger) {
					t.Logf("%s: %+v", g.cfg.ID, g.Problems())
				}
				if p, ok := problem(all[0], tt.kind); !ok || !strings.Contains(p.Text, tt.text) || p.Since.IsZero() {
					t.Errorf("problem %+v", p)
				}
				if p, ok := problem(stranger, tt.theirs); !ok {
					t.Errorf("the stranger has no problem %s: %+v", tt.theirs, p)
				}
				for _, g := range all {
					if !sees(g, 3) || len(g.store.list()) > 0 {
						t.Errorf("%s was changed by a stranger", g.cfg.ID)
					}
				}
				if !sees(stranger, 1) {
					t.Error("the stranger has members")
				}
				_ = stranger.Close()
				<-time.After(5 * time.Minute)
				noProblems(t, all...)
			})
		})
	}
}

func TestNameTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.startAll(3)
		other := c.start(5, func(c *Config) { c.Name, c.Info.Witnesses = "node-1", "others" })
		all = append(all, other)
		c.converge(4, all...)
		if _, ok := problem(all[1], NameTaken); ok {
			t.Error("a restart would be reported")
		}
		<-time.After(35 * time.Second)
		for _, g := range all {
			p, ok := problem(g, NameTaken)
			if !ok || !strings.Contains(p.Text, ip(1)) || !strings.Contains(p.Text, ip(5)) {
				t.Errorf("%s: %+v", g.cfg.ID, p)
			}
			if _, ok := problem(g, OtherWitnesses); !ok {
				t.Errorf("%s: nothing about witnesses", g.cfg.ID)
			}
		}
		if err := other.SetInfo(all[1].cfg.Info); err != nil {
			t.Fatal(err)
		}
		until(t, 10*time.Second, "witness sets alike", func() bool {
			return !slices.ContainsFunc(all, func(g *Gossip) bool { _, ok := problem(g, OtherWitnesses); return ok })
		})
		_ = other.Leave(t.Context())
		_ = other.Close()
		until(t, 10*time.Second, "name free", func() bool {
			return !slices.ContainsFunc(all[:3], func(g *Gossip) bool { _, ok := problem(g, NameTaken); return ok })
		})
	})
}

func TestSameID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.startAll(3)
		c.converge(3, all...)
		c.start(5, func(c *Config) { c.ID = "node-1#1" })
		until(t, 10*time.Second, "told", func() bool { _, ok := problem(all[0], IDTaken); return ok })
	})
}

func TestJoinByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		known := []netip.Addr{netip.MustParseAddr(ip(0)), netip.MustParseAddr(ip(1)), netip.MustParseAddr(ip(9))}
		byName := func(c *Config) {
			c.Join = []string{"sluice.example:7946"}
			c.Lookup = func(context.Context, string) ([]netip.Addr, error) { return known, nil }
		}
		all := c.startAll(3, byName)
		c.converge(3, all...)
		until(t, 20*time.Second, "the one that is missing is told", func() bool {
			p, _ := problem(all[0], JoinFailed)
			return p.Subject == ip(9)+":7946"
		})
		// The one that was missing comes and is found without its own doing.
		c.start(9, func(c *Config) { c.Join = nil })
		c.converge(4, all...)
		<-time.After(time.Minute)
		noProblems(t, all...)
	})
}

func TestOnChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		calls := make(chan struct{}, 1000)
		a := c.start(0, func(c *Config) { c.OnChange = func() { calls <- struct{}{} } })
		b := c.start(1)
		c.converge(2, a, b)
		<-time.After(time.Second)
		for len(calls) > 0 {
			<-calls
		}
		publish(b, "k", "v")
		began := time.Now()
		<-calls
		if v, _ := value(a, "node-1#1", "k"); v != "v" || time.Since(began) > time.Second {
			t.Errorf("%q after %v", v, time.Since(began))
		}
		<-time.After(time.Minute)
		if len(calls) > 5 {
			t.Errorf("%d calls without a change", len(calls))
		}
	})
}

func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		longest := func(c *Config) {
			c.SecretKey = []byte("0123456789abcdef")
			c.Cluster = strings.Repeat("c", MaxCluster)
			c.ID += strings.Repeat("i", MaxID-len(c.ID))
		}
		a, b := c.start(0, longest), c.start(1, longest)
		c.converge(2, a, b)
		if err := a.Publish("k", make([]byte, MaxEntry)); err == nil {
			t.Error("no error")
		}
		if err := a.Publish("", nil); err == nil {
			t.Error("no error for an empty key")
		}
		if err := a.SetInfo(Info{Version: strings.Repeat("v", 600)}); err == nil {
			t.Error("no error for a description above the limit")
		}
		most := strings.Repeat("v", MaxEntry-1)
		publish(a, "k", most)
		until(t, 2*time.Second, "the largest value", func() bool { v, _ := value(b, a.cfg.ID, "k"); return v == most })
	})
}
