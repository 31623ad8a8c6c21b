package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sluice/scripts/load"
)

// always are the conditions of every scenario: the limit, right answers, nodes
// that live.
func (r Record) always() []Check {
	var peaks []string
	over, most := 0, 0
	for _, b := range r.Buckets {
		peaks = append(peaks, fmt.Sprint(b.Peak))
		over += b.Over
		most = max(most, b.Peak)
	}
	limit := Check{"connections of a bucket, counted at its server", strings.Join(peaks, ", "), fmt.Sprintf("at most %d", r.Limit), over == 0 && r.Missed == 0 && len(r.Buckets) > 0}
	if r.Missed > 0 {
		limit.Got += fmt.Sprintf("; %d looks came too late", r.Missed)
	}
	if over > 0 {
		limit.Got += fmt.Sprintf("; %d times over the limit", over)
	}
	wrong, operations := int64(0), int64(0)
	for _, l := range r.Loads {
		wrong, operations = wrong+l.Result.Wrong, operations+l.Result.Operations
	}
	return []Check{
		limit,
		{"wrong answers", fmt.Sprint(wrong), "0", wrong == 0 && operations > 0},
		{"nodes that ended by themselves", fmt.Sprint(len(r.Deaths)), "0", len(r.Deaths) == 0},
	}
}

// pressed says that clients did press against the limit: otherwise that it was
// kept would say nothing.
func (r Record) pressed() Check {
	least := math.MaxInt
	for _, b := range r.Buckets {
		least = min(least, b.Sessions)
	}
	return atLeast("sessions that were reached", float64(least), 0.95*float64(r.Limit), "%.0f")
}

// noErrors wants no error but of those classes.
func noErrors(l Load, except ...load.Class) Check {
	what := "errors"
	if len(except) > 0 {
		var names []string
		for _, c := range except {
			names = append(names, string(c))
		}
		what = "errors other than " + strings.Join(names, ", ")
	}
	n := l.failures(except...)
	c := Check{what, fmt.Sprint(n), "0", n == 0}
	for _, f := range l.Result.Failures {
		if n > 0 && !slices.Contains(except, f.Class) {
			c.Got += fmt.Sprintf("; first: %s %d %s, %s, %d times", f.Class, f.Number, f.Text, f.Kind, f.Count)
			break
		}
	}
	return c
}

// served wants every client to have had operations.
func served(l Load) Check {
	s := l.Result.PerClient
	return Check{"clients never served", fmt.Sprintf("%d of %d", s.Unserved, s.Clients), "0", s.Unserved == 0 && s.Clients > 0}
}

func atMost(what string, got, bound float64, format string) Check {
	return Check{what, number(format, got), "at most " + number(format, bound), got <= bound}
}

func atLeast(what string, got, bound float64, format string) Check {
	return Check{what, number(format, got), "at least " + number(format, bound), got >= bound}
}

func number(format string, v float64) string {
	if math.IsInf(v, 1) {
		return "never"
	}
	return fmt.Sprintf(format, v)
}

// passed tells whether all conditions hold.
func passed(list []Check) bool {
	for _, c := range list {
		if !c.OK {
			return false
		}
	}
	return len(list) > 0
}
