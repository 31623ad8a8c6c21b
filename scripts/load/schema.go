package load

import (
	"context"
	"errors"
	"fmt"
)

// Names of what Setup creates.
const (
	tableName     = "loadgen_rows"
	procedureName = "loadgen_swap"
)

// Setup makes the table of a database, with that many rows at least, and the
// procedure. What is there already is kept.
func Setup(ctx context.Context, t Target, database string, rows int) (err error) {
	h, err := Open(t, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	for _, step := range []struct {
		what, text string
		args       []any
	}{
		{"table", "IF OBJECT_ID('" + tableName + "') IS NULL CREATE TABLE " + tableName + " (id INT NOT NULL PRIMARY KEY, v BIGINT NOT NULL)", nil},
		{"rows", `DECLARE @i INT; SELECT @i = COALESCE(MAX(id) + 1, 0) FROM ` + tableName + `;
BEGIN TRAN; WHILE @i < @p1 BEGIN INSERT INTO ` + tableName + ` VALUES (@i, 0); SET @i = @i + 1; END; COMMIT`, []any{rows}},
		{"old procedure", "IF OBJECT_ID('" + procedureName + "') IS NOT NULL DROP PROCEDURE " + procedureName, nil},
		{"procedure", `CREATE PROCEDURE ` + procedureName + ` @id INT, @v BIGINT, @was BIGINT OUTPUT AS
BEGIN
  SELECT @was = v FROM ` + tableName + ` WHERE id = @id;
  UPDATE ` + tableName + ` SET v = @v WHERE id = @id;
END`, nil},
	} {
		if _, err := h.ExecContext(ctx, step.text, step.args...); err != nil {
			return fmt.Errorf("setup of %s: %s: %w", database, step.what, err)
		}
	}
	return nil
}
