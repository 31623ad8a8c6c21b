package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"sluice/scripts/load"
	"sluice/scripts/rig"
)

// witness counts the sessions of the buckets at their servers. watch runs until
// its context ends; results are for after that.
type witness interface {
	watch(ctx context.Context)
	results() (buckets []BucketCount, counts []Count, missed int, how string)
	close() error
}

func (t *trial) newWitness() (witness, error) {
	if t.opts.dsn == "" {
		return newEventWitness(t), nil
	}
	return newPollWitness(t)
}

// eventWitness sees every connect, login and close of the embedded servers.
type eventWitness struct {
	t       *trial
	servers []*rig.Witness
	counts  []Count
}

// countEvery is the time between two entries of the time series.
const countEvery = 100 * time.Millisecond

func newEventWitness(t *trial) *eventWitness {
	w := &eventWitness{t: t}
	for i, s := range t.cluster.Servers {
		w.servers = append(w.servers, rig.NewWitness(s, i, t.record.Limit))
	}
	return w
}

func (w *eventWitness) watch(ctx context.Context) {
	next := time.Now()
	for on := true; on; {
		on = rig.Sleep(ctx, rig.LookEvery)
		var sessions []int
		for _, s := range w.servers {
			sessions = append(sessions, s.Look())
		}
		if now := time.Now(); !now.Before(next) {
			next = now.Add(countEvery)
			w.counts = append(w.counts, Count{w.t.now(), sessions})
		}
	}
}

func (w *eventWitness) results() (all []BucketCount, counts []Count, missed int, how string) {
	for i, s := range w.servers {
		b := BucketCount{Name: rig.BucketName(i), Peak: s.Meter.Peak, Sessions: s.Meter.Sessions}
		missed += s.Missed
		const gap = 200 * time.Millisecond
		for _, o := range rig.Merged(s.Meter.Over, gap) {
			if o.Certain() {
				b.Over++
			} else {
				b.Doubtful++
			}
		}
		all = append(all, b)
	}
	return all, w.counts, missed, "every connect, login and close of the embedded servers"
}

func (w *eventWitness) close() error { return nil }

// appName is the application name of the clients, by which a SQL Server tells
// their sessions from others.
const appName = "scenarios"

// pollWitness asks a SQL Server for its sessions again and again.
type pollWitness struct {
	t      *trial
	handle *sql.DB
	peaks  []int
	over   []int
	counts []Count
	failed int
}

func newPollWitness(t *trial) (*pollWitness, error) {
	own := t.opts.direct
	own.Params = map[string]string{}
	for k, v := range t.opts.direct.Params {
		own.Params[k] = v
	}
	own.Params["app name"] = appName + " witness"
	h, err := load.Open(own, rig.Database(0))
	if err != nil {
		return nil, err
	}
	h.SetMaxIdleConns(1)
	return &pollWitness{t: t, handle: h, peaks: make([]int, t.fleet.buckets), over: make([]int, t.fleet.buckets)}, nil
}

func (w *pollWitness) watch(ctx context.Context) {
	for rig.Sleep(ctx, countEvery) {
		sessions, err := w.ask(ctx)
		if err != nil {
			if ctx.Err() == nil {
				w.failed++
			}
			continue
		}
		w.counts = append(w.counts, Count{w.t.now(), sessions})
		for i, n := range sessions {
			w.peaks[i] = max(w.peaks[i], n)
			if n > w.t.record.Limit {
				w.over[i]++
			}
		}
	}
}

// ask counts the sessions in each bucket's database.
func (w *pollWitness) ask(ctx context.Context) (sessions []int, err error) {
	rows, err := w.handle.QueryContext(ctx, "SELECT DB_NAME(database_id) FROM sys.dm_exec_sessions WHERE program_name = @p1", appName)
	if err != nil {
		return nil, fmt.Errorf("sessions of the server: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err says what matters
	sessions = make([]int, len(w.peaks))
	var databases []string
	for i := range w.peaks {
		databases = append(databases, rig.Database(i))
	}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		if i := slices.Index(databases, name); i >= 0 {
			sessions[i]++
		}
	}
	return sessions, rows.Err()
}

func (w *pollWitness) results() ([]BucketCount, []Count, int, string) {
	var all []BucketCount
	for i, n := range w.peaks {
		all = append(all, BucketCount{Name: rig.BucketName(i), Peak: n, Sessions: n, Over: w.over[i]})
	}
	return all, w.counts, w.failed, fmt.Sprintf("sys.dm_exec_sessions, every %v", countEvery)
}

func (w *pollWitness) close() error { return w.handle.Close() }
