package gossip

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// TestLoopback runs gossip and links over real sockets.
func TestLoopback(t *testing.T) {
	type proc struct {
		g   *Gossip
		l   *Links
		got chan string
	}
	start := func(name, bind, secret string, join ...string) *proc {
		p := &proc{got: make(chan string, 1000)}
		var resolve atomic.Pointer[Gossip]
		id := name + "#1"
		var err error
		p.l, err = Listen(LinkConfig{
			ID: id, Cluster: "test", Protocol: 1, BindAddr: bind, SecretKey: []byte(secret),
			Resolve: func(id string) (string, bool) {
				if g := resolve.Load(); g != nil {
					return g.Resolve(id)
				}
				return "", false
			},
			Handle: func(from string, msg []byte) { p.got <- from + ": " + string(msg) },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.l.Close() })
		_, port, _ := net.SplitHostPort(p.l.Addr().String())
		p.g, err = Start(Config{
			ID: id, Name: name, Cluster: "test", Protocol: 1, BindAddr: bind, SecretKey: []byte(secret),
			Info: Info{PeerAddr: ":" + port}, Preset: Local, Join: join,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.g.Close() })
		resolve.Store(p.g)
		return p
	}
	a := start("a", "127.0.0.1", string(testKey))
	b := start("b", "127.0.0.1", string(testKey), a.g.Addr())
	c := start("c", "127.0.0.1", string(testKey), b.g.Addr(), "localhost:1")
	procs := []*proc{a, b, c}
	for _, p := range procs {
		until(t, 10*time.Second, "three members", func() bool { return sees(p.g, 3) })
	}
	publish(b.g, "bucket", "1 of 2")
	for _, p := range []*proc{a, c} {
		until(t, 10*time.Second, "value", func() bool { v, _ := value(p.g, "b#1", "bucket"); return v == "1 of 2" })
	}
	for i := range 100 {
		if err := a.l.Send("c#1", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		select {
		case m := <-c.got:
			if m != fmt.Sprint("a#1: ", i) {
				t.Fatalf("message %d is %q", i, m)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("message %d is missing: %+v", i, a.l.Stats())
		}
	}
	until(t, 10*time.Second, "the address where nobody is, is told", func() bool { _, ok := problem(c.g, JoinFailed); return ok })

	// Strangers on both ports.
	for _, addr := range []string{a.g.Addr(), a.l.Addr().String()} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		_ = conn.Close()
	}
	udp, err := net.Dial("udp", a.g.Addr())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = udp.Write([]byte("nonsense that is long enough for nothing"))
	_ = udp.Close()
	until(t, 10*time.Second, "both told", func() bool {
		_, link := problemOf(a.l.Problems(), OtherKey)
		_, gossip := problem(a.g, NotPeer)
		return link && gossip
	})

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	began := time.Now()
	if err := b.g.Leave(ctx); err != nil {
		t.Error(err)
	}
	for _, p := range []*proc{a, c} {
		until(t, 5*time.Second, "b left", func() bool { return stateOf(p.g, "b#1") == Left })
	}
	t.Logf("all knew of the leave after %v", time.Since(began))
	if err := b.g.Close(); err != nil {
		t.Error(err)
	}
	if err := b.g.Publish("k", nil); err == nil {
		t.Error("Publish after Close")
	}
	if s := a.g.Stats(); s.Live != 2 || s.PacketsSent == 0 {
		t.Errorf("%+v", s)
	}
}

func problemOf(ps []Problem, k Kind) (Problem, bool) {
	i := slices.IndexFunc(ps, func(p Problem) bool { return p.Kind == k })
	if i < 0 {
		return Problem{}, false
	}
	return ps[i], true
}
