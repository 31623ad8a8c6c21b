package main

import (
	"fmt"
	"slices"
	"time"
)

// hotPhases says for each phase of the scenario hot-node how much of all limits
// the hot node's clients held, and after which time enough of it; missed are the
// phases in which that never was so.
func hotPhases(list []Sample, done []Mark, limit int, end time.Time) (lines, missed []string) {
	hot, redis := 0, "Redis up"
	for i, m := range done {
		switch m.Step.Fault {
		case LoadOn:
			hot = m.Step.Node
		case RedisAway:
			redis = "Redis down"
		default:
			continue
		}
		until := end
		if i+1 < len(done) {
			until = done[i+1].From
		}
		if hot == 0 {
			continue
		}
		after, mean, best := hotPhase(list, hot, limit, span{m.From, until})
		text := fmt.Sprintf("never %d%%", enough)
		if after < 0 {
			missed = append(missed, fmt.Sprintf("%s: clients of node-%d never held %d%% of the limit", redis, hot, enough))
		} else {
			text = fmt.Sprintf("%d%% after %.2fs", enough, after.Seconds())
		}
		lines = append(lines, fmt.Sprintf("hot node-%d, %s: %s, in the second half %.1f%% of the limit on average, at most %.0f%%", hot, redis, text, 100*mean, 100*best))
	}
	return lines, missed
}

// hotPhase returns after which time a node's clients held enough of the limits,
// -1 if they never did; the mean share that they held in the second half of the
// phase; and the largest.
func hotPhase(list []Sample, node, limit int, phase span) (after time.Duration, mean, best float64) {
	after = -1
	half := phase.from.Add(phase.to.Sub(phase.from) / 2)
	count := 0
	for _, x := range list {
		if !phase.has(x.At) || len(x.ByNode) < node {
			continue
		}
		all := limit * len(x.Held)
		held := x.ByNode[node-1]
		if after < 0 && held >= mostly(all) {
			after = x.At.Sub(phase.from)
		}
		part := float64(held) / float64(all)
		best = max(best, part)
		if !x.At.Before(half) {
			mean += part
			count++
		}
	}
	if count > 0 {
		mean /= float64(count)
	}
	return after, mean, best
}

// fairness says how long clients waited for their login on each node.
func (l *demand) fairness(within span) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for _, n := range l.cluster.Nodes {
		var took []time.Duration
		for _, w := range l.waits[n.Index] {
			if within.has(w.at) {
				took = append(took, w.took)
			}
		}
		if len(took) == 0 {
			continue
		}
		slices.Sort(took)
		median, p99 := took[len(took)/2], took[len(took)*99/100]
		starved := 0
		for _, t := range took {
			if t > 10*median {
				starved++
			}
		}
		lines = append(lines, fmt.Sprintf("%s: %d logins, wait median %v, p99 %v, max %v, %d waited more than 10 medians", n.Name,
			len(took), median.Round(time.Millisecond), p99.Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), starved))
	}
	return lines
}

// ledgerRecoveries measures how long after Redis was back every node said again
// of its ledger what it says when all is well.
func ledgerRecoveries(list []Sample, done []Mark, end time.Time) []recovery {
	var all []recovery
	for i, m := range done {
		if m.Step.Fault.quiet() || faults[m.Step.Fault].target != targetRedis || m.To.IsZero() {
			continue
		}
		until := end
		for _, later := range done[i+1:] {
			if !later.Step.Fault.quiet() && later.From.After(m.To) && later.From.Before(until) {
				until = later.From
			}
		}
		strange, normal := false, time.Time{}
		for _, x := range list {
			if x.At.Before(m.From) || x.At.After(until) {
				continue
			}
			if x.Strange {
				strange, normal = true, time.Time{}
			} else if normal.IsZero() && x.At.After(m.To) {
				normal = x.At
			}
		}
		if strange && (!normal.IsZero() || until.Equal(end)) {
			all = append(all, recovery{string(m.Step.Fault) + " ledger", normal.Sub(m.To), !normal.IsZero()})
		}
	}
	return all
}
