package backend

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/tds/tdstest"
)

// tcpPair returns both ends of a loopback connection.
func tcpPair(t *testing.T) (ours, theirs *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// eventually polls cond, which waits for the kernel, without giving way to a
// fixed sleep.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("%s: did not happen", what)
		}
	}
}

func TestAlive(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(theirs *net.TCPConn)
		want bool
	}{
		{"open", func(*net.TCPConn) {}, true},
		{"closed by the peer", func(c *net.TCPConn) { c.Close() }, false},
		{"reset by the peer", func(c *net.TCPConn) { _ = c.SetLinger(0); c.Close() }, false},
		{"unsolicited bytes", func(c *net.TCPConn) { _, _ = c.Write([]byte("x")) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ours, theirs := tcpPair(t)
			c := &Conn{Net: ours, tcp: ours}
			if !c.Alive() {
				t.Fatal("dead from the start")
			}
			tc.do(theirs)
			eventually(t, tc.name, func() bool { return c.Alive() == tc.want })
		})
	}
	t.Run("closed here", func(t *testing.T) {
		ours, _ := tcpPair(t)
		c := &Conn{Net: ours, tcp: ours}
		c.Abort()
		if c.Alive() {
			t.Error("alive")
		}
	})
	t.Run("looking takes nothing away", func(t *testing.T) {
		ours, theirs := tcpPair(t)
		c := &Conn{Net: ours, tcp: ours}
		_, _ = theirs.Write([]byte("ab"))
		eventually(t, "bytes", func() bool { return !c.Alive() })
		theirs.Close()
		if got, err := io.ReadAll(ours); string(got) != "ab" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

// Close must not return before the server has closed its side: only then is
// its session gone and the slot free.
func TestCloseWaitsForTheServer(t *testing.T) {
	ours, theirs := tcpPair(t)
	c := &Conn{Net: ours, tcp: ours}
	closed := make(chan struct{})
	go func() { c.Close(); close(closed) }()
	if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("the server saw %v", err)
	}
	select {
	case <-closed:
		t.Fatal("closed before the server did")
	default:
	}
	_, _ = theirs.Write([]byte("last words"))
	theirs.Close()
	<-closed
}

func TestCloseWaitsAtMostASecond(t *testing.T) {
	ours, _ := tcpPair(t)
	start := time.Now()
	(&Conn{Net: ours, tcp: ours}).Close()
	if took := time.Since(start); took < closeLinger/2 || took > 5*closeLinger {
		t.Errorf("took %v", took)
	}
}

// Abort waits for nobody: not for the server, nor for a writer that the server
// keeps waiting, though TLS would like to say goodbye behind it.
func TestAbort(t *testing.T) {
	certificate := tdstest.Certificate(t, 0)
	for _, name := range []string{"plain", "TLS"} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := tcpPair(t)
			c := &Conn{Net: ours, tcp: ours}
			if name == "TLS" {
				c.Net = tls.Client(ours, &tls.Config{InsecureSkipVerify: true})
				server := tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{certificate}})
				shaken := make(chan error, 1)
				go func() { shaken <- server.Handshake() }()
				if err := c.Net.(*tls.Conn).Handshake(); err != nil {
					t.Fatal(err)
				}
				if err := <-shaken; err != nil {
					t.Fatal(err)
				}
			}
			var wrote atomic.Int64
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					n, err := c.Net.Write(make([]byte, 16<<10))
					if err != nil {
						return
					}
					wrote.Add(int64(n))
				}
			}()
			last, still := int64(-1), time.Now()
			eventually(t, "the writer is stuck", func() bool {
				if w := wrote.Load(); w != last {
					last, still = w, time.Now()
				}
				return last > 0 && time.Since(still) > 50*time.Millisecond
			})
			start := time.Now()
			c.Abort()
			if took := time.Since(start); took > closeLinger/2 {
				t.Errorf("took %v", took)
			}
			<-ended
			if _, err := io.Copy(io.Discard, theirs); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the server saw %v, want a reset", err)
			}
		})
	}
}

func TestCloseOverAPipe(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	c := &Conn{Net: a}
	if !c.Alive() {
		t.Error("dead")
	}
	c.Close()
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}
