package tsql

import (
	"context"
	"errors"
	"io"
	"strings"
)

// BulkInsert loads rows into the table that an INSERT BULK statement names;
// next returns io.EOF or a nil row at the end. All rows or none are stored. An
// error of the data is an *Error.
func (s *Session) BulkInsert(ctx context.Context, stmt string, cols []Column, next func() ([]Value, error)) (int64, error) {
	s.publish(true)
	defer s.publish(false)
	r := &runner{ctx: ctx, s: s, f: s.top, sink: discard{}}
	n, err := r.bulk(stmt, cols, next)
	if err != nil {
		return 0, exported(err)
	}
	s.rowcount, s.lastErr = n, 0
	return n, nil
}

// discard is the sink of a bulk load, which sends nothing.
type discard struct{}

func (discard) Columns([]Column) error { return nil }
func (discard) Row([]Value) error      { return nil }
func (discard) Done(Done)              {}
func (discard) Message(Message)        {}
func (discard) EnvChange(EnvChange)    {}
func (discard) ReturnStatus(int32)     {}
func (discard) ReturnValue(int, Param) {}

// bulkTarget parses INSERT BULK table (col type, ...) WITH (options).
func (r *runner) bulkTarget(sql string) (t *table, names []string, options map[string]bool, err error) {
	toks, err := tokenize(sql, true)
	if err != nil {
		return nil, nil, nil, err
	}
	p := &parser{src: sql, toks: toks}
	if !p.word("INSERT") || !p.word("BULK") {
		return nil, nil, nil, p.unexpected()
	}
	n, err := p.tableName()
	if err != nil {
		return nil, nil, nil, err
	}
	if t, err = r.target(n); err != nil {
		return nil, nil, nil, err
	}
	if p.op("(") {
		for depth := 1; depth > 0; {
			name, err := p.anyIdent()
			if err != nil {
				return nil, nil, nil, err
			}
			names = append(names, name)
			for depth > 0 && (depth > 1 || !p.isOp(",")) {
				switch {
				case p.cur().kind == tokEOF:
					return nil, nil, nil, p.unexpected()
				case p.isOp("("):
					depth++
				case p.isOp(")"):
					depth--
				}
				p.advance()
			}
			p.op(",")
		}
	}
	options = map[string]bool{}
	for p.cur().kind != tokEOF {
		options[p.cur().upper] = true
		p.advance()
	}
	return t, names, options, nil
}

func (r *runner) bulk(sql string, cols []Column, next func() ([]Value, error)) (int64, error) {
	t, names, options, err := r.bulkTarget(sql)
	if err != nil {
		return 0, err
	}
	types := make([]typ, len(cols))
	target := make([]int, len(cols))
	for i, c := range cols {
		if types[i], err = typeOf(c.Type); err != nil {
			return 0, err
		}
		name := c.Name
		if i < len(names) {
			name = names[i]
		}
		at, col := t.col(name)
		if col == nil {
			return 0, errNoColumn(name)
		}
		target[i] = at
	}
	keepID := options["KEEP_IDENTITY"] || options["KEEPIDENTITY"]
	keepNulls := options["KEEP_NULLS"]
	var n int64
	err = r.s.write(r.ctx, !t.session, func(st *store) error {
		w := &rowWriter{r: r, st: st, t: t}
		for {
			row, err := next()
			if errors.Is(err, io.EOF) || err == nil && row == nil {
				return nil
			}
			if err != nil {
				return err
			}
			vals := make([]Value, len(row))
			for i, v := range row {
				vals[i] = v
				col := t.cols[target[min(i, len(target)-1)]]
				if col.identity && !keepID || v == nil && !keepNulls && col.deflt != nil {
					vals[i] = useDefault{}
				}
			}
			full, err := w.fill(vals, types, target)
			if err != nil {
				return err
			}
			if _, err := w.insert(full); err != nil {
				return err
			}
			n++
		}
	})
	var se *sqlError
	if errors.As(err, &se) && strings.Contains(se.msg.Text, "would be truncated") {
		return 0, errf(4863, "Bulk load data conversion error (truncation). %s", se.msg.Text)
	}
	return n, err
}
