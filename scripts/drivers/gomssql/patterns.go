package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	mssql "github.com/microsoft/go-mssqldb"
)

// patternCases are what applications do most, over the driver's pool as it
// comes, each by a client of its own; see ../README.md. The results say that
// all was done; what matters is what a node between has to say of it.
func patternCases() []testCase {
	table := prefix + "_pattern"
	pattern := func(name string, needs []string, turn func(ctx context.Context, db *sql.DB, i int) error) testCase {
		return testCase{name: "pattern/go-mssqldb/" + name, needs: needs, run: func(ctx context.Context, e endpoint) (string, error) {
			return overPattern(ctx, e, table, turn)
		}}
	}
	return []testCase{
		pattern("plain", nil, func(ctx context.Context, db *sql.DB, i int) error {
			return errors.Join(
				ask(ctx, db, "SELECT COUNT(*) FROM "+table),
				do(ctx, db, fmt.Sprintf("INSERT INTO %s (id, s) VALUES (%d, N'row')", table, i)),
				do(ctx, db, fmt.Sprintf("UPDATE %s SET s = N'new' WHERE id = %d", table, i)),
				ask(ctx, db, fmt.Sprintf("SELECT id FROM %s WHERE id = %d", table, i)))
		}),
		pattern("parameters", nil, func(ctx context.Context, db *sql.DB, i int) error {
			return errors.Join(
				do(ctx, db, "INSERT INTO "+table+" (id, s) VALUES (@p1, @p2)", i, "row"),
				do(ctx, db, "UPDATE "+table+" SET s = @p2 WHERE id = @p1", i, "new"),
				ask(ctx, db, "SELECT id FROM "+table+" WHERE id = @p1 AND s = @p2", i, "new"))
		}),
		pattern("prepared", nil, func(ctx context.Context, db *sql.DB, i int) error {
			insert, err := db.PrepareContext(ctx, "INSERT INTO "+table+" (id, s) VALUES (@p1, N'row')")
			if err != nil {
				return err
			}
			find, err := db.PrepareContext(ctx, "SELECT id FROM "+table+" WHERE id = @p1")
			if err != nil {
				return err
			}
			_, err = insert.ExecContext(ctx, i)
			for range 3 {
				var id int
				err = errors.Join(err, find.QueryRowContext(ctx, i).Scan(&id))
			}
			return errors.Join(err, insert.Close(), find.Close())
		}),
		pattern("transactions", nil, func(ctx context.Context, db *sql.DB, i int) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			err = errors.Join(
				do(ctx, tx, "INSERT INTO "+table+" (id, s) VALUES (@p1, N'row')", i),
				ask(ctx, tx, "SELECT id FROM "+table+" WHERE id = @p1", i))
			if i%4 == 3 {
				return errors.Join(err, tx.Rollback(), do(ctx, db, "INSERT INTO "+table+" (id, s) VALUES (@p1, N'row')", i))
			}
			return errors.Join(err, tx.Commit())
		}),
		pattern("bulk", []string{"bulk"}, func(ctx context.Context, db *sql.DB, i int) error {
			stmt, err := db.PrepareContext(ctx, mssql.CopyIn(table, mssql.BulkOptions{}, "id", "s"))
			if err != nil {
				return err
			}
			_, err = stmt.ExecContext(ctx, i, "row")
			_, flush := stmt.ExecContext(ctx)
			return errors.Join(err, flush, stmt.Close())
		}),
		pattern("temp_table", nil, func(ctx context.Context, db *sql.DB, i int) error {
			c, err := db.Conn(ctx)
			if err != nil {
				return err
			}
			return errors.Join(
				do(ctx, c, "CREATE TABLE #pattern (id int NOT NULL)"),
				do(ctx, c, fmt.Sprintf("INSERT INTO #pattern (id) VALUES (%d)", i)),
				do(ctx, c, "INSERT INTO "+table+" (id, s) SELECT id, N'row' FROM #pattern"),
				do(ctx, c, "DROP TABLE #pattern"),
				c.Close())
		}),
	}
}

type doer interface {
	ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row
}

func do(ctx context.Context, d doer, text string, args ...any) error {
	_, err := d.ExecContext(ctx, text, args...)
	return err
}

func ask(ctx context.Context, d doer, text string, args ...any) error {
	var n int
	return d.QueryRowContext(ctx, text, args...).Scan(&n)
}

// overPattern has the turns of a pattern run, each of which adds a row.
func overPattern(ctx context.Context, e endpoint, table string, turn func(ctx context.Context, db *sql.DB, i int) error) (text string, err error) {
	turns, err := strconv.Atoi(envOr("TDS_PATTERN_TURNS", "20"))
	if err != nil {
		return "", fmt.Errorf("TDS_PATTERN_TURNS: %w", err)
	}
	db, err := sql.Open("sqlserver", e.dsn(nil))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if err := errors.Join(do(ctx, db, "DROP TABLE IF EXISTS "+table), do(ctx, db, "CREATE TABLE "+table+" (id int NOT NULL, s nvarchar(50) NULL)")); err != nil {
		return "", err
	}
	for i := range turns {
		if err := turn(ctx, db, i); err != nil {
			return fmt.Sprintf("turn %d", i), err
		}
	}
	n := 0
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		return "", err
	}
	if n != turns {
		return "", fmt.Errorf("%d rows of %d", n, turns)
	}
	return fmt.Sprintf("%d turns", turns), do(ctx, db, "DROP TABLE "+table)
}
