package redisledger

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"sluice/limits"
	"sluice/sandbox/redisd"
)

// works opens c and wants an empty ledger there.
func works(t *testing.T, c Config) *Ledger {
	t.Helper()
	l, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r, err := l.Do(t.Context(), limits.Hello{})
	if err != nil || r.Status != limits.Empty {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err = l.Do(t.Context(), limits.Recover{Replid: r.Replid, Tag: "t1", Open: true})
	if err != nil || r.Status != limits.OK {
		t.Fatalf("%+v, %v", r, err)
	}
	return l
}

// The rights of the package's documentation are enough, and none is too much.
func TestUserWithFewRights(t *testing.T) {
	s := installed(t)
	rights := []string{"~sluice:*", "+eval", "+evalsha", "+hget", "+hmget", "+hset", "+hdel", "+hkeys", "+info"}
	for i := -1; i < len(rights); i++ {
		args := []any{"ACL", "SETUSER", "ledger", "reset", "on", ">secret"}
		for k, r := range rights {
			if k != i {
				args = append(args, r)
			}
		}
		if err := s.client.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.client.Do(t.Context(), "FLUSHALL").Err(); err != nil {
			t.Fatal(err)
		}
		if i < 0 {
			works(t, Config{Addrs: []string{s.addr}, Username: "ledger", Password: "secret", Key: Key("f")})
			continue
		}
		if err := s.client.Do(t.Context(), "SCRIPT", "FLUSH").Err(); err != nil {
			t.Fatal(err)
		}
		if err := lifeOf(t, Config{Addrs: []string{s.addr}, Username: "ledger", Password: "secret", Key: Key("f")}); err == nil {
			t.Errorf("%s is not needed", rights[i])
		}
	}
	l, err := Open(Config{Addrs: []string{s.addr}, Username: "ledger", Password: "wrong", Key: Key("f")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := l.Do(t.Context(), limits.Hello{}); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("%v", err)
	}
}

// lifeOf does what needs every right.
func lifeOf(t *testing.T, c Config) error {
	l, err := Open(c)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	r, err := l.Do(t.Context(), limits.Hello{})
	if err != nil {
		return err
	}
	var errs []error
	do := func(op limits.Op) limits.Reply {
		r, err := l.Do(t.Context(), op)
		errs = append(errs, err)
		return r
	}
	e := do(limits.Recover{Replid: r.Replid, Tag: "t1", Open: true}).Epoch
	do(limits.Join{Epoch: e, Session: "a", Declared: limits.Counts{"db": 5}})
	do(limits.Sync{Epoch: e, Session: "a", Seq: 1})
	do(limits.Hello{})
	do(limits.Leave{Session: "a"})
	return errors.Join(errs...)
}

func TestDatabaseAndDefaultPassword(t *testing.T) {
	s := installed(t)
	if err := s.client.Do(t.Context(), "CONFIG", "SET", "requirepass", "pw").Err(); err != nil {
		t.Fatal(err)
	}
	works(t, Config{Addrs: []string{s.addr}, Password: "pw", DB: 3, Key: Key("f")})
	works(t, Config{Addrs: []string{s.addr}, Password: "pw", DB: 4, Key: Key("f")})
}

func TestTLS(t *testing.T) {
	cert, roots := certificate(t)
	addr := behindTLS(t, embedded(t).addr, cert)
	works(t, Config{Addrs: []string{addr}, TLS: &tls.Config{RootCAs: roots, ServerName: "redis.test"}, Key: Key("f")})
	strange, err := Open(Config{Addrs: []string{addr}, TLS: &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "redis.test"}, Key: Key("f")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = strange.Close() }()
	var unknown x509.UnknownAuthorityError
	if _, err := strange.Do(t.Context(), limits.Hello{}); !errors.As(err, &unknown) {
		t.Errorf("a certificate of nobody known: %v", err)
	}
}

// behindTLS puts TLS before a server, and returns the address.
func behindTLS(t *testing.T, server string, cert tls.Certificate) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", server)
			if err != nil {
				c.Close()
				continue
			}
			pipe := func(to, from net.Conn) func() {
				return func() {
					_, _ = io.Copy(to, from) // ends with either side
					to.Close()
					from.Close()
				}
			}
			wg.Go(pipe(c, s))
			wg.Go(pipe(s, c))
		}
	})
	return l.Addr().String()
}

// certificate makes one for redis.test, and who vouches for it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis.test"}, DNSNames: []string{"redis.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func TestCluster(t *testing.T) {
	s := installed(t, "--cluster-enabled", "yes")
	if err := s.client.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster is up", func() bool {
		return strings.Contains(s.client.Do(t.Context(), "CLUSTER", "INFO").String(), "cluster_state:ok")
	})
	works(t, Config{Addrs: []string{s.addr}, Cluster: true, Key: Key("f")})
}

// After a failover the ledger is found at the new master, and not believed.
func TestSentinelFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("a failover takes seconds")
	}
	master, replica := installed(t), installed(t)
	host, port, _ := net.SplitHostPort(master.addr)
	if err := replica.client.Do(t.Context(), "REPLICAOF", host, port).Err(); err != nil {
		t.Fatal(err)
	}
	sentinel := sentinelOf(t, master.addr)
	eventually(t, "the sentinel knows of the replica", func() bool {
		return strings.Contains(plain(t, sentinel).Do(t.Context(), "SENTINEL", "REPLICAS", "m").String(), replica.addr)
	})
	l := works(t, Config{Addrs: []string{sentinel}, MasterName: "m", Key: Key("f")})
	before, err := l.Do(t.Context(), limits.Hello{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replica has everything", func() bool { return replica.client.Exists(t.Context(), Key("f")).Val() == 1 })
	if err := plain(t, sentinel).Do(t.Context(), "SENTINEL", "FAILOVER", "m").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new master shows another history", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := l.Do(ctx, limits.Hello{})
		return err == nil && r.Status == limits.Discont && r.Epoch == before.Epoch && r.Replid != before.Replid
	})
}

func sentinelOf(t *testing.T, master string) string {
	t.Helper()
	host, port, _ := net.SplitHostPort(master)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor m %s %s 1\nsentinel down-after-milliseconds m 60000\n", host, port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	launch(t, addr, file, "--sentinel")
	return addr
}

// Redis that was started again with all its data is not believed all the same.
func TestRedisRestartedWithItsData(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	addr, args := freeAddr(t), []string{"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", t.TempDir()}
	stop := launch(t, addr, args...)
	l := works(t, Config{Addrs: []string{addr}, Key: Key("f")})
	before, err := l.Do(t.Context(), limits.Hello{})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	launch(t, addr, args...)
	eventually(t, "it answers", func() bool {
		r, err := l.Do(t.Context(), limits.Hello{})
		if err == nil && (r.Status != limits.Discont || r.Replid == before.Replid || r.Epoch != before.Epoch) {
			t.Fatalf("%+v", r)
		}
		return err == nil
	})
}

// A managed Redis may hide its replication id.
func TestReplicationIDIsHidden(t *testing.T) {
	hidden := func(s *server, shown string) (limits.Reply, error) {
		st := s.open(t, "f")
		text, err := script("hello")
		if err != nil {
			t.Fatal(err)
		}
		st.ledger.scripts["hello"] = redis.NewScript(strings.Replace(text, "redis.call('INFO', 'replication')", "("+shown+")", 1))
		return st.ledger.Do(t.Context(), limits.Hello{})
	}
	s := installed(t)
	run := ""
	for line := range strings.Lines(s.client.Info(t.Context(), "server").Val()) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "run_id:"); ok {
			run = id
		}
	}
	for _, shown := range []string{"''", "'role:master'", "'master_replid:0000000000'"} {
		if r, err := hidden(s, shown); err != nil || r.Replid != "run_id:"+run || run == "" {
			t.Errorf("%+v, %v, want %s", r, err, run)
		}
	}
	if _, err := hidden(embedded(t), "''"); err == nil || !strings.Contains(err.Error(), "neither master_replid nor run_id") {
		t.Errorf("the embedded server has no run id: %v", err)
	}
}

// A server that does not answer in time gives an error, and what was asked may
// have happened.
func TestServerThatIsSilent(t *testing.T) {
	s, err := redisd.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := works(t, Config{Addrs: []string{s.Addr()}, Key: Key("f")})
	s.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := l.Do(ctx, limits.Hello{}); !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a paused server: %v", err)
	}
	s.Resume()
	eventually(t, "it answers again", func() bool {
		r, err := l.Do(t.Context(), limits.Hello{})
		return err == nil && r.Status == limits.OK
	})
	if err := s.Restart(true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it shows another history", func() bool {
		r, err := l.Do(t.Context(), limits.Hello{})
		return err == nil && r.Status == limits.Discont && r.Replid == s.ReplID()
	})
}

// Sessions that ask at the same time get no more than there is.
func TestSessionsAtTheSameTime(t *testing.T) {
	const most, sessions, rounds = 20, 8, 60
	s := installed(t)
	st := s.open(t, "f")
	e := st.Do(t, limits.Recover{Replid: st.replid, Tag: "t1", Open: true}).Epoch
	for i := range sessions {
		st.Do(t, limits.Join{Epoch: e, Session: sessionName(i), Declared: limits.Counts{"db": most}})
	}
	var wg sync.WaitGroup
	for i := range sessions {
		wg.Go(func() {
			held, version := 0, uint64(0)
			for seq := range uint64(rounds) {
				op := limits.Sync{Epoch: e, Session: sessionName(i), Seq: seq + 1, Ack: version, Items: []limits.Item{{Bucket: "db", Demand: int(seq+uint64(i)) % 7, Return: held / 2}}}
				r, err := st.ledger.Do(t.Context(), op)
				if err != nil || r.Status != limits.OK {
					t.Errorf("%+v, %v", r, err)
					return
				}
				held, version = r.Buckets["db"].Held, r.Version
				if r.Buckets["db"].Free < 0 {
					t.Errorf("%+v", r.Buckets["db"])
				}
			}
		})
	}
	wg.Wait()
	total := 0
	for _, state := range st.Do(t, limits.List{}).Sessions {
		total += state.Held["db"]
	}
	if total > most || total == 0 {
		t.Errorf("%d of %d are held", total, most)
	}
}
