package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"sluice/actors/session"
	"sluice/tds"
)

// table is what SHOW answers, over TDS and over HTTP.
type table session.ConsoleResult

// newTable makes a table with columns written as name:type, of which the types
// are i, f and b for whole numbers, fractions and truth values; texts have none.
func newTable(columns ...string) table {
	var t table
	kinds := map[string]tds.ResultKind{"i": tds.ResultInt, "f": tds.ResultFloat, "b": tds.ResultBit}
	for _, c := range columns {
		name, kind, _ := strings.Cut(c, ":")
		t.Columns = append(t.Columns, tds.ResultColumn{Name: name, Kind: kinds[kind]})
	}
	return t
}

// add appends a row. Whole numbers may have any type.
func (t *table) add(values ...any) {
	for i, v := range values {
		switch v := v.(type) {
		case int:
			values[i] = int64(v)
		case uint16:
			values[i] = int64(v)
		case uint64:
			values[i] = int64(v)
		}
	}
	t.Rows = append(t.Rows, values)
}

// cell is a value as text.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// writeText writes the table for people.
func (t table) writeText(w io.Writer) {
	width := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		width[i] = utf8.RuneCountInString(c.Name)
		for _, r := range t.Rows {
			width[i] = max(width[i], utf8.RuneCountInString(cell(r[i])))
		}
	}
	line := func(text func(i int) string) {
		var b strings.Builder
		for i, c := range t.Columns {
			s := text(i)
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(s))
			if i > 0 {
				b.WriteString("  ")
			}
			if c.Kind == tds.ResultInt || c.Kind == tds.ResultFloat {
				s, pad = pad, s
			}
			b.WriteString(s + pad)
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	line(func(i int) string { return t.Columns[i].Name })
	line(func(i int) string { return strings.Repeat("-", width[i]) })
	for _, r := range t.Rows {
		line(func(i int) string { return cell(r[i]) })
	}
}

func (t table) writeCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	rec := make([]string, len(t.Columns))
	for i, col := range t.Columns {
		rec[i] = col.Name
	}
	err := c.Write(rec)
	for _, r := range t.Rows {
		for i, v := range r {
			rec[i] = cell(v)
		}
		if err == nil {
			err = c.Write(rec)
		}
	}
	c.Flush()
	if err != nil {
		return err
	}
	return c.Error()
}

// MarshalJSON writes the rows as objects with their keys in the order of the
// columns.
func (t table) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, r := range t.Rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		for j, v := range r {
			if j > 0 {
				b.WriteByte(',')
			}
			name, err := json.Marshal(t.Columns[j].Name)
			if err != nil {
				return nil, err
			}
			value, err := json.Marshal(v)
			if err != nil {
				return nil, err
			}
			b.Write(name)
			b.WriteByte(':')
			b.Write(value)
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
	return b.Bytes(), nil
}
