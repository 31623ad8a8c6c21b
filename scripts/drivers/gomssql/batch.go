package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-sql/sqlexp"
)

// queryer is what *sql.Conn, *sql.DB, *sql.Tx and *sql.Stmt wrappers share.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// report runs a batch and renders everything the server answered in the order
// it came: result sets, row counts, messages and errors.
func report(ctx context.Context, q queryer, text string, args ...any) (string, error) {
	messages := &sqlexp.ReturnMessage{}
	rows, err := q.QueryContext(ctx, text, append(args, messages)...)
	if err != nil {
		return "", err
	}
	defer rows.Close() //nolint:errcheck // what matters is reported below
	var out []string
	for more := true; more; {
		switch m := messages.Message(ctx).(type) {
		case sqlexp.MsgNotice:
			out = append(out, describeNotice(m))
		case sqlexp.MsgError:
			out = append(out, describeError(m.Error))
		case sqlexp.MsgRowsAffected:
			out = append(out, fmt.Sprintf("count(%d)", m.Count))
		case sqlexp.MsgNext:
			set, err := formatRows(rows)
			if err != nil {
				return strings.Join(out, " "), err
			}
			out = append(out, set)
		case sqlexp.MsgNextResultSet:
			more = rows.NextResultSet()
		}
	}
	if err := rows.Err(); err != nil && errorNumber(err) == 0 {
		return strings.Join(out, " "), err
	}
	if err := ctx.Err(); err != nil {
		return strings.Join(out, " "), err
	}
	return strings.Join(out, " "), nil
}

// formatRows reads the current result set to its end.
func formatRows(rows *sql.Rows) (string, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return "", err
	}
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name() + ":" + t.DatabaseTypeName()
	}
	values := make([]any, len(types))
	into := make([]any, len(types))
	for i := range values {
		into[i] = &values[i]
	}
	var lines []string
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		cells := make([]string, len(values))
		for i, v := range values {
			cells[i] = formatValue(v, types[i].DatabaseTypeName())
		}
		lines = append(lines, "("+strings.Join(cells, ",")+")")
	}
	return "[" + strings.Join(names, ",") + "]{" + strings.Join(lines, "") + "}", nil
}

// runBatches runs batches one after the other on one connection. A batch that
// fails is part of the result; the following ones still run.
func runBatches(ctx context.Context, c *sql.Conn, batches []string) (string, error) {
	out := make([]string, 0, len(batches))
	for _, b := range batches {
		text, err := report(ctx, c, b)
		if err != nil && errorNumber(err) == 0 {
			return strings.Join(out, " | "), err
		}
		if err != nil {
			text = strings.TrimSpace(text + " " + describeError(err))
		}
		out = append(out, text)
	}
	return strings.Join(out, " | "), nil
}

// withConn runs f on a fresh connection, and closes it.
func withConn(ctx context.Context, dsn string, f func(c *sql.Conn) (string, error)) (text string, err error) {
	db, err := sql.Open("sqlserver", dsn)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := db.Conn(ctx)
	if err != nil {
		return "", err
	}
	text, err = f(c)
	if cerr := c.Close(); err == nil && cerr != nil && !errors.Is(cerr, sql.ErrConnDone) {
		err = cerr
	}
	return text, err
}

// scalar runs a query of one row and one column and renders the value.
func scalar(ctx context.Context, q queryer, text string, args ...any) (string, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close() //nolint:errcheck // rows.Err below says what matters
	value := "no row"
	if rows.Next() {
		var v any
		if err := rows.Scan(&v); err != nil {
			return "", err
		}
		types, err := rows.ColumnTypes()
		if err != nil {
			return "", err
		}
		value = formatValue(v, types[0].DatabaseTypeName())
	}
	return value, rows.Err()
}
