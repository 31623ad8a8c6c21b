package main

import (
	"context"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"go.uber.org/goleak"

	"sluice/configs"
	"sluice/limits/redisledger"
	"sluice/sandbox"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "guard" { // started by a node that a test runs
		if err := guard(context.Background(), os.Stdin, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	redisledger.LogClient(slog.New(slog.DiscardHandler)) // nodes log the failed calls themselves
	goleak.VerifyTestMain(m,
		// database/sql and net/http keep these for a moment after Close.
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
		goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"),
		// A pool that cannot reach Redis looks once more, a second later, and
		// finds that it is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"),
	)
}

const (
	testUser     = "sa"
	testPassword = "Sluice!123"
)

// server starts an embedded SQL server that ends with the test.
func server(t *testing.T, o sandbox.Options) *sandbox.Server {
	t.Helper()
	if o.Logins == nil {
		o.Logins = map[string]sandbox.Login{testUser: {Password: testPassword}}
	}
	if o.Databases == nil {
		o.Databases = []string{"app1"}
	}
	s, err := sandbox.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("sandbox:", err)
		}
	})
	return s
}

// bucketFor returns a bucket whose server is s.
func bucketFor(id string, s *sandbox.Server, limit int, databases ...string) configs.Bucket {
	addr := s.Addr().(*net.TCPAddr)
	return configs.Bucket{ID: id, Host: addr.IP.String(), Port: addr.Port, Databases: databases, MaxConnections: limit}
}

// testConfig is a configuration for loopback with the given buckets.
func testConfig(buckets ...configs.Bucket) *configs.Config {
	c := configs.Defaults()
	c.Proxy.InstanceID = "node-1"
	c.Proxy.ListenAddr, c.Proxy.AdminAddr = "127.0.0.1", "127.0.0.1"
	c.Proxy.ListenPort, c.Proxy.HealthCheckPort, c.Proxy.MetricsPort = 0, 0, 0
	c.ShutdownTimeout = 5 * time.Second
	c.Buckets = buckets
	return c
}

// startNode runs a node that ends with the test.
func startNode(t *testing.T, c *configs.Config) *node {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	n, err := newNode(c, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	return n
}

// testLogger shows the log of a failed test.
func testLogger(t *testing.T) *logger {
	out, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(out.Name())
			lines := strings.Split(string(text), "\n")
			t.Logf("log of the node:\n%s", strings.Join(lines[max(0, len(lines)-200):], "\n"))
		}
		_ = out.Close()
	})
	return newLogger(out, configs.Log{Level: "debug"})
}

func (n *node) tdsAddr() *net.TCPAddr { return n.addrs["tds"].(*net.TCPAddr) }

// dsn is a go-mssqldb connection string for addr.
func dsn(addr *net.TCPAddr, database string, options ...string) string {
	q := url.Values{"database": {database}, "encrypt": {"disable"}, "dial timeout": {"20"}, "connection timeout": {"60"}}
	for i := 0; i+1 < len(options); i += 2 {
		q.Set(options[i], options[i+1])
	}
	user, password := testUser, testPassword
	if q.Has("user") {
		user = q.Get("user")
		q.Del("user")
	}
	if q.Has("password") {
		password = q.Get("password")
		q.Del("password")
	}
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword(user, password), Host: addr.String(), RawQuery: q.Encode()}
	return u.String()
}

// open returns a database handle that is closed with the test.
func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlserver", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// conn returns one connection of its own handle.
func conn(t *testing.T, dsn string) *sql.Conn {
	t.Helper()
	c, err := open(t, dsn).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// closing closes c and fails the test if that does; for defer.
func closing(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

type querier interface {
	QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row
}

// one returns the one value of a query.
func one[T any](t *testing.T, q querier, text string, args ...any) T {
	t.Helper()
	var v T
	if err := q.QueryRowContext(t.Context(), text, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// sqlError returns the number of a SQL Server error, 0 for any other.
func sqlError(err error) int32 {
	var e mssql.Error
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// eventually waits until f holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !f(); {
		if time.Now().After(deadline) {
			t.Fatal("never: ", what)
		}
		wait(t, 5*time.Millisecond)
	}
}

// wait lets real time pass between two looks at something outside the process's control.
func wait(t *testing.T, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// get fetches a page of one of the node's HTTP ports.
func get(t *testing.T, n *node, port, path string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	r, err := client.Get(fmt.Sprintf("http://%s%s", n.addrs[port], path))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// metric returns the value of a metric, ok false if it is not there.
func metric(t *testing.T, n *node, name string) (float64, bool) {
	t.Helper()
	_, text := get(t, n, "metrics", "/metrics")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Fatal(err)
			}
			return v, true
		}
	}
	return 0, false
}

// certificateFiles makes a certificate and writes it as PEM files.
func certificateFiles(t *testing.T) (cert, key string) {
	t.Helper()
	c, err := selfSigned("localhost")
	if err != nil {
		t.Fatal(err)
	}
	der, err := marshalKey(c)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(name, kind string, b []byte) {
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(cert, "CERTIFICATE", c.Certificate[0])
	write(key, "PRIVATE KEY", der)
	return cert, key
}

func tcpAddr(s *sandbox.Server) *net.TCPAddr { return s.Addr().(*net.TCPAddr) }

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }
