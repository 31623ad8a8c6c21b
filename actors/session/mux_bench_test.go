package session

import (
	"net"
	"runtime"
	"slices"
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

// BenchmarkSharedAdded compares what a node adds to a round trip by session and
// by transaction, in blocks that take turns: what else the machine does meets
// all alike. The server echoes, which shows the node's part at its largest.
func BenchmarkSharedAdded(b *testing.B) {
	const block = 200
	request, response := sampleExchange()
	s := newServer(b, echoServer(request, response))
	direct, err := net.Dial("tcp", s.Addr())
	if err != nil {
		b.Fatal(err)
	}
	if err := tdstest.NewClient(direct).Connect(credentials()); err != nil {
		b.Fatal(err)
	}
	conns := []net.Conn{direct, nil, nil}
	for i, change := range []func(*setup){func(*setup) {}, shared(2)} {
		c := startNode(b, s.Addr(), change).connect(credentials())
		_ = c.Conn().SetDeadline(time.Time{})
		conns[i+1] = c.Conn()
	}
	got := make([]byte, len(response))
	p50 := make([][]float64, len(conns))
	times := make([]float64, block)
	for b.Loop() {
		for i, c := range conns {
			for j := range times {
				start := time.Now()
				if err := roundTrip(c, request, got); err != nil {
					b.Fatal(err)
				}
				times[j] = float64(time.Since(start).Nanoseconds())
			}
			slices.Sort(times)
			p50[i] = append(p50[i], times[block/2])
		}
	}
	_ = direct.Close()
	median := func(f func(i int) float64) float64 {
		all := make([]float64, len(p50[0]))
		for i := range all {
			all[i] = f(i)
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	session := median(func(i int) float64 { return p50[1][i] - p50[0][i] })
	transaction := median(func(i int) float64 { return p50[2][i] - p50[0][i] })
	b.ReportMetric(median(func(i int) float64 { return p50[0][i] }), "direct-ns")
	b.ReportMetric(session, "session-added-ns")
	b.ReportMetric(transaction, "transaction-added-ns")
	b.ReportMetric(transaction/session, "ratio")
}

// BenchmarkSharedLine has 32 clients ask all the time for one of 4 backends that
// answer at once: an operation is a request that has waited in line.
func BenchmarkSharedLine(b *testing.B) {
	const clients = 32
	request, response := sampleExchange()
	s := newServer(b, echoServer(request, response))
	n := startNode(b, s.Addr(), shared(4))
	conns := make(chan net.Conn, clients)
	for range clients {
		c := n.connect(credentials())
		_ = c.Conn().SetDeadline(time.Time{})
		conns <- c.Conn()
	}
	b.SetParallelism(clients / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := <-conns
		got := make([]byte, len(response))
		for pb.Next() {
			if err := roundTrip(c, request, got); err != nil {
				b.Error(err)
				return
			}
		}
	})
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
