package session

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// exchange is one request with its response, byte for byte.
type exchange struct {
	request, response, masked []byte
}

// message returns a message of packets of any size up to max, as no driver
// would send it: statuses, SPIDs and packet ids are arbitrary. masked is what
// a client must see of it.
func message(r *rand.Rand, typ tds.PacketType, size, max int, extra tds.Status) (b, masked []byte) {
	left := size
	for first := true; ; first = false {
		n := min(left, r.IntN(max-tds.HeaderSize+1))
		if left > 0 && n == 0 {
			n = 1
		}
		left -= n
		st := extra & tds.Status(r.IntN(256))
		if left == 0 {
			st |= tds.StatusEOM
		} else {
			st &^= tds.StatusEOM
		}
		h := tds.Header{Type: typ, Status: st, Length: tds.HeaderSize + n, SPID: uint16(r.IntN(1 << 16)), PacketID: byte(r.IntN(256)), Window: byte(r.IntN(2))}
		payload := make([]byte, n)
		for i := range payload {
			payload[i] = byte(r.Uint32())
		}
		if first && typ == tds.PacketSQLBatch && n >= 4 {
			payload[0], payload[1], payload[2], payload[3] = 4, 0, 0, 0 // an empty ALL_HEADERS
		}
		b = append(h.Append(b), payload...)
		h.Status &= tds.StatusEOM
		masked = append(h.Append(masked), payload...)
		if left == 0 {
			return b, masked
		}
	}
}

// inPieces writes b in pieces of random size, or byte by byte.
func inPieces(r *rand.Rand, w io.Writer, b []byte) error {
	dribble := len(b) < 3000 && r.IntN(3) == 0
	whole := r.IntN(3) == 0
	for len(b) > 0 {
		n := min(len(b), 1+r.IntN(9000))
		if dribble {
			n = 1
		}
		if whole {
			n = len(b)
		}
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// Whatever the sizes of packets and the pieces that they come in, both sides
// see the very bytes that the other has sent, but for the status bits that
// mean nothing to clients.
func TestRelayIsByteIdentical(t *testing.T) {
	for _, mode := range []string{"plain", "wrapped TLS", "strict"} {
		for _, size := range []int{tds.MinPacketSize, 4096, 8000, tds.MaxPacketSize} {
			t.Run(fmt.Sprint(mode, " ", size), func(t *testing.T) {
				t.Parallel()
				next := make(chan exchange)
				seed := uint64(size)
				serve := func(c *tdstest.ServerConn) error {
					r := rand.New(rand.NewPCG(seed, 2))
					for x := range next {
						got := make([]byte, len(x.request))
						if _, err := io.ReadFull(c.Conn(), got); err != nil {
							return err
						}
						if !bytes.Equal(got, x.request) {
							return fmt.Errorf("the server got another request of %d bytes", len(got))
						}
						if err := inPieces(r, c.Conn(), x.response); err != nil {
							return err
						}
					}
					return nil
				}
				s := newServer(t, tdstest.Script{plainBegin(), tdstest.LoginOK(), serve})
				defer close(next)
				n := startNode(t, s.Addr(), func(o *setup) { o.tls, o.strict = true, true })
				cfg := credentials()
				switch mode {
				case "wrapped TLS":
					cfg.Encryption, cfg.TLS = tds.EncryptOn, n.clientTLS()
				case "strict":
					cfg.Strict, cfg.TLS = true, n.clientTLS()
				}
				c := n.connect(cfg)
				r := rand.New(rand.NewPCG(seed, 1))
				for i := range 24 {
					var x exchange
					x.request, _ = message(r, tds.PacketSQLBatch, []int{0, 1, 500, 9000, 70000}[i%5], size, tds.StatusReset)
					x.response, x.masked = message(r, tds.PacketReply, []int{0, 13, 600, 40000, 120000, 3}[i%6], size, 0xFE)
					sent := make(chan error, 1)
					go func() {
						r := rand.New(rand.NewPCG(seed, uint64(i)))
						sent <- inPieces(r, c.Conn(), x.request)
					}()
					next <- x
					got := make([]byte, len(x.masked))
					if _, err := io.ReadFull(c.Conn(), got); err != nil {
						t.Fatalf("exchange %d: %v, server: %v", i, err, s.Wait(1))
					}
					if err := <-sent; err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got, x.masked) {
						t.Fatalf("exchange %d: the client got another response of %d bytes", i, len(got))
					}
				}
			})
		}
	}
}

// A client and a server that send a byte at a time, from the login on.
func TestRelayDribbling(t *testing.T) {
	s := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, _ string) error {
		slow := tdstest.NewFaultConn(c.Conn())
		slow.Dribble = true
		_, err := slow.Write(tds.AppendMessage(nil, tds.PacketReply, 0, 51, 512, tdstest.IntRows(make([]int32, 150)...)(c, m)))
		return err
	}))
	n := startNode(t, s.Addr(), nil)
	raw, err := net.Dial("tcp", n.addr())
	if err != nil {
		t.Fatal(err)
	}
	slow := tdstest.NewFaultConn(raw)
	slow.Dribble = true
	c := tdstest.NewClient(slow)
	defer func() { _ = c.Close() }()
	if err := c.Connect(credentials()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if r := query(t, c, "SELECT n"); r.Rows != 150 {
			t.Errorf("%d rows", r.Rows)
		}
	}
}

// Requests sent without waiting for answers are answered in order.
func TestPipelining(t *testing.T) {
	gate := make(chan struct{})
	s := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, text string) error {
		if text == "q0" {
			<-gate // until the node has had time to take them all
		}
		var k int32
		_, _ = fmt.Sscanf(text, "q%d", &k)
		return c.Reply(tdstest.IntRows(make([]int32, k)...)(c, m))
	}))
	n := startNode(t, s.Addr(), nil)
	c := n.connect(credentials())
	for i := range 8 {
		if err := c.Batch(fmt.Sprintf("q%d", i), 0); err != nil {
			t.Fatal(err)
		}
	}
	close(gate)
	for i := range 8 {
		r, err := c.Read()
		if err != nil || r.Rows != i {
			t.Fatalf("response %d has %d rows, %v", i, r.Rows, err)
		}
	}
	// All is answered: the connection is as good as any.
	_ = c.Close()
	n.gauges(1, 1, 0)
	if n.governor.CleanFailed.(*count).get() != 0 {
		t.Error("cleaning failed")
	}
}

// What a server says beyond its answer belongs to nobody.
func TestUnsolicitedBytesEndTheSession(t *testing.T) {
	s := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, _ string) error {
		one := tds.AppendMessage(nil, tds.PacketReply, 0, 51, 4096, tdstest.IntRows(1)(c, m))
		_, err := c.Conn().Write(append(one, one...))
		return err
	}))
	n := startNode(t, s.Addr(), nil)
	c := n.connect(credentials())
	query(t, c, "SELECT n")
	closed(t, c)
	n.gauges(0, 0, 0)
}

func TestMixedMessageBreaksTheBackend(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), nil)
	c := n.connect(credentials())
	b := tds.Header{Type: tds.PacketSQLBatch, Length: 12}.Append(nil)
	b = append(b, 4, 0, 0, 0)
	b = tds.Header{Type: tds.PacketRPC, Status: tds.StatusEOM, Length: 8}.Append(b)
	if _, err := c.Conn().Write(b); err != nil {
		t.Fatal(err)
	}
	closed(t, c)
	n.gauges(0, 0, 0)
	if k := len(received(s, tds.PacketSQLBatch)); k != 0 {
		t.Errorf("%d batches reached the server", k)
	}
}

func TestPacketsThatMakeNoSense(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), nil)
	for _, typ := range []tds.PacketType{tds.PacketLogin7, tds.PacketPreLogin, tds.PacketSSPI, tds.PacketReply, 0x53} {
		c := n.connect(credentials())
		if err := c.Send(typ, 0, []byte{1}); err != nil {
			t.Fatal(err)
		}
		r, err := c.Read()
		if err != nil || len(r.Errors()) != 1 || r.Errors()[0].Number != 50015 {
			t.Errorf("%v: got %v, %v", typ, r.Errors(), err)
		}
		closed(t, c)
		n.gauges(1, 1, 0) // nothing was sent on it
	}
	if k := len(received(s, tds.PacketSQLBatch)); k != 0 {
		t.Errorf("%d batches at the server", k)
	}
}

// A request that comes in pieces slower than a client is watched after, many
// times in a row, so that watching begins and ends at odd moments.
func TestManySlowRequests(t *testing.T) {
	s := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, text string) error {
		timer := time.NewTimer(watchAfter - 500*time.Microsecond + time.Duration(len(text)%10)*100*time.Microsecond)
		defer timer.Stop()
		<-timer.C
		return c.Reply(tdstest.IntRows(make([]int32, len(text))...)(c, m))
	}))
	n := startNode(t, s.Addr(), func(o *setup) { o.limit = 8 })
	done := make(chan error)
	for range 8 {
		go func() {
			c := n.dial()
			if err := c.Connect(credentials()); err != nil {
				done <- err
				return
			}
			for i := range 60 {
				text := string(bytes.Repeat([]byte{'x'}, i%40))
				r, err := c.Query(text)
				if err == nil && r.Rows != len(text) {
					err = fmt.Errorf("%d rows instead of %d", r.Rows, len(text))
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
