package main

import "time"

// recovery is how long it took until clients could hold everything again.
type recovery struct {
	what string
	took time.Duration
	ok   bool
}

// shortTime is how long a bucket must not be full for something to be missing:
// clients that change over make shorter gaps.
const shortTime = 200 * time.Millisecond

// shortage is a stretch of time in which something was missing.
type shortage struct {
	span
	open bool // it was not over at the end
}

// shortages lists when something was missing before end.
func shortages(list []Sample, limit int, end time.Time) []shortage {
	var all []shortage
	var now span // of the samples that are not full
	note := func(open bool) {
		if !now.from.IsZero() && now.to.Sub(now.from) >= shortTime {
			all = append(all, shortage{now, open})
		}
		now = span{}
	}
	for _, x := range list {
		if x.At.After(end) {
			break
		}
		if now.from.IsZero() {
			now.from = x.At
		}
		now.to = x.At
		if x.full(limit) {
			note(false)
		}
	}
	note(true)
	return all
}

// serverTime is how soon after a fault of a server what it takes away is missing:
// every node sees it by itself.
const serverTime = 2 * time.Second

// recoveries measures for each disturbance, from its begin and from its end, the
// time until nothing that it took away was missing any more. Nodes that nobody
// hears are missed only after the hold time, so what begins to be missing soon
// after that counts as well. What another disturbance interrupts is left out,
// and so are those after which nothing was missing.
func recoveries(list []Sample, done []Mark, limit int, hold time.Duration, end time.Time) []recovery {
	missing := shortages(list, limit, end)
	var all []recovery
	measure := func(what string, from, until time.Time, within time.Duration) {
		const early = 50 * time.Millisecond // a sample may be older than the mark
		r := recovery{what: what}
		for _, s := range missing {
			if s.from.Before(from.Add(-early)) || s.from.After(until) || s.from.After(from.Add(within)) {
				continue
			}
			if s.to.After(until) && until.Before(end) {
				return
			}
			r.took, r.ok = s.to.Sub(from), !s.open
		}
		if r.took > 0 {
			all = append(all, r)
		}
	}
	for _, m := range done {
		if m.Step.Fault.quiet() {
			continue
		}
		within := hold + excuseTime
		if m.Step.Fault.ofServer() {
			within = serverTime
		}
		measure(string(m.Step.Fault), m.From, nextEdge(done, m.From, end), within)
		if m.To.After(m.From.Add(shortTime)) {
			measure(string(m.Step.Fault)+" end", m.To, nextEdge(done, m.To, end), within)
		}
	}
	return all
}

// nextEdge is when the next disturbance after t begins or ends.
func nextEdge(done []Mark, t, end time.Time) time.Time {
	next := end
	for _, m := range done {
		if m.Step.Fault.quiet() {
			continue
		}
		for _, edge := range []time.Time{m.From, m.To} {
			if edge.After(t) && edge.Before(next) {
				next = edge
			}
		}
	}
	return next
}
