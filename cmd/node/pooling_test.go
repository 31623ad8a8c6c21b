package main

import (
	"strings"
	"testing"
	"time"

	"sluice/configs"
	"sluice/sandbox"
)

// A pin shows where it is looked for, and is gone when what it was for is.
func TestPinsAreExplained(t *testing.T) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 2, "app1"))
	c.Proxy.Pooling, c.Pool.IdentityHold = configs.PoolingTransaction, 0
	n := startNode(t, c)
	db := conn(t, dsn(n.tdsAddr(), "app1"))
	const pinned = `proxy_connections_pinned{bucket_id="bucket-001",pin_reason="temp_table"}`
	exec := func(text string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE #secret (a int) INSERT #secret VALUES (4711)")
	if v, ok := metric(t, n, pinned); !ok || v != 1 {
		t.Errorf("%s is %v, %v", pinned, v, ok)
	}
	_, page := get(t, n, "health", "/debug/actors?kind=session&state=1&format=json")
	for _, part := range []string{`"pooling": "transaction"`, `"reason": "temp_table"`, `"name": "#secret"`, "VALUES (?)"} {
		if !strings.Contains(page, part) && !strings.Contains(strings.ReplaceAll(page, ":", ": "), part) {
			t.Errorf("%s is not in %s", part, page)
		}
	}
	if strings.Contains(page, "4711") {
		t.Error("a literal is shown")
	}
	if leased, _ := metric(t, n, `proxy_connections_active{bucket_id="bucket-001"}`); leased != 1 {
		t.Errorf("%v backends are held", leased)
	}
	exec("DROP TABLE #secret")
	if v, _ := metric(t, n, pinned); v != 0 {
		t.Errorf("%s is %v when the table is dropped", pinned, v)
	}
	if v, _ := metric(t, n, `proxy_pinning_duration_seconds_count{bucket_id="bucket-001",pin_reason="temp_table"}`); v != 1 {
		t.Errorf("%v pins have ended", v)
	}
	eventually(t, "the backend is given back", func() bool {
		leased, _ := metric(t, n, `proxy_connections_active{bucket_id="bucket-001"}`)
		return leased == 0
	})
}

// Observing pools by session, and counts.
func TestObserve(t *testing.T) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 2, "app1"))
	c.Proxy.Pooling = configs.PoolingObserve
	n := startNode(t, c)
	db := conn(t, dsn(n.tdsAddr(), "app1", "app name", "shop"))
	one[int](t, db, "SELECT 1")
	one[int](t, db, "CREATE TABLE #t (a int) SELECT 2")
	one[int](t, db, "SELECT 3 -- "+strings.Repeat("and so on ", 20000)+"\n EXEC sp_getapplock @Resource = 'r', @LockMode = 'Exclusive', @LockOwner = 'Session'")
	for _, reason := range []string{"temp_table", "app_lock"} {
		name := `proxy_observed_pins_total{bucket_id="bucket-001",app="shop",pin_reason="` + reason + `"}`
		if v, _ := metric(t, n, name); v != 1 {
			t.Errorf("%s is %v", name, v)
		}
	}
	if v, _ := metric(t, n, `proxy_observed_requests_total{bucket_id="bucket-001",app="shop"}`); v < 3 {
		t.Errorf("%v requests were counted", v)
	}
	if leased, _ := metric(t, n, `proxy_connections_active{bucket_id="bucket-001"}`); leased != 1 {
		t.Errorf("%v backends are held", leased)
	}
}

// The identity of a row can be asked for in the next batch.
func TestIdentityInTheNextBatch(t *testing.T) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 3, "app1"))
	c.Proxy.Pooling, c.Pool.IdentityHold = configs.PoolingTransaction, 10*time.Second
	n := startNode(t, c)
	a, b := conn(t, dsn(n.tdsAddr(), "app1")), conn(t, dsn(n.tdsAddr(), "app1"))
	one[int](t, a, "CREATE TABLE numbered (id int IDENTITY(1, 1), v int) SELECT 1")
	for i := range 40 {
		one[int](t, a, "INSERT numbered (v) VALUES (1) SELECT 1")
		one[int](t, b, "INSERT numbered (v) VALUES (1) SELECT 1")
		if got := one[int](t, a, "SELECT CAST(@@IDENTITY AS int)"); got != 2*i+1 {
			t.Errorf("the row got %d instead of %d", got, 2*i+1)
		}
		if got := one[int](t, b, "SELECT CAST(@@IDENTITY AS int)"); got != 2*i+2 {
			t.Errorf("the row got %d instead of %d", got, 2*i+2)
		}
	}
}
