package main

import (
	"context"
	"time"

	"sluice/scripts/load"
)

// baseline: four times as many clients as connections, for a while.
func baseline() scenario {
	return scenario{
		name: "baseline", title: "200 clients a bucket, limit 50, two buckets, three nodes",
		broken: "the nodes' limit is 5 higher than the one that is judged by",
		fleet:  fleet{nodes: 3, witnesses: 3, buckets: 2, limit: 50},
		run: func(ctx context.Context, t *trial) error {
			const hold = 400 * time.Millisecond
			c := pressing(400, hold)
			c.Mix = load.Mix{load.Transaction: 60, load.Simple: 20, load.Prepared: 20}
			c.RampUp = 2 * time.Second
			t.record.Clients, t.record.Hold = c.Clients, hold.Seconds()
			l, err := t.start(ctx, clientsName, c)
			if err != nil {
				return err
			}
			err = t.phase(ctx, steadyPhase, c.RampUp, t.length(18*time.Second, 2*time.Minute))
			return firstOf(err, l.end())
		},
		judge: judgeBaseline,
	}
}

// clientsName is the name of a scenario's only group of clients, and
// steadyPhase that of the part in which nothing happens.
const (
	clientsName = "clients"
	steadyPhase = "steady"
)

func judgeBaseline(r Record) []Check {
	l := r.load(clientsName)
	// In turn, each client gets a connection once while all the others of its
	// bucket have had it.
	turn := float64(r.Clients) / float64(len(r.Buckets)*r.Limit) * r.Hold
	return append(r.always(), r.pressed(), noErrors(l), served(l),
		atMost("p99 of a transaction, s", l.Result.Kind(load.Transaction).Response.P99/1000, 3*(turn+r.Hold), "%.2f"))
}

// firstOf returns the first error that is one.
func firstOf(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}
