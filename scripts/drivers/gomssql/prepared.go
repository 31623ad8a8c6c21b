package main

import (
	"context"
	"database/sql"
	"fmt"

	mssql "github.com/microsoft/go-mssqldb"
)

// preparedCases cover statements prepared once and used often, and procedures.
func preparedCases() []testCase {
	return []testCase{
		{name: "prepared/reuse", run: preparedReuse},
		{name: "prepared/several-at-once", run: preparedSeveral},
		{name: "prepared/explicit-handle", needs: []string{"rpc_prepare_name"}, run: explicitHandle},
		{name: "prepared/error-then-reuse", run: preparedError},
		{name: "proc/output-and-return", needs: []string{"procedures"}, run: procedureOutput},
		{name: "proc/executesql-output", run: executesqlOutput},
		{name: "proc/missing-rpc", run: func(ctx context.Context, e endpoint) (string, error) {
			return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
				_, err := c.ExecContext(ctx, prefix+"_no_such_procedure", sql.Named("a", 1))
				if errorNumber(err) == 0 {
					return "no server error", err
				}
				return describeError(err), nil
			})
		}},
	}
}

func preparedReuse(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		stmt, err := c.PrepareContext(ctx, "SELECT @p1 * 2 AS r")
		if err != nil {
			return "", err
		}
		total := 0
		for i := range 300 {
			var r int
			if err := stmt.QueryRowContext(ctx, i).Scan(&r); err != nil {
				return fmt.Sprintf("use %d", i), err
			}
			total += r
		}
		if err := stmt.Close(); err != nil {
			return "", err
		}
		after, err := scalar(ctx, c, "SELECT 1")
		return fmt.Sprintf("total %d, after %s", total, after), err
	})
}

func preparedSeveral(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		stmts := make([]*sql.Stmt, 10)
		for i := range stmts {
			s, err := c.PrepareContext(ctx, fmt.Sprintf("SELECT @p1 + %d AS r", i*100))
			if err != nil {
				return "", err
			}
			defer s.Close() //nolint:errcheck // the results say what matters
			stmts[i] = s
		}
		out := ""
		for round := range 3 {
			for _, s := range stmts {
				var r int
				if err := s.QueryRowContext(ctx, round).Scan(&r); err != nil {
					return out, err
				}
				out += fmt.Sprintf("%d ", r)
			}
		}
		return out, nil
	})
}

// explicitHandle calls the prepare procedures by name, so that their handle is
// an output parameter that this program holds.
func explicitHandle(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		var handle sql.NullInt32
		if _, err := c.ExecContext(ctx, "sp_prepare", sql.Named("handle", sql.Out{Dest: &handle}),
			sql.Named("params", "@a int"), sql.Named("stmt", "SELECT @a * 3 AS r"), sql.Named("options", int32(1))); err != nil {
			return "sp_prepare", err
		}
		if !handle.Valid || handle.Int32 == 0 {
			return "", fmt.Errorf("sp_prepare returned no handle")
		}
		out := ""
		for i := range 5 {
			r, err := scalar(ctx, c, fmt.Sprintf("EXEC sp_execute %d, %d", handle.Int32, i))
			if err != nil {
				return out, err
			}
			out += r + " "
		}
		if _, err := c.ExecContext(ctx, "sp_unprepare", sql.Named("handle", handle.Int32)); err != nil {
			return out + "sp_unprepare", err
		}
		_, err := scalar(ctx, c, fmt.Sprintf("EXEC sp_execute %d, 1", handle.Int32))
		if errorNumber(err) == 0 {
			return out + "no server error for a freed handle", err
		}
		// The text names the handle, whose value is the server's business.
		return fmt.Sprintf("%sfreed: error %d", out, errorNumber(err)), nil
	})
}

func preparedError(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		stmt, err := c.PrepareContext(ctx, "SELECT 10 / @p1 AS r")
		if err != nil {
			return "", err
		}
		defer stmt.Close() //nolint:errcheck // the results say what matters
		out := ""
		for _, d := range []int{5, 0, 2} {
			var r int
			if err := stmt.QueryRowContext(ctx, d).Scan(&r); err != nil {
				if errorNumber(err) == 0 {
					return out, err
				}
				out += describeError(err) + " "
				continue
			}
			out += fmt.Sprintf("%d ", r)
		}
		return out, nil
	})
}

func procedureOutput(ctx context.Context, e endpoint) (string, error) {
	name := prefix + "_proc"
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		for _, s := range []string{
			"DROP PROCEDURE IF EXISTS " + name,
			"CREATE PROCEDURE " + name + ` @a int, @s nvarchar(50) OUTPUT, @n int OUTPUT AS
			 BEGIN
			  SELECT @a AS a UNION ALL SELECT @a + 1
			  SET @s = @s + N' and back é😀'
			  SET @n = @a * 2
			  RETURN 42
			 END`,
		} {
			if _, err := c.ExecContext(ctx, s); err != nil {
				return s, err
			}
		}
		text, n := "there", int64(0)
		var status mssql.ReturnStatus
		rows, err := c.QueryContext(ctx, name, sql.Named("a", 5), sql.Named("s", sql.Out{Dest: &text, In: true}),
			sql.Named("n", sql.Out{Dest: &n}), &status)
		if err != nil {
			return "", err
		}
		set, err := formatRows(rows)
		if err != nil {
			return "", err
		}
		if err := rows.Close(); err != nil {
			return "", err
		}
		if _, err := c.ExecContext(ctx, "DROP PROCEDURE "+name); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s s=%q n=%d status=%d", set, text, n, status), nil
	})
}

func executesqlOutput(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		n, text := int64(0), ""
		_, err := c.ExecContext(ctx, "SET @n = @a * 2\nSET @s = N'out é😀'",
			sql.Named("a", 21), sql.Named("n", sql.Out{Dest: &n}), sql.Named("s", sql.Out{Dest: &text}))
		return fmt.Sprintf("n=%d s=%q", n, text), err
	})
}
