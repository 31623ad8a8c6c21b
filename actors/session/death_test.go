package session

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// reset closes a TCP connection so that its peer gets an RST.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

var endings = map[string]func(net.Conn){
	"FIN": func(c net.Conn) { _ = c.Close() },
	"RST": reset,
}

// The client leaves during a request: the server is told to stop, the
// connection is cleaned and serves the next client.
func TestClientVanishesWhileRunning(t *testing.T) {
	for name, leave := range endings {
		for how, end := range map[string]func(*tdstest.ServerConn) error{"two messages": inTwo, "merged": reply(tds.DoneError | tds.DoneAttention)} {
			t.Run(name+" "+how, func(t *testing.T) {
				s := newServer(t, sqlServer(interruptible(end)))
				n := startNode(t, s.Addr(), nil)
				c := n.connect(credentials())
				startSlow(t, s, c)
				leave(c.Conn())
				s.WaitReceived(tds.PacketAttention, 1)
				n.gauges(1, 1, 0)
				query(t, n.connect(credentials()), "next")
				if k := len(received(s, tds.PacketLogin7)); k != 1 {
					t.Errorf("%d backend logins", k)
				}
			})
		}
	}
}

// The client leaves while a response streams that it does not read: its
// writer is blocked, and has to be freed.
func TestClientVanishesWhileItsResponseStreams(t *testing.T) {
	for name, leave := range endings {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			s := newServer(t, tdstest.Script{plainBegin(), tdstest.LoginOK(), func(c *tdstest.ServerConn) error {
				if _, err := c.Expect(tds.PacketSQLBatch); err != nil {
					return err
				}
				go func() {
					if m, err := c.Receive(); err == nil && m.Type == tds.PacketAttention {
						close(stop)
					}
				}()
				row := tds.Header{Type: tds.PacketReply, Length: 4096}.Append(nil)
				row = append(row, make([]byte, 4096-8)...)
				for {
					select {
					case <-stop:
						if err := inTwo(c); err != nil {
							return err
						}
						return loop(answerAll)(c)
					default:
						if _, err := c.Conn().Write(row); err != nil {
							return hangup(err)
						}
					}
				}
			}})
			n := startNode(t, s.Addr(), nil)
			c := n.connect(credentials())
			if err := c.Batch("SELECT", 0); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c.Conn(), make([]byte, 4096)); err != nil {
				t.Fatal(err)
			}
			if name == "FIN" {
				// Its receive buffer stays full: nothing else frees the writer.
				_ = c.Conn().(*net.TCPConn).CloseWrite()
			} else {
				leave(c.Conn())
			}
			<-stop
			n.gauges(1, 1, 0)
		})
	}
}

func TestClientVanishesBetweenRequests(t *testing.T) {
	for name, leave := range endings {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, sqlServer(answerAll))
			n := startNode(t, s.Addr(), nil)
			c := n.connect(credentials())
			query(t, c, "SELECT n")
			leave(c.Conn())
			n.gauges(1, 1, 0)
			if k := len(received(s, tds.PacketAttention)); k != 0 {
				t.Errorf("%d attentions", k)
			}
		})
	}
}

// Half a request has reached the server: nothing but closing helps.
func TestClientVanishesMidRequest(t *testing.T) {
	for name, leave := range endings {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, sqlServer(answerAll))
			n := startNode(t, s.Addr(), nil)
			c := n.connect(credentials())
			half := append(tds.Header{Type: tds.PacketSQLBatch, Length: 12}.Append(nil), 4, 0, 0, 0)
			if _, err := c.Conn().Write(half); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the half is on its way", func() bool {
				return n.env.Routing.Load().Buckets["b1"].Metrics.ClientPackets[tds.PacketSQLBatch].(*count).get() == 1
			})
			leave(c.Conn())
			n.gauges(0, 0, 0)
			eventually(t, "the server's connection ends", func() bool { return s.Open() == 0 })
			if len(received(s, tds.PacketSQLBatch)) != 0 {
				t.Error("the server got a whole request")
			}
		})
	}
}

// A part of a packet has not reached the server: the connection is as good as
// it was.
func TestClientVanishesMidHeader(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), nil)
	c := n.connect(credentials())
	if _, err := c.Conn().Write([]byte{1, 1, 0}); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	n.gauges(1, 1, 0)
}

// The server dies: the client reads why if it has seen nothing of a response
// yet, and is cut off if it has.
func TestBackendDies(t *testing.T) {
	part := tds.AppendMessage(nil, tds.PacketReply, 0, 51, 4096, make([]byte, 5000))[:4096] // a first packet
	for _, tc := range []struct {
		name  string
		first []byte
		told  bool
	}{
		{"before the response", nil, true},
		{"within a packet header", []byte{4, 1, 0}, true},
		{"within the first packet", part[:100], true},
		{"after the first packet", part, false},
		{"with garbage", []byte("HTTP/1.1 400 Bad Request\r\n"), true},
	} {
		for name, end := range endings {
			t.Run(tc.name+" "+name, func(t *testing.T) {
				read := make(chan struct{})
				s := newServer(t, sqlServer(func(c *tdstest.ServerConn, _ tds.Message, _ string) error {
					if _, err := c.Conn().Write(tc.first); err != nil {
						return err
					}
					if !tc.told {
						<-read // an RST would take it back
					}
					end(c.Conn())
					return io.EOF
				}))
				n := startNode(t, s.Addr(), nil)
				c := n.connect(credentials())
				if err := c.Batch("SELECT", 0); err != nil {
					t.Fatal(err)
				}
				if !tc.told {
					if _, err := io.ReadFull(c.Conn(), make([]byte, len(tc.first))); err != nil {
						t.Fatal(err)
					}
					close(read)
				} else if r, err := c.Read(); err != nil || !slices.Equal(numbers(r), []int32{50007}) {
					t.Fatalf("got %v, %v", numbers(r), err)
				}
				closed(t, c)
				n.gauges(0, 0, 0)
				n.gone()
				if n.errors.get("backend_lost") != 1 {
					t.Errorf("counted %d times", n.errors.get("backend_lost"))
				}
			})
		}
	}
}

// A client whose server has gone while both were idle must learn it before its
// driver's pool gives the connection to somebody.
func TestBackendDiesWhileIdle(t *testing.T) {
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			die := make(chan struct{})
			s := newServer(t, tdstest.Script{plainBegin(), tdstest.LoginOK(), tdstest.Expect(tds.PacketSQLBatch, tdstest.DoneAnswer), tdstest.WaitFor(die), func(c *tdstest.ServerConn) error {
				end(c.Conn())
				return io.EOF
			}})
			n := startNode(t, s.Addr(), nil)
			c := n.connect(credentials())
			query(t, c, "SELECT n")
			close(die)
			closed(t, c)
			n.gauges(0, 0, 0)
			if n.errors.get("backend_lost") != 1 {
				t.Errorf("counted %d times", n.errors.get("backend_lost"))
			}
		})
	}
}

// The server closed while a warm connection waited: the next login gets
// another one and notices nothing.
func TestBackendDiesInThePool(t *testing.T) {
	die, dead := make(chan struct{}), make(chan struct{})
	s := newServer(t, tdstest.Script{plainBegin(), tdstest.LoginOK(), tdstest.WaitFor(die), func(c *tdstest.ServerConn) error {
		defer close(dead)
		return c.Conn().Close()
	}}, sqlServer(answerAll))
	n := startNode(t, s.Addr(), nil)
	_ = n.connect(credentials()).Close()
	n.gauges(1, 1, 0)
	close(die)
	<-dead
	query(t, n.connect(credentials()), "SELECT n")
	n.gauges(1, 0, 1)
}

// A request too large for the sockets' buffers, and a server that dies without
// reading it: the client gets to write all of it and then reads why.
func TestBackendDiesMidRequest(t *testing.T) {
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, tdstest.Script{plainBegin(), tdstest.LoginOK(), func(c *tdstest.ServerConn) error {
				if _, err := io.ReadFull(c.Conn(), make([]byte, 100)); err != nil {
					return err
				}
				end(c.Conn())
				return io.EOF
			}})
			n := startNode(t, s.Addr(), nil)
			c := n.connect(credentials())
			body := append([]byte{4, 0, 0, 0}, make([]byte, 8<<20)...)
			if err := c.Send(tds.PacketSQLBatch, 0, body); err != nil {
				t.Fatal(err)
			}
			r, err := c.Read()
			if err != nil || !slices.Equal(numbers(r), []int32{50007}) {
				t.Fatalf("got %v, %v", numbers(r), err)
			}
			closed(t, c)
			n.gauges(0, 0, 0)
		})
	}
}

// A server that does not react to the attention for a client that is gone is
// given up, and its slot freed.
func TestStalledDrain(t *testing.T) {
	s := newServer(t, sqlServer(interruptible(func(*tdstest.ServerConn) error { return nil })))
	n := startNode(t, s.Addr(), func(o *setup) { o.cleanTimeout, o.limit = 50*time.Millisecond, 1 })
	c := n.connect(credentials())
	startSlow(t, s, c)
	_ = c.Close()
	s.WaitReceived(tds.PacketAttention, 1)
	n.gauges(0, 0, 0)
	query(t, n.connect(credentials()), "next")
	n.gauges(1, 0, 1)
}

// The server dies after the client has.
func TestBackendDiesDuringDrain(t *testing.T) {
	s := newServer(t, sqlServer(interruptible(func(c *tdstest.ServerConn) error { return c.Conn().Close() })))
	n := startNode(t, s.Addr(), nil)
	c := n.connect(credentials())
	startSlow(t, s, c)
	_ = c.Close()
	n.gauges(0, 0, 0)
}
