package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluice/scripts/rig"
)

// trial is one run of one schedule.
type trial struct {
	opts     *Options
	schedule Schedule
	dir      string
	net      network
	log      func(format string, args ...any)

	cluster *rig.Cluster
	load    *demand
	watcher *watcher
	series  series
	marks   marks
	res     *result
	idle    float64 // most goroutines of a node before there were clients
}

// calm is how long the fleet runs without faults after it has reached the limit
// and before the first fault, so that there is something to compare with.
const calm = 2 * time.Second

// runSchedule runs one schedule from the start of the servers to their end.
func runSchedule(ctx context.Context, o *Options, s Schedule, dir string, n network, log func(string, ...any)) (res *result, err error) {
	o = o.of(s)
	r := &trial{opts: o, schedule: s, dir: dir, net: n, log: log, res: &result{schedule: s}}
	if r.cluster, err = rig.NewCluster(ctx, o.fleet(s, dir, n)); err != nil {
		return nil, err
	}
	defer func() {
		if e := r.cluster.Close(); e != nil && err == nil {
			r.res.violate("at the end: %v", e)
		}
	}()
	warnings, err := r.cluster.CheckConfig(r.cluster.Nodes[0])
	if err != nil {
		return nil, err
	}
	r.res.warnings = warnings
	if err := os.WriteFile(filepath.Join(dir, "schedule.txt"), []byte(s.String()), 0o600); err != nil {
		return nil, err
	}
	if err := r.cluster.Start(ctx); err != nil {
		return nil, err
	}
	if err := r.measureIdle(ctx); err != nil {
		return nil, err
	}
	if r.load, err = newDemand(r.cluster, s.Pooling, r.opts.Linger); err != nil {
		return nil, err
	}
	if err := r.underLoad(ctx); err != nil {
		return nil, err
	}
	r.afterLoad(ctx)
	r.judge()
	return r.res, nil
}

// underLoad runs clients, the warm-up, the steps and the recovery.
func (r *trial) underLoad(ctx context.Context) (err error) {
	r.watcher = newWatcher(r.cluster, r.schedule.Limit, r.load, &r.series)
	looking, blind := context.WithCancel(context.Background())
	loading, quiet := context.WithCancel(ctx)
	var witness sync.WaitGroup
	witness.Go(func() { r.watcher.run(looking) })
	witness.Go(func() { r.askWhenOver(looking) })
	defer func() {
		r.res.loadEnd = time.Now()
		quiet()
		err = errors.Join(err, r.load.close())
		if err == nil {
			r.checkQuiet(ctx)
		}
		blind()
		witness.Wait()
	}()
	r.res.loadStart = time.Now()
	if r.schedule.Name == fairness {
		r.load.start(loading, 2*r.schedule.Limit, func(i int) int { return 1 + i%r.schedule.Nodes })
	} else {
		demand := r.opts.Demand
		if r.schedule.Pooling == poolTransaction {
			demand *= betweenTransactions
		}
		r.load.start(loading, int(demand*float64(r.schedule.Limit)+0.5), nil)
	}
	r.warmUp(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.res.zero = time.Now()
	n := nemesis{cluster: r.cluster, net: r.net, load: r.load, marks: &r.marks, schedule: r.schedule, zero: r.res.zero, log: r.log}
	n.run(ctx)
	r.res.healed = time.Now()
	r.recover(ctx)
	return context.Cause(ctx)
}

// betweenTransactions is how many more clients it takes to hold every connection
// when they hold them in transactions only.
const betweenTransactions = 1.5

// warmUp waits until clients hold enough of every bucket, and a little longer.
func (r *trial) warmUp(ctx context.Context) {
	start := r.res.loadStart
	if !rig.Eventually(ctx, r.opts.WarmUp, func() bool { return r.isFull(start) }) {
		if ctx.Err() == nil {
			r.res.violate("warm-up: clients never held %d%% of the limit within %v", enough, r.opts.WarmUp)
		}
		return
	}
	r.res.warmUp = time.Since(start)
	r.log("  the limit is reached after %v", r.res.warmUp.Round(grain))
	rig.Sleep(ctx, calm)
	r.watcher.isNormal()
	r.res.calm = share(r.series.all(), r.schedule.Limit, span{time.Now().Add(-calm), time.Now()})
}

// isFull tells whether clients have held enough of every bucket since then.
func (r *trial) isFull(since time.Time) bool {
	list := r.series.all()
	const recent = 20
	_, ok := reached(list[max(0, len(list)-recent):], r.schedule.Limit, since, time.Now())
	return ok
}

// recover waits until the fleet, with nothing wrong any more, gives clients
// everything again.
func (r *trial) recover(ctx context.Context) {
	within := recoveryBound(r.opts.Hold)
	since := time.Now()
	if !rig.Eventually(ctx, within, func() bool { return r.isFull(since) }) {
		if ctx.Err() == nil {
			r.res.violate("recovery: clients did not hold %d%% of the limit within %v after the last fault", enough, within)
		}
		return
	}
	r.res.recovered = time.Since(since)
	rig.Sleep(ctx, calm)
}

// askWhenOver writes down what the nodes say of themselves each time the limit
// is newly exceeded, a few times at most.
func (r *trial) askWhenOver(ctx context.Context) {
	const most = 5
	seen := 0
	for file := 1; file <= most && rig.Sleep(ctx, rig.Look); {
		now := r.watcher.overruns()
		if now == seen {
			continue
		}
		seen = now
		var b bytes.Buffer
		fmt.Fprintf(&b, "%v\n", time.Now())
		for _, n := range r.cluster.Nodes {
			if body, _, err := r.cluster.Probe.Get(ctx, n, "/health"); n.Running() {
				fmt.Fprintf(&b, "%s: %v\n%s\n", n.Name, err, body)
			}
		}
		// It is there to help; a run does not fail for want of it.
		_ = os.WriteFile(filepath.Join(r.dir, fmt.Sprintf("over-%d.txt", file)), b.Bytes(), 0o600)
		file++
	}
}
