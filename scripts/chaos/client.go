package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"sluice/scripts/load"
	"sluice/scripts/rig"
)

// sessionWithin bounds a session. Clients that hang longer are cut loose, so
// that a stopped node does not end all demand.
const (
	sessionWithin = 12 * time.Second
	dialWithin    = 3 * time.Second
)

// open returns a handle that makes a connection for each use and keeps none.
func open(addr, db string) (*sql.DB, error) {
	return load.Open(load.Target{
		Addr: addr, User: rig.User, Password: rig.Password, DialTimeout: dialWithin,
		Params: map[string]string{"app name": "chaos", "dial timeout": "10"},
	}, db)
}

// maxClients is the number of rows in the clients' table of a bucket.
const maxClients = maxLimit * 6

// prepareTable makes the table in which each client has its row.
func prepareTable(ctx context.Context, addr, db string) error {
	h, err := open(addr, db)
	if err != nil {
		return err
	}
	defer h.Close() //nolint:errcheck // nothing is pending
	const text = `CREATE TABLE mine (id INT PRIMARY KEY, v BIGINT NOT NULL, w BIGINT NOT NULL);
DECLARE @i INT = 0; BEGIN TRAN; WHILE @i < @p1 BEGIN INSERT INTO mine VALUES (@i, 0, 0); SET @i = @i + 1; END; COMMIT`
	_, err = h.ExecContext(ctx, text, maxClients)
	return err
}

// client is one application: it connects, works, closes, thinks, for ever.
type client struct {
	load   *demand
	bucket int
	row    int // in the bucket's table
	home   int // node that it always uses; 0: any
	rng    *rand.Rand
	// values are those that the row may have: more than one if an answer to a
	// write was lost.
	values []int64
	handle int32 // of the session's prepared statement; 0: not prepared
}

// session connects to a node, works and closes. It returns the time until the
// login was done.
func (c *client) session(ctx context.Context, h *sql.DB, node int) (waited time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, sessionWithin)
	defer cancel()
	start := time.Now()
	conn, err := h.Conn(ctx)
	if err != nil {
		return 0, fmt.Errorf("login: %w", err)
	}
	waited = time.Since(start)
	defer conn.Close() //nolint:errcheck // the server may have closed it
	c.handle = 0
	if c.load.pooling == poolTransaction {
		return waited, c.rounds(ctx, conn, node)
	}
	c.load.hold(c.bucket, node, 1)
	// Counted out before the close: the slot may be someone else's before this
	// goroutine runs again.
	defer c.load.hold(c.bucket, node, -1)
	for _, do := range []work{c.echo, c.write, c.prepared, c.transaction, c.linger} {
		if err := do(ctx, conn); err != nil {
			return waited, err
		}
	}
	return waited, nil
}

// work is one thing that a client does in its session.
type work func(context.Context, *sql.Conn) error

// echo wants back what it sends.
func (c *client) echo(ctx context.Context, conn *sql.Conn) error {
	token := c.rng.Int64()
	var got int64
	var row int
	if err := conn.QueryRowContext(ctx, "SELECT @p1, @p2", token, c.row).Scan(&got, &row); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	if got != token || row != c.row {
		return fmt.Errorf("%w: echo of %d, %d: %d, %d", errWrongAnswer, token, c.row, got, row)
	}
	return nil
}

// Texts that change the client's row. Both columns change, or neither does.
const (
	writeText = "BEGIN TRAN; UPDATE mine SET v = @p1 WHERE id = @p2; UPDATE mine SET w = @p1 WHERE id = @p2; "
	keepText  = writeText + "COMMIT"
	undoText  = writeText + "ROLLBACK"
)

// write changes the client's row, or takes the change back, and reads the row.
func (c *client) write(ctx context.Context, conn *sql.Conn) error {
	if err := c.read(ctx, conn); err != nil {
		return err
	}
	v := c.rng.Int64()
	if c.rng.IntN(5) == 0 {
		if _, err := conn.ExecContext(ctx, undoText, v, c.row); err != nil {
			return fmt.Errorf("update and rollback: %w", err)
		}
		return c.read(ctx, conn)
	}
	if _, err := conn.ExecContext(ctx, keepText, v, c.row); err != nil {
		c.values = append(c.values, v) // it may be written, now or a little later
		return fmt.Errorf("update: %w", err)
	}
	c.values = []int64{v}
	return c.read(ctx, conn)
}

func (c *client) read(ctx context.Context, conn *sql.Conn) error {
	return c.check(conn.QueryRowContext(ctx, "SELECT v, w FROM mine WHERE id = @p1", c.row))
}

// check compares the client's row with what it has written.
func (c *client) check(row *sql.Row) error {
	var v, w int64
	switch err := row.Scan(&v, &w); {
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case v != w:
		return fmt.Errorf("%w: row %d has %d and %d: half of a transaction", errWrongAnswer, c.row, v, w)
	case !slices.Contains(c.values, v):
		return fmt.Errorf("%w: row %d has %d, written was one of %v", errWrongAnswer, c.row, v, c.values)
	}
	return nil
}

// transaction works on a table of the session, which must not be there from
// someone before. Now and then it leaves the table, or the transaction, behind.
func (c *client) transaction(ctx context.Context, conn *sql.Conn) error {
	if c.rng.IntN(3) > 0 {
		return nil
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // it has ended already, or the connection has
	v := c.rng.Int64()
	// Without parameters: a table made within sp_executesql would end with it.
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("CREATE TABLE #own (v BIGINT); INSERT INTO #own VALUES (%d)", v)); err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	return c.finish(ctx, tx, v)
}

// finish reads the transaction's value and commits, or leaves both to the
// reset of the connection.
func (c *client) finish(ctx context.Context, tx *sql.Tx, v int64) error {
	var got int64
	if err := tx.QueryRowContext(ctx, "SELECT v FROM #own").Scan(&got); err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	if got != v {
		return fmt.Errorf("%w: #own has %d, written was %d", errWrongAnswer, got, v)
	}
	if c.rng.IntN(4) == 0 {
		return nil
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// linger keeps the connection busy for a while.
func (c *client) linger(ctx context.Context, conn *sql.Conn) error { return c.stay(ctx, conn) }

// executor is a connection or a transaction.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// stay lets the server wait, or the client.
func (c *client) stay(ctx context.Context, on executor) error {
	ms := c.rng.IntN(c.load.lingerMax + 1)
	if c.rng.IntN(2) == 0 {
		// Idle at the client instead.
		if !rig.Sleep(ctx, time.Duration(ms)*time.Millisecond) {
			return ctx.Err()
		}
		return nil
	}
	if _, err := on.ExecContext(ctx, fmt.Sprintf("WAITFOR DELAY '00:00:00.%03d'", ms)); err != nil {
		return fmt.Errorf("waitfor: %w", err)
	}
	return nil
}
