package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"sluice/configs"
	"sluice/sandbox"
)

// consoleConfig is a configuration with a login of each role: their names are
// those of the roles.
func consoleConfig(buckets ...configs.Bucket) *configs.Config {
	c := testConfig(buckets...)
	for _, r := range []string{configs.RoleStats, configs.RoleOperator, configs.RoleAdmin} {
		c.Admin.Users = append(c.Admin.Users, configs.AdminUser{User: r, Password: testPassword, Roles: []string{r}})
	}
	return c
}

// operatorConn is a connection to the console.
func operatorConn(t *testing.T, n *node, role string) *sql.Conn {
	t.Helper()
	return conn(t, dsn(n.tdsAddr(), "sluice", "user", role))
}

// rowsOf returns the rows of a command as texts by column.
func rowsOf(t *testing.T, c *sql.Conn, command string) []map[string]string {
	t.Helper()
	all, err := askRows(t.Context(), c, command)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return all
}

func askRows(ctx context.Context, c *sql.Conn, command string) ([]map[string]string, error) {
	rows, err := c.QueryContext(ctx, command)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	all := []map[string]string{}
	for rows.Next() {
		values, targets := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		row := map[string]string{}
		for i, name := range names {
			row[name] = cell(values[i])
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func TestConsoleSaysWhoWaitsAndWhoHolds(t *testing.T) {
	s := server(t, sandbox.Options{})
	n := startNode(t, consoleConfig(bucketFor("bucket-001", s, 1, "app1")))
	op := operatorConn(t, n, configs.RoleStats)
	holder := conn(t, dsn(n.tdsAddr(), "app1", "app name", "holder"))
	one[int](t, holder, "SELECT 1")
	waits := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { waits <- open(t, dsn(n.tdsAddr(), "app1", "app name", "waiter")).PingContext(ctx) }()
	var queue []map[string]string
	eventually(t, "one waits", func() bool {
		queue = rowsOf(t, op, "SHOW QUEUE")
		return len(queue) == 1
	})
	if q := queue[0]; q["bucket"] != "bucket-001" || q["position"] != "1" || q["of"] != "1" || q["app"] != "waiter" || q["user"] != testUser || q["why"] != "all 1 connections are taken" {
		t.Errorf("queue: %v", q)
	}
	backends := rowsOf(t, op, "show backends [BUCKET-001];")
	if len(backends) != 1 || backends[0]["app"] != "holder" || backends[0]["state"] != "in use" || backends[0]["spid"] == "" || backends[0]["phase"] != "idle" {
		t.Errorf("backends: %v", backends)
	}
	clients := rowsOf(t, op, "SHOW CLIENTS")
	if len(clients) != 3 || clients[0]["app"] != "waiter" || clients[0]["waits_for"] != "backend" || clients[0]["position"] != "1" || clients[0]["why"] != queue[0]["why"] {
		t.Errorf("clients: %v", clients)
	}
	b := rowsOf(t, op, "SHOW BUCKETS")[0]
	for name, want := range map[string]string{"bucket": "bucket-001", "status": "ok", "held": "1", "in_use": "1", "idle": "0", "open": "1", "waiting": "1", "limit": "1", "fleet_open": "1"} {
		if b[name] != want {
			t.Errorf("%s of the bucket is %s, want %s", name, b[name], want)
		}
	}
	if nodes := rowsOf(t, op, "SHOW NODES"); len(nodes) != 1 || nodes[0]["node"] != "node-1" || nodes[0]["state"] != "alone" {
		t.Errorf("nodes: %v", nodes)
	}
	cancel()
	if err := <-waits; err == nil {
		t.Error("who was cancelled was served")
	}
	eventually(t, "nobody waits", func() bool { return len(rowsOf(t, op, "SHOW QUEUE bucket-001")) == 0 })
	if s.Stats().TotalLogins != 1 {
		t.Errorf("%d logins at the server", s.Stats().TotalLogins)
	}
	if n.env.Connections() > 2 {
		t.Errorf("the console counts as a client: %d", n.env.Connections())
	}
}

// The console and HTTP answer with the same rows.
func TestConsoleAndHTTPAgree(t *testing.T) {
	s := server(t, sandbox.Options{})
	n := startNode(t, consoleConfig(bucketFor("bucket-001", s, 2, "app1")))
	db := open(t, dsn(n.tdsAddr(), "app1"))
	one[int](t, db, "SELECT 1")
	_ = db.Close() // an idle backend for SHOW POOLS
	eventually(t, "one is idle", func() bool {
		v, _ := metric(t, n, `proxy_connections_idle{bucket_id="bucket-001"}`)
		return v == 1
	})
	op := operatorConn(t, n, configs.RoleStats)
	for name := range views {
		got := rowsOf(t, op, "SHOW "+name)
		_, body := get(t, n, "health", "/debug/actors?show="+name)
		var want []map[string]any
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatalf("%s: %v in %s", name, err, body)
		}
		if len(got) != len(want) || len(got) == 0 && (name == "buckets" || name == "pools") {
			t.Errorf("%s: %d rows by TDS, %d by HTTP", name, len(got), len(want))
			continue
		}
		for i := range got {
			for k, v := range want[i] {
				if strings.HasSuffix(k, "_ms") || k == "items" || k == "uptime_s" || k == "heard_ms_ago" || k == "requests" || k == "phase" || k == "waits_for" {
					continue // they change in between
				}
				if fmt.Sprint(cell(v)) != got[i][k] {
					t.Errorf("%s: row %d has %s=%q by TDS, %v by HTTP", name, i, k, got[i][k], v)
				}
			}
		}
	}
}

func TestConsoleLogins(t *testing.T) {
	s := server(t, sandbox.Options{})
	n := startNode(t, consoleConfig(bucketFor("bucket-001", s, 2, "app1")))
	for _, l := range [][2]string{{configs.RoleAdmin, "wrong"}, {"nobody", testPassword}, {testUser, testPassword}, {configs.RoleAdmin, ""}} {
		err := open(t, dsn(n.tdsAddr(), "sluice", "user", l[0], "password", l[1])).PingContext(t.Context())
		var e mssql.Error
		if !errors.As(err, &e) || e.All[0].Number != 18456 {
			t.Errorf("login of %s: %v", l[0], err)
		}
	}
	// The logins of the console are nobody's at the servers.
	if err := open(t, dsn(n.tdsAddr(), "app1", "user", configs.RoleAdmin)).PingContext(t.Context()); err == nil {
		t.Error("a login of the console was taken for a bucket")
	}
	now := testConfig(n.cfg.Buckets...)
	op := operatorConn(t, n, configs.RoleStats)
	n.reload(now)
	if err := open(t, dsn(n.tdsAddr(), "sluice", "user", configs.RoleStats)).PingContext(t.Context()); sqlError(err) != 18456 || strings.Contains(err.Error(), "Sluice") {
		t.Errorf("without users the login goes to the only bucket, not: %v", err)
	}
	rowsOf(t, op, "SHOW VERSION") // who is in stays
}

func TestConsoleRoles(t *testing.T) {
	s := server(t, sandbox.Options{})
	n := startNode(t, consoleConfig(bucketFor("bucket-001", s, 2, "app1")))
	allowed := map[string]string{"SHOW HELP": configs.RoleStats, "RESUME bucket-001": configs.RoleOperator, "KILL 0": configs.RoleOperator, "RELOAD": configs.RoleAdmin}
	for _, role := range []string{configs.RoleStats, configs.RoleOperator, configs.RoleAdmin} {
		op := operatorConn(t, n, role)
		for command, needed := range allowed {
			_, err := askRows(t.Context(), op, command)
			if denied := sqlError(err) == 50019; denied != (ranks[role] < ranks[needed]) {
				t.Errorf("%s by %s: %v", command, role, err)
			}
		}
	}
	op := operatorConn(t, n, configs.RoleStats)
	for command, want := range map[string]string{
		"FLY":            "there is no command FLY",
		"SHOW":           "SHOW what",
		"SHOW ME":        "there is no SHOW ME",
		"SHOW QUEUE b9":  "there is no bucket b9",
		"SHOW LISTS a b": "SHOW what",
	} {
		if _, err := askRows(t.Context(), op, command); sqlError(err) != 50020 || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "node-1") {
			t.Errorf("%s: %v", command, err)
		}
	}
	op = operatorConn(t, n, configs.RoleAdmin)
	for command, want := range map[string]string{
		"PAUSE": "which bucket", "PAUSE b9": "no bucket b9", "PAUSE bucket-001 x": "no number of seconds", "RESUME": "which bucket",
		"KILL": "which client", "KILL bob": "no client bob", "KILL 1 2": "nothing is expected", "RELOAD": "no configuration files", "DRAIN now": "nothing is expected",
	} {
		if _, err := askRows(t.Context(), op, command); sqlError(err) != 50020 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func TestConsolePause(t *testing.T) {
	for _, pooling := range []configs.PoolingMode{configs.PoolingSession, configs.PoolingTransaction} {
		t.Run(string(pooling), func(t *testing.T) {
			s := server(t, sandbox.Options{})
			c := consoleConfig(bucketFor("bucket-001", s, 3, "app1"))
			c.Proxy.Pooling, c.Pool.IdentityHold, c.Proxy.QueueTimeout = pooling, 0, 4*time.Second
			n := startNode(t, c)
			op := operatorConn(t, n, configs.RoleOperator)
			db := open(t, dsn(n.tdsAddr(), "app1"))
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			one[int](t, tx, "SELECT 1")
			got := rowsOf(t, op, "PAUSE bucket-001 0")[0]
			if got["paused"] != "true" || got["open"] != "1" || !strings.Contains(got["result"], "1 backends are still in use") {
				t.Errorf("with a transaction open: %v", got)
			}
			_, body := get(t, n, "health", "/health")
			if v, _ := metric(t, n, `proxy_bucket_paused{bucket_id="bucket-001"}`); v != 1 || !strings.Contains(body, `"status": "paused"`) {
				t.Errorf("metric %v, health %s", v, body)
			}
			// The transaction goes on to its end; another client waits, and is told.
			one[int](t, tx, "SELECT 2")
			err = open(t, dsn(n.tdsAddr(), "app1", "app name", "other")).PingContext(t.Context())
			if sqlError(err) != 50018 || !strings.Contains(err.Error(), "bucket-001") || !strings.Contains(err.Error(), "node-1") || !strings.Contains(err.Error(), "waited 4") {
				t.Errorf("another client: %v", err)
			}
			if err := tx.Commit(); err != nil {
				t.Error(err)
			}
			if pooling == configs.PoolingSession {
				_ = db.Close()
			}
			if got := rowsOf(t, op, "PAUSE bucket-001")[0]; got["open"] != "0" || got["result"] != "paused: no backend is open" {
				t.Errorf("after the transaction: %v", got)
			}
			eventually(t, "the server has no session", func() bool { return s.Sessions() == 0 })
			served, again := make(chan error, 1), open(t, dsn(n.tdsAddr(), "app1"))
			go func() { served <- again.PingContext(t.Context()) }()
			eventually(t, "one waits", func() bool { return rowsOf(t, op, "SHOW BUCKETS")[0]["waiting"] == "1" })
			if q := rowsOf(t, op, "SHOW QUEUE"); len(q) != 1 || q[0]["why"] != "the bucket is paused" {
				t.Errorf("queue: %v", q)
			}
			if got := rowsOf(t, op, "RESUME bucket-001")[0]; got["paused"] != "false" {
				t.Errorf("resumed: %v", got)
			}
			if err := <-served; err != nil {
				t.Error("after RESUME:", err)
			}
		})
	}
}

func TestConsoleKillsReloadsAndDrains(t *testing.T) {
	s := server(t, sandbox.Options{})
	log := &logText{}
	c := consoleConfig(bucketFor("bucket-001", s, 3, "app1"))
	n, err := newNode(c, newLogger(log, configs.Log{Level: "info"}))
	if err != nil {
		t.Fatal(err)
	}
	n.again = func() (*configs.Config, error) {
		return consoleConfig(bucketFor("bucket-001", s, 7, "app1")), nil
	}
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-n.stopping:
			n.drain()
		case <-t.Context().Done():
			n.close()
		}
	}()
	op := operatorConn(t, n, configs.RoleAdmin)
	victim := conn(t, dsn(n.tdsAddr(), "app1", "app name", "victim"))
	one[int](t, victim, "SELECT 1")
	id := ""
	for _, row := range rowsOf(t, op, "SHOW CLIENTS bucket-001") {
		if row["app"] == "victim" {
			id = row["client"]
		}
	}
	rowsOf(t, op, "KILL "+id)
	eventually(t, "the client is gone", func() bool { return victim.PingContext(context.WithoutCancel(t.Context())) != nil })
	rowsOf(t, op, "RELOAD")
	eventually(t, "the limit has changed", func() bool { return rowsOf(t, op, "SHOW BUCKETS")[0]["limit"] == "7" })
	// With a transaction open the drain takes a while, and the console works.
	busy := conn(t, dsn(n.tdsAddr(), "app1"))
	tx, err := busy.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	one[int](t, tx, "SELECT 1")
	rowsOf(t, op, "DRAIN")
	eventually(t, "it drains", func() bool { return rowsOf(t, op, "SHOW VERSION")[0]["draining"] == "true" })
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	<-ended
	text := log.String()
	for _, want := range []string{`command="KILL ` + id + `" user=admin`, `command=RELOAD user=admin`, "command=DRAIN user=admin", "reason=killed", "app=victim"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in the log:\n%s", want, text)
		}
	}
}

// What tools send by themselves does no harm, and a server need not be there.
func TestConsoleWithoutAServer(t *testing.T) {
	s := server(t, sandbox.Options{})
	b := bucketFor("bucket-001", s, 1, "app1")
	b.Port = 1 // nobody listens there
	n := startNode(t, consoleConfig(b))
	op := operatorConn(t, n, configs.RoleStats)
	if got := one[string](t, op, "SELECT @@VERSION"); !strings.HasPrefix(got, "Microsoft SQL Server compatible console of Sluice") {
		t.Errorf("@@VERSION is %q", got)
	}
	if got := one[string](t, op, "SELECT CAST(SERVERPROPERTY('productversion') AS nvarchar(128))"); got != "16.0.1000.0" {
		t.Errorf("version %q", got)
	}
	for _, text := range []string{
		"set ansi_nulls on\nset ansi_padding on\n", "SET TEXTSIZE 64512", "use sluice", "select name from sys.databases where name = N'a, b'",
		"", "-- nothing\n", "/* nothing", "BEGIN TRAN", "IF @@TRANCOUNT > 0 COMMIT TRAN", "EXEC sp_who",
	} {
		if _, err := op.ExecContext(t.Context(), text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if got := rowsOf(t, op, "SET NOCOUNT ON SHOW VERSION"); len(got) != 1 || got[0]["node"] != "node-1" {
		t.Errorf("behind SET: %v", got)
	}
	// As a call with parameters, as a prepared statement, and in a transaction.
	rows, err := op.QueryContext(t.Context(), "SHOW BUCKETS", sql.Named("p1", 1))
	if err != nil || !rows.Next() {
		t.Errorf("with parameters: %v", err)
	} else {
		_ = rows.Close()
	}
	st, err := op.PrepareContext(t.Context(), "SHOW VERSION")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		rows, err := st.QueryContext(t.Context())
		if err != nil || !rows.Next() {
			t.Fatalf("prepared: %v", err)
		}
		_ = rows.Close()
	}
	tx, err := op.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	one[string](t, tx, "SELECT @@SERVERNAME")
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
}
