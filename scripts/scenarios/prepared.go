package main

import (
	"context"
	"fmt"
	"time"

	"sluice/scripts/load"
)

// preparedStorm: clients prepare, execute and go, on connections they share.
func preparedStorm() scenario {
	return scenario{
		name: "prepared", title: "100 clients with prepared statements on 20 connections, new handles every 2 s",
		broken: "each client makes a temporary table first, which keeps it on its connection",
		fleet:  fleet{nodes: 3, witnesses: 3, buckets: 1, limit: 20},
		run:    runPrepared,
		judge:  judgePrepared,
	}
}

// rounds is how often each of the two kinds runs, in turn, so that what else the
// machine does meets both.
const rounds = 3

func runPrepared(ctx context.Context, t *trial) error {
	c := load.Config{Clients: 100, ConnectionTime: 2 * time.Second}
	t.record.Clients = c.Clients
	if t.broken {
		c.OnConnect = "CREATE TABLE #mine (v INT)"
	}
	for i := range rounds {
		for _, kind := range []load.Kind{load.ExecuteSQL, load.Prepared} {
			c.Mix = load.Mix{kind: 100}
			name := groupName(kind, i)
			t.mark("%s", name)
			l, err := t.start(ctx, name, c)
			if err != nil {
				return err
			}
			err = t.phase(ctx, name, time.Second, t.length(4*time.Second, 20*time.Second))
			if err := firstOf(err, l.end()); err != nil {
				return err
			}
		}
	}
	return nil
}

func groupName(k load.Kind, round int) string { return fmt.Sprintf("%s %d", k, round+1) }

// handleUnknown is SQL Server's error for a handle that it does not know.
const handleUnknown = 8179

func judgePrepared(r Record) []Check {
	plain, prepared := 0.0, 0.0
	unknown, errors, executed := int64(0), int64(0), int64(0)
	checks := r.always()
	for i := range rounds {
		a, b := r.load(groupName(load.ExecuteSQL, i)), r.load(groupName(load.Prepared, i))
		plain += a.rate(r.phase(a.Name))
		prepared += b.rate(r.phase(b.Name))
		executed += b.Result.Kind(load.Prepared).Count
		for _, l := range []Load{a, b} {
			errors += l.failures()
			for _, f := range l.Result.Failures {
				if f.Number == handleUnknown {
					unknown += f.Count
				}
			}
		}
	}
	pinned := largest(r.fleetSums(Phase{From: 0, To: r.Seconds}, func(s NodeSample) float64 { return s.Pinned }))
	return append(checks,
		Check{"errors", fmt.Sprint(errors), "0", errors == 0},
		Check{"errors 8179, of unknown handles", fmt.Sprint(unknown), "0", unknown == 0 && executed > 0},
		Check{"most clients that were pinned at a time", fmt.Sprintf("%.0f", pinned), "0", pinned == 0 && len(r.Nodes) > 0},
		atLeast("operations a second with handles, of those without", ratio(prepared, plain), 0.7, "%.2f"))
}
