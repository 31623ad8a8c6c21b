package redisledger

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"sluice/limits"
	"sluice/limits/ledgertest"
	"sluice/sandbox/redisd"
)

// server is a Redis of a test.
type server struct {
	addr   string
	client *redis.Client // of the test, beside the ledger's
	renew  func()        // gives it a new history, and may cut connections
	slow   bool
}

func plain(t testing.TB, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true, PoolSize: 2, MaxRetries: 5})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// embedded starts a Redis inside the test.
func embedded(t testing.TB) *server {
	t.Helper()
	s, err := redisd.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &server{addr: s.Addr(), client: plain(t, s.Addr()), slow: true, renew: func() {
		if err := s.Restart(true); err != nil {
			t.Fatal(err)
		}
	}}
}

// installed starts redis-server, 7.0 or newer, on a free port of the loopback
// interface.
func installed(t testing.TB, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	addr := freeAddr(t)
	launch(t, addr, append([]string{"--save", "", "--appendonly", "no", "--enable-debug-command", "local", "--dir", t.TempDir()}, args...)...)
	s := &server{addr: addr, client: plain(t, addr)}
	s.renew = func() {
		if err := s.client.Do(t.Context(), "DEBUG", "CHANGE-REPL-ID").Err(); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}

// launch runs redis-server until stop is called or the test ends, and waits
// until it answers.
func launch(t testing.TB, addr string, args ...string) (stop func()) {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("redis-server", append(args, "--bind", "127.0.0.1", "--port", port)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	c := plain(t, addr)
	eventually(t, "redis-server answers", func() bool { return c.Ping(t.Context()).Err() == nil })
	return stop
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// store is a ledger on a server as the contract wants it.
type store struct {
	*server
	ledger *Ledger
	key    string
	replid string
	saved  map[string]string
}

// open returns an empty ledger on s.
func (s *server) open(t testing.TB, name string) *store {
	t.Helper()
	key := Key(name)
	l, err := Open(Config{Addrs: []string{s.addr}, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	st := &store{server: s, ledger: l, key: key}
	st.learn(t)
	return st
}

// learn waits until the ledger answers, and notes the history that it shows.
func (s *store) learn(t testing.TB) {
	t.Helper()
	eventually(t, "the ledger answers", func() bool {
		r, err := s.ledger.Do(t.Context(), limits.Hello{})
		s.replid = r.Replid
		return err == nil
	})
	info, err := s.client.Info(t.Context(), "replication").Result()
	if err != nil || !strings.Contains(info, "master_replid:"+s.replid+"\r\n") {
		t.Fatalf("%v: the ledger says %q, INFO\n%s", err, s.replid, info)
	}
}

func (s *store) Do(t testing.TB, op limits.Op) limits.Reply {
	t.Helper()
	r, err := s.ledger.Do(t.Context(), op)
	if err != nil {
		t.Fatalf("%T %+v: %v", op, op, err)
	}
	return r
}

func (s *store) Replid(testing.TB) string { return s.replid }

func (s *store) Save(t testing.TB) {
	t.Helper()
	all, err := s.client.HGetAll(t.Context(), s.key).Result()
	if err != nil {
		t.Fatal(err)
	}
	s.saved = all
}

func (s *store) Restart(t testing.TB, c ledgertest.Content) {
	t.Helper()
	s.renew()
	if c != ledgertest.Kept {
		s.Wipe(t)
	}
	if c == ledgertest.Saved && len(s.saved) > 0 {
		if err := s.client.HSet(t.Context(), s.key, s.saved).Err(); err != nil {
			t.Fatal(err)
		}
	}
	s.learn(t)
}

func (s *store) Wipe(t testing.TB) {
	t.Helper()
	if err := s.client.Del(t.Context(), s.key).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		s := embedded(t)
		ledgertest.Run(t, func(t *testing.T) ledgertest.Store { return s.open(t, t.Name()) })
	})
	t.Run("redis-server", func(t *testing.T) {
		s := installed(t)
		ledgertest.Run(t, func(t *testing.T) ledgertest.Store { return s.open(t, t.Name()) })
	})
}

// walk runs random walks, and fewer of them with -short.
func walk(t *testing.T, s *server, walks, steps int) {
	t.Helper()
	if testing.Short() {
		walks /= 10
	}
	seen := map[limits.Status]int{}
	for seed := range uint64(walks) {
		for status, n := range ledgertest.Lockstep(t, s.open(t, fmt.Sprint("walk", seed)), seed, steps) {
			seen[status] += n
		}
	}
	t.Logf("%d walks of %d steps: %v", walks, steps, seen)
}

func TestLockstep(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { walk(t, embedded(t), 10, 100) })
	t.Run("redis-server", func(t *testing.T) { walk(t, installed(t), 300, 150) })
}
