package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"sluice/scripts/load"
	"sluice/scripts/rig"
)

// scaleOut: two nodes become four under load, and two again.
func scaleOut() scenario {
	return scenario{
		name: "scale-out", title: "two nodes become four under load, then two leave in order",
		broken: "the two new nodes are not started",
		fleet:  fleet{nodes: 2, spare: 2, buckets: 1, limit: 40},
		run:    runScaleOut,
		judge:  judgeScaleOut,
	}
}

const fourPhase = "four"

// connectionTime is how long clients keep a connection, so that a balancer can
// move them.
const connectionTime = 2 * time.Second

func runScaleOut(ctx context.Context, t *trial) error {
	const hold = 200 * time.Millisecond
	c := pressing(120, hold)
	c.ConnectionTime = connectionTime
	t.record.Clients, t.record.Hold = c.Clients, hold.Seconds()
	l, err := t.start(ctx, clientsName, c)
	if err != nil {
		return err
	}
	err = t.phase(ctx, beforePhase, 3*time.Second, 5*time.Second)
	joining := t.cluster.Nodes[2:]
	if t.broken {
		joining = nil
	}
	for _, n := range joining {
		t.mark("%s joins", n.Name)
		err = firstOf(err, n.Start())
	}
	for _, n := range joining {
		err = firstOf(err, n.Ready(ctx))
	}
	err = firstOf(err, t.phase(ctx, fourPhase, 6*time.Second, t.length(6*time.Second, time.Minute)))
	for _, n := range joining {
		err = firstOf(err, t.leave(ctx, n))
	}
	err = firstOf(err, t.phase(ctx, afterPhase, 3*time.Second, t.length(5*time.Second, time.Minute)))
	return firstOf(err, l.end())
}

// leave takes a node out as an operator does: first the balancer sends it no
// more clients, and when those it had have gone it is terminated.
func (t *trial) leave(ctx context.Context, n *rig.Node) error {
	t.mark("%s drains", n.Name)
	if err := t.cluster.Balance.Drain(n); err != nil {
		return err
	}
	gone := func() bool {
		m, err := t.cluster.Probe.Metrics(ctx, n)
		return err == nil && m["proxy_clients_connected"] == 0
	}
	const within = 4 * connectionTime
	if !rig.Eventually(ctx, within, gone) {
		return fmt.Errorf("%s: clients of it do not leave", n.Name)
	}
	t.mark("%s ends", n.Name)
	return n.End(syscall.SIGTERM, false)
}

func judgeScaleOut(r Record) []Check {
	l := r.load(clientsName)
	connects := l.Result.Kind(load.Connect)
	checks := append(r.always(), r.pressed(), served(l), noErrors(l),
		Check{"connections made, and failed", fmt.Sprintf("%d, %d", connects.Count, connects.Errors), "many, 0", connects.Count > int64(2*r.Clients) && connects.Errors == 0})
	for _, step := range []struct {
		phase string
		nodes int
	}{{beforePhase, 2}, {fourPhase, 4}, {afterPhase, 2}} {
		p := r.phase(step.phase)
		lasting, least := r.shares(p)
		fair := float64(r.Limit) / float64(step.nodes)
		checks = append(checks,
			Check{fmt.Sprintf("nodes that serve (%s)", step.phase), fmt.Sprint(lasting), fmt.Sprint(step.nodes), lasting == step.nodes},
			atLeast(fmt.Sprintf("smallest share of a node, of a fair one (%s)", step.phase), least/fair, 0.6, "%.2f"))
	}
	before := l.rate(r.phase(beforePhase))
	return append(checks, atLeast("operations a second with four nodes, of those with two", ratio(l.rate(r.phase(fourPhase)), before), 0.75, "%.2f"))
}

// shares returns how many nodes have connections open in a phase, and how many
// the one with fewest has, as a median.
func (r Record) shares(p Phase) (nodes int, least float64) {
	open := map[int][]float64{}
	for _, s := range r.Nodes {
		if p.has(s.At) && len(s.Open) > 0 {
			open[s.Node] = append(open[s.Node], s.Open[0])
		}
	}
	for _, list := range open {
		m := median(list)
		if m == 0 {
			continue
		}
		if nodes++; nodes == 1 || m < least {
			least = m
		}
	}
	return nodes, least
}
