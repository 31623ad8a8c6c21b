package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// transactionCases use the driver's own transaction calls, which travel as
// transaction-manager requests.
func transactionCases() []testCase {
	cases := []testCase{
		{name: "tran/api-commit", run: apiTransaction(true)},
		{name: "tran/api-rollback", run: apiTransaction(false)},
		{name: "tran/api-savepoint", needs: []string{"savepoint"}, run: apiSavepoint},
		{name: "tran/api-many", run: apiMany},
		{name: "tran/api-error-inside", run: apiErrorInside},
	}
	for _, l := range []sql.IsolationLevel{sql.LevelReadUncommitted, sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable, sql.LevelSnapshot} {
		name := strings.ReplaceAll(strings.ToLower(l.String()), " ", "-")
		var needs []string
		if l == sql.LevelSnapshot {
			needs = []string{"snapshot"}
		}
		cases = append(cases, testCase{name: "tran/api-isolation-" + name, needs: needs, run: apiIsolation(l)})
	}
	return cases
}

// inTransaction runs f in a transaction over a one-row table and then shows
// what the table and the connection look like.
func inTransaction(ctx context.Context, e endpoint, opts *sql.TxOptions, f func(tx *sql.Tx) (string, error)) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		if _, err := c.ExecContext(ctx, "CREATE TABLE #t (a int NOT NULL)"); err != nil {
			return "", err
		}
		tx, err := c.BeginTx(ctx, opts)
		if err != nil {
			return "", err
		}
		defer tx.Rollback() //nolint:errcheck // done already in the good case
		inside, err := f(tx)
		if err != nil {
			return inside, err
		}
		after, err := report(ctx, c, "SELECT @@TRANCOUNT AS depth, COUNT(*) AS n FROM #t")
		return inside + " | " + after, err
	})
}

func apiTransaction(commit bool) func(context.Context, endpoint) (string, error) {
	return func(ctx context.Context, e endpoint) (string, error) {
		return inTransaction(ctx, e, nil, func(tx *sql.Tx) (string, error) {
			if _, err := tx.ExecContext(ctx, "INSERT INTO #t (a) VALUES (@p1)", 1); err != nil {
				return "", err
			}
			text, err := report(ctx, tx, "SELECT @@TRANCOUNT AS depth, COUNT(*) AS n FROM #t")
			if err != nil {
				return "", err
			}
			if commit {
				return text, tx.Commit()
			}
			return text, tx.Rollback()
		})
	}
}

func apiSavepoint(ctx context.Context, e endpoint) (string, error) {
	return inTransaction(ctx, e, nil, func(tx *sql.Tx) (string, error) {
		for _, s := range []string{
			"INSERT INTO #t (a) VALUES (1)", "SAVE TRANSACTION s1", "INSERT INTO #t (a) VALUES (2)",
			"ROLLBACK TRANSACTION s1", "INSERT INTO #t (a) VALUES (3)",
		} {
			if _, err := tx.ExecContext(ctx, s); err != nil {
				return s, err
			}
		}
		text, err := report(ctx, tx, "SELECT a FROM #t ORDER BY a")
		if err != nil {
			return "", err
		}
		return text, tx.Commit()
	})
}

func apiIsolation(level sql.IsolationLevel) func(context.Context, endpoint) (string, error) {
	return func(ctx context.Context, e endpoint) (string, error) {
		return inTransaction(ctx, e, &sql.TxOptions{Isolation: level}, func(tx *sql.Tx) (string, error) {
			text, err := report(ctx, tx, "INSERT INTO #t (a) VALUES (1)\nSELECT @@TRANCOUNT AS depth")
			if err != nil {
				return "", err
			}
			return text, tx.Commit()
		})
	}
}

// apiMany alternates commits and rollbacks on one connection.
func apiMany(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		if _, err := c.ExecContext(ctx, "CREATE TABLE #t (a int NOT NULL)"); err != nil {
			return "", err
		}
		for i := range 50 {
			tx, err := c.BeginTx(ctx, nil)
			if err != nil {
				return fmt.Sprintf("begin %d", i), err
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO #t (a) VALUES (@p1)", i); err != nil {
				return fmt.Sprintf("insert %d", i), err
			}
			end := tx.Commit
			if i%2 == 1 {
				end = tx.Rollback
			}
			if err := end(); err != nil {
				return fmt.Sprintf("end %d", i), err
			}
		}
		return report(ctx, c, "SELECT @@TRANCOUNT AS depth, COUNT(*) AS n, SUM(a) AS total FROM #t")
	})
}

func apiErrorInside(ctx context.Context, e endpoint) (string, error) {
	return inTransaction(ctx, e, nil, func(tx *sql.Tx) (string, error) {
		if _, err := tx.ExecContext(ctx, "INSERT INTO #t (a) VALUES (1)"); err != nil {
			return "", err
		}
		_, failed := tx.ExecContext(ctx, "SELECT 1/0")
		if errorNumber(failed) == 0 {
			return "no server error", failed
		}
		depth, err := scalar(ctx, tx, "SELECT @@TRANCOUNT")
		if err != nil {
			return "", err
		}
		return describeError(failed) + " depth " + depth, tx.Rollback()
	})
}
