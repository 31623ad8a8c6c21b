package session

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// sockets counts the connections of this process to a server's port that are
// established, by the word of the kernel.
func sockets(t *testing.T, s *tdstest.Server) int {
	t.Helper()
	file, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		t.Skip("no list of sockets here:", err)
	}
	var port int
	if _, err := fmt.Sscanf(s.Addr()[strings.LastIndex(s.Addr(), ":"):], ":%d", &port); err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(file)) {
		f := strings.Fields(line)
		if len(f) > 3 && strings.HasSuffix(f[2], fmt.Sprintf(":%04X", port)) && f[3] == "01" {
			n++
		}
	}
	return n
}

// governed serves a bucket that has so many slots, and checks at each report
// that what it counts as closed is closed.
func governed(t *testing.T, s *tdstest.Server, slots int, change func(*setup)) *node {
	t.Helper()
	n := startNode(t, s.Addr(), func(o *setup) {
		o.cleanTimeout = 20 * time.Second
		o.bucket = func(c *bucket.Config) {
			c.Governed = true
			c.Report = func(u bucket.Usage) {
				if k := sockets(t, s); u.Slots == 0 && k > u.Open {
					t.Errorf("%d sockets are open, the bucket counts %d", k, u.Open)
				}
			}
		}
		if change != nil {
			change(o)
		}
	})
	n.entitle(1, slots, false)
	return n
}

func (n *node) entitle(version uint64, slots int, force bool) {
	n.t.Helper()
	if err := n.env.Routing.Load().Buckets["b1"].Governor.Tell(bucket.Entitle{Version: version, Slots: slots, Force: force}); err != nil {
		n.t.Fatal(err)
	}
}

// forceWithin bounds how long it takes until no slot is in use, whatever
// clients and server do. It is less than a second on an idle machine, and less
// than [limits.Params.Guard] must bear; tests share theirs with others.
const forceWithin = 5 * time.Second

// force takes all slots away, and waits until none is in use.
func (n *node) force() {
	n.t.Helper()
	began := time.Now()
	n.entitle(100, 0, true)
	eventually(n.t, "all slots are free", func() bool {
		g := &n.governor.Gauges
		return g.Open.Load() == 0 && g.Slots.Load() == 0
	})
	if d := time.Since(began); d > forceWithin {
		n.t.Errorf("it took %v", d)
	}
}

func pooledLogin() tds.Login7 {
	l := credentials().Login
	l.Version = tds.V74
	return l
}

// told checks that the client reads that the slot was lost, and no more.
func told(t *testing.T, c *tdstest.Client) {
	t.Helper()
	if r, err := c.Read(); err != nil || !slices.Equal(numbers(r), []int32{50016}) {
		t.Fatalf("got %v, %v", numbers(r), err)
	}
	closed(t, c)
}

// A client that waits for an answer is told why there is none; an idle one is
// closed, and so is one that has begun to read an answer.
func TestSlotLost(t *testing.T) {
	part := tds.AppendMessage(nil, tds.PacketReply, 0, 51, 4096, make([]byte, 5000))[:4096]
	s := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, text string) error {
		switch text {
		case "slow":
			return nil
		case "part":
			_, err := c.Conn().Write(part)
			return err
		}
		return answerAll(c, m, text)
	}))
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls %t", tls), func(t *testing.T) {
			n := governed(t, s, 3, func(o *setup) { o.tls = tls })
			connect := func() *tdstest.Client {
				cfg := credentials()
				if tls {
					cfg.Encryption, cfg.TLS = tds.EncryptOn, n.clientTLS()
				}
				return n.connect(cfg)
			}
			busy, idle, reading := connect(), connect(), connect()
			query(t, idle, "SELECT n")
			startSlow(t, s, busy)
			if err := reading.Batch("part", 0); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(reading.Conn(), make([]byte, len(part))); err != nil {
				t.Fatal(err)
			}
			n.force()
			if k := sockets(t, s); k != 0 {
				t.Errorf("%d sockets are open", k)
			}
			told(t, busy)
			closed(t, idle)
			closed(t, reading)
			n.gone()
			if k := n.errors.get("slot_lost"); k != 3 || n.errors.total() != k {
				t.Errorf("counted %d times, with others %d", k, n.errors.total())
			}
			// Slots that come back serve again.
			n.entitle(101, 1, false)
			query(t, connect(), "SELECT n")
		})
	}
}

// A request too large for the sockets' buffers, of which the server reads
// nothing: the client gets to write all of it and then reads why.
func TestSlotLostMidRequest(t *testing.T) {
	stall := make(chan struct{})
	reached := make(chan struct{})
	s := newServer(t, tdstest.Script{plainBegin(), tdstest.LoginOK(), func(c *tdstest.ServerConn) error {
		_, err := io.ReadFull(c.Conn(), make([]byte, 100))
		close(reached)
		<-stall
		return hangup(err)
	}})
	defer close(stall)
	n := governed(t, s, 1, nil)
	c := n.connect(credentials())
	sent := make(chan error, 1)
	go func() { sent <- c.Send(tds.PacketSQLBatch, 0, append([]byte{4, 0, 0, 0}, make([]byte, 16<<20)...)) }()
	<-reached
	n.force()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	told(t, c)
}

// A login for which a connection is being opened is called off.
func TestSlotLostWhileDialling(t *testing.T) {
	for name, begin := range map[string]tdstest.Step{
		"prelogin": func(c *tdstest.ServerConn) error { _, err := c.Receive(); return hangup(err) },
		"login":    plainBegin(),
	} {
		for _, dedicated := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s dedicated %t", name, dedicated), func(t *testing.T) {
				reached, stall := make(chan struct{}), make(chan struct{})
				defer close(stall)
				s := newServer(t, tdstest.Script{begin, func(*tdstest.ServerConn) error {
					close(reached)
					<-stall
					return nil
				}})
				n := governed(t, s, 1, nil)
				c := n.dial()
				greet(t, c)
				answer := make(chan []int32, 1)
				go func() {
					l := pooledLogin()
					if dedicated {
						l = integrated()
					}
					r, err := c.SendLogin(l, false)
					if err != nil {
						t.Error(err)
					}
					answer <- numbers(r)
				}()
				<-reached
				n.force()
				if got := <-answer; !slices.Equal(got, []int32{50016}) {
					t.Errorf("got %v", got)
				}
				closed(t, c)
			})
		}
	}
}

// A session that opened its connection itself loses it in each phase.
func TestSlotLostWithAnOwnConnection(t *testing.T) {
	relayed := func(t *testing.T, n *node) *tdstest.Client {
		c := n.dial()
		greet(t, c)
		r, err := c.SendLogin(integrated(), false)
		if got := sspi(t, r, err); got != "challenge" {
			t.Fatalf("got %q", got)
		}
		return c
	}
	login := func(t *testing.T, c *tdstest.Client) {
		if err := c.Send(tds.PacketSSPI, 0, []byte("response")); err != nil {
			t.Fatal(err)
		}
		r, err := c.Read()
		if _, ok := r.LoginAck(); err != nil || !ok {
			t.Fatalf("got %+v, %v", r, err)
		}
	}
	serve := tdstest.Script{plainBegin(), leg("challenge"), tdstest.Expect(tds.PacketSSPI, nil), tdstest.LoginOK(), loop(interruptible(inTwo))}
	t.Run("login", func(t *testing.T) {
		s := newServer(t, tdstest.Script{plainBegin(), leg("challenge"), func(c *tdstest.ServerConn) error {
			_, err := c.Receive()
			return hangup(err)
		}})
		n := governed(t, s, 1, nil)
		c := relayed(t, n)
		n.force()
		told(t, c)
	})
	t.Run("idle", func(t *testing.T) {
		s := newServer(t, serve)
		n := governed(t, s, 1, nil)
		c := relayed(t, n)
		login(t, c)
		query(t, c, "SELECT n")
		n.force()
		closed(t, c)
	})
	t.Run("busy", func(t *testing.T) {
		s := newServer(t, serve)
		n := governed(t, s, 1, nil)
		c := relayed(t, n)
		login(t, c)
		startSlow(t, s, c)
		n.force()
		told(t, c)
	})
}

// A client that does not read what streams to it cannot hold a slot.
func TestSlotLostWithAClientThatDoesNotRead(t *testing.T) {
	row := tds.AppendMessage(nil, tds.PacketReply, 0, 51, 4096, make([]byte, 8000))[:4096]
	for _, dedicated := range []bool{false, true} {
		t.Run(fmt.Sprintf("dedicated %t", dedicated), func(t *testing.T) {
			var written atomic.Int64
			stream := func(c *tdstest.ServerConn) error {
				if _, err := c.Expect(tds.PacketSQLBatch); err != nil {
					return err
				}
				for {
					if _, err := c.Conn().Write(row); err != nil {
						return hangup(err)
					}
					written.Add(1)
				}
			}
			s := newServer(t, tdstest.Script{plainBegin(), tdstest.LoginOK(), stream})
			n := governed(t, s, 1, nil)
			l := pooledLogin()
			if dedicated {
				l = integrated()
			}
			c := n.dial()
			greet(t, c)
			if r, err := c.SendLogin(l, false); err != nil || r.Err() != nil {
				t.Fatal(r.Err(), err)
			}
			if err := c.Batch("SELECT", 0); err != nil {
				t.Fatal(err)
			}
			last, still := int64(-1), time.Now()
			eventually(t, "everybody's buffers are full", func() bool {
				if w := written.Load(); w != last {
					last, still = w, time.Now()
				}
				return last > 0 && time.Since(still) > 50*time.Millisecond
			})
			n.force()
			_ = c.Close()
			n.gone()
		})
	}
}

// Without the right to dial nothing is opened, for nobody.
func TestNoRightToDial(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), func(o *setup) {
		o.style = refusal.StyleDrivers
		o.bucket = func(c *bucket.Config) { c.Admit = func() bool { return false } }
	})
	for _, l := range []tds.Login7{pooledLogin(), integrated()} {
		c := n.dial()
		greet(t, c)
		r, err := c.SendLogin(l, false)
		if err != nil || !slices.Equal(numbers(r), []int32{40613, 50016}) {
			t.Errorf("got %v, %v", numbers(r), err)
		}
		closed(t, c)
		n.gauges(0, 0, 0)
	}
	if len(s.Received()) != 0 {
		t.Error("the server was dialled")
	}
}
