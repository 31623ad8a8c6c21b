package main

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"sluice/configs"
	"sluice/sandbox"
)

func movesOfBackends(t *testing.T, seen *account) {
	s := server(t, sandbox.Options{Logins: map[string]sandbox.Login{testUser: {Password: testPassword}, "bob": {Password: testPassword}}})
	c := testConfig(bucketFor("bucket-001", s, 1, "app1"))
	c.Pool.CleanTimeout = 2 * time.Second // long enough for the cleans that are to succeed
	patience := 5 * time.Second
	c.Buckets[0].ConnectionTimeout = &patience
	n := startNode(t, c)
	m := movements{t, n, seen}
	visit := func(options ...string) error {
		db := open(t, dsn(n.tdsAddr(), "app1", options...))
		defer closing(t, db)
		var v int
		return db.QueryRowContext(t.Context(), "SELECT 1").Scan(&v)
	}
	comes := func(options ...string) {
		if err := visit(options...); err != nil {
			t.Fatal(err)
		}
	}
	m.expect("the server is not there", func() {
		s.SetFault(sandbox.Fault{Kind: sandbox.RefuseConnect, Connections: 1})
		if visit() == nil {
			t.Error("a login succeeded")
		}
	}, moves{
		"proxy_backend_dials_total result=unreachable": "+1", "proxy_connections_total status=error": "+1", "proxy_backend_up": "=0",
		"proxy_connection_errors_total error_type=backend_unavailable": "+1",
	})
	m.expect("a wrong password", func() {
		if visit("password", "wrong") == nil {
			t.Error("a login succeeded")
		}
	}, moves{
		"proxy_backend_dials_total result=refused": "+1", "proxy_connections_total status=error": "+1", "proxy_backend_up": "=1",
		"proxy_connection_errors_total error_type=login_refused": "+1",
	})
	m.expect("a login takes its time", func() {
		s.SetFault(sandbox.Fault{Kind: sandbox.StallLogin, Connections: 1})
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		db := open(t, dsn(n.tdsAddr(), "app1"))
		go func() { _ = db.PingContext(ctx) }()
		eventually(t, "the login is under way", func() bool { v, _ := metric(t, n, `proxy_connections_opening{bucket_id="bucket-001"}`); return v == 1 })
		cancel()
	}, moves{"proxy_connections_opening": "=1", "proxy_connections_open": "=1"})
	m.expect("it takes too long", func() {}, moves{"proxy_connections_opening": "=0", "proxy_connections_open": "=0"})
	m.expect("a backend is warm", func() { comes() }, moves{
		"proxy_connections_idle": "=1", "proxy_connections_total status=released": "+1", "proxy_backend_cleans_total kind=clean result=ok": "+1",
	})
	m.expect("another login needs its slot", func() { comes("user", "bob") }, moves{"proxy_backend_closes_total reason=evicted": "+1", "proxy_connections_idle": "=1"})
	m.expect("the server hangs up", func() { s.KillAll() }, moves{"proxy_backend_closes_total reason=died_while_idle": "+1", "proxy_connections_idle": "=0"})
	m.expect("a backend is not cleaned in time", func() {
		comes()
		db := open(t, dsn(n.tdsAddr(), "app1"))
		one[int](t, db, "SELECT 1")
		s.SetFault(sandbox.Fault{Kind: sandbox.StallResponse})
		asked := s.Stats().Requests
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan struct{})
		go func() {
			_, _ = db.ExecContext(ctx, "SELECT 1")
			close(done)
		}()
		eventually(t, "the server is asked", func() bool { return s.Stats().Requests > asked })
		cancel()
		_ = db.Close()
		<-done
	}, moves{
		"proxy_backend_cleans_total": "+", "proxy_connections_idle": "=0", "proxy_connections_open": "=0",
		"proxy_backend_closes_total": "+",
	})
}

// movesOfUpkeep is what shows of backends that nobody uses.
func movesOfUpkeep(t *testing.T, seen *account) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 5, "app1"))
	c.Proxy.HealthCheckInterval = time.Second
	c.Pool.CleanTimeout = 2 * time.Second
	n := startNode(t, c)
	m := movements{t, n, seen}
	m.expect("idle backends are checked", func() {
		db := open(t, dsn(n.tdsAddr(), "app1"))
		one[int](t, db, "SELECT 1")
		closing(t, db)
	}, moves{"proxy_backend_cleans_total kind=check result=ok": "+"})
	m.expect("a check fails", func() { s.SetFault(sandbox.Fault{Kind: sandbox.StallResponse}) }, moves{
		"proxy_backend_cleans_total kind=check result=failed": "+1", "proxy_connection_errors_total error_type=clean_failed": "+1",
		"proxy_backend_closes_total reason=clean_failed": "+1",
	})
	m.expect("a client leaves what cannot be cleaned", func() {
		s.ClearFaults()
		db := open(t, dsn(n.tdsAddr(), "app1"))
		one[int](t, db, "SELECT 1")
		s.SetFault(sandbox.Fault{Kind: sandbox.StallResponse})
		closing(t, db)
	}, moves{
		"proxy_backend_cleans_total kind=clean result=failed": "+1", "proxy_connection_errors_total error_type=clean_failed": "+1",
	})
	s.ClearFaults()
	m.expect("one is being cleaned", func() {
		db := open(t, dsn(n.tdsAddr(), "app1"))
		one[int](t, db, "SELECT 1")
		s.SetFault(sandbox.Fault{Kind: sandbox.LateAnswer, Delay: 1500 * time.Millisecond})
		closing(t, db)
	}, moves{"proxy_connections_cleaning": "=1"})
	s.ClearFaults()
	m.expect("settings change", func() {
		c := testConfig(bucketFor("bucket-001", s, 3, "app1"))
		c.Proxy.MaxQueueSize, c.Pool.MinIdle = 77, 2
		n.reload(c)
	}, moves{
		"proxy_connections_max": "=3", "proxy_slots_usable": "=3", "proxy_queue_max": "=77", "proxy_connections_min_idle": "=2",
		"proxy_fleet_limit": "=3", "proxy_slots_owned": "=3", "proxy_fleet_slots_owned": "=3",
		"proxy_config_reloads_total result=applied": "+1", "proxy_config_last_reload_success_timestamp_seconds": ">1",
	})
}

func movesOfTransactionPooling(t *testing.T, seen *account) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 1, "app1"))
	c.Proxy.Pooling, c.Pool.IdentityHold = configs.PoolingTransaction, 0
	n := startNode(t, c)
	m := movements{t, n, seen}
	a, b := conn(t, dsn(n.tdsAddr(), "app1")), conn(t, dsn(n.tdsAddr(), "app1"))
	exec := func(db *sql.Conn, text string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	exec(b, "SELECT 1")
	m.expect("a session is pinned", func() { exec(a, "CREATE TABLE #t (a int)") }, moves{
		"proxy_connections_pinned pin_reason=temp_table": "=1", "proxy_pin_oldest_seconds": ">0", "proxy_connections_active": "=1",
		"proxy_requests_total type=sql_batch": "+1", "proxy_fleet_connections_active": "=1", "proxy_fleet_connections_open": "=1",
	})
	done := make(chan error, 1)
	m.expect("another one waits for its backend", func() {
		go func() { _, err := b.ExecContext(context.Background(), "SELECT 1"); done <- err }()
	}, moves{"proxy_sessions state=waiting": "=1", "proxy_queue_length": "=1"})
	m.expect("it is free", func() {
		exec(a, "DROP TABLE #t")
		if err := <-done; err != nil {
			t.Error(err)
		}
	}, moves{
		"proxy_connections_pinned pin_reason=temp_table": "=0", "proxy_pinning_duration_seconds_count pin_reason=temp_table": "+1",
		"proxy_pin_oldest_seconds": "=0", "proxy_connections_active": "=0",
	})
	m.expect("settings go along", func() {
		exec(a, "SET LOCK_TIMEOUT 4321")
		exec(b, "SELECT 1")
		exec(a, "SELECT 1")
	}, moves{"proxy_settings_replays_total": "+"})
	m.expect("what another has left is reset", func() {
		exec(a, "EXEC sp_executesql N'SELECT 1'")
		exec(b, "SELECT @@ROWCOUNT")
	}, moves{"proxy_backend_resets_total": "+"})
	movesOfPrepared(t, m, a, b)
	m.expect("a request is cancelled", func() { cancelled(t, s, a) }, moves{"proxy_cancels_total by=client": "+1", "proxy_tds_packets_total type=attention": "+1"})
}

// movesOfPrepared is what shows of prepared statements, which two sessions use
// on the same backend.
func movesOfPrepared(t *testing.T, m movements, a, b *sql.Conn) {
	prepare := func(db *sql.Conn, text string) (handle int32) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), "sp_prepare", sql.Named("handle", sql.Out{Dest: &handle}), sql.Named("params", ""), sql.Named("stmt", text))
		if err != nil {
			t.Fatal(err)
		}
		return handle
	}
	run := func(db *sql.Conn, handle int32) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), "sp_execute", sql.Named("handle", handle)); err != nil {
			t.Fatal(err)
		}
	}
	var first, second int32
	m.expect("two prepare the same", func() { first, second = prepare(a, "SELECT 1"), prepare(b, "SELECT 1") }, moves{
		"proxy_prepared_statements": "=1", "proxy_prepared_bytes": ">0", "proxy_requests_total type=rpc": "+2",
	})
	m.expect("both use it", func() { run(a, first); run(b, second); run(a, first) }, moves{"proxy_prepared_cache_hits_total": "+"})
	m.expect("more is prepared than a backend holds", func() {
		for i := range 520 {
			prepare(a, fmt.Sprintf("SELECT %d", i+2))
		}
		run(b, second)
	}, moves{"proxy_prepared_cache_evictions_total": "+", "proxy_prepared_cache_misses_total": "+", "proxy_prepared_statements": "=521"})
}
