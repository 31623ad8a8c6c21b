package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// figures are what the table shows of a row.
type figures struct {
	name, verdict, limit, clients, rate, p99, errors, wrong, conditions string
}

// heads are the titles of the columns.
func heads() figures {
	return figures{"scenario", "verdict", "peak/limit", "clients", "ops/s", "p99 ms", "errors", "wrong", "conditions"}
}

func (r row) figures() figures {
	f := figures{name: r.scenario.name, verdict: "FAIL", clients: fmt.Sprint(r.record.Clients)}
	if r.err != nil {
		f.verdict = "BROKE"
		return f
	}
	if r.passed() {
		f.verdict = "pass"
	}
	peak := 0
	for _, b := range r.record.Buckets {
		peak = max(peak, b.Peak)
	}
	f.limit = fmt.Sprintf("%d/%d", peak, r.record.Limit)
	operations, seconds, p99, errors, wrong := int64(0), 0.0, 0.0, int64(0), int64(0)
	for _, l := range r.record.Loads {
		operations, errors, wrong = operations+l.Result.Operations, errors+l.Result.Errors, wrong+l.Result.Wrong
		seconds = max(seconds, l.Offset+l.Result.Seconds)
	}
	if len(r.record.Loads) > 0 {
		for _, k := range r.record.Loads[len(r.record.Loads)-1].Result.Kinds {
			if k.Kind != "connect" {
				p99 = max(p99, k.Response.P99)
			}
		}
	}
	if seconds > 0 {
		f.rate = fmt.Sprintf("%.0f", float64(operations)/seconds)
	}
	f.p99, f.errors, f.wrong = fmt.Sprintf("%.0f", p99), fmt.Sprint(errors), fmt.Sprint(wrong)
	held := 0
	for _, c := range r.checks {
		if c.OK {
			held++
		}
	}
	f.conditions = fmt.Sprintf("%d of %d hold", held, len(r.checks))
	return f
}

func (f figures) cells() []string {
	return []string{f.name, f.verdict, f.limit, f.clients, f.rate, f.p99, f.errors, f.wrong, f.conditions}
}

// printTable prints one line for each scenario.
func printTable(w io.Writer, rows []row) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(heads().cells(), "\t"))
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r.figures().cells(), "\t"))
	}
	_ = t.Flush() // to a terminal
}

// printChecks prints every condition of a scenario.
func printChecks(w io.Writer, r row) {
	if r.err != nil {
		fmt.Fprintf(w, "BROKE %s: %v\n", r.scenario.name, r.err)
		return
	}
	for _, c := range r.checks {
		word := "ok  "
		if !c.OK {
			word = "FAIL"
		}
		fmt.Fprintf(w, "   %s %s: %s (%s)\n", word, c.What, c.Got, c.Want)
	}
}
