package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// machine says where a run took place.
type machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	Go    string `json:"go"`
}

func thisMachine() machine {
	m := machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), OS: runtime.GOOS, Go: runtime.Version()}
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return m
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// figure is one number of a report.
type figure struct {
	Measure string `json:"measure"`
	Target  string `json:"target"`
	Name    string `json:"name"`
	Unit    string `json:"unit"`
	spread
}

// goal is what a figure is held against.
type goal struct {
	Text  string  `json:"text"`
	Value float64 `json:"value"`
	Least bool    `json:"at_least"` // else at most
	Bound float64 `json:"bound"`
	Met   bool    `json:"met"`
}

func (g goal) words() (sign, verdict string) {
	sign, verdict = "<", "missed"
	if g.Least {
		sign = ">="
	}
	if g.Met {
		verdict = "met"
	}
	return sign, verdict
}

// report is what a run found.
type report struct {
	Time    time.Time         `json:"time"`
	Machine machine           `json:"machine"`
	Backend string            `json:"backend"`
	Short   bool              `json:"short"`
	Skipped map[string]string `json:"skipped,omitempty"`
	Figures []figure          `json:"figures"`
	Goals   []goal            `json:"goals"`
	Took    string            `json:"took"`
}

func newReport(l *lab) *report {
	return &report{Time: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Backend: l.opts.backend, Short: l.opts.short, Skipped: l.skipped}
}

func (r *report) add(measure, target, name, unit string, values ...float64) {
	r.Figures = append(r.Figures, figure{measure, target, name, unit, spreadOf(values)})
}

// median finds a figure's median.
func (r *report) median(measure, target, name string) (float64, bool) {
	for _, f := range r.Figures {
		if f.Measure == measure && f.Target == target && f.Name == name {
			return f.Median, true
		}
	}
	return 0, false
}

func (r *report) goal(text, measure, target, name string, least bool, bound float64) {
	v, ok := r.median(measure, target, name)
	if !ok {
		return
	}
	r.Goals = append(r.Goals, goal{text, v, least, bound, least && v >= bound || !least && v < bound})
}

// judge holds the figures against what the node is meant to reach.
func (r *report) judge() {
	r.goal("throughput over HAProxy's", measureThroughput, "sluice", "of haproxy", true, 1)
	r.goal("added latency over HAProxy's", measureRoundTrip, "sluice", "added, of haproxy", false, 1.5)
	r.goal("connects over direct, one client, slow login", measureConnects(1, slowLogin), "sluice", "of direct", true, 20)
	r.goal("bytes an idle plain session", measureMemory, "sluice", "heap+stack", false, 6<<10)
	r.goal("bytes an idle TLS session", measureMemory, "sluice tls", "heap+stack", false, 20<<10)
}

// print writes the report for people: a table for each measure, with the
// quartiles of the blocks in brackets.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %d cores, %s, %s; backend: %s; %s\n", r.Machine.CPU, r.Machine.Cores, r.Machine.OS, r.Machine.Go, r.Backend, r.Took)
	fmt.Fprintln(w, "medians of the blocks [first, third quartile]")
	for name, why := range r.Skipped {
		fmt.Fprintf(w, "without %s: %s\n", name, why)
	}
	for _, measure := range distinct(r.Figures, func(f figure) string { return f.Measure }) {
		r.table(w, measure)
	}
	if len(r.Goals) == 0 {
		return
	}
	fmt.Fprintln(w, "\ngoals")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range r.Goals {
		sign, verdict := g.words()
		fmt.Fprintf(tw, "  %s\t%s\t%s %s\t%s\n", g.Text, number(g.Value), sign, number(g.Bound), verdict)
	}
	_ = tw.Flush()
}

// table is the figures of a measure: what was measured in the columns, where in
// the rows.
type table struct {
	columns []string
	rows    []tableRow
}

type tableRow struct {
	target string
	cells  []string
}

func (r *report) tableOf(measure string) table {
	var figures []figure
	for _, f := range r.Figures {
		if f.Measure == measure {
			figures = append(figures, f)
		}
	}
	names := distinct(figures, func(f figure) string { return f.Name })
	t := table{}
	for _, n := range names {
		for _, f := range figures {
			if f.Name != n {
				continue
			}
			if f.Unit != "" {
				n += " (" + f.Unit + ")"
			}
			break
		}
		t.columns = append(t.columns, n)
	}
	for _, of := range distinct(figures, func(f figure) string { return f.Target }) {
		row := tableRow{target: of, cells: make([]string, len(names))}
		for i, n := range names {
			for _, f := range figures {
				if f.Target == of && f.Name == n {
					row.cells[i] = f.text()
				}
			}
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func (r *report) table(w io.Writer, measure string) {
	t := r.tableOf(measure)
	fmt.Fprintf(w, "\n%s\n", measure)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, " \t%s\n", strings.Join(t.columns, "\t"))
	for _, row := range t.rows {
		fmt.Fprintf(tw, "  %s\t%s\n", row.target, strings.Join(row.cells, "\t"))
	}
	_ = tw.Flush()
}

func (f figure) text() string {
	if f.Blocks < 2 {
		return number(f.Median)
	}
	return fmt.Sprintf("%s [%s, %s]", number(f.Median), number(f.Low), number(f.High))
}

// number writes v with about three digits.
func number(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// distinct returns the keys of figures in the order of their first appearance.
func distinct(figures []figure, key func(figure) string) []string {
	var keys []string
	seen := map[string]bool{}
	for _, f := range figures {
		if k := key(f); !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

func (r *report) save(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
