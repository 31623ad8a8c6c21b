package main

import (
	"context"
	"fmt"
	"time"
)

// uneven: one of five buckets has 80% of the clients.
func uneven() scenario {
	return scenario{
		name: "uneven", title: "80% of 150 clients on one bucket of five, limit 20 each",
		broken: "the nodes' limit is a fifth lower than the one that is judged by",
		fleet:  fleet{nodes: 3, witnesses: 3, buckets: 5, limit: 20},
		run: func(ctx context.Context, t *trial) error {
			const hold = 400 * time.Millisecond
			c := pressing(150, hold)
			c.Buckets = evenly(t.fleet.buckets)
			c.Buckets[0].Weight = 16 // of 20 in all
			t.record.Clients, t.record.Hold = c.Clients, hold.Seconds()
			l, err := t.start(ctx, clientsName, c)
			if err != nil {
				return err
			}
			err = t.phase(ctx, steadyPhase, 4*time.Second, t.length(16*time.Second, 2*time.Minute))
			return firstOf(err, l.end())
		},
		judge: judgeUneven,
	}
}

func judgeUneven(r Record) []Check {
	l, p := r.load(clientsName), r.phase(steadyPhase)
	if len(l.Result.Buckets) < 2 {
		return append(r.always(), Check{"buckets with clients", fmt.Sprint(len(l.Result.Buckets)), "5", false})
	}
	var hot []float64
	for _, c := range r.Counts {
		if p.has(c.At) {
			hot = append(hot, float64(c.Sessions[0]))
		}
	}
	used := mean(r.fleetSums(p, func(s NodeSample) float64 { return s.used(0) }))
	checks := append(r.always(), noErrors(l), served(l),
		atLeast("sessions of the hot bucket, of its limit", mean(hot)/float64(r.Limit), 0.95, "%.3f"),
		atLeast("connections of the hot bucket that are not idle, of its limit", used/float64(r.Limit), 0.95, "%.3f"))
	// A bucket that is not full owes each of its clients one transaction after
	// the other, nearly without waiting.
	least := int64(-1)
	for _, b := range l.Result.Buckets[1:] {
		if least < 0 || b.PerClient.Min < least {
			least = b.PerClient.Min
		}
	}
	ideal := r.Seconds / r.Hold
	return append(checks, atLeast("transactions of the last client of the others, of what is possible", float64(least)/ideal, 0.7, "%.2f"))
}
