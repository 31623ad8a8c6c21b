package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// title names a schedule on one line.
func (s Schedule) title() string {
	if s.Name != "" {
		return s.Name
	}
	return fmt.Sprintf("seed %d", s.Seed)
}

// done counts the disturbances of a schedule.
func (s Schedule) done() string {
	counts := map[Fault]int{}
	for _, st := range s.Steps {
		if !st.Fault.quiet() {
			counts[st.Fault]++
		}
	}
	var parts []string
	for _, f := range slices.Sorted(maps.Keys(counts)) {
		if counts[f] == 1 {
			parts = append(parts, string(f))
		} else {
			parts = append(parts, fmt.Sprintf("%s x%d", f, counts[f]))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// maxLines bounds how much of one kind is printed of a run.
const maxLines = 10

// print writes one line for the run, and one for each thing worth to be known.
func (r *result) print(w io.Writer, command string) {
	verdict := "ok  "
	if len(r.violations) > 0 {
		verdict = "FAIL"
	}
	var peaks []string
	for _, p := range r.peaks {
		peaks = append(peaks, fmt.Sprintf("%d/%d", p, r.schedule.Limit))
	}
	fmt.Fprintf(w, "%s %s: faults %s | peak %s | in use %.0f%% calm, %.0f%% with faults | limit reached after %.1fs, again %.1fs after the faults | requests ok %d, refused %d, failed %d, odd %d | violations %d, in long pauses %d\n",
		verdict, r.schedule.title(), r.schedule.done(), strings.Join(peaks, " "), 100*r.calm, 100*r.inUse, r.warmUp.Seconds(), r.recovered.Seconds(),
		r.ok, r.refused, r.failed, len(r.odd), len(r.violations), len(r.apart))
	if len(r.recoveries) > 0 {
		var parts []string
		for _, x := range r.recoveries {
			if x.ok {
				parts = append(parts, fmt.Sprintf("%s %.2fs", x.what, x.took.Seconds()))
			} else {
				parts = append(parts, x.what+" never")
			}
		}
		fmt.Fprintf(w, "     all in use again: %s\n", strings.Join(parts, ", "))
	}
	lines(w, "", r.measures)
	lines(w, "VIOLATION ", r.violations)
	lines(w, "in a long pause: ", r.apart)
	lines(w, "doubtful, seen in one count only: ", r.doubtful)
	lines(w, "odd: ", r.odd)
	lines(w, "step: ", r.notes)
	counted(w, "refused", r.refusedFor)
	counted(w, "failed", r.failedOf)
	if len(r.violations) > 0 {
		fmt.Fprintf(w, "     again: %s\n", command)
	}
}

func lines(w io.Writer, prefix string, list []string) {
	for i, text := range list {
		if i == maxLines {
			fmt.Fprintf(w, "     %s... and %d more\n", prefix, len(list)-i)
			return
		}
		fmt.Fprintf(w, "     %s%s\n", prefix, text)
	}
}

func counted(w io.Writer, what string, counts map[string]int) {
	var parts []string
	for _, text := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s x%d", text, counts[text]))
	}
	if len(parts) > 0 {
		fmt.Fprintf(w, "     %s: %s\n", what, strings.Join(parts, ", "))
	}
}

// summary sums over runs.
func summary(w io.Writer, all []*result, took, bound time.Duration) {
	violations, apart, odd, ok, failed := 0, 0, 0, 0, []string(nil)
	for _, r := range all {
		violations, apart, odd, ok = violations+len(r.violations), apart+len(r.apart), odd+len(r.odd), ok+r.ok
		if len(r.violations) > 0 {
			failed = append(failed, r.schedule.title())
		}
	}
	fmt.Fprintf(w, "\n%d schedules in %v: %d with violations, %d violations, %d in long pauses, %d odd errors, %d requests ok\n",
		len(all), took.Round(time.Second), len(failed), violations, apart, odd, ok)
	printTable(w, recoveryTable(all, bound))
	if len(failed) > 0 {
		fmt.Fprintf(w, "failed: %s\n", strings.Join(failed, ", "))
	}
}
