package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// largeCases move more than a packet in one direction or the other.
func largeCases() []testCase {
	return []testCase{
		{name: "results/large-20000-rows", run: largeResult},
		{name: "results/large-abandoned", run: largeAbandoned},
		{name: "batch/large-text-100kb", run: largeBatch},
		{name: "batch/many-statements", run: manyStatements},
	}
}

// numbers selects the integers 0..19999 out of four digits tables, which every
// lookalike can do, unlike recursive queries or system tables.
const numbers = `SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n, N'row é😀 some text to fill packets' AS s
FROM (SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS a
CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS b
CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS c
CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS e
CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1) AS f`

func largeResult(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		rows, err := c.QueryContext(ctx, numbers+" ORDER BY n")
		if err != nil {
			return "", err
		}
		defer rows.Close() //nolint:errcheck // rows.Err below says what matters
		count, sum := 0, sha256.New()
		for rows.Next() {
			var n int
			var s string
			if err := rows.Scan(&n, &s); err != nil {
				return "", err
			}
			sum.Write([]byte(strconv.Itoa(n) + s))
			count++
		}
		return fmt.Sprintf("%d rows %s", count, hex.EncodeToString(sum.Sum(nil)[:8])), rows.Err()
	})
}

// largeAbandoned stops reading a result early and uses the connection again.
func largeAbandoned(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		for i := range 5 {
			rows, err := c.QueryContext(ctx, numbers+" ORDER BY n")
			if err != nil {
				return fmt.Sprintf("round %d", i), err
			}
			if !rows.Next() {
				return "no row", rows.Err()
			}
			if err := rows.Close(); err != nil {
				return fmt.Sprintf("close %d", i), err
			}
		}
		return scalar(ctx, c, "SELECT 'usable'")
	})
}

func largeBatch(ctx context.Context, e endpoint) (string, error) {
	literal := letters(100_000)
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		got, err := scalar(ctx, c, "SELECT '"+literal+"' AS v")
		if err == nil && got != formatText(literal) {
			err = fmt.Errorf("sent %s", formatText(literal))
		}
		return got, err
	})
}

func manyStatements(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		var b strings.Builder
		for i := range 200 {
			fmt.Fprintf(&b, "SELECT %d AS n -- %s\n", i, letters(60))
		}
		text, err := report(ctx, c, b.String())
		return fmt.Sprintf("%d result sets %s", strings.Count(text, "[n:"), hash([]byte(text))), err
	})
}
