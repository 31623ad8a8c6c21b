package main

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"sluice/actors/statement"
	"sluice/configs"
	"sluice/sandbox"
)

// sharedNode pools by transaction in front of one sandbox.
func sharedNode(t *testing.T, limit int, o sandbox.Options, change func(*configs.Config)) *node {
	t.Helper()
	c := testConfig(bucketFor("bucket-001", server(t, o), limit, "app1"))
	c.Proxy.Pooling, c.Pool.IdentityHold = configs.PoolingTransaction, 0
	if change != nil {
		change(c)
	}
	return startNode(t, c)
}

// execute runs a batch that may fail.
func execute(t *testing.T, db *sql.Conn, text string) error {
	t.Helper()
	_, err := db.ExecContext(t.Context(), text)
	return err
}

func pinnedFor(t *testing.T, n *node, r statement.Reason) float64 {
	t.Helper()
	v, _ := metric(t, n, `proxy_connections_pinned{bucket_id="bucket-001",pin_reason="`+r.String()+`"}`)
	return v
}

func leased(t *testing.T, n *node) float64 {
	t.Helper()
	v, _ := metric(t, n, `proxy_connections_active{bucket_id="bucket-001"}`)
	return v
}

// What a procedure leaves behind is not in any text, but the server tells.
func TestServerTellsOfUnseenState(t *testing.T) {
	n := sharedNode(t, 3, sandbox.Options{}, nil)
	a, b := conn(t, dsn(n.tdsAddr(), "app1")), conn(t, dsn(n.tdsAddr(), "app1"))
	for _, text := range []string{
		"CREATE PROCEDURE takes AS EXEC sp_getapplock 'r', 'Exclusive', 'Session'",
		"CREATE PROCEDURE gives AS EXEC sp_releaseapplock 'r', 'Session'",
	} {
		if err := execute(t, a, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := execute(t, a, "EXEC takes"); err != nil {
		t.Fatal(err)
	}
	if got := pinnedFor(t, n, statement.ServerState); got != 1 || leased(t, n) != 1 {
		t.Errorf("%v pins, %v backends are held", got, leased(t, n))
	}
	if got := one[int](t, b, "DECLARE @r int EXEC @r = sp_getapplock 'r', 'Exclusive', 'Session', 0 SELECT @r"); got != -1 {
		t.Errorf("another client got the lock: %d", got)
	}
	if err := execute(t, a, "EXEC gives"); err != nil {
		t.Fatal(err)
	}
	if got := pinnedFor(t, n, statement.ServerState); got != 0 {
		t.Errorf("%v pins when the lock is given back", got)
	}
	eventually(t, "the backend is given back", func() bool { return leased(t, n) == 1 }) // b's pin
	// A transaction is no reason to stay once it is over.
	if err := execute(t, a, "BEGIN TRAN CREATE TABLE t (v int) COMMIT"); err != nil {
		t.Fatal(err)
	}
	tx, err := a.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := pinnedFor(t, n, statement.ServerState); got != 0 {
		t.Errorf("%v pins after transactions", got)
	}
}

// After an error the options are asked for, and follow the client.
func TestOptionsAfterAnError(t *testing.T) {
	n := sharedNode(t, 2, sandbox.Options{}, nil)
	a, b := conn(t, dsn(n.tdsAddr(), "app1")), conn(t, dsn(n.tdsAddr(), "app1"))
	if err := execute(t, a, "SET LOCK_TIMEOUT 4711 SET DATEFIRST 3 SELECT 1/0"); err == nil {
		t.Fatal("no error")
	}
	if got := pinnedFor(t, n, statement.SetOption); got != 0 || leased(t, n) != 0 {
		t.Errorf("%v pins, %v backends are held", got, leased(t, n))
	}
	if err := execute(t, b, "CREATE TABLE #mine (a int)"); err != nil { // takes the backend
		t.Fatal(err)
	}
	if got := one[int](t, a, "SELECT @@LOCK_TIMEOUT * 10 + @@DATEFIRST"); got != 47113 {
		t.Errorf("elsewhere the options are %d", got)
	}
}

// A client that was seen to ask for what its last batch left is waited for.
func TestReadersAreWaitedFor(t *testing.T) {
	n := sharedNode(t, 3, sandbox.Options{}, func(c *configs.Config) { c.Pool.IdentityHold = 10 * time.Second })
	a, b := conn(t, dsn(n.tdsAddr(), "app1")), conn(t, dsn(n.tdsAddr(), "app1"))
	if err := execute(t, a, "CREATE TABLE counted (v int) INSERT counted VALUES (1), (2), (3)"); err != nil {
		t.Fatal(err)
	}
	if got := one[int](t, a, "SELECT @@ROWCOUNT"); got != 3 { // held for its INSERT's sake
		t.Errorf("@@ROWCOUNT is %d", got)
	}
	for range 20 {
		if err := execute(t, a, "UPDATE counted SET v = v + 1 WHERE v > 0"); err != nil {
			t.Fatal(err)
		}
		one[int](t, b, "SELECT 1")
		if got := one[int](t, a, "SELECT @@ROWCOUNT"); got != 3 {
			t.Errorf("@@ROWCOUNT is %d", got)
		}
		if err := execute(t, a, "SELECT 1/0"); err == nil {
			t.Fatal("no error")
		}
		one[int](t, b, "SELECT 1")
		if got := one[int](t, a, "SELECT @@ERROR"); got != 8134 {
			t.Errorf("@@ERROR is %d", got)
		}
	}
}

// A client comes back to its last backend as long as nobody else had it.
func TestLastBackendIsPreferred(t *testing.T) {
	n := sharedNode(t, 3, sandbox.Options{}, nil)
	a, b, c := conn(t, dsn(n.tdsAddr(), "app1")), conn(t, dsn(n.tdsAddr(), "app1")), conn(t, dsn(n.tdsAddr(), "app1"))
	if err := execute(t, a, "CREATE TABLE numbered (id int IDENTITY(1, 1), v int)"); err != nil {
		t.Fatal(err)
	}
	for _, db := range []*sql.Conn{b, c} { // two more backends, idle later than a's
		if err := execute(t, db, "CREATE TABLE #own (a int)"); err != nil {
			t.Fatal(err)
		}
	}
	if err := execute(t, a, "INSERT numbered (v) VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	for _, db := range []*sql.Conn{b, c} {
		if err := execute(t, db, "DROP TABLE #own"); err != nil {
			t.Fatal(err)
		}
	}
	if got := one[int](t, a, "SELECT CAST(SCOPE_IDENTITY() AS int)"); got != 1 {
		t.Errorf("SCOPE_IDENTITY() is %d", got)
	}
	// Once another has had it, there is nothing to be seen of either.
	if err := execute(t, a, "INSERT numbered (v) VALUES (8)"); err != nil {
		t.Fatal(err)
	}
	for _, db := range []*sql.Conn{b, c} {
		if err := execute(t, db, "CREATE TABLE #own (a int)"); err != nil {
			t.Fatal(err)
		}
	}
	d := conn(t, dsn(n.tdsAddr(), "app1"))
	if got := one[int](t, d, "SELECT ISNULL(CAST(@@IDENTITY AS int), -1)"); got != -1 {
		t.Errorf("another client sees the identity %d", got)
	}
	if got := one[int](t, a, "SELECT ISNULL(CAST(@@IDENTITY AS int), -1)"); got != -1 {
		t.Errorf("@@IDENTITY is %d on a connection that somebody else has had", got)
	}
}
