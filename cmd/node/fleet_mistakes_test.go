package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"sluice/configs"
	"sluice/limits/redisledger"
)

const (
	someKey  configs.Secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	otherKey configs.Secret = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
)

// What is configured wrongly at one node is said there, and at the others, and
// takes nothing from those that run.
func TestMistakesOfANewNode(t *testing.T) {
	t.Parallel()
	r := newFleetRig(t, 8, "node-1")
	r.key = someKey
	r.startAll("node-1", "node-2")
	old := r.nodes[0]
	client := conn(t, dsn(old.tdsAddr(), "app1"))
	one[int](t, client, "SELECT 1")
	session := old.fleet.slots.View().Session

	newcomer := func(name string, change func(*configs.Config)) *fleetNode {
		c := r.config(name)
		change(c)
		return r.make(c)
	}
	started := func(t *testing.T, n *fleetNode) *fleetNode {
		t.Helper()
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
		return n
	}
	cases := []struct {
		name string
		run  func(t *testing.T) *fleetNode
	}{
		{"other secret key", func(t *testing.T) *fleetNode {
			n := started(t, newcomer("other-key", func(c *configs.Config) { c.Gossip.SecretKey = otherKey }))
			n.complains(t, "key")
			old.complains(t, "key")
			return n
		}},
		{"no secret key", func(t *testing.T) *fleetNode {
			n := started(t, newcomer("no-key", func(c *configs.Config) { c.Gossip.SecretKey = "" }))
			n.complains(t, "no secret key")
			old.complains(t, "key")
			return n
		}},
		{"other cluster name", func(t *testing.T) *fleetNode {
			n := started(t, newcomer("other-cluster", func(c *configs.Config) { c.Gossip.ClusterName = "elsewhere" }))
			n.complains(t, "cluster")
			old.complains(t, "cluster")
			if code, h := n.health(t); code != http.StatusServiceUnavailable {
				t.Errorf("a node that found no fleet serves: %+v", h.Fleet)
			}
			return n
		}},
		{"other protocol version", func(t *testing.T) *fleetNode {
			n := newcomer("other-protocol", func(*configs.Config) {})
			n.fleet.version = protocol + 1
			started(t, n)
			n.complains(t, "protocol version")
			old.complains(t, "protocol version", "other-protocol")
			return n
		}},
		{"name taken on this machine", func(t *testing.T) *fleetNode {
			_, err := newNode(r.config("node-1"), testLogger(t))
			if !errors.Is(err, errNameTaken) || !strings.Contains(err.Error(), "proxy.instance_id node-1") {
				t.Errorf("got %v", err)
			}
			return nil
		}},
		{"name taken elsewhere", func(t *testing.T) *fleetNode {
			n := started(t, newcomer("node-1", func(c *configs.Config) { c.Limits.StateDir = t.TempDir() }))
			n.complains(t, "another process", "node-1")
			old.complains(t, "another process", "node-1")
			eventually(t, "the second of the name is no witness", func() bool { return n.fleet.slots.View().Mute })
			return n
		}},
		{"bucket with another limit", func(t *testing.T) *fleetNode {
			n := started(t, newcomer("other-limit", func(c *configs.Config) { c.Buckets[0].MaxConnections = 80 }))
			n.complains(t, "bucket-001", "different max_connections", "8 holds", "80")
			old.complains(t, "bucket-001", "different max_connections", "8 holds")
			return n
		}},
		{"other hold time", func(t *testing.T) *fleetNode {
			n := started(t, newcomer("other-hold", func(c *configs.Config) { c.Limits.HoldTime = 2 * testHold }))
			n.complains(t, "hold=4s", "hold=8s")
			old.complains(t, "other-hold", "another configuration")
			if code, h := n.health(t); code != http.StatusServiceUnavailable {
				t.Errorf("it serves: %+v", h.Fleet)
			}
			return n
		}},
		{"other witnesses", func(t *testing.T) *fleetNode {
			n := started(t, newcomer("other-witnesses", func(c *configs.Config) { c.Limits.Witnesses = nil }))
			n.complains(t, "witnesses=node-1")
			old.complains(t, "other-witnesses", "another witness set")
			if code, h := n.health(t); code != http.StatusServiceUnavailable {
				t.Errorf("it serves: %+v", h.Fleet)
			}
			return n
		}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			n := tc.run(t)
			one[int](t, client, "SELECT 1")
			one[int](t, open(t, dsn(r.nodes[1].tdsAddr(), "app1")), "SELECT 1")
			if v := old.fleet.slots.View(); v.Session != session || v.Ledger != "open" || v.Buckets[0].Limit != 8 {
				t.Errorf("the node that ran before: session %s, ledger %s, limit %d", v.Session, v.Ledger, v.Buckets[0].Limit)
			}
			if n != nil {
				n.end(n.close)
			}
		})
	}
	r.peakWithin(8)
}

func TestKeyOfTheLedgerHoldsSomethingElse(t *testing.T) {
	t.Parallel()
	r := newFleetRig(t, 8)
	c := redis.NewClient(&redis.Options{Addr: r.redis.Addr()})
	defer closing(t, c)
	if err := c.Set(t.Context(), redisledger.Key("test"), "a cache", 0).Err(); err != nil {
		t.Fatal(err)
	}
	n := r.start(r.config("node-1"))
	n.complains(t, "key in Redis holds something else")
	if code, h := n.health(t); code != http.StatusServiceUnavailable || h.Status != "outside" {
		t.Errorf("/health says %d, %s", code, h.Status)
	}
	if v, err := c.Get(t.Context(), redisledger.Key("test")).Result(); v != "a cache" || err != nil {
		t.Errorf("what the key held is now %q, %v", v, err)
	}
	if err := c.Del(t.Context(), redisledger.Key("test")).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node serves once the key is free", func() bool { return n.bucketView().Entitled == 8 })
}
