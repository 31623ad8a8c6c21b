package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// tenMegabytes is the size in bytes of the largest values.
const tenMegabytes = 10 << 20

// roundTripCases send a value as a parameter and want it back unchanged.
func roundTripCases() []testCase {
	zone := time.FixedZone("", -(11*3600 + 30*60))
	value := func(name, as string, v any, needs ...string) testCase {
		return testCase{name: "param/" + name, needs: needs, run: func(ctx context.Context, e endpoint) (string, error) {
			return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
				return report(ctx, c, "SELECT "+as+" AS v", v)
			})
		}}
	}
	return []testCase{
		value("null", "@p1", nil, "null_type"),
		value("bool", "@p1", true),
		value("int", "@p1", int64(-9223372036854775808)),
		value("int32", "@p1", int32(2147483647)),
		value("float", "@p1", 1.7976931348623157e308),
		value("nvarchar", "CAST(@p1 AS nvarchar(max))", "Grüße 你好 😀"),
		value("nvarchar-empty", "CAST(@p1 AS nvarchar(max))", ""),
		value("nvarchar-4000", "CAST(@p1 AS nvarchar(max))", letters(4000)),
		value("nvarchar-4001", "CAST(@p1 AS nvarchar(max))", letters(4001)),
		value("varchar", "@p1", mssql.VarChar("plain")),
		value("varbinary", "@p1", []byte{0, 1, 0xff}),
		value("varbinary-8000", "@p1", pattern(8000)),
		value("varbinary-8001", "@p1", pattern(8001)),
		value("datetimeoffset", "@p1", time.Date(2024, 2, 29, 12, 34, 56, 765432100, zone)),
		value("datetime", "@p1", mssql.DateTime1(time.Date(2024, 2, 29, 12, 34, 56, 123_000_000, time.UTC))),
		value("guid", "@p1", mssql.UniqueIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}),
		{name: "param/null-of-each-type", needs: []string{"null_type"}, run: nullsOfEachType},
		{name: "param/max-nvarchar-10mb", run: func(ctx context.Context, e endpoint) (string, error) {
			return echoLarge(ctx, e, letters(tenMegabytes/2))
		}},
		{name: "param/max-varchar-10mb", run: func(ctx context.Context, e endpoint) (string, error) {
			return echoLarge(ctx, e, mssql.VarCharMax(letters(tenMegabytes)))
		}},
		{name: "param/max-varbinary-10mb", run: func(ctx context.Context, e endpoint) (string, error) {
			return echoLarge(ctx, e, pattern(tenMegabytes))
		}},
		{name: "param/max-stored-10mb", run: storeLarge},
		{name: "param/two-thousand", run: manyParameters},
	}
}

// nullsOfEachType stores a NULL of every kind of driver value.
func nullsOfEachType(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		return report(ctx, c, "SELECT @p1 AS b, @p2 AS i, @p3 AS f, @p4 AS s, @p5 AS t, @p6 AS g",
			sql.NullBool{}, sql.NullInt64{}, sql.NullFloat64{}, sql.NullString{}, sql.NullTime{}, mssql.NullUniqueIdentifier{})
	})
}

// echoLarge sends a value of many packets and compares what comes back.
func echoLarge(ctx context.Context, e endpoint, v any) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		got, err := scalar(ctx, c, "SELECT @p1 AS v", v)
		if err != nil {
			return "", err
		}
		want := ""
		switch x := v.(type) {
		case string:
			want = formatText(x)
		case mssql.VarCharMax:
			want = formatText(string(x))
		case []byte:
			want = formatBytes(x)
		}
		if got != want {
			return got, fmt.Errorf("sent %s", want)
		}
		return got, nil
	})
}

// storeLarge keeps large values in a table and reads them back.
func storeLarge(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		if _, err := c.ExecContext(ctx, "CREATE TABLE #big (id int NOT NULL, n nvarchar(max) NULL, b varbinary(max) NULL)"); err != nil {
			return "", err
		}
		if _, err := c.ExecContext(ctx, "INSERT INTO #big (id, n, b) VALUES (@p1, @p2, @p3)", 1, letters(tenMegabytes/2), pattern(tenMegabytes)); err != nil {
			return "", err
		}
		return report(ctx, c, "SELECT id, n, b FROM #big")
	})
}

// manyParameters uses nearly as many parameters as a request may have (2,100).
func manyParameters(ctx context.Context, e endpoint) (string, error) {
	const count = 2000
	var b strings.Builder
	args := make([]any, count)
	for i := range args {
		args[i] = int64(i)
		if i > 0 {
			b.WriteByte('+')
		}
		fmt.Fprintf(&b, "@p%d", i+1)
	}
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		return scalar(ctx, c, "SELECT "+b.String()+" AS total", args...)
	})
}

// letters makes a text of n ASCII characters without a short period.
func letters(n int) string {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = 'a' + byte(x>>24)%26
	}
	return string(b)
}

// pattern makes n bytes without a short period.
func pattern(n int) []byte {
	b := make([]byte, n)
	x := uint32(7)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}
