package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// markdown writes the report as a part of a document: what was run, and a table
// for each measure.
func (r *report) markdown(w io.Writer, command string) {
	fmt.Fprintf(w, "\n`%s`, %s. %s, %d cores, %s, %s; backend: %s; %s. Medians of the blocks, quartiles in brackets.\n",
		command, r.Time.Format("2006-01-02"), r.Machine.CPU, r.Machine.Cores, r.Machine.OS, r.Machine.Go, r.Backend, r.Took)
	for name, why := range r.Skipped {
		fmt.Fprintf(w, "\nWithout %s: %s.\n", name, why)
	}
	for _, measure := range distinct(r.Figures, func(f figure) string { return f.Measure }) {
		r.markdownTable(w, measure)
	}
	if len(r.Goals) == 0 {
		return
	}
	fmt.Fprint(w, "\n| Goal | Found | Wanted | |\n|---|--:|--:|---|\n")
	for _, g := range r.Goals {
		sign, verdict := g.words()
		fmt.Fprintf(w, "| %s | %s | %s %s | %s |\n", g.Text, number(g.Value), sign, number(g.Bound), verdict)
	}
}

func (r *report) markdownTable(w io.Writer, measure string) {
	t := r.tableOf(measure)
	fmt.Fprintf(w, "\n| %s |", measure)
	for _, n := range t.columns {
		fmt.Fprintf(w, " %s |", n)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("--:|", len(t.columns)))
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s | %s |\n", row.target, strings.Join(row.cells, " | "))
	}
}

// Documents are made of parts, one for each command, between comments that name
// it: a command replaces its own part and leaves the others.
func partMarks(name string) (from, to string) {
	return "<!-- " + name + " -->\n", "<!-- end of " + name + " -->\n"
}

// saveMarkdown puts the report into its part of the document at path, which
// must have such a part.
func (r *report) saveMarkdown(path, name, command string) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var part bytes.Buffer
	r.markdown(&part, command)
	doc, err = replacePart(doc, name, part.Bytes())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, doc, 0o644)
}

func replacePart(doc []byte, name string, part []byte) ([]byte, error) {
	from, to := partMarks(name)
	before, rest, ok := bytes.Cut(doc, []byte(from))
	_, after, ok2 := bytes.Cut(rest, []byte(to))
	if !ok || !ok2 {
		return nil, fmt.Errorf("there is no part %q", name)
	}
	return bytes.Join([][]byte{before, []byte(from), part, []byte(to), after}, nil), nil
}
