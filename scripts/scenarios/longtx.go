package main

import (
	"context"
	"time"

	"sluice/scripts/load"
)

// longTransactions: most connections are taken by transactions that stay open
// for long.
func longTransactions() scenario {
	return scenario{
		name: "long-transactions", title: "12 of 20 connections in transactions of 35 s (short: 10 s), 40 clients share the rest",
		broken: "the SQL server kills its sessions once in the middle",
		fleet:  fleet{nodes: 3, witnesses: 3, buckets: 1, limit: 20},
		run:    runLong,
		judge:  judgeLong,
	}
}

const (
	longName  = "long"
	longPhase = "with long ones"
	longCount = 12
)

func runLong(ctx context.Context, t *trial) error {
	const hold = 100 * time.Millisecond
	c := pressing(40, hold)
	t.record.Clients, t.record.Hold = c.Clients, hold.Seconds()
	l, err := t.start(ctx, clientsName, c)
	if err != nil {
		return err
	}
	err = t.phase(ctx, beforePhase, 3*time.Second, 5*time.Second)
	if err != nil {
		return firstOf(err, l.end())
	}
	length := t.length(10*time.Second, 35*time.Second)
	t.mark("%d long transactions begin", longCount)
	long, err := t.start(ctx, longName, pressing(longCount, length))
	if err != nil {
		return firstOf(err, l.end())
	}
	const settle = 2 * time.Second
	err = t.phase(ctx, longPhase, settle, length/2)
	if t.broken {
		t.mark("the server kills all sessions")
		for _, s := range t.cluster.Servers {
			s.KillAll()
		}
	}
	// They end in order: each finishes the transaction that it is in by then,
	// the second one.
	err = firstOf(err, t.phase(ctx, "second", 0, length/2))
	return firstOf(err, long.end(), l.end())
}

func judgeLong(r Record) []Check {
	l, long := r.load(clientsName), r.load(longName)
	rest := r.Limit - longCount
	share := float64(rest) / float64(r.Limit)
	tx := long.Result.Kind(load.Transaction)
	per := l.Result.PerClient
	p99 := l.slowTick(r.phase(longPhase)) / 1000
	turn := float64(r.Clients) / float64(rest) * r.Hold
	checks := append(r.always(), r.pressed(), noErrors(l), served(l))
	cut := noErrors(long)
	cut.What = "long transactions that were cut"
	return append(checks, cut,
		atLeast("long transactions that were committed", float64(tx.Count), longCount, "%.0f"),
		atLeast("their median length, s", tx.Service.P50/1000, long.Result.Config.Hold.Seconds(), "%.1f"),
		atLeast("operations of the others, of what their share of the connections allows", ratio(l.rate(r.phase(longPhase)), l.rate(r.phase(beforePhase))*share), 0.75, "%.2f"),
		atMost("p99 of the others meanwhile, s", p99, 3*(turn+r.Hold), "%.2f"),
		atLeast("operations of the client with fewest, of the median", ratio(float64(per.Min), float64(per.Median)), 0.7, "%.2f"))
}

// slowTick is the p99 that nine tenths of the ticks of a phase stay below, in
// milliseconds.
func (l Load) slowTick(p Phase) float64 {
	var list []float64
	for _, x := range l.Result.Series {
		if x.Operations > 0 && p.has(x.At+l.Offset) {
			list = append(list, x.P99)
		}
	}
	return quantile(list, 0.9)
}
