package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// errNoHandle says that sp_prepare succeeded and returned nothing.
var errNoHandle = errors.New("sp_prepare returned no handle")

// handles are the prepared statements of a connection; 0: not prepared.
type handles struct{ read, write int32 }

// prepared reads the client's row, or writes it, by a handle. Statements are
// prepared at the first use of a connection and go with it.
func (c *client) prepared(ctx context.Context) error {
	if c.own.known && c.rng.IntN(writeOneIn) == 0 {
		if err := c.prepare(ctx, &c.handles.write, "@v bigint, @id int", writeText); err != nil {
			return err
		}
		v := c.rng.Int64()
		_, err := c.conn.ExecContext(ctx, "sp_execute", c.handles.write, v, int32(c.row))
		return c.wrote(v, err)
	}
	if err := c.prepare(ctx, &c.handles.read, "@token bigint, @id int", readText); err != nil {
		return err
	}
	token := c.rng.Int64()
	return c.scan(c.conn.QueryRowContext(ctx, "sp_execute", c.handles.read, token, int32(c.row)), token)
}

// prepare makes sure that the connection has a statement.
func (c *client) prepare(ctx context.Context, handle *int32, params, text string) error {
	if *handle != 0 {
		return nil
	}
	var got sql.NullInt32
	_, err := c.conn.ExecContext(ctx, "sp_prepare", sql.Named("handle", sql.Out{Dest: &got}),
		sql.Named("params", params), sql.Named("stmt", text), sql.Named("options", int32(1)))
	switch {
	case err != nil:
		return fmt.Errorf("prepare: %w", err)
	case got.Int32 == 0:
		return errNoHandle
	}
	*handle = got.Int32
	return nil
}
