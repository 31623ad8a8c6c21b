package main

import (
	"context"
	"flag"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	measureStorm     = "prepared statements, runs of statements"
	measureStormPins = "in all of these"

	stormTexts = 20 // different statements
)

// Ways to run statements.
const (
	wayBatch      = "batch"
	wayExecuteSQL = "sp_executesql"
	wayKept       = "sp_execute, handles kept"
	wayPrepExec   = "sp_prepexec, sp_execute, sp_unprepare"
	wayPrepare    = "sp_prepare, sp_execute, sp_unprepare"
)

var stormWays = []string{wayBatch, wayExecuteSQL, wayKept, wayPrepExec, wayPrepare}

type stormSizes struct {
	clients, backends int
	uses              int // of a handle
	rounds            int
	length            time.Duration
}

// runStorm is the command "storm": many clients that prepare all they run, on
// few backends, against the same statements not prepared.
func runStorm(ctx context.Context, args []string) error {
	o := options{}
	s := stormSizes{rounds: 7, length: time.Second}
	fs := flag.NewFlagSet("bench storm", flag.ContinueOnError)
	o.flags(fs, "storm")
	o.baselineFlag(fs)
	fs.IntVar(&s.clients, "clients", 200, "clients of the node")
	fs.IntVar(&s.backends, "backends", 10, "max_connections of the bucket, and direct connections")
	fs.IntVar(&s.uses, "uses", 10, "how often a statement is run before its handle is dropped")
	cpu := fs.String("profile", "", "file for a processor profile of the node")
	way := fs.String("profile-way", wayPrepExec, "what is run meanwhile")
	return o.run(ctx, fs, args, func(ctx context.Context) (*report, error) {
		if o.sluice == "" {
			return nil, errNoNode
		}
		if o.short {
			s.rounds, s.length = 3, 500*time.Millisecond
		}
		l, err := buildLab(ctx, o, func(l *lab, direct target) error {
			set := nodeSettings{limit: s.backends, pooling: poolingTransaction}
			if err := l.addSluice(ctx, targetTransaction, o.sluice, set, direct); err != nil || o.baseline == "" {
				return err
			}
			return l.addSluice(ctx, "baseline", o.baseline, set, direct)
		})
		if err != nil {
			return nil, err
		}
		defer l.close()
		return l.storm(ctx, s, *cpu, *way)
	})
}

func (l *lab) storm(ctx context.Context, s stormSizes, cpu, way string) (*report, error) {
	r, start := newReport(l), time.Now()
	unknown := make([]atomic.Int64, len(l.targets))
	crowds := make([][]*stormClient, len(l.targets))
	for i, t := range l.targets {
		defer func() {
			for _, c := range crowds[i] {
				c.conn.close()
			}
		}()
		count := s.backends
		if t.node != nil {
			count = s.clients
		}
		for k := range count {
			c, err := dial(ctx, t.address, t.login, false, idleReadSize)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
			crowds[i] = append(crowds[i], newStormClient(c, k, &unknown[i]))
		}
	}
	use := func(i int, way string, length time.Duration) (float64, error) {
		for _, c := range crowds[i] {
			c.conn.within(length + patience)
		}
		turns, took, err := closedLoop(length, len(crowds[i]), func(client int) error {
			return crowds[i][client].turn(way, s.uses)
		})
		if err != nil {
			return 0, fmt.Errorf("%s, %s: %w", l.targets[i].name, way, err)
		}
		return float64(turns) * float64(s.uses) / took.Seconds(), nil
	}
	rates := make([][][]float64, len(l.targets))
	for i := range rates {
		rates[i] = make([][]float64, len(stormWays))
	}
	for round := range s.rounds + 1 {
		err := rounds(ctx, 1, len(l.targets)*len(stormWays), func(k int) error {
			i, w := k%len(l.targets), (k/len(l.targets)+round)%len(stormWays)
			rate, err := use(i, stormWays[w], s.length)
			if round > 0 { // the first opens backends and prepares what is kept
				rates[i][w] = append(rates[i][w], rate)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	l.stormReport(r, rates)
	if err := l.stormPins(ctx, r, unknown); err != nil {
		return nil, err
	}
	if i := indexOf(l.targets, targetTransaction); cpu != "" && i >= 0 {
		wait := profile(ctx, l.targets[i].node, cpu, profileLength)
		if _, err := use(i, way, profileLength); err != nil {
			return nil, err
		}
		if err := wait(); err != nil {
			return nil, err
		}
	}
	r.Took = time.Since(start).Round(time.Second).String()
	return r, nil
}

// stormReport compares the ways, on each target by itself.
func (l *lab) stormReport(r *report, rates [][][]float64) {
	of := func(way string) int {
		for w, name := range stormWays {
			if name == way {
				return w
			}
		}
		return -1
	}
	for w, way := range stormWays {
		for i, t := range l.targets {
			r.add(measureStorm, way, t.name, "1/s", rates[i][w]...)
			r.add(measureStorm, way, t.name+", of "+wayExecuteSQL, "", pairwise(rates[i][w], rates[i][of(wayExecuteSQL)], ratio)...)
			r.add(measureStorm, way, t.name+", of "+wayBatch, "", pairwise(rates[i][w], rates[i][of(wayBatch)], ratio)...)
		}
	}
	for _, way := range []string{wayKept, wayPrepExec, wayPrepare} {
		r.goal(way+", over "+wayExecuteSQL, measureStorm, way, targetTransaction+", of "+wayExecuteSQL, true, 0.7)
	}
}

func (l *lab) stormPins(ctx context.Context, r *report, unknown []atomic.Int64) error {
	for i, t := range l.targets {
		if t.node == nil {
			continue
		}
		pins, err := t.node.pins(ctx)
		if err != nil {
			return err
		}
		errs, err := t.node.metricSum(ctx, "proxy_connection_errors_total", "")
		if err != nil {
			return err
		}
		r.add(measureStormPins, t.name, "pins", "", pins)
		r.add(measureStormPins, t.name, "errors 8179", "", float64(unknown[i].Load()))
		r.add(measureStormPins, t.name, "errors of the node", "", errs)
		r.goal("pins", measureStormPins, t.name, "pins", false, 1)
		r.goal("errors 8179", measureStormPins, t.name, "errors 8179", false, 1)
	}
	return nil
}
