package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/sandbox"
)

func TestUnknownTargetIs4060(t *testing.T) {
	s1, s2 := server(t, sandbox.Options{}), server(t, sandbox.Options{Databases: []string{"app2"}})
	n := startNode(t, testConfig(bucketFor("bucket-001", s1, 5, "app1"), bucketFor("bucket-002", s2, 5, "app2")))
	if got := one[string](t, conn(t, dsn(n.tdsAddr(), "app1")), "SELECT DB_NAME()"); got != "app1" {
		t.Errorf("database %q", got)
	}
	if got := one[string](t, conn(t, dsn(n.tdsAddr(), "app2")), "SELECT DB_NAME()"); got != "app2" {
		t.Errorf("database %q", got)
	}
	err := open(t, dsn(n.tdsAddr(), "app3")).PingContext(t.Context())
	if sqlError(err) != 4060 && sqlError(err) != 50002 {
		t.Errorf("unknown database: %v", err)
	}
	if s1.Stats().TotalLogins != 1 || s2.Stats().TotalLogins != 1 {
		t.Errorf("logins: %d and %d, one each was to be expected", s1.Stats().TotalLogins, s2.Stats().TotalLogins)
	}
}

func TestReloadLeavesOthersAlone(t *testing.T) {
	s1, s2, s3 := server(t, sandbox.Options{}), server(t, sandbox.Options{Databases: []string{"app2"}}), server(t, sandbox.Options{Databases: []string{"app3"}})
	n := startNode(t, testConfig(bucketFor("bucket-001", s1, 5, "app1"), bucketFor("bucket-002", s2, 5, "app2")))
	kept, removed := conn(t, dsn(n.tdsAddr(), "app1")), conn(t, dsn(n.tdsAddr(), "app2"))
	before := one[int](t, kept, "SELECT @@SPID")
	one[int](t, removed, "SELECT 1")

	n.reload(testConfig(bucketFor("bucket-001", s1, 2, "app1"), bucketFor("bucket-003", s3, 5, "app3")))
	if after := one[int](t, kept, "SELECT @@SPID"); after != before {
		t.Errorf("session of an unchanged server changed from %d to %d", before, after)
	}
	one[int](t, removed, "SELECT 1") // those who are in may finish
	if got := one[string](t, conn(t, dsn(n.tdsAddr(), "app3")), "SELECT DB_NAME()"); got != "app3" {
		t.Errorf("new bucket: database %q", got)
	}
	if err := open(t, dsn(n.tdsAddr(), "app2")).PingContext(t.Context()); err == nil {
		t.Error("a login to the removed bucket succeeded")
	}
	if v, _ := metric(t, n, `proxy_connections_max{bucket_id="bucket-001"}`); v != 2 {
		t.Errorf("limit is %v, 2 was set", v)
	}
	if _, there := metric(t, n, `proxy_connections_max{bucket_id="bucket-002"}`); there {
		t.Error("the removed bucket still has metrics")
	}
}

func TestDrainWaitsForTransactions(t *testing.T) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 5, "app1"))
	n := startNode(t, c)
	idle, busy := conn(t, dsn(n.tdsAddr(), "app1")), conn(t, dsn(n.tdsAddr(), "app1"))
	one[int](t, idle, "SELECT 1")
	tx, err := busy.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "CREATE TABLE drained (a int)"); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { n.drain(); close(done) }()
	eventually(t, "the idle client is closed", func() bool {
		return idle.PingContext(context.WithoutCancel(t.Context())) != nil
	})
	if code, _ := get(t, n, "health", "/health/ready"); code != http.StatusServiceUnavailable {
		t.Errorf("ready says %d while draining", code)
	}
	if _, err := tx.ExecContext(t.Context(), "INSERT drained VALUES (1)"); err != nil {
		t.Error("in the transaction:", err)
	}
	if err := tx.Commit(); err != nil {
		t.Error("commit:", err)
	}
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		t.Fatal("the drain does not end")
	}
	eventually(t, "the server has no sessions left", func() bool { return s.Sessions() == 0 })
	direct := conn(t, dsn(tcpAddr(s), "app1"))
	if got := one[int](t, direct, "SELECT COUNT(*) FROM drained"); got != 1 {
		t.Errorf("%d rows were committed, not 1", got)
	}
}

func TestKilledBackendIsTold(t *testing.T) {
	s := server(t, sandbox.Options{})
	n := startNode(t, testConfig(bucketFor("bucket-001", s, 5, "app1")))
	c := conn(t, dsn(n.tdsAddr(), "app1"))
	spid := one[int](t, c, "SELECT @@SPID")
	running := make(chan error, 1)
	go func() {
		_, err := c.ExecContext(t.Context(), "WAITFOR DELAY '00:00:30'")
		running <- err
	}()
	eventually(t, "the query runs", func() bool { return s.Stats().Requests >= 2 })
	s.KillSession(spid)
	if err := <-running; err == nil {
		t.Error("the query of a killed session succeeded")
	}
	eventually(t, "the slot is free", func() bool {
		v, _ := metric(t, n, `proxy_connections_open{bucket_id="bucket-001"}`)
		return v == 0
	})
	one[int](t, open(t, dsn(n.tdsAddr(), "app1")), "SELECT 1")
}

func TestDyingServerIsNoticedWhileIdle(t *testing.T) {
	s := server(t, sandbox.Options{})
	n := startNode(t, testConfig(bucketFor("bucket-001", s, 5, "app1")))
	one[int](t, conn(t, dsn(n.tdsAddr(), "app1")), "SELECT 1") // keeps its backend, idle
	pooled := open(t, dsn(n.tdsAddr(), "app1"))
	one[int](t, pooled, "SELECT 1")
	_ = pooled.Close()
	eventually(t, "one is pooled", func() bool {
		v, _ := metric(t, n, `proxy_connections_idle{bucket_id="bucket-001"}`)
		return v == 1
	})
	s.KillAll()
	eventually(t, "no connection is counted, no client connected", func() bool {
		v, _ := metric(t, n, `proxy_connections_open{bucket_id="bucket-001"}`)
		return v == 0 && n.env.Connections() == 0
	})
}

func TestEndpoints(t *testing.T) {
	s := server(t, sandbox.Options{})
	n := startNode(t, testConfig(bucketFor("bucket-001", s, 5, "app1")))
	c := conn(t, dsn(n.tdsAddr(), "app1", "app name", "endpoints"))
	one[int](t, c, "SELECT 1")
	for _, path := range []string{"/health", "/health/live", "/health/ready"} {
		if code, body := get(t, n, "health", path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	_, body := get(t, n, "health", "/debug/actors?kind=session&state=1&bucket=bucket-001")
	var rep struct {
		Actors []struct {
			ID    uint64 `json:"id"`
			State struct {
				App   string `json:"app"`
				Phase string `json:"phase"`
				User  string `json:"user"`
			} `json:"state"`
		} `json:"actors"`
	}
	if err := json.Unmarshal([]byte(body), &rep); err != nil {
		t.Fatal(err)
	}
	if len(rep.Actors) != 1 || rep.Actors[0].State.App != "endpoints" || rep.Actors[0].State.Phase != "idle" || rep.Actors[0].State.User != testUser {
		t.Errorf("actors: %+v", rep.Actors)
	}
	if code, page := get(t, n, "health", "/debug/actors?format=html"); code != http.StatusOK || !strings.Contains(page, "<h1 id=\"node\">node-1</h1>") {
		t.Errorf("page: %d", code)
	}
	if code, _ := get(t, n, "health", "/debug/actors?id=999999"); code != http.StatusNotFound {
		t.Errorf("unknown id: %d", code)
	}
	if code, _ := get(t, n, "health", "/debug/actors?kind=session&sort=beauty"); code != http.StatusBadRequest {
		t.Errorf("unknown order: %d", code)
	}
	if strings.Contains(body, testPassword) {
		t.Error("a password is shown")
	}
	kill(t, n, rep.Actors[0].ID)
	eventually(t, "the client is gone", func() bool { return n.env.Connections() == 0 })
}

func kill(t *testing.T, n *node, id uint64) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://"+n.addrs["health"].String()+"/debug/actors?id="+itoa(id), nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("kill answered %d", resp.StatusCode)
	}
}

func TestDebugNeedsTokenOnceThereIsOne(t *testing.T) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 5, "app1"))
	c.Admin.Token = "0123456789abcdef0123456789abcdef"
	n := startNode(t, c)
	if code, _ := get(t, n, "health", "/debug/actors"); code != http.StatusForbidden {
		t.Errorf("without token: %d", code)
	}
	if code, _ := get(t, n, "health", "/debug/actors?token=wrong"); code != http.StatusForbidden {
		t.Errorf("with a wrong token: %d", code)
	}
	if code, _ := get(t, n, "health", "/debug/actors?token=0123456789abcdef0123456789abcdef"); code != http.StatusOK {
		t.Errorf("with the token: %d", code)
	}
}

func TestCheckNamesEveryMistakeAndNoSecret(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(good, "buckets:\n  - {id: b1, host: h, database: d, username: u, password: hunter2, max_connections: 5}\n")
	write(bad, "buckets:\n  - {id: b1, host: h, max_connections: 0}\n  - {id: b1, host: h, max_conections: 5}\nproxy: {listen_port: 99999}\n")
	var out bytes.Buffer
	if err := run(t.Context(), []string{"check", "--buckets", good}, &out, io.Discard); err != nil {
		t.Error(err)
	}
	if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "configuration is valid") {
		t.Errorf("check says:\n%s", out.String())
	}
	err := run(t.Context(), []string{"check", "--buckets", bad}, io.Discard, io.Discard)
	if err == nil {
		t.Fatal("a bad configuration passes")
	}
	for _, want := range []string{"max_connections", "max_conections", "listen_port", "99999"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %s", err, want)
		}
	}
}

func TestDemo(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"demo", "--port", "0", "--http-port", "0", "--metrics-port", "0"}, w, io.Discard)
		_ = w.CloseWithError(err)
		done <- err
	}()
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		buf := make([]byte, 4096)
		for text := ""; ; {
			k, err := r.Read(buf)
			text += string(buf[:k])
			for i := strings.IndexByte(text, '\n'); i >= 0; i = strings.IndexByte(text, '\n') {
				lines <- text[:i]
				text = text[i+1:]
			}
			if err != nil {
				return
			}
		}
	}()
	ready := regexp.MustCompile(`^READY host=(\S+) port=(\d+) user=(\S+) password=(\S+) database=(\S+)$`).FindStringSubmatch(<-lines)
	if ready == nil {
		t.Fatal("the first line is not READY")
	}
	for _, database := range []string{"app1", "app2"} {
		db, err := sql.Open("sqlserver", "sqlserver://"+ready[3]+":Sluice%21123@"+ready[1]+":"+ready[2]+"?encrypt=disable&database="+database)
		if err != nil {
			t.Fatal(err)
		}
		if got := one[string](t, db, "SELECT DB_NAME()"); got != database {
			t.Errorf("database %q, want %q", got, database)
		}
		_ = db.Close()
	}
	stop()
	for range lines { // until the demo has ended
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
