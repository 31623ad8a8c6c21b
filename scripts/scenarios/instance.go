package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"sluice/scripts/load"
)

// instance: a node is killed under load and started again later.
func instance() scenario {
	return scenario{
		name: "instance", title: "a node of three is killed (SIGKILL) under load",
		broken: "its guard is killed first and the hold time is 45 s, so that nobody can tell in time that it is gone",
		fleet:  fleet{nodes: 3, witnesses: 3, buckets: 1, limit: 30},
		run:    runInstance,
		judge:  judgeInstance,
	}
}

const (
	beforePhase = "before"
	afterPhase  = "after"
	killMark    = "node-2 is killed"
)

func runInstance(ctx context.Context, t *trial) error {
	const hold = 200 * time.Millisecond
	c := pressing(90, hold)
	t.record.Clients, t.record.Hold = c.Clients, hold.Seconds()
	l, err := t.start(ctx, clientsName, c)
	if err != nil {
		return err
	}
	err = t.phase(ctx, beforePhase, 3*time.Second, 6*time.Second)
	if err == nil {
		t.mark(killMark)
		err = t.cluster.Nodes[1].End(syscall.SIGKILL, t.broken)
	}
	err = firstOf(err, t.phase(ctx, afterPhase, capacityWithin, 4*time.Second))
	if err == nil {
		t.mark("node-2 is started again")
		err = firstOf(t.cluster.Nodes[1].Start(), t.phase(ctx, "again", 2*time.Second, t.length(6*time.Second, 30*time.Second)))
	}
	return firstOf(err, l.end())
}

// capacityWithin is how soon what a node had must be there for others, and
// reconnectWithin how long after its death clients may still find out about it.
const (
	capacityWithin  = 10 * time.Second
	reconnectWithin = 5 * time.Second
)

func judgeInstance(r Record) []Check {
	l, kill := r.load(clientsName), r.markAt(killMark)
	enough := int(0.95*float64(r.Limit) + 0.999)
	before, after := l.rate(r.phase(beforePhase)), l.rate(r.phase(afterPhase))
	late := int64(0)
	lost := int64(0)
	for _, f := range l.Result.Failures {
		if f.Class == load.Network {
			lost += f.Count
		}
		if f.First+l.Offset < kill || f.Last+l.Offset > kill+reconnectWithin.Seconds() {
			late += f.Count
		}
	}
	return append(r.always(), r.pressed(), served(l),
		noErrors(l, load.Network),
		Check{"errors before the kill, or later than 5 s after it", fmt.Sprint(late), "0", late == 0 && kill > 0},
		Check{"connections that the kill cost clients", fmt.Sprint(lost), fmt.Sprintf("1 to %d", r.Clients), lost >= 1 && lost <= int64(r.Clients)},
		atMost("until all of the limit was in use again, s", r.back(0, kill+0.05, enough, 1), capacityWithin.Seconds(), "%.2f"),
		atLeast("operations a second with two nodes, of those before", ratio(after, before), 0.75, "%.2f"))
}

// markAt is when something was done; 0 if it never was.
func (r Record) markAt(text string) float64 {
	for _, m := range r.Marks {
		if m.Text == text {
			return m.At
		}
	}
	return 0
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
