package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// rounds is a client's session where clients share backends: what it does it
// does several times, each time perhaps in another session of the server. It
// counts as holding a connection only while it has a transaction open.
func (c *client) rounds(ctx context.Context, conn *sql.Conn, node int) error {
	held := func(ctx context.Context, conn *sql.Conn) error { return c.held(ctx, conn, node) }
	const most = 3
	for range 1 + c.rng.IntN(most) {
		for _, do := range []work{c.echo, c.write, c.prepared, held, c.own} {
			if err := do(ctx, conn); err != nil {
				return err
			}
		}
	}
	return nil
}

var errNoHandle = errors.New("sp_prepare returned no handle")

// prepared reads the client's row by a handle, which is good for the whole
// session, whatever backend runs it.
func (c *client) prepared(ctx context.Context, conn *sql.Conn) error {
	if c.handle == 0 {
		var got sql.NullInt32
		_, err := conn.ExecContext(ctx, "sp_prepare", sql.Named("handle", sql.Out{Dest: &got}),
			sql.Named("params", "@id int"), sql.Named("stmt", "SELECT v, w FROM mine WHERE id = @id"), sql.Named("options", int32(1)))
		switch {
		case err != nil:
			return fmt.Errorf("prepare: %w", err)
		case got.Int32 == 0:
			return errNoHandle
		}
		c.handle = got.Int32
	}
	return c.check(conn.QueryRowContext(ctx, "sp_execute", c.handle, int32(c.row)))
}

// held is a transaction that stays open for a while. Until its end it is in one
// session of the server, and open.
func (c *client) held(ctx context.Context, conn *sql.Conn, node int) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	c.load.hold(c.bucket, node, 1)
	defer func() {
		c.load.hold(c.bucket, node, -1)
		_ = tx.Rollback() // it has ended already, or the connection has
	}()
	const text = "SELECT @@SPID, @@TRANCOUNT"
	var before, after, open int
	if err := tx.QueryRowContext(ctx, text).Scan(&before, &open); err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	v := c.rng.Int64()
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("CREATE TABLE #own (v BIGINT); INSERT INTO #own VALUES (%d)", v)); err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	if err := c.stay(ctx, tx); err != nil {
		return err
	}
	if err := tx.QueryRowContext(ctx, text).Scan(&after, &open); err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	if before != after || open != 1 {
		return fmt.Errorf("%w: begun in session %d of the server, %d transactions open in session %d later", errWrongAnswer, before, open, after)
	}
	if c.rng.IntN(2) == 0 {
		// The table goes with the transaction.
		if err := tx.Rollback(); err != nil {
			return fmt.Errorf("rollback: %w", err)
		}
		return nil
	}
	if _, err := tx.ExecContext(ctx, "DROP TABLE #own"); err != nil {
		return fmt.Errorf("drop: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// own works on a table of the session outside of a transaction, which must be
// there from one request to the next, and not from someone before. Now and then
// it is left behind.
func (c *client) own(ctx context.Context, conn *sql.Conn) error {
	if c.rng.IntN(4) > 0 {
		return nil
	}
	v := c.rng.Int64()
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("CREATE TABLE #kept (v BIGINT); INSERT INTO #kept VALUES (%d)", v)); err != nil {
		return fmt.Errorf("own table: %w", err)
	}
	var got int64
	if err := conn.QueryRowContext(ctx, "SELECT v FROM #kept").Scan(&got); err != nil {
		return fmt.Errorf("own table: %w", err)
	}
	if got != v {
		return fmt.Errorf("%w: #kept has %d, written was %d", errWrongAnswer, got, v)
	}
	if c.rng.IntN(4) == 0 {
		return errLeaves
	}
	if _, err := conn.ExecContext(ctx, "DROP TABLE #kept"); err != nil {
		return fmt.Errorf("drop: %w", err)
	}
	return nil
}

// errLeaves says that a client closes its session although it could go on.
var errLeaves = errors.New("the client leaves")
