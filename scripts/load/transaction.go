package load

import (
	"context"
	"database/sql"
	"fmt"
)

// rollbackOneIn is how many transactions there are for each that is rolled back.
const rollbackOneIn = 10

// transaction reads, writes and reads the client's row and commits or rolls back.
func (c *client) transaction(ctx context.Context) error {
	tx, err := c.conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // it has ended already, or the connection has
	if c.run.config.Hold > 0 {
		err = c.held(ctx, tx)
	} else {
		err = c.update(ctx, tx)
	}
	return err
}

// update is a transaction that writes.
func (c *client) update(ctx context.Context, tx *sql.Tx) error {
	if err := c.read(ctx, tx); err != nil {
		return err
	}
	v := c.rng.Int64()
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET v = %d WHERE id = %d", tableName, v, c.row)); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	var got int64
	if err := tx.QueryRowContext(ctx, fmt.Sprintf("SELECT v FROM %s WHERE id = %d", tableName, c.row)).Scan(&got); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if got != v {
		return fmt.Errorf("%w: row %d has %d in the transaction that wrote %d", errWrong, c.row, got, v)
	}
	if c.rng.IntN(rollbackOneIn) == 0 {
		if err := tx.Rollback(); err != nil {
			return fmt.Errorf("rollback: %w", err)
		}
		return c.read(ctx, c.conn)
	}
	// Whether a commit without an answer took place is not known.
	return c.wrote(v, tx.Commit())
}

// held is a transaction that stays open for a while. Behind the pause it must
// be open still, in the same session of the server.
func (c *client) held(ctx context.Context, tx *sql.Tx) error {
	if err := c.read(ctx, tx); err != nil {
		return err
	}
	const text = "SELECT @@SPID, @@TRANCOUNT"
	var before, after, open int
	if err := tx.QueryRowContext(ctx, text).Scan(&before, &open); err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	if !sleep(ctx, c.run.config.Hold) {
		return ctx.Err()
	}
	if err := tx.QueryRowContext(ctx, text).Scan(&after, &open); err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	if before != after || open != 1 {
		return fmt.Errorf("%w: begun in session %d of the server, %d transactions open in session %d behind the pause", errWrong, before, open, after)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
