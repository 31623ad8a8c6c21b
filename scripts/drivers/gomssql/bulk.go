package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// bulkCases load rows through the driver's bulk copy.
func bulkCases() []testCase {
	return []testCase{
		{name: "bulk/insert", needs: []string{"bulk"}, run: bulkInsert},
		{name: "bulk/rollback", needs: []string{"bulk"}, run: bulkRollback},
		{name: "bulk/duplicate-key", needs: []string{"bulk"}, run: bulkDuplicate},
	}
}

// bulkTable gives f an empty table of a few types and drops it afterwards.
func bulkTable(ctx context.Context, e endpoint, f func(c *sql.Conn, table string) (string, error)) (string, error) {
	table := prefix + "_bulk"
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		for _, s := range []string{
			"DROP TABLE IF EXISTS " + table,
			"CREATE TABLE " + table + " (id int NOT NULL PRIMARY KEY, s nvarchar(100) NULL, f float NULL, b varbinary(100) NULL, d datetime2(7) NULL, t bit NULL, l nvarchar(max) NULL)",
		} {
			if _, err := c.ExecContext(ctx, s); err != nil {
				return s, err
			}
		}
		text, err := f(c, table)
		if err != nil {
			return text, err
		}
		_, err = c.ExecContext(ctx, "DROP TABLE "+table)
		return text, err
	})
}

// copyRows bulk-loads n rows whose keys start at first; every third row is NULLs.
func copyRows(ctx context.Context, tx *sql.Tx, table string, first, n int) (int64, error) {
	stmt, err := tx.PrepareContext(ctx, mssql.CopyIn(table, mssql.BulkOptions{}, "id", "s", "f", "b", "d", "t", "l"))
	if err != nil {
		return 0, err
	}
	day := time.Date(2024, 2, 29, 12, 34, 56, 765432100, time.UTC)
	for i := range n {
		id := first + i
		if i%3 == 2 {
			_, err = stmt.ExecContext(ctx, id, nil, nil, nil, nil, nil, nil)
		} else {
			_, err = stmt.ExecContext(ctx, id, fmt.Sprintf("row %d é😀", id), float64(id)/4, pattern(id%100), day.Add(time.Duration(id)*time.Second), id%2 == 0, letters(id%5000))
		}
		if err != nil {
			return 0, err
		}
	}
	result, err := stmt.ExecContext(ctx)
	if err != nil {
		return 0, err
	}
	if err := stmt.Close(); err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func bulkInsert(ctx context.Context, e endpoint) (string, error) {
	return bulkTable(ctx, e, func(c *sql.Conn, table string) (string, error) {
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			return "", err
		}
		defer tx.Rollback() //nolint:errcheck // done already in the good case
		n, err := copyRows(ctx, tx, table, 1, 5000)
		if err != nil {
			return "", err
		}
		if err := tx.Commit(); err != nil {
			return "", err
		}
		text, err := report(ctx, c, "SELECT COUNT(*) AS n, SUM(id) AS total, COUNT(s) AS texts, SUM(f) AS f FROM "+table+
			"\nSELECT id, s, f, b, d, t FROM "+table+" WHERE id IN (1, 3, 4999) ORDER BY id")
		return fmt.Sprintf("loaded %d %s", n, text), err
	})
}

func bulkRollback(ctx context.Context, e endpoint) (string, error) {
	return bulkTable(ctx, e, func(c *sql.Conn, table string) (string, error) {
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			return "", err
		}
		n, err := copyRows(ctx, tx, table, 1, 100)
		if err != nil {
			return "", err
		}
		if err := tx.Rollback(); err != nil {
			return "", err
		}
		text, err := scalar(ctx, c, "SELECT COUNT(*) FROM "+table)
		return fmt.Sprintf("loaded %d, left %s", n, text), err
	})
}

func bulkDuplicate(ctx context.Context, e endpoint) (string, error) {
	return bulkTable(ctx, e, func(c *sql.Conn, table string) (string, error) {
		if _, err := c.ExecContext(ctx, "INSERT INTO "+table+" (id) VALUES (50)"); err != nil {
			return "", err
		}
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			return "", err
		}
		_, failed := copyRows(ctx, tx, table, 1, 100)
		if errorNumber(failed) == 0 {
			return "no server error", failed
		}
		tx.Rollback() //nolint:errcheck // the server may have ended the transaction itself
		text, err := scalar(ctx, c, "SELECT COUNT(*) FROM "+table)
		return fmt.Sprintf("%s left %s", describeError(failed), text), err
	})
}
