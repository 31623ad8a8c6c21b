package main

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/sandbox"
)

// The server counts its sessions by itself: it is the witness of max_connections.
func TestWitness500ClientsOn20Connections(t *testing.T) {
	s := server(t, sandbox.Options{LoginDelay: 5 * time.Millisecond})
	c := testConfig(bucketFor("bucket-001", s, 20, "app1"))
	c.Proxy.QueueTimeout = 2 * time.Minute
	n := startNode(t, c)
	var finished atomic.Int64
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			db, err := sql.Open("sqlserver", dsn(n.tdsAddr(), "app1"))
			if err != nil {
				t.Error(err)
				return
			}
			defer closing(t, db)
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Error("connect:", err)
				return
			}
			defer closing(t, conn)
			var got int
			if err := conn.QueryRowContext(t.Context(), "WAITFOR DELAY '00:00:00.020' SELECT 42").Scan(&got); err != nil || got != 42 {
				t.Errorf("got %d, %v", got, err)
				return
			}
			finished.Add(1)
		})
	}
	wg.Wait()
	st := s.Stats()
	t.Logf("finished %d, witness: at most %d sessions, %d connections, %d logins, %d resets", finished.Load(), st.PeakSessions, st.PeakConnections, st.TotalLogins, st.Resets)
	if finished.Load() != 500 {
		t.Errorf("%d of 500 clients finished", finished.Load())
	}
	if st.PeakSessions > 20 || st.PeakConnections > 20 {
		t.Errorf("the server saw %d sessions and %d connections, 20 are allowed", st.PeakSessions, st.PeakConnections)
	}
	if st.PeakSessions < 19 {
		t.Errorf("the server saw at most %d sessions: the limit was never reached", st.PeakSessions)
	}
}

func TestFullQueueAndTimeoutSayWhy(t *testing.T) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 2, "app1"))
	c.Proxy.QueueTimeout, c.Proxy.MaxQueueSize = 600*time.Millisecond, 3
	n := startNode(t, c)
	for range 2 {
		one[int](t, conn(t, dsn(n.tdsAddr(), "app1")), "SELECT 1")
	}
	type outcome struct {
		err  error
		took time.Duration
	}
	results := make(chan outcome, 8)
	for range 8 {
		go func() {
			start := time.Now()
			db, err := sql.Open("sqlserver", dsn(n.tdsAddr(), "app1"))
			if err == nil {
				defer closing(t, db)
				err = db.PingContext(t.Context())
			}
			results <- outcome{err, time.Since(start)}
		}()
	}
	timeouts, full := 0, 0
	for range 8 {
		r := <-results
		switch sqlError(r.err) {
		case 50004:
			timeouts++
			if r.took < 600*time.Millisecond || r.took > 3*time.Second {
				t.Errorf("timed out after %v, queue_timeout is 600ms", r.took)
			}
		case 50005:
			full++
		default:
			t.Errorf("got %v", r.err)
			continue
		}
		for _, want := range []string{"bucket-001", "node-1"} {
			if !strings.Contains(r.err.Error(), want) {
				t.Errorf("%q does not name %s", r.err, want)
			}
		}
	}
	if timeouts != 3 || full != 5 {
		t.Errorf("%d timed out and %d found the queue full; 3 and 5 were to be expected", timeouts, full)
	}
	if v, _ := metric(t, n, `proxy_connections_total{bucket_id="bucket-001",status="timeout"}`); v != 3 {
		t.Errorf("timeout counter is %v", v)
	}
}

func TestWaiterThatLeavesMakesRoom(t *testing.T) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 1, "app1"))
	c.Proxy.MaxQueueSize = 1
	n := startNode(t, c)
	holder := conn(t, dsn(n.tdsAddr(), "app1"))
	one[int](t, holder, "SELECT 1")

	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		db, err := sql.Open("sqlserver", dsn(n.tdsAddr(), "app1"))
		if err == nil {
			defer closing(t, db)
			err = db.PingContext(ctx)
		}
		gone <- err
	}()
	waiting := func(want float64) func() bool {
		return func() bool {
			v, _ := metric(t, n, `proxy_queue_length{bucket_id="bucket-001"}`)
			return v == want
		}
	}
	eventually(t, "one waits", waiting(1))
	leave()
	if err := <-gone; err == nil {
		t.Error("the connection that was given up succeeded")
	}
	eventually(t, "nobody waits", waiting(0))
	if v, _ := metric(t, n, `proxy_connections_total{bucket_id="bucket-001",status="cancelled"}`); v != 1 {
		t.Errorf("cancelled counter is %v", v)
	}
}

// Idle connections of one login make room for another login.
func TestIdleConnectionsOfOthersAreEvicted(t *testing.T) {
	s := server(t, sandbox.Options{Logins: map[string]sandbox.Login{
		testUser: {Password: testPassword}, "second": {Password: "Other!456"},
	}})
	n := startNode(t, testConfig(bucketFor("bucket-001", s, 3, "app1")))
	for range 2 {
		var all []*sql.DB
		for range 3 {
			db := open(t, dsn(n.tdsAddr(), "app1"))
			db.SetMaxOpenConns(1)
			one[int](t, db, "SELECT 1")
			all = append(all, db)
		}
		for _, db := range all {
			_ = db.Close()
		}
		for range 3 {
			db := open(t, dsn(n.tdsAddr(), "app1", "user", "second", "password", "Other!456"))
			one[int](t, db, "SELECT 1")
			_ = db.Close()
		}
	}
	if st := s.Stats(); st.PeakConnections > 3 || st.PeakSessions > 3 {
		t.Errorf("the server saw %d connections, %d sessions; 3 are allowed", st.PeakConnections, st.PeakSessions)
	}
}

func TestWarmBackendCostsNoLogin(t *testing.T) {
	s := server(t, sandbox.Options{})
	n := startNode(t, testConfig(bucketFor("bucket-001", s, 5, "app1")))
	spids := map[int]bool{}
	for range 20 {
		db := open(t, dsn(n.tdsAddr(), "app1"))
		spids[one[int](t, db, "SELECT @@SPID")] = true
		_ = db.Close()
		eventually(t, "the backend is idle again", func() bool {
			v, _ := metric(t, n, `proxy_connections_idle{bucket_id="bucket-001"}`)
			return v == 1
		})
	}
	if st := s.Stats(); st.TotalLogins != 1 || len(spids) != 1 {
		t.Errorf("%d logins, sessions %v; one was to be expected", st.TotalLogins, spids)
	}
	// A wrong password must be refused although a warm backend is there.
	err := open(t, dsn(n.tdsAddr(), "app1", "password", "wrong")).PingContext(t.Context())
	if sqlError(err) != 18456 {
		t.Errorf("wrong password: %v", err)
	}
	if st := s.Stats(); st.FailedLogins != 1 {
		t.Errorf("the server saw %d failed logins, not 1", st.FailedLogins)
	}
}

// Connections that are opened ahead of need must fit the clients that come.
func TestMinIdleConnectionsFitClients(t *testing.T) {
	s := server(t, sandbox.Options{LoginDelay: 20 * time.Millisecond})
	b := bucketFor("bucket-001", s, 10, "app1")
	minIdle := 3
	b.MinIdle, b.Username, b.Password = &minIdle, testUser, testPassword
	n := startNode(t, testConfig(b))
	idle := func(want float64) func() bool {
		return func() bool {
			v, _ := metric(t, n, `proxy_connections_idle{bucket_id="bucket-001"}`)
			return v == want
		}
	}
	eventually(t, "three are idle before the first client", idle(3))
	one[int](t, conn(t, dsn(n.tdsAddr(), "app1", "app name", "shop")), "SELECT 1")
	eventually(t, "three of the client's shape are idle", func() bool { return s.Stats().TotalLogins >= 7 && idle(3)() })
	before := s.Stats().TotalLogins
	start := time.Now()
	one[int](t, conn(t, dsn(n.tdsAddr(), "app1", "app name", "shop")), "SELECT 1")
	if _, text := get(t, n, "health", "/debug/actors?kind=session&state=1&sort=age"); !strings.Contains(text, `"warm": true`) {
		t.Errorf("the second client logged in anew, in %v, after %d logins at the server", time.Since(start), before)
	}
}
