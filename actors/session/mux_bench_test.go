package session

import (
	"net"
	"runtime"
	"testing"
	"time"

	"sluice/tds/tdstest"
)

// BenchmarkSharedRoundTrip is BenchmarkRoundTrip in transaction pooling: each
// request takes a backend and gives it back.
func BenchmarkSharedRoundTrip(b *testing.B) {
	request, response := sampleExchange()
	for _, name := range []string{"session", "transaction"} {
		b.Run(name, func(b *testing.B) {
			s := newServer(b, echoServer(request, response))
			n := startNode(b, s.Addr(), func(o *setup) {
				if name == "transaction" {
					shared(2)(o)
				}
			})
			c := n.connect(credentials())
			_ = c.Conn().SetDeadline(time.Time{})
			got := make([]byte, len(response))
			b.ReportAllocs()
			for b.Loop() {
				if err := roundTrip(c.Conn(), request, got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSharedIdleSession is what a client costs that has run a request and
// has no backend, once its session has given up its goroutine.
func BenchmarkSharedIdleSession(b *testing.B) {
	const sessions = 2000
	request, response := sampleExchange()
	for b.Loop() {
		s := newServer(b, echoServer(request, response))
		n := startNode(b, s.Addr(), shared(2))
		grown := func(addr string) float64 {
			conns := make([]net.Conn, sessions)
			before, _ := inUse()
			for i := range conns {
				raw, err := net.Dial("tcp", addr)
				if err != nil {
					b.Fatal(err)
				}
				c := tdstest.NewClient(raw)
				if err := c.Connect(credentials()); err != nil {
					b.Fatal(err)
				}
				if err := roundTrip(c.Conn(), request, make([]byte, len(response))); err != nil {
					b.Fatal(err)
				}
				conns[i] = raw
			}
			if err := n.env.StartDozing(20 * time.Millisecond); err != nil {
				b.Fatal(err)
			}
			eventually(b, "all doze", func() bool { return n.dozing() == sessions })
			after, _ := inUse()
			for _, c := range conns {
				_ = c.Close()
			}
			runtime.KeepAlive(conns)
			return float64(after-before) / sessions
		}
		all := grown(n.addr()) // what the client's side weighs is in it
		n.gone()
		n.env.StopDozing()
		b.ReportMetric(all, "B/session")
	}
}
