package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// afterAll is the row of the time from the end of the last fault, which must
// not be longer than the bound.
const afterAll = "end of all faults"

// recoveryBound is the longest time until clients must have everything again
// once nothing is wrong any more.
func recoveryBound(hold time.Duration) time.Duration { return 2*hold + 15*time.Second }

// tableRow is how long clients went short after one kind of fault.
type tableRow struct {
	After  string  `json:"after"`
	Times  int     `json:"times"`
	Never  int     `json:"never"` // not before the end of the run
	Median float64 `json:"median_s"`
	Worst  float64 `json:"worst_s"`
	Bound  float64 `json:"bound_s"`
}

// recoveryTable sums over runs, in the order of the rows' names.
func recoveryTable(all []*result, bound time.Duration) []tableRow {
	took := map[string][]time.Duration{}
	never := map[string]int{}
	for _, r := range all {
		for _, x := range r.recoveries {
			if x.ok {
				took[x.what] = append(took[x.what], x.took)
			} else {
				never[x.what]++
			}
		}
		if !r.healed.IsZero() && r.recovered > 0 {
			took[afterAll] = append(took[afterAll], r.recovered)
		}
	}
	var rows []tableRow
	for what := range never {
		took[what] = append(took[what], []time.Duration(nil)...) // a row without a time
	}
	for _, what := range slices.Sorted(maps.Keys(took)) {
		list := took[what]
		row := tableRow{After: what, Times: len(list), Never: never[what], Bound: bound.Seconds()}
		if len(list) > 0 {
			slices.Sort(list)
			row.Median, row.Worst = list[len(list)/2].Seconds(), list[len(list)-1].Seconds()
		}
		rows = append(rows, row)
	}
	return rows
}

// printTable writes the table as text.
func printTable(w io.Writer, rows []tableRow) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(w, "  %-26s %8s %8s %8s %6s %6s\n", "all in use again after", "median", "worst", "bound", "times", "never")
	for _, r := range rows {
		fmt.Fprintf(w, "  %-26s %7.2fs %7.2fs %7.2fs %6d %6d\n", r.After, r.Median, r.Worst, r.Bound, r.Times, r.Never)
	}
}

// record is the report as JSON.
type record struct {
	Command    string         `json:"command"`
	Took       float64        `json:"took_s"`
	Ok         int            `json:"requests_ok"`
	Refused    map[string]int `json:"requests_refused"`
	Failed     map[string]int `json:"requests_failed"` // with what explains each
	Broken     int            `json:"runs_broken"`
	Recoveries []tableRow     `json:"recoveries"`
	Runs       []runRecord    `json:"runs"`
}

// runRecord is one schedule of it.
type runRecord struct {
	Title      string   `json:"title"`
	Pooling    string   `json:"pooling"`
	Faults     string   `json:"faults"`
	Limit      int      `json:"limit"`
	Peaks      []int    `json:"peaks"`
	Calm       float64  `json:"in_use_calm"`
	InUse      float64  `json:"in_use_with_faults"`
	Recovered  float64  `json:"recovered_s"`
	Ok         int      `json:"requests_ok"`
	Refused    int      `json:"requests_refused"`
	Failed     int      `json:"requests_failed"`
	Odd        []string `json:"odd"`
	Violations []string `json:"violations"`
	Apart      []string `json:"in_long_pauses"`
	Doubtful   []string `json:"doubtful"`
	Skipped    []string `json:"skipped_steps"`
	Schedule   string   `json:"schedule"`
}

func newRecord(command string, all []*result, broken int, took, bound time.Duration) record {
	rec := record{
		Command: command, Took: took.Seconds(), Broken: broken, Recoveries: recoveryTable(all, bound),
		Refused: map[string]int{}, Failed: map[string]int{},
	}
	for _, r := range all {
		rec.Ok += r.ok
		for text, n := range r.refusedFor {
			rec.Refused[text] += n
		}
		for text, n := range r.failedOf {
			rec.Failed[text] += n
		}
		rec.Runs = append(rec.Runs, runRecord{
			Title: r.schedule.title(), Pooling: r.schedule.Pooling, Faults: r.schedule.done(), Limit: r.schedule.Limit, Peaks: r.peaks,
			Calm: r.calm, InUse: r.inUse, Recovered: r.recovered.Seconds(), Ok: r.ok, Refused: r.refused, Failed: r.failed,
			Odd: r.odd, Violations: r.violations, Apart: r.apart, Doubtful: r.doubtful, Skipped: r.notes, Schedule: r.schedule.String(),
		})
	}
	return rec
}

// markdown writes the record for people.
func (rec record) markdown(w io.Writer) {
	violations, apart, odd := 0, 0, 0
	for _, r := range rec.Runs {
		violations, apart, odd = violations+len(r.Violations), apart+len(r.Apart), odd+len(r.Odd)
	}
	fmt.Fprintf(w, "# Random faults\n\n`%s`\n\n%d schedules in %v, %d violations, %d times over the limit while a node was stopped for longer than its right lasts, %d errors of clients that nothing explains, %d runs that broke.\n",
		rec.Command, len(rec.Runs), (time.Duration(rec.Took) * time.Second), violations, apart, odd, rec.Broken)
	fmt.Fprintf(w, "\n## Time until clients hold everything again\n\n| After | Median | Worst | Bound | Times | Not before the end |\n|---|---:|---:|---:|---:|---:|\n")
	for _, r := range rec.Recoveries {
		fmt.Fprintf(w, "| %s | %.2f s | %.2f s | %.0f s | %d | %d |\n", r.After, r.Median, r.Worst, r.Bound, r.Times, r.Never)
	}
	fmt.Fprintf(w, "\n## What clients got\n\n| | Times |\n|---|---:|\n| answered rightly | %d |\n", rec.Ok)
	for _, counts := range []map[string]int{rec.Refused, rec.Failed} {
		for _, text := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(w, "| %s | %d |\n", text, counts[text])
		}
	}
	fmt.Fprintf(w, "\n## Schedules\n\n| Schedule | Pooling | Faults | Peak | In use, calm | With faults | Violations |\n|---|---|---|---:|---:|---:|---:|\n")
	for _, r := range rec.Runs {
		fmt.Fprintf(w, "| %s | %s | %s | %d of %d | %.0f %% | %.0f %% | %d |\n",
			r.Title, r.Pooling, r.Faults, slices.Max(append(r.Peaks, 0)), r.Limit, 100*r.Calm, 100*r.InUse, len(r.Violations))
	}
	for _, r := range rec.Runs {
		if len(r.Violations) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n## %s\n\n", r.Title)
		for _, v := range r.Violations {
			fmt.Fprintf(w, "- %s\n", strings.ReplaceAll(v, "\n", " "))
		}
		fmt.Fprintf(w, "\n```\n%s```\n", r.Schedule)
	}
}

// write makes the two files of a report.
func (rec record) write(path string) error {
	var text strings.Builder
	rec.markdown(&text)
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		return err
	}
	data, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(strings.TrimSuffix(path, filepath.Ext(path))+".json", append(data, '\n'), 0o644)
}
