package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"sluice/scripts/load"
	"sluice/scripts/plot"
)

// Names of what a report consists of, besides its charts.
const (
	reportFile = "scenarios.md"
	dataFile   = "scenarios.json"
	chartsDir  = "scenarios"
)

// writeReport writes the report, its charts and its data.
func writeReport(o *options, rows []row) error {
	charts := filepath.Join(o.out, chartsDir)
	if err := os.MkdirAll(charts, 0o755); err != nil {
		return err
	}
	var b strings.Builder
	form := ""
	if o.short {
		form = " This is the short form."
	}
	fmt.Fprintf(&b, "# Scenarios\n\nMade by `%s` on %d cores (%s/%s).%s The columns and conditions are explained in [scripts/scenarios](../../scripts/scenarios/README.md); all figures are in [%s](%s).\n\n",
		o.command, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, form, dataFile, dataFile)
	fmt.Fprintf(&b, "Client, SQL servers, nodes, Redis and HAProxy share these cores: operations a second say how the parts of one run compare, not what a node can do. The database is %s.\n\n", o.database())
	heads := heads().cells()
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r.figures().cells(), " | "))
	}
	for _, r := range rows {
		if err := section(&b, charts, r); err != nil {
			return err
		}
	}
	return errors.Join(os.WriteFile(filepath.Join(o.out, reportFile), []byte(b.String()), 0o644), writeData(o, rows))
}

func (o *options) database() string {
	if o.dsn != "" {
		return "a SQL Server given by `--dsn`"
	}
	return "the embedded one, on SQLite"
}

// section writes about one scenario.
func section(b *strings.Builder, dir string, r row) error {
	fmt.Fprintf(b, "\n## %s\n\n%s. Took %.0f s.\n\n", r.scenario.name, capital(r.scenario.title), r.took.Seconds())
	if r.err != nil {
		fmt.Fprintf(b, "The run broke: %v\n", r.err)
		return nil
	}
	fmt.Fprintf(b, "| condition | measured | wanted | |\n|---|---|---|---|\n")
	for _, c := range r.checks {
		word := "ok"
		if !c.OK {
			word = "**FAIL**"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", c.What, strings.ReplaceAll(c.Got, "|", "\\|"), c.Want, word)
	}
	fmt.Fprintf(b, "\nCounted by: %s.\n", r.record.Witness)
	for i, c := range r.record.charts() {
		name := fmt.Sprintf("%s-%d.svg", r.scenario.name, i+1)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(c.SVG()), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(b, "\n![%s](%s/%s)\n", c.Title, chartsDir, name)
	}
	return nil
}

// chartPoints bounds the points of a line of a chart.
const chartPoints = 400

// charts are the time series of a record.
func (r Record) charts() []plot.Chart {
	var marks []plot.Mark
	for _, m := range r.Marks {
		marks = append(marks, plot.Mark{X: m.At, Text: m.Text})
	}
	sessions := plot.Chart{Title: "Sessions at the SQL servers", Limit: float64(r.Limit), LimitText: fmt.Sprintf("limit %d", r.Limit), Marks: marks}
	for i, b := range r.Buckets {
		l := plot.Line{Name: b.Name}
		for _, c := range r.Counts {
			l.Points = append(l.Points, plot.Point{X: c.At, Y: float64(c.Sessions[i])})
		}
		l.Points = plot.Thin(l.Points, chartPoints)
		sessions.Lines = append(sessions.Lines, l)
	}
	rate := plot.Chart{Title: "Operations", Unit: "a second", Marks: marks}
	slow := plot.Chart{Title: "Response time, p99 of a second", Unit: "ms", Marks: marks}
	for _, l := range r.Loads {
		operations, p99 := l.lines()
		rate.Lines, slow.Lines = append(rate.Lines, operations), append(slow.Lines, p99)
	}
	charts := []plot.Chart{sessions, rate, slow}
	if r.Scenario == "steady" {
		charts = append(charts, r.memory(marks)...)
	}
	return charts
}

// lines are operations a second and p99 of a group of clients, a second at a time.
func (l Load) lines() (operations, p99 plot.Line) {
	operations.Name, p99.Name = l.Name, l.Name
	per := max(1, int(1/l.Result.Config.Tick.Seconds()))
	for i := 0; i+per <= len(l.Result.Series); i += per {
		part := l.Result.Series[i : i+per]
		sum, worst := int64(0), 0.0
		for _, x := range part {
			sum, worst = sum+x.Operations, max(worst, x.P99)
		}
		at := part[per-1].At + l.Offset
		operations.Points = append(operations.Points, plot.Point{X: at, Y: float64(sum)})
		p99.Points = append(p99.Points, plot.Point{X: at, Y: worst})
	}
	operations.Points, p99.Points = plot.Thin(operations.Points, chartPoints), plot.Thin(p99.Points, chartPoints)
	return operations, p99
}

// memory are the charts of what nodes need.
func (r Record) memory(marks []plot.Mark) []plot.Chart {
	const mib = 1 << 20
	rss := plot.Chart{Title: "Resident memory of the nodes", Unit: "MiB", Marks: marks}
	goroutines := plot.Chart{Title: "Goroutines of the nodes", Marks: marks}
	for node := 1; ; node++ {
		a, b := plot.Line{Name: fmt.Sprintf("node-%d", node)}, plot.Line{Name: fmt.Sprintf("node-%d", node)}
		for _, s := range r.Nodes {
			if s.Node == node {
				a.Points = append(a.Points, plot.Point{X: s.At, Y: s.RSS / mib})
				b.Points = append(b.Points, plot.Point{X: s.At, Y: s.Goroutines})
			}
		}
		if len(a.Points) == 0 {
			return []plot.Chart{rss, goroutines}
		}
		a.Points, b.Points = plot.Thin(a.Points, chartPoints), plot.Thin(b.Points, chartPoints)
		rss.Lines, goroutines.Lines = append(rss.Lines, a), append(goroutines.Lines, b)
	}
}

// writeData writes the records without their time series, which the charts show.
func writeData(o *options, rows []row) error {
	type entry struct {
		Record
		Passed bool    `json:"passed"`
		Error  string  `json:"error,omitempty"`
		Checks []Check `json:"checks"`
	}
	var all []entry
	for _, r := range rows {
		e := entry{Record: r.record, Passed: r.passed(), Checks: r.checks}
		e.Loads = nil
		for _, l := range r.record.Loads {
			l.Result.Series = []load.Point{}
			e.Loads = append(e.Loads, l)
		}
		if r.err != nil {
			e.Error = r.err.Error()
		}
		all = append(all, e)
	}
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.out, dataFile), append(text, '\n'), 0o644)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
