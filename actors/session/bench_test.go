package session

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// echoServer answers every request of len(request) bytes with response, and
// costs no allocation.
func echoServer(request, response []byte) tdstest.Script {
	return tdstest.Script{plainBegin(), tdstest.LoginOK(), func(c *tdstest.ServerConn) error {
		got := make([]byte, len(request))
		for {
			if _, err := io.ReadFull(c.Conn(), got); err != nil {
				return hangup(err)
			}
			if _, err := c.Conn().Write(response); err != nil {
				return hangup(err)
			}
		}
	}}
}

// roundTrip is one request and its response on a client's connection.
func roundTrip(c net.Conn, request, response []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	_, err := io.ReadFull(c, response)
	return err
}

func sampleExchange() (request, response []byte) {
	request = tds.AppendMessage(nil, tds.PacketSQLBatch, 0, 0, 4096, tds.SQLBatch{Text: "SELECT 1"}.Append(nil, tds.V74))
	response = tds.AppendMessage(nil, tds.PacketReply, 0, 51, 4096, tdstest.IntRows(1)(&tdstest.ServerConn{Version: tds.V74}, tds.Message{}))
	return request, response
}

// A request and its response pass without an allocation.
func TestRelayAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	request, response := sampleExchange()
	for _, encrypted := range []bool{false, true} {
		s := newServer(t, echoServer(request, response))
		n := startNode(t, s.Addr(), func(o *setup) { o.tls = encrypted })
		cfg := credentials()
		if encrypted {
			cfg.Encryption, cfg.TLS = tds.EncryptOn, n.clientTLS()
		}
		c := n.connect(cfg).Conn()
		got := make([]byte, len(response))
		allocs := testing.AllocsPerRun(500, func() {
			if err := roundTrip(c, request, got); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("encrypted %v: %v allocations a round trip", encrypted, allocs)
		// crypto/tls has its own, on the client's side as well.
		if most := 1.0; !encrypted && allocs > most {
			t.Errorf("%v allocations a round trip", allocs)
		}
	}
}

// BenchmarkRoundTrip compares a small request and response through a node with
// the same without one.
func BenchmarkRoundTrip(b *testing.B) {
	request, response := sampleExchange()
	for _, name := range []string{"direct", "plain", "TLS"} {
		b.Run(name, func(b *testing.B) {
			s := newServer(b, echoServer(request, response))
			cfg := credentials()
			n := startNode(b, s.Addr(), func(o *setup) { o.tls = name == "TLS" })
			var c *tdstest.Client
			var err error
			switch name {
			case "direct":
				if c, err = tdstest.Dial(s.Addr()); err == nil {
					b.Cleanup(func() { _ = c.Close() })
					err = c.Connect(cfg)
				}
			case "TLS":
				cfg.Encryption, cfg.TLS = tds.EncryptOn, n.clientTLS()
				c = n.connect(cfg)
			default:
				c = n.connect(cfg)
			}
			if err != nil {
				b.Fatal(err)
			}
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

// BenchmarkIdleSession reports what a session that waits for its client costs
// in heap and stack, its backend connection and its share of the governor
// included: all of the process, less the same number of clients without a node.
func BenchmarkIdleSession(b *testing.B) {
	const sessions = 1000
	request, response := sampleExchange()
	connect := func(addr string, cfg tdstest.ClientConfig) net.Conn {
		raw, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		c := tdstest.NewClient(raw)
		if err := c.Connect(cfg); err != nil {
			b.Fatal(err)
		}
		if err := roundTrip(c.Conn(), request, make([]byte, len(response))); err != nil {
			b.Fatal(err)
		}
		return raw // what the client has of TLS is left to the collector
	}
	grown := func(addr string, cfg tdstest.ClientConfig) (total, stacks float64) {
		conns := make([]net.Conn, sessions)
		before, stacksBefore := inUse()
		for i := range conns {
			conns[i] = connect(addr, cfg)
		}
		after, stacksAfter := inUse()
		for _, c := range conns {
			_ = c.Close()
		}
		runtime.KeepAlive(conns)
		return float64(after-before) / sessions, float64(stacksAfter-stacksBefore) / sessions
	}
	for _, encrypted := range []bool{false, true} {
		name := "plain"
		if encrypted {
			name = "TLS"
		}
		b.Run(name, func(b *testing.B) {
			var total, stacks float64
			for b.Loop() {
				s := newServer(b, echoServer(request, response))
				n := startNode(b, s.Addr(), func(o *setup) { o.tls, o.limit = encrypted, sessions })
				direct, directStacks := grown(s.Addr(), credentials())
				cfg := credentials()
				if encrypted {
					cfg.Encryption, cfg.TLS = tds.EncryptOn, n.clientTLS()
				}
				all, allStacks := grown(n.addr(), cfg)
				total, stacks = all-direct, allStacks-directStacks
				n.gone()
			}
			b.ReportMetric(total, "B/session")
			b.ReportMetric(stacks, "stackB/session")
			b.ReportMetric(0, "ns/op")
		})
	}
}
