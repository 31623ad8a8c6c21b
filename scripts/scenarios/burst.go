package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"sluice/scripts/load"
)

// burst: many clients at once, each with some transactions to begin with, which
// are more than the connections can take; before nodes that have none open yet
// and a server whose logins take time. Then each has one every 5 s.
func burst() scenario {
	return scenario{
		name: "burst", title: "0 to 500 clients in 5 s, limit 50, logins take 100 ms",
		broken: "20 requests may wait on a node, so that others are refused",
		fleet:  fleet{nodes: 3, witnesses: 3, buckets: 1, limit: 50, loginDelay: 100 * time.Millisecond},
		run: func(ctx context.Context, t *trial) error {
			const hold, ramp = 150 * time.Millisecond, 5 * time.Second
			c := pressing(500, hold)
			c.RampUp, c.Interval, c.Eager = ramp, 5*time.Second, 4
			t.record.Clients, t.record.Hold = c.Clients, hold.Seconds()
			l, err := t.start(ctx, clientsName, c)
			if err != nil {
				return err
			}
			err = t.phase(ctx, rampPhase, 0, ramp)
			return firstOf(err, t.phase(ctx, steadyPhase, 0, t.length(15*time.Second, time.Minute)), l.end())
		},
		judge: judgeBurst,
	}
}

const rampPhase = "ramp"

func judgeBurst(r Record) []Check {
	l, ramp := r.load(clientsName), r.phase(rampPhase)
	all := Phase{From: 0, To: r.Seconds}
	waiting := largest(r.fleetSums(all, NodeSample.waiting))
	settled := l.settled(ramp.To, 1000*(r.Hold+0.25))
	connect := l.Result.Kind(load.Connect)
	return append(r.always(), noErrors(l), served(l),
		Check{"connections made", fmt.Sprint(connect.Count), fmt.Sprintf("at least %d", r.Clients), connect.Count >= int64(r.Clients)},
		atLeast("most requests that waited at a time", waiting, 10, "%.0f"),
		atMost("time to settle after the burst, s", settled, 10, "%.1f"))
}

// calm is how long response times must be back to normal to be taken for that.
const calm = 3

// settled is how long after a moment it took until the median response time was
// below a bound, in milliseconds, and stayed there for a while; infinite if that
// never was.
func (l Load) settled(after, bound float64) float64 {
	since := math.Inf(1)
	for _, x := range l.Result.Series {
		at := x.At + l.Offset
		switch {
		case at < after:
			continue
		case x.Operations == 0 || x.P50 > bound:
			since = math.Inf(1)
		case math.IsInf(since, 1):
			since = at
		}
		if at-since >= calm {
			return since - after
		}
	}
	return math.Inf(1)
}
