package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// stateLeak is a piece of session state: what sets it, and a question whose
// answer in a new session shows whether it is still there.
type stateLeak struct {
	name  string
	needs []string
	set   []string
	ask   string
	clean []string
}

// stateLeaks is the list that both ways of giving a session back are tried with.
func stateLeaks(e endpoint) []stateLeak {
	table := prefix + "_locked"
	return []stateLeak{
		{name: "temp-table", set: []string{"CREATE TABLE #left (a int)"}, ask: "SELECT COUNT(*) AS n FROM #left"},
		{name: "database", set: []string{"USE master"}, ask: "SELECT DB_NAME() AS db"},
		{name: "context-info", needs: []string{"context_info"}, set: []string{"SET CONTEXT_INFO 0x0102"}, ask: "SELECT COALESCE(SUBSTRING(CONTEXT_INFO(), 1, 2), 0x0000) AS ci"},
		{name: "session-context", needs: []string{"session_context"}, set: []string{"EXEC sp_set_session_context N'k', N'v'"}, ask: "SELECT CAST(SESSION_CONTEXT(N'k') AS nvarchar(10)) AS v"},
		{
			name: "open-transaction", set: []string{"DROP TABLE IF EXISTS " + table, "CREATE TABLE " + table + " (a int NOT NULL)", "BEGIN TRAN", "INSERT INTO " + table + " (a) VALUES (1)"},
			ask:   "SELECT @@TRANCOUNT AS depth, COUNT(*) AS n FROM " + table,
			clean: []string{"IF @@TRANCOUNT > 0 ROLLBACK", "DROP TABLE IF EXISTS " + table},
		},
		{name: "datefirst", set: []string{"SET DATEFIRST 2"}, ask: "SELECT @@DATEFIRST AS v"},
		{name: "lock-timeout", set: []string{"SET LOCK_TIMEOUT 4321"}, ask: "SELECT @@LOCK_TIMEOUT AS v"},
		{name: "rowcount", needs: []string{"rowcount"}, set: []string{"SET ROWCOUNT 1"}, ask: "SELECT 1 AS n UNION ALL SELECT 2 ORDER BY n"},
		{name: "textsize", needs: []string{"textsize"}, set: []string{"SET TEXTSIZE 1000"}, ask: "SELECT CASE WHEN @@TEXTSIZE = 1000 THEN 'left' ELSE 'gone' END AS v"},
		{name: "xact-abort", needs: []string{"xact_abort"}, set: []string{"SET XACT_ABORT ON"}, ask: "SELECT @@OPTIONS & 16384 AS v"},
		{name: "nocount", needs: []string{"options"}, set: []string{"SET NOCOUNT ON"}, ask: "SELECT @@OPTIONS & 512 AS v"},
		{name: "ansi-nulls", needs: []string{"ansi_nulls"}, set: []string{"SET ANSI_NULLS OFF"}, ask: "SELECT @@OPTIONS & 32 AS v"},
		{name: "implicit-transactions", needs: []string{"implicit_transactions"}, set: []string{"SET IMPLICIT_TRANSACTIONS ON"}, ask: "SELECT @@OPTIONS & 2 AS v"},
		{
			name: "isolation", needs: []string{"isolation_view"}, set: []string{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"},
			ask: "SELECT CAST(transaction_isolation_level AS int) AS v FROM sys.dm_exec_sessions WHERE session_id = @@SPID",
		},
		{name: "language", needs: []string{"language"}, set: []string{"SET LANGUAGE German"}, ask: "SELECT @@LANGUAGE AS v"},
		{
			name: "app-lock", needs: []string{"applock"}, set: []string{"EXEC sp_getapplock @Resource = '" + prefix + "', @LockMode = 'Exclusive', @LockOwner = 'Session'"},
			// 0 is at once, 1 after a wait for the other session to end: both are right.
			ask: "DECLARE @r int EXEC @r = sp_getapplock @Resource = '" + prefix + "', @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 10000 SELECT CASE WHEN @r >= 0 THEN 1 ELSE 0 END AS r EXEC sp_releaseapplock @Resource = '" + prefix + "', @LockOwner = 'Session'",
		},
		{name: "error-state", set: []string{"SELECT 1/0"}, ask: "SELECT @@ERROR AS v"},
	}
}

// poolCases set state on a session, give it back, and look from the next one:
// pool/ with the driver's own pool, which asks for a reset; reconnect/ with a
// closed connection and a new one, which may meet the same backend session.
func poolCases(e endpoint) []testCase {
	var cases []testCase
	for _, s := range stateLeaks(e) {
		cases = append(cases,
			testCase{name: "pool/" + s.name, needs: s.needs, run: func(ctx context.Context, e endpoint) (string, error) {
				return leakTest(ctx, e, s, true)
			}},
			testCase{name: "reconnect/" + s.name, needs: s.needs, run: func(ctx context.Context, e endpoint) (string, error) {
				return leakTest(ctx, e, s, false)
			}})
	}
	return append(cases,
		testCase{name: "pool/same-session", run: poolSameSession},
		testCase{name: "reconnect/prepared-handle", needs: []string{"rpc_prepare_name"}, run: leakedHandle},
		testCase{name: "reconnect/other-user", run: leakedUser},
	)
}

// leakTest sets the state on one session and returns what the next one sees.
func leakTest(ctx context.Context, e endpoint, s stateLeak, pooled bool) (string, error) {
	db, err := sql.Open("sqlserver", e.dsn(nil))
	if err != nil {
		return "", err
	}
	defer db.Close() //nolint:errcheck // nothing is pending
	db.SetMaxOpenConns(1)
	if !pooled {
		db.SetMaxIdleConns(-1) // every give-back closes
	}
	if err := onConn(ctx, db, func(c *sql.Conn) error {
		for _, q := range s.set {
			if _, err := c.ExecContext(ctx, q); err != nil && errorNumber(err) != 8134 {
				return fmt.Errorf("%s: %w", q, err)
			}
		}
		return nil
	}); err != nil {
		return "", err
	}
	var after string
	err = onConn(ctx, db, func(c *sql.Conn) error {
		var err error
		if after, err = runBatches(ctx, c, []string{s.ask}); err != nil {
			return err
		}
		_, err = runBatches(ctx, c, s.clean)
		return err
	})
	return after, err
}

// onConn runs f on a connection of the pool and gives the connection back.
func onConn(ctx context.Context, db *sql.DB, f func(c *sql.Conn) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(c), c.Close())
}

// poolSameSession checks that the pool really did reuse one session.
func poolSameSession(ctx context.Context, e endpoint) (string, error) {
	db, err := sql.Open("sqlserver", e.dsn(nil))
	if err != nil {
		return "", err
	}
	defer db.Close() //nolint:errcheck // nothing is pending
	db.SetMaxOpenConns(1)
	seen := map[string]bool{}
	for range 20 {
		if err := onConn(ctx, db, func(c *sql.Conn) error {
			id, err := scalar(ctx, c, "SELECT @@SPID")
			seen[id] = true
			return err
		}); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d session in 20 uses", len(seen)), nil
}

// leakedHandle prepares a statement, leaves without freeing it and tries its
// handle from a new connection.
func leakedHandle(ctx context.Context, e endpoint) (string, error) {
	var handle sql.NullInt32
	if _, err := withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		_, err := c.ExecContext(ctx, "sp_prepare", sql.Named("handle", sql.Out{Dest: &handle}),
			sql.Named("params", "@a int"), sql.Named("stmt", "SELECT @a AS secret"), sql.Named("options", int32(1)))
		return "", err
	}); err != nil {
		return "", err
	}
	if !handle.Valid {
		return "", errors.New("sp_prepare returned no handle")
	}
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		_, err := scalar(ctx, c, fmt.Sprintf("EXEC sp_execute %d, 1", handle.Int32))
		if errorNumber(err) == 0 {
			return "the handle of a closed connection works", errors.Join(errors.New("no server error"), err)
		}
		return fmt.Sprintf("error %d", errorNumber(err)), nil
	})
}

// leakedUser alternates two logins and wants each to be itself.
func leakedUser(ctx context.Context, e endpoint) (string, error) {
	if e.user2 == "" {
		return "", skipError{"TDS_USER2 is not set"}
	}
	var out []string
	for i := range 6 {
		dsn, user := e.dsn(nil), e.user
		if i%2 == 1 {
			user = e.user2
			dsn = e.dsn(func(u *url.URL, q url.Values) {
				u.User = url.UserPassword(e.user2, e.password2)
				q.Set("database", e.database2)
			})
		}
		got, err := withConn(ctx, dsn, func(c *sql.Conn) (string, error) {
			return report(ctx, c, "SELECT SUSER_SNAME() AS who, DB_NAME() AS db")
		})
		if err != nil {
			return got, fmt.Errorf("as %s: %w", user, err)
		}
		out = append(out, got)
	}
	return strings.Join(out, " "), nil
}
