package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/actors/statement"
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

// Routes and buckets pool their clients in their own ways, also after a reload.
func TestPoolingOfRoutes(t *testing.T) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 6, "app1"))
	c.Pool.IdentityHold = 0
	c.Routes = []configs.Route{
		{AppName: "shared", Bucket: "bucket-001", Pooling: configs.PoolingTransaction},
		{AppName: "careless", Bucket: "bucket-001", Pooling: configs.PoolingTransaction, Pins: &configs.Pins{Silence: []string{"temp_table"}}},
		{AppName: "careful", Bucket: "bucket-001", Pooling: configs.PoolingTransaction, Pins: &configs.Pins{Raise: []string{"set_option", "unseen_code"}}},
		{AppName: "watched", Bucket: "bucket-001", Pooling: configs.PoolingObserve},
	}
	c.DefaultBucket = "bucket-001"
	n := startNode(t, c)
	leased := func() float64 {
		v, _ := metric(t, n, `proxy_connections_active{bucket_id="bucket-001"}`)
		return v
	}
	// held is how many backends a client keeps after a batch.
	held := func(app, batch string) float64 {
		t.Helper()
		before := leased()
		db := open(t, dsn(n.tdsAddr(), "app1", "app name", app))
		one[int](t, db, batch)
		after := leased() - before
		_ = db.Close()
		eventually(t, "it has left", func() bool { return leased() == before })
		return after
	}
	for _, tt := range []struct {
		app, batch string
		want       float64
	}{
		{"other", "SELECT 1", 1},
		{"shared", "SELECT 1", 0},
		{"shared", "CREATE TABLE #t (a int) SELECT 1", 1},
		{"shared", "SET NOCOUNT ON SELECT 1", 0},
		{"shared", "EXEC('SELECT 1')", 0},
		{"careless", "CREATE TABLE #t (a int) SELECT 1", 0},
		{"careful", "SELECT 1", 0},
		{"careful", "SET NOCOUNT ON SELECT 1", 1},
		{"careful", "DECLARE @s nvarchar(20) = N'SELECT 1' EXEC(@s)", 1},
		{"watched", "SELECT 1", 1},
	} {
		if got := held(tt.app, tt.batch); got != tt.want {
			t.Errorf("%s: %s: %v backends are held, want %v", tt.app, tt.batch, got, tt.want)
		}
	}
	now := *c
	now.Proxy.Pooling = configs.PoolingTransaction
	now.Routes = []configs.Route{{AppName: "shared", Bucket: "bucket-001", Pooling: configs.PoolingSession}}
	n.reload(&now)
	if got := held("other", "SELECT 1"); got != 0 {
		t.Errorf("after the reload: %v backends are held by a client of no route", got)
	}
	if got := held("shared", "SELECT 1"); got != 1 {
		t.Errorf("after the reload: %v backends are held by one of session pooling", got)
	}
}

// The configuration knows the reasons there are.
func TestConfiguredReasons(t *testing.T) {
	for _, r := range statement.Reasons() {
		name := r.String()
		_, fixed := configs.FixedReasons[name]
		silenceable := slices.Contains(configs.SilenceableReasons, name)
		if silenceable != r.CanBeSilenced() || fixed == silenceable {
			t.Errorf("%s: in the lists %v and %v, can be silenced: %v", name, silenceable, fixed, r.CanBeSilenced())
		}
		if got := slices.Contains(configs.RaisableReasons, name); got != r.CanBeRaised() {
			t.Errorf("%s: in the list %v, can be raised %v", name, got, r.CanBeRaised())
		}
	}
	if n := len(configs.SilenceableReasons) + len(configs.FixedReasons); n != len(statement.Reasons()) {
		t.Errorf("%d reasons in the lists, there are %d", n, len(statement.Reasons()))
	}
}
