package session

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// inUse is the memory that is reachable, and that of stacks, in bytes.
func inUse() (total, stacks int64) {
	runtime.GC()
	runtime.GC() // pools keep what they hold over one collection
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse), int64(m.StackInuse)
}

// unread is how many bytes the connections of a listening port have received
// and nobody has read.
func unread(t testing.TB, port int) int {
	t.Helper()
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		t.Skip("needs /proc/net/tcp to see that all clients are parked")
	}
	defer f.Close()
	local := fmt.Sprintf(":%04X", port)
	sum := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 || !strings.HasSuffix(fields[1], local) || fields[3] != "01" {
			continue
		}
		_, rx, _ := strings.Cut(fields[4], ":")
		n, err := strconv.ParseInt(rx, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += int(n)
	}
	return sum
}

// parked tells whether the node has read all that clients have sent.
func (n *node) parked() bool { return unread(n.t, n.listener.Addr().(*net.TCPAddr).Port) == 0 }

// A client that has not logged in costs less than 64 KiB, at whatever point it
// stops, all of a goroutine's stack included.
func TestMemoryOfClientsBeforeLogin(t *testing.T) {
	const (
		clients = 200
		most    = 64 << 10
	)
	plainHello, tlsHello := preLogin(tds.EncryptNotSupported), preLogin(tds.EncryptOn)
	l := credentials().Login
	l.Version = tds.V74
	l.Features = []tds.Feature{{ID: tds.FeatureFedAuth, Data: make([]byte, maxLogin-512)}}
	large := tds.AppendMessage(nil, tds.PacketLogin7, 0, 0, tds.MaxPacketSize, l.Append(nil))
	if len(large) > maxLogin {
		t.Fatalf("a LOGIN7 of %d bytes", len(large))
	}
	large = large[:len(large)-1]
	type step func(n *node, c net.Conn) error
	write := func(b []byte) step {
		return func(_ *node, c net.Conn) error {
			_, err := c.Write(b)
			return err
		}
	}
	read := func(_ *node, c net.Conn) error {
		_, err := tds.ReadMessage(c, nil, 4096)
		return err
	}
	// handshake leaves nothing of the client's TLS behind but its socket.
	handshake := func(then []byte) step {
		return func(n *node, raw net.Conn) error {
			c := tdstest.NewClient(raw)
			p := tds.PreLogin{Encryption: tds.EncryptOn}
			p.Set(tds.OptVersion, tds.OptEncryption)
			if _, err := c.PreLogin(p); err != nil {
				return err
			}
			if err := c.StartTLS(n.clientTLS()); err != nil {
				return err
			}
			if len(then) == 0 {
				return nil
			}
			_, err := c.Conn().Write(then)
			return err
		}
	}
	for _, tc := range []struct {
		name  string
		steps []step
	}{
		{"nothing sent", nil},
		{"half a header", []step{write(plainHello[:5])}},
		{"half a PRELOGIN", []step{write(plainHello[:15])}},
		{"PRELOGIN answered", []step{write(plainHello), read}},
		{"the largest LOGIN7 but for a byte", []step{write(plainHello), read, write(large)}},
		{"a wrapped ClientHello of 16 KB but for a byte", []step{write(tlsHello), read, write(wrapped(helloOf(15900, 15900)))}},
		{"a strict ClientHello of 16 KB but for a byte", []step{write(helloOf(16000, 16000))}},
		{"wrapped TLS, no LOGIN7", []step{handshake(nil)}},
		{"wrapped TLS, the largest LOGIN7 but for a byte", []step{handshake(large)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := startNode(t, "127.0.0.1:1", func(o *setup) { o.tls, o.strict = true, true })
			conns := make([]net.Conn, clients)
			defer func() {
				for _, c := range conns {
					if c != nil {
						_ = c.Close()
					}
				}
				n.gone()
			}()
			before, stacksBefore := inUse()
			for i := range conns {
				c, err := net.Dial("tcp", n.addr())
				if err != nil {
					t.Fatal(err)
				}
				conns[i] = c
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				for _, do := range tc.steps {
					if err := do(n, c); err != nil {
						t.Fatal(err)
					}
				}
			}
			eventually(t, "all clients are parked", func() bool { return n.env.Connections() == clients && n.parked() })
			after, stacks := inUse()
			each := (after - before) / clients
			t.Logf("%.1f KiB a client, %.1f of it stack", float64(each)/1024, float64(stacks-stacksBefore)/clients/1024)
			if each > most {
				t.Errorf("%d bytes a client", each)
			}
			if n.env.Connections() != clients {
				t.Error("clients were dropped")
			}
		})
	}
}
