package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sluice/scripts/rig"
)

// result is what came out of a run.
type result struct {
	schedule  Schedule
	loadStart time.Time
	zero      time.Time // the faults begin
	healed    time.Time // all of them have ended
	loadEnd   time.Time

	warmUp    time.Duration // until the limit was reached first
	recovered time.Duration // after the last fault
	calm      float64       // share of the limits in use before the faults
	inUse     float64       // the same while there were faults
	peaks     []int         // most connections of each server

	violations []string
	apart      []string // over the limit while a node was stopped for too long
	doubtful   []string // over the limit for one count
	odd        []string // client errors that nothing explains
	notes      []string // of steps that could not be done
	warnings   []string // of the program, about its configuration

	recoveries           []recovery
	measures             []string // of scenarios that have some
	ok, refused, failed  int
	refusedFor, failedOf map[string]int
}

func (r *result) violate(format string, args ...any) {
	r.violations = append(r.violations, fmt.Sprintf(format, args...))
}

// since is a moment as seconds after the start of the faults.
func (r *result) since(t time.Time) string { return fmt.Sprintf("%.2fs", t.Sub(r.zero).Seconds()) }

// judge makes a result of what was collected.
func (r *trial) judge() {
	res, done, samples := r.res, r.marks.all(), r.series.all()
	for _, m := range done {
		if m.Note != "" {
			res.notes = append(res.notes, fmt.Sprintf("%v: %s", m.Step, m.Note))
		}
	}
	r.judgeOverruns(done, samples)
	r.judgeClients(done)
	for _, text := range r.cluster.OwnDeaths() {
		res.violate("%s", text)
	}
	r.judgeLogs()
	for _, w := range r.watcher.results() {
		if w.Missed > 0 {
			res.notes = append(res.notes, fmt.Sprintf("%d looks at a server came too late to see every event", w.Missed))
		}
	}
	res.inUse = share(samples, r.schedule.Limit, span{res.zero, res.healed})
	res.recoveries = recoveries(samples, done, r.schedule.Limit, r.opts.Hold, res.loadEnd)
	res.recoveries = append(res.recoveries, ledgerRecoveries(samples, done, res.loadEnd)...)
	switch r.schedule.Name {
	case hotNode:
		var missed []string
		res.measures, missed = hotPhases(samples, done, r.schedule.Limit, res.healed)
		res.violations = append(res.violations, missed...)
	case fairness:
		res.measures = r.load.fairness(span{res.zero, res.healed})
	}
}

// overrunGap joins what is over the limit again and again into one line.
const overrunGap = 200 * time.Millisecond

func (r *trial) judgeOverruns(done []Mark, samples []Sample) {
	excusedIn := tolerated(done, r.opts.Witnesses, r.opts.Hold)
	for _, w := range r.watcher.results() {
		m := w.Meter
		r.res.peaks = append(r.res.peaks, m.Peak)
		for _, o := range rig.Merged(m.Over, overrunGap) {
			text := fmt.Sprintf("%s: %d connections, limit %d, at %s for %v; clients of each node held %v; last faults: %s",
				rig.BucketName(o.Bucket), o.Peak, m.Limit, r.res.since(o.From), o.To.Sub(o.From).Round(time.Millisecond), heldAt(samples, o.From), before(done, o.From, 3))
			loans := min(onLoan(done, o.Bucket, o.From), onLoan(done, o.Bucket, o.To))
			apart := o.Peak-m.Limit <= loans || slices.ContainsFunc(excusedIn, func(s span) bool { return s.has(o.From) && s.has(o.To) })
			switch {
			case apart:
				r.res.apart = append(r.res.apart, text)
			case o.Certain():
				r.res.violate("over the limit: %s", text)
			default:
				r.res.doubtful = append(r.res.doubtful, text)
			}
		}
	}
}

func (r *trial) judgeClients(done []Mark) {
	l, res := r.load, r.res
	res.ok, res.refusedFor, res.failedOf = l.ok, l.refused, map[string]int{}
	for _, n := range l.refused {
		res.refused += n
	}
	res.failed = l.lost
	for _, f := range l.failures {
		if why := explain(f, done, r.opts.Hold); why != unexplained {
			res.failed++
			res.failedOf[fmt.Sprintf("%s (%s)", f.text, why)]++
			continue
		}
		text := fmt.Sprintf("%s at %s on node-%d; last faults: %s", f.text, res.since(f.at), f.node, before(done, f.at, 3))
		res.odd = append(res.odd, text)
		if r.opts.Strict {
			res.violate("client error: %s", text)
		}
	}
	for _, f := range l.wrong {
		res.violate("%s at %s on node-%d; last faults: %s", f.text, res.since(f.at), f.node, before(done, f.at, 3))
	}
}

// judgeLogs looks for what must not be in a node's log.
func (r *trial) judgeLogs() {
	for _, n := range r.cluster.Nodes {
		text, err := os.ReadFile(filepath.Join(r.dir, n.Name+".log"))
		if err != nil {
			continue // it was never started
		}
		for _, bad := range []string{"panic", "DATA RACE", "fatal error"} {
			if i := bytes.Index(text, []byte(bad)); i >= 0 {
				res := text[i:min(len(text), i+600)]
				r.res.violate("%s.log has %q: %s", n.Name, bad, res)
			}
		}
	}
}
