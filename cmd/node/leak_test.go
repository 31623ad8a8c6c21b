package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"sluice/configs"
	"sluice/sandbox"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// player is a client with a random program and all that it was answered.
type player struct {
	name    string
	addr    string
	client  *tdstest.Client
	handles []int32 // of prepared statements
	seen    []seen
}

// seen is one thing that a player did, with the answer.
type seen struct {
	what   string
	answer []byte
	shown  string
}

func login(addr string) (*tdstest.Client, error) {
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	_ = raw.SetDeadline(time.Now().Add(time.Minute))
	c := tdstest.NewClient(raw)
	err = c.Connect(tdstest.ClientConfig{Encryption: tds.EncryptNotSupported, Login: tds.Login7{
		UserName: testUser, Password: testPassword, Database: "app1", OptionFlags2: tds.LoginODBC,
	}})
	if err != nil {
		_ = raw.Close()
	}
	return c, err
}

func (p *player) connect() (err error) {
	p.client, err = login(p.addr)
	p.handles = nil
	return err
}

// plainResponse is a response without what must differ: descriptors of
// transactions, and handles.
func plainResponse(r tdstest.Response) []byte {
	b := bytes.Clone(r.Message.Payload)
	for _, start := range [][]byte{{0xE3, 0x0B, 0, 8, 8}, {0xE3, 0x0B, 0, 9, 0, 8}, {0xE3, 0x0B, 0, 10, 0, 8}} {
		for at := 0; ; {
			i := bytes.Index(b[at:], start)
			if i < 0 {
				break
			}
			at += i + len(start)
			clear(b[at:min(at+8, len(b))])
		}
	}
	return b
}

// do sends a request and keeps the answer.
func (p *player) do(what string, send func(*tdstest.Client) error) error {
	if err := send(p.client); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	r, err := p.client.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	b := plainResponse(r)
	p.seen = append(p.seen, seen{what, b, fmt.Sprintf("%x, %d rows, %v", b, r.Rows, r.Errors())})
	return nil
}

func (p *player) batch(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	return p.do(text, func(c *tdstest.Client) error { return c.Batch(text, 0) })
}

// play runs a program of so many steps.
func (p *player) play(seed uint64, steps int) error {
	if err := p.connect(); err != nil {
		return err
	}
	defer func() { _ = p.client.Close() }()
	r := rand.New(rand.NewPCG(seed, 4))
	for range steps {
		if err := leakOps[r.IntN(len(leakOps))](p, r); err != nil {
			return err
		}
		if r.IntN(6) > 0 {
			continue
		}
		// Few clients may hold a backend for long.
		if err := p.batch("IF @@TRANCOUNT > 0 ROLLBACK TRAN"); err != nil {
			return err
		}
		if err := p.batch("IF OBJECT_ID('tempdb..#mine') IS NOT NULL DROP TABLE #mine"); err != nil {
			return err
		}
	}
	return nil
}

// Clients with random programs see through few shared backends exactly what
// each would see alone.
func TestLeakOracle(t *testing.T) {
	const clients, backends, steps = 10, 3, 250
	behind := server(t, sandbox.Options{Databases: []string{"app1", "app2"}})
	private := server(t, sandbox.Options{Databases: []string{"app1", "app2"}})
	c := testConfig(bucketFor("bucket-001", behind, backends, "app1"))
	c.Proxy.Pooling = configs.PoolingTransaction
	c.Pool.IdentityHold = 2 * time.Second
	c.Proxy.QueueTimeout = 50 * time.Second
	n := startNode(t, c)
	addrs := [2]string{n.tdsAddr().String(), private.Addr().String()}
	for _, addr := range []string{behind.Addr().String(), private.Addr().String()} {
		admin, err := login(addr)
		if err != nil {
			t.Fatal(err)
		}
		for i := range clients {
			if r, err := admin.Query(fmt.Sprintf("CREATE TABLE t%d (id int IDENTITY PRIMARY KEY, v int)", i)); err != nil || r.Err() != nil {
				t.Fatal(err, r.Err())
			}
		}
		_ = admin.Close()
	}
	var wg sync.WaitGroup
	through := make([]player, clients)
	for i := range through {
		p := &through[i]
		p.name, p.addr = fmt.Sprintf("t%d", i), addrs[0]
		wg.Go(func() {
			if err := p.play(uint64(i), steps); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	compared := 0
	for i := range through {
		p := player{name: through[i].name, addr: addrs[1]}
		if err := p.play(uint64(i), steps); err != nil {
			t.Errorf("client %d, alone: %v", i, err)
		}
		compared += p.compare(t, i, &through[i])
	}
	st := behind.Stats()
	t.Logf("%d answers compared; the server saw at most %d sessions, %d logins, %d resets", compared, st.PeakSessions, st.TotalLogins, st.Resets)
	if st.PeakSessions > backends+1 {
		t.Errorf("%d sessions at the server", st.PeakSessions)
	}
}

// compare says where two players saw different things.
func (p *player) compare(t *testing.T, client int, through *player) (compared int) {
	t.Helper()
	var before []string
	for k := range min(len(p.seen), len(through.seen)) {
		a, b := through.seen[k], p.seen[k]
		if a.what != b.what || !bytes.Equal(a.answer, b.answer) {
			t.Errorf("client %d, step %d: %s\nthrough the node %s\nalone            %s\nafter %q", client, k, b.what, a.shown, b.shown, before[max(0, len(before)-25):])
			return k
		}
		before = append(before, b.what)
	}
	return len(p.seen)
}
