package main

import (
	"context"
	"database/sql"
	"net"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"sluice/configs"
	"sluice/sandbox"
)

func movesOfSessions(t *testing.T, seen *account) {
	s := server(t, sandbox.Options{})
	c := tlsConfig(testConfig(bucketFor("bucket-001", s, 5, "app1")))
	c.Proxy.MaxClientConnections, c.TLS.Strict = 50, true
	n := startNode(t, c)
	m := movements{t, n, seen}
	var db *sql.Conn
	m.expect("a client comes", func() {
		db = conn(t, dsn(n.tdsAddr(), "app1", "encrypt", "true", "TrustServerCertificate", "true"))
		one[int](t, db, "SELECT 1")
	}, moves{
		"proxy_connections_active": "=1", "proxy_connections_open": "=1", "proxy_connections_total status=acquired": "+1",
		"proxy_backend_dials_total result=opened": "+1", "proxy_backend_login_seconds_count": "+1",
		"proxy_queue_wait_seconds_count": "+1", "proxy_acquire_seconds_count": "+1",
		"proxy_requests_total type=sql_batch": "+1", "proxy_requests_total": "+1", "proxy_query_duration_seconds_count": "+1",
		"proxy_tds_packets_total direction=client": "+1", "proxy_tds_packets_total direction=server": "+1",
		"proxy_clients_connected": "=1", "proxy_clients_accepted_total": "+1", "proxy_login_seconds_count": "+1",
		"proxy_sessions state=idle": "=1", "proxy_sessions": "=1", "proxy_transactions_open": "=0",
		"proxy_tls_handshakes_total": "+1", "proxy_tls_certificate_expiry_timestamp_seconds": ">1",
		"proxy_clients_max": "=50", "proxy_actors kind=session": "+1", "proxy_actor_messages_total kind=bucket": "+",
	})
	m.expect("a request has three packets", func() {
		one[int](t, db, "SELECT 1 --"+string(make([]byte, 5000))) // of 4096 bytes each, in UTF-16
	}, moves{"proxy_tds_packets_total type=sql_batch": "+3", "proxy_requests_total type=sql_batch": "+1"})
	m.expect("a procedure is called", func() { one[int](t, db, "SELECT CAST(@p1 AS int)", 1) }, moves{
		"proxy_requests_total type=rpc": "+1", "proxy_requests_total": "+1",
	})
	var tx *sql.Tx
	m.expect("a transaction begins", func() {
		var err error
		if tx, err = db.BeginTx(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}, moves{
		"proxy_requests_total type=transaction_manager": "+1", "proxy_transactions_open": "=1", "proxy_transaction_oldest_seconds": ">0",
		"proxy_sessions state=idle_in_transaction": "=1", "proxy_sessions state=idle": "=0",
	})
	m.expect("it ends", func() {
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}, moves{
		"proxy_requests_total type=transaction_manager": "+1", "proxy_transactions_open": "=0", "proxy_transaction_oldest_seconds": "=0",
		"proxy_sessions state=idle": "=1",
	})
	m.expect("rows are loaded in bulk", func() { loadBulk(t, db) }, moves{"proxy_requests_total type=bulk_load": "+1"})
	m.expect("a request is cancelled", func() { cancelled(t, s, db) }, moves{"proxy_cancels_total by=client": "+1", "proxy_cancels_total by=proxy": "+0"})
	movesOfLeaving(t, s, m)
	m.expect("a client speaks no TDS", func() { hangUp(t, n, "GET / HTTP/1.1\r\n\r\n") }, moves{"proxy_clients_dropped_total reason=protocol": "+1"})
	m.expect("a client trusts the certificate of nobody", func() {
		if err := open(t, dsn(n.tdsAddr(), "app1", "encrypt", "true", "TrustServerCertificate", "false")).PingContext(t.Context()); err == nil {
			t.Error("it does")
		}
	}, moves{"proxy_tls_handshake_failures_total": "+1"})
	m.expect("a client speaks bad TLS", func() { hangUp(t, n, "\x16\x03\x01\x00\x05hello") }, moves{
		"proxy_tls_handshake_failures_total": "+1", "proxy_clients_dropped_total reason=tls": "+1",
	})
}

// movesOfLeaving is what shows when a client is gone in the middle of a request.
func movesOfLeaving(t *testing.T, s *sandbox.Server, m movements) {
	var socket net.Conn
	c, err := mssql.NewConnector(dsn(m.n.tdsAddr(), "app1", "app name", "leaver"))
	if err != nil {
		t.Fatal(err)
	}
	c.Dialer = dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, addr)
		socket = conn
		return conn, err
	})
	db := sql.OpenDB(c)
	t.Cleanup(func() { _ = db.Close() })
	one[int](t, db, "SELECT 1")
	before := s.Stats().Requests
	failed := make(chan error, 1)
	m.expect("the server is at work", func() {
		go func() {
			_, err := db.ExecContext(context.Background(), "WAITFOR DELAY '00:00:20'")
			failed <- err
		}()
		eventually(t, "the query runs", func() bool { return s.Stats().Requests > before })
	}, moves{"proxy_sessions state=busy": "=1"})
	m.expect("its client leaves", func() {
		_ = socket.Close()
		if err := <-failed; err == nil {
			t.Error("its request succeeded")
		}
	}, moves{
		"proxy_cancels_total by=proxy": "+1", "proxy_connections_total status=released": "+1", "proxy_connections_idle": "+1",
		"proxy_backend_cleans_total kind=clean result=ok": "+1", "proxy_sessions state=busy": "=0",
	})
}

// cancelled has a request cancelled that the server is at work on.
func cancelled(t *testing.T, s *sandbox.Server, db *sql.Conn) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	before, done := s.Stats().Requests, make(chan error, 1)
	go func() {
		_, err := db.ExecContext(ctx, "WAITFOR DELAY '00:00:30'")
		done <- err
	}()
	eventually(t, "the query runs", func() bool { return s.Stats().Requests > before })
	cancel()
	if err := <-done; err == nil {
		t.Error("it ran to its end")
	}
}

type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

func (d dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return d(ctx, network, addr)
}

// hangUp sends a node a few bytes and waits until it hangs up.
func hangUp(t *testing.T, n *node, text string) {
	t.Helper()
	c, err := net.Dial("tcp", n.tdsAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for buf := make([]byte, 100); err == nil; {
		_, err = c.Read(buf)
	}
}

func loadBulk(t *testing.T, db *sql.Conn) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE loaded (a int)"); err != nil {
		t.Fatal(err)
	}
	st, err := db.PrepareContext(t.Context(), mssql.CopyIn("loaded", mssql.BulkOptions{}, "a"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]any{{1}, {2}, {}} {
		if _, err := st.ExecContext(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func movesOfTheQueue(t *testing.T, seen *account) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 1, "app1"))
	c.Proxy.MaxQueueSize, c.Proxy.QueueTimeout = 1, 5*time.Second
	n := startNode(t, c)
	m := movements{t, n, seen}
	holder := open(t, dsn(n.tdsAddr(), "app1"))
	one[int](t, holder, "SELECT 1")
	ping := func(ctx context.Context) chan error {
		done := make(chan error, 1)
		db := open(t, dsn(n.tdsAddr(), "app1"))
		go func() { done <- db.PingContext(ctx) }()
		return done
	}
	before := scrape(t, n)
	var waiter chan error
	m.expect("one waits", func() { waiter = ping(t.Context()) }, moves{
		"proxy_queue_length": "=1", "proxy_queue_oldest_wait_seconds": ">0", "proxy_queue_max": "=1", "proxy_fleet_queue_length": "=1",
		"proxy_sessions state=login": "=1",
	})
	m.expect("another finds no room", func() {
		if err := <-ping(t.Context()); err == nil {
			t.Error("it was served")
		}
	}, moves{"proxy_connections_total status=rejected_queue_full": "+1", "proxy_connection_errors_total error_type=queue_full": "+1"})
	if err := <-waiter; err == nil {
		t.Error("it was served")
	}
	m.shows("the first has waited in vain", before, moves{
		"proxy_connections_total status=timeout": "+1", "proxy_connection_errors_total error_type=queue_timeout": "+1",
		"proxy_queue_length": "=0", "proxy_queue_oldest_wait_seconds": "=0", "proxy_queue_wait_seconds_count": "+1", "proxy_queue_wait_seconds_sum": "+",
	})
	m.expect("one leaves the queue", func() {
		ctx, leave := context.WithCancel(t.Context())
		waiter := ping(ctx)
		eventually(t, "it waits", func() bool { v, _ := metric(t, n, `proxy_queue_length{bucket_id="bucket-001"}`); return v == 1 })
		leave()
		if err := <-waiter; err == nil {
			t.Error("it was served")
		}
	}, moves{"proxy_connections_total status=cancelled": "+1"})
	m.expect("one waits and is served", func() {
		waiter := ping(t.Context())
		eventually(t, "it waits", func() bool { v, _ := metric(t, n, `proxy_queue_length{bucket_id="bucket-001"}`); return v == 1 })
		closing(t, holder)
		if err := <-waiter; err != nil {
			t.Error(err)
		}
	}, moves{"proxy_connections_total status=acquired_after_wait": "+1"})
}

func movesOfObserving(t *testing.T, seen *account) {
	c := testConfig(bucketFor("bucket-001", server(t, sandbox.Options{}), 2, "app1"))
	c.Proxy.Pooling = configs.PoolingObserve
	n := startNode(t, c)
	movements{t, n, seen}.expect("a session would be pinned", func() {
		one[int](t, conn(t, dsn(n.tdsAddr(), "app1", "app name", "shop")), "CREATE TABLE #t (a int) SELECT 1")
	}, moves{"proxy_observed_requests_total app=shop": "+1", "proxy_observed_pins_total app=shop pin_reason=temp_table": "+1"})
}
