package main

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"sluice/scripts/load"
	"sluice/scripts/rig"
)

// steady: the same load for a long time. What a node needs must not grow.
func steady() scenario {
	return scenario{
		name: "steady", title: "100 clients that come and go, 500 operations a second, 30 minutes (short: 75 s)",
		broken: "forty clients a second connect, with TLS, and never leave",
		fleet:  fleet{nodes: 3, witnesses: 3, buckets: 2, limit: 20},
		run:    runSteady,
		judge:  judgeSteady,
	}
}

func runSteady(ctx context.Context, t *trial) error {
	c := load.Config{
		Clients: 100, Interval: 200 * time.Millisecond, ConnectionTime: 5 * time.Second, RampUp: 2 * time.Second,
		Mix: load.Mix{load.Simple: 65, load.Prepared: 15, load.Transaction: 15, load.Procedure: 5},
	}
	t.record.Clients = c.Clients
	l, err := t.start(ctx, clientsName, c)
	if err != nil {
		return err
	}
	stop := func() error { return nil }
	if t.broken {
		if stop, err = t.leak(ctx); err != nil {
			return firstOf(err, l.end())
		}
	}
	// The first seconds fill pools, caches and the garbage collector's idea of
	// how much to keep.
	err = t.phase(ctx, steadyPhase, 15*time.Second, t.length(60*time.Second, 30*time.Minute))
	return firstOf(err, stop(), l.end())
}

// leak connects clients, more and more of them, that never do anything. stop
// ends that and closes them.
func (t *trial) leak(ctx context.Context) (stop func() error, err error) {
	target := t.target
	target.Params = map[string]string{"app name": appName, "encrypt": "true", "trustservercertificate": "true"}
	h, err := load.Open(target, rig.Database(0))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	var kept []*sql.Conn
	group.Go(func() {
		const each, most = 25 * time.Millisecond, 3000 // as many as HAProxy takes
		for len(kept) < most && rig.Sleep(ctx, each) {
			if c, err := h.Conn(ctx); err == nil {
				kept = append(kept, c)
			}
		}
		<-ctx.Done()
	})
	return func() error {
		cancel()
		group.Wait()
		for _, c := range kept {
			_ = c.Close() // the node may have closed it
		}
		return h.Close()
	}, nil
}

// Growth that is allowed in all of the measured time, whichever is more.
const (
	growthPart  = 0.10
	growthHeap  = 3 << 20
	growthRSS   = 8 << 20
	growthCount = 20
)

func judgeSteady(r Record) []Check {
	l, p := r.load(clientsName), r.phase(steadyPhase)
	checks := append(r.always(), noErrors(l), served(l),
		atLeast("operations a second", l.rate(p), 0.9*float64(r.Clients)/l.Result.Config.Interval.Seconds(), "%.0f"))
	seen := map[int]bool{}
	for _, s := range r.Nodes {
		seen[s.Node] = true
	}
	const mib = 1 << 20
	for node := 1; node <= len(seen); node++ {
		for _, what := range []struct {
			name   string
			value  func(NodeSample) float64
			least  float64
			unit   float64
			format string
		}{
			{"heap in use", func(s NodeSample) float64 { return s.Heap }, growthHeap, mib, "%.1f MiB"},
			{"resident memory", func(s NodeSample) float64 { return s.RSS }, growthRSS, mib, "%.1f MiB"},
			{"goroutines", func(s NodeSample) float64 { return s.Goroutines }, growthCount, 1, "%.0f"},
		} {
			grown, start := r.growth(node, p, what.value)
			c := atMost(fmt.Sprintf("growth of %s of %s", what.name, rig.NodeName(node)), grown/what.unit, max(what.least, growthPart*start)/what.unit, what.format)
			c.Got += fmt.Sprintf(" on "+what.format, start/what.unit)
			c.OK = c.OK && start > 0
			checks = append(checks, c)
		}
	}
	return append(checks, Check{"nodes measured", fmt.Sprint(len(seen)), "at least 1", len(seen) > 0})
}
