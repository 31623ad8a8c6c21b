package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// redis: the ledger goes away for much longer than the hold time and comes back
// without its data.
func redis() scenario {
	return scenario{
		name: "redis", title: "Redis is killed for 22 s under load and comes back empty",
		broken: "no witnesses are configured, so that nodes may not go on without Redis",
		fleet:  fleet{nodes: 3, witnesses: 3, buckets: 1, limit: 30},
		run:    runRedis,
		judge:  judgeRedis,
	}
}

const (
	outagePhase = "outage"
	outage      = 22 * time.Second
)

func runRedis(ctx context.Context, t *trial) error {
	const hold = 200 * time.Millisecond
	c := pressing(90, hold)
	t.record.Clients, t.record.Hold = c.Clients, hold.Seconds()
	l, err := t.start(ctx, clientsName, c)
	if err != nil {
		return err
	}
	err = t.phase(ctx, beforePhase, 3*time.Second, 6*time.Second)
	if err == nil {
		t.mark("Redis is killed")
		err = t.cluster.Redis.Kill()
	}
	err = firstOf(err, t.phase(ctx, outagePhase, 0, outage))
	if err == nil {
		t.mark("Redis is back, empty")
		err = errors.Join(t.cluster.Redis.Empty(), t.cluster.Redis.Start(ctx))
	}
	err = firstOf(err, t.phase(ctx, afterPhase, 0, t.length(8*time.Second, 30*time.Second)))
	return firstOf(err, l.end())
}

func judgeRedis(r Record) []Check {
	l, p := r.load(clientsName), r.phase(outagePhase)
	before := l.rate(r.phase(beforePhase))
	return append(r.always(), r.pressed(), served(l), noErrors(l),
		Check{"time without Redis, s", fmt.Sprintf("%.1f", p.seconds()), "at least 20", p.seconds() >= 20},
		atLeast("operations a second without Redis, of those before", ratio(l.rate(p), before), 0.75, "%.2f"),
		atLeast("operations a second after it came back, of those before", ratio(l.rate(r.phase(afterPhase)), before), 0.75, "%.2f"))
}
