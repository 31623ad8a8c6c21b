package main

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/configs"
)

// moves says how metrics move when something is done. A key is a metric's name,
// then the labels that pick its samples, which are summed: "proxy_x_total
// status=ok". A value is "+2" for a rise of exactly that, "+" for any, "=2" and
// ">0" for what is shown afterwards.
type moves map[string]string

// movements checks moves on one node.
type movements struct {
	t    *testing.T
	n    *node
	seen *account
}

// account is which families were seen to move.
type account struct {
	mu    sync.Mutex
	moved map[string]bool
}

func (a *account) note(want moves) {
	known := byFamily()
	a.mu.Lock()
	defer a.mu.Unlock()
	for key := range want {
		name, _, _ := strings.Cut(key, " ")
		a.moved[familyOf(known, name)] = true
	}
}

func (m movements) expect(what string, act func(), want moves) {
	m.t.Helper()
	before := scrape(m.t, m.n)
	act()
	m.shows(what, before, want)
}

// shows waits until the moves since before are there.
func (m movements) shows(what string, before map[string]sample, want moves) {
	m.t.Helper()
	var wrong []string
	for deadline := time.Now().Add(20 * time.Second); ; wait(m.t, 10*time.Millisecond) {
		now := scrape(m.t, m.n)
		wrong = wrong[:0]
		for key, by := range want {
			was, is, there := total(before, key), total(now, key), has(now, key)
			if !there || !movedBy(was, is, by) {
				wrong = append(wrong, fmt.Sprintf("%s went from %v to %v (there: %t), want %s", key, was, is, there, by))
			}
		}
		if len(wrong) == 0 {
			break
		}
		if time.Now().After(deadline) {
			slices.Sort(wrong)
			m.t.Fatalf("%s:\n\t%s", what, strings.Join(wrong, "\n\t"))
		}
	}
	m.seen.note(want)
}

func movedBy(was, is float64, by string) bool {
	x, err := strconv.ParseFloat(strings.TrimLeft(by, "+=>"), 64)
	switch {
	case by == "+":
		return is > was
	case err != nil:
		return false
	case by[0] == '+':
		return is-was == x
	case by[0] == '>':
		return is > x
	}
	return by[0] == '=' && is == x
}

func picks(s sample, key string) bool {
	fields := strings.Fields(key)
	if s.name != fields[0] {
		return false
	}
	for _, pair := range fields[1:] {
		label, value, _ := strings.Cut(pair, "=")
		if s.labels[label] != value {
			return false
		}
	}
	return true
}

func total(all map[string]sample, key string) (sum float64) {
	for _, s := range all {
		if picks(s, key) {
			sum += s.value
		}
	}
	return sum
}

func has(all map[string]sample, key string) bool {
	for _, s := range all {
		if picks(s, key) {
			return true
		}
	}
	return false
}

// unmoved lists the metrics that no test here moves, and why.
var unmoved = map[string]string{
	"proxy_bucket_paused":          "TestConsolePause does",
	"proxy_build_info":             "is always 1",
	"proxy_gossip_health":          "moves when the machine starves",
	"proxy_gossip_malformed_total": "gossip's own tests move what it shows",
	"proxy_gossip_queue_length":    "is not 0 for milliseconds only",
	"proxy_connections_closing":    "TestGaugesOfABucketAreWired does",
	"proxy_peer_dropped_total":     "TestPeerTotals does",
}

// TestEveryMetricMoves runs everything that moves metrics, and complains of
// those that nothing has moved.
func TestEveryMetricMoves(t *testing.T) {
	seen := &account{moved: map[string]bool{}}
	t.Run("all", func(t *testing.T) { // in parallel: they wait a lot
		for name, f := range map[string]func(*testing.T, *account){
			"sessions": movesOfSessions, "queue": movesOfTheQueue, "backends": movesOfBackends, "upkeep": movesOfUpkeep,
			"transaction pooling": movesOfTransactionPooling, "observing": movesOfObserving, "node": movesOfTheNode,
			"fleet": movesOfTheFleet, "relaying": movesOfRelaying, "fence": movesOfAFence,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t, seen)
			})
		}
	})
	if t.Failed() || strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // not all of them ran
	}
	for _, s := range reference {
		for _, f := range s.families {
			if strings.HasPrefix(f.name, "proxy_") && !seen.moved[f.name] && unmoved[f.name] == "" {
				t.Errorf("nothing here moves %s", f.name)
			}
		}
	}
	known := byFamily()
	for _, name := range slices.Sorted(maps.Keys(unmoved)) {
		if known[name].name == "" || seen.moved[name] {
			t.Errorf("%s is not to be listed as unmoved", name)
		}
	}
}

// Gauges that last too short to be met are those of the governor all the same.
func TestGaugesOfABucketAreWired(t *testing.T) {
	m := newNodeMetrics()
	g := &m.bucket("b").governor.Gauges
	g.Closing.Store(7)
	g.Cleaning.Store(8)
	g.Dialing.Store(9)
	var out strings.Builder
	m.write(&out)
	shown := parseSamples(t, out.String())
	for name, want := range map[string]float64{"proxy_connections_closing": 7, "proxy_connections_cleaning": 8, "proxy_connections_opening": 9} {
		if got := shown[name+`{bucket_id="b"}`].value; got != want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
	m.forget("b")
	m.bucketAfterForget(t)
}

// bucketAfterForget checks that the last clients of a bucket that is gone do
// not bring its metrics back.
func (m *nodeMetrics) bucketAfterForget(t *testing.T) {
	b := m.bucket("gone")
	m.forget("gone")
	b.session.Errors("queue_full").Inc()
	b.governor.Closed("broken").Inc()
	pins := &pinMetrics{set: bucketSet{m, "gone"}, by: map[string]pinMetric{}}
	pins.Pinned("temp_table")
	pins.Unpinned("temp_table", time.Second)
	var out strings.Builder
	m.write(&out)
	if strings.Contains(out.String(), "gone") || strings.Contains(out.String(), `"b"`) {
		t.Errorf("a bucket that is gone is shown:\n%s", out.String())
	}
}

// tlsConfig makes a node offer encryption.
func tlsConfig(c *configs.Config) *configs.Config {
	c.TLS.Mode = configs.TLSOn
	return c
}
