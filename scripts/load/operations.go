package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// operation returns what does an operation of a kind; nil if there is none.
func operation(k Kind) func(*client, context.Context) error {
	switch k {
	case Simple:
		return (*client).simple
	case ExecuteSQL:
		return (*client).executeSQL
	case Prepared:
		return (*client).prepared
	case Transaction:
		return (*client).transaction
	case Procedure:
		return (*client).procedure
	case DDL:
		return (*client).ddl
	}
	return nil
}

// errNoRow says that a table has not been set up for as many clients.
var errNoRow = errors.New("the client has no row of its own: set up as many as there are clients")

// writeOneIn is how many simple, prepared and parameterized operations there
// are for each that writes.
const writeOneIn = 5

// queryer is what a connection and a transaction can do.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// simple reads the client's row, or writes it, with a batch of plain text.
func (c *client) simple(ctx context.Context) error {
	if c.own.known && c.rng.IntN(writeOneIn) == 0 {
		return c.write(ctx, c.conn)
	}
	return c.read(ctx, c.conn)
}

func (c *client) read(ctx context.Context, q queryer) error {
	var id int
	var v int64
	row := q.QueryRowContext(ctx, fmt.Sprintf("SELECT id, v FROM %s WHERE id = %d", tableName, c.row))
	if err := row.Scan(&id, &v); err != nil {
		return c.unread(err)
	}
	return c.check(id, v)
}

// unread says what it means that the client's row was not read.
func (c *client) unread(err error) error {
	switch {
	case !errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("read: %w", err)
	case c.own.known:
		return fmt.Errorf("%w: row %d was there and is not any more", errWrong, c.row)
	}
	return errNoRow
}

// check compares what was read of the client's row with what it may hold.
func (c *client) check(id int, v int64) error {
	if id != c.row {
		return fmt.Errorf("%w: asked for row %d, got row %d", errWrong, c.row, id)
	}
	if !c.own.may(v) {
		return fmt.Errorf("%w: row %d has %d, written was %d or one of %v", errWrong, c.row, v, c.own.value, c.own.maybe)
	}
	return nil
}

func (c *client) write(ctx context.Context, q queryer) error {
	v := c.rng.Int64()
	_, err := q.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET v = %d WHERE id = %d", tableName, v, c.row))
	return c.wrote(v, err)
}

// wrote takes note of how a write ended.
func (c *client) wrote(v int64, err error) error {
	if err != nil {
		c.own.lost(v)
		return fmt.Errorf("update: %w", err)
	}
	c.own.wrote(v, time.Now())
	return nil
}

// Statements with parameters; the same for all clients.
const (
	readText  = "SELECT id, v, @token FROM " + tableName + " WHERE id = @id"
	writeText = "UPDATE " + tableName + " SET v = @v WHERE id = @id"
)

// executeSQL does what prepared does without a handle.
func (c *client) executeSQL(ctx context.Context) error {
	if c.own.known && c.rng.IntN(writeOneIn) == 0 {
		v := c.rng.Int64()
		_, err := c.conn.ExecContext(ctx, writeText, sql.Named("v", v), sql.Named("id", int32(c.row)))
		return c.wrote(v, err)
	}
	token := c.rng.Int64()
	return c.scan(c.conn.QueryRowContext(ctx, readText, sql.Named("token", token), sql.Named("id", int32(c.row))), token)
}

// scan takes the answer to readText.
func (c *client) scan(row *sql.Row, token int64) error {
	var id int
	var v, got int64
	if err := row.Scan(&id, &v, &got); err != nil {
		return c.unread(err)
	}
	if got != token {
		return fmt.Errorf("%w: sent %d, came back as %d", errWrong, token, got)
	}
	return c.check(id, v)
}

// procedure swaps the value of the client's row for another.
func (c *client) procedure(ctx context.Context) error {
	v, was := c.rng.Int64(), sql.NullInt64{}
	_, err := c.conn.ExecContext(ctx, procedureName, sql.Named("id", int32(c.row)), sql.Named("v", v), sql.Named("was", sql.Out{Dest: &was}))
	if err != nil {
		return c.wrote(v, err)
	}
	if !was.Valid {
		return c.unread(sql.ErrNoRows)
	}
	err = c.check(c.row, was.Int64)
	return orElse(err, c.wrote(v, nil))
}

// orElse returns the first of two errors.
func orElse(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// ddl makes a table of the client's own, uses it and drops it.
func (c *client) ddl(ctx context.Context) error {
	name, v := fmt.Sprintf("loadgen_ddl_%d", c.row), c.rng.Int64()
	for _, text := range []string{
		"DROP TABLE IF EXISTS " + name, // one of a client that was cut off
		"CREATE TABLE " + name + " (v BIGINT NOT NULL)",
		fmt.Sprintf("INSERT INTO %s VALUES (%d)", name, v),
	} {
		if _, err := c.conn.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("ddl: %w", err)
		}
	}
	var got int64
	if err := c.conn.QueryRowContext(ctx, "SELECT v FROM "+name).Scan(&got); err != nil {
		return fmt.Errorf("ddl: %w", err)
	}
	if got != v {
		return fmt.Errorf("%w: %s has %d, written was %d", errWrong, name, got, v)
	}
	if _, err := c.conn.ExecContext(ctx, "DROP TABLE "+name); err != nil {
		return fmt.Errorf("ddl: %w", err)
	}
	return nil
}
