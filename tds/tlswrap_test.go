package tds_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"
	"time"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// recordConn keeps what was written to it, one entry a Write.
type recordConn struct {
	net.Conn
	writes [][]byte
}

func (c *recordConn) Write(b []byte) (int, error) {
	c.writes = append(c.writes, bytes.Clone(b))
	return c.Conn.Write(b)
}

// rwConn is a net.Conn over a reader and a writer.
type rwConn struct {
	net.Conn
	io.Reader
	io.Writer
}

func (c rwConn) Read(b []byte) (int, error)       { return c.Reader.Read(b) }
func (c rwConn) Write(b []byte) (int, error)      { return c.Writer.Write(b) }
func (c rwConn) Close() error                     { return nil }
func (c rwConn) SetWriteDeadline(time.Time) error { return nil }

// handshake runs a TLS 1.2 handshake in PRELOGIN packets and returns both ends
// with the connections below.
func handshake(t *testing.T, extraNames int) (client, server *tls.Conn, cw, sw *recordConn) {
	t.Helper()
	cert := tdstest.Certificate(t, extraNames)
	a, b := net.Pipe()
	cw, sw = &recordConn{Conn: a}, &recordConn{Conn: b}
	ch, sh := tds.NewClientHandshakeConn(cw, 64<<10), tds.NewServerHandshakeConn(sw, 64<<10)
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	client = tls.Client(ch, &tls.Config{RootCAs: roots, ServerName: "localhost", MaxVersion: tls.VersionTLS12})
	server = tls.Server(sh, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12, SessionTicketsDisabled: true})
	done := make(chan error, 1)
	go func() {
		err := server.Handshake()
		done <- errors.Join(err, sh.Finish())
	}()
	if err := errors.Join(client.Handshake(), ch.Finish()); err != nil {
		t.Fatal("client:", err)
	}
	if err := <-done; err != nil {
		t.Fatal("server:", err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return client, server, cw, sw
}

// MS-TDS 2.2.6.5, 3.2.5.2: TLS records of the handshake travel in PRELOGIN
// packets, each flight one message; afterwards TLS is on the bare connection.
func TestHandshakeConn(t *testing.T) {
	for _, tc := range []struct {
		name       string
		extraNames int
		packets    int // of the server's first flight
	}{
		{"small certificate", 0, 1},
		{"certificate over 4 KiB", 200, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, server, cw, sw := handshake(t, tc.extraNames)
			if len(cw.writes) != 2 || len(sw.writes) != 2 {
				t.Errorf("%d and %d writes, want 2 flights of each side", len(cw.writes), len(sw.writes))
			}
			if n := countPackets(t, sw.writes[0]); n < tc.packets {
				t.Errorf("server's first flight has %d packets, want at least %d", n, tc.packets)
			}
			for _, w := range append(cw.writes, sw.writes...) {
				countPackets(t, w)
			}
			cw.writes, sw.writes = nil, nil
			echoOver(t, client, server, "SELECT 1")
			echoOver(t, server, client, "rows")
			if cw.writes[0][0] != 23 || sw.writes[0][0] != 23 {
				t.Errorf("first bytes %#x and %#x after the handshake, want TLS application data", cw.writes[0][0], sw.writes[0][0])
			}
		})
	}
}

// countPackets checks that b is one message of PRELOGIN packets.
func countPackets(t *testing.T, b []byte) (n int) {
	t.Helper()
	for len(b) > 0 {
		h, err := tds.ParseHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		n++
		last := h.Length == len(b)
		if h.Type != tds.PacketPreLogin || h.EOM() != last || int(h.PacketID) != n || !last && h.Length != tds.DefaultPacketSize {
			t.Fatalf("packet %d is %+v with %d bytes left", n, h, len(b))
		}
		b = b[h.Length:]
	}
	return n
}

func echoOver(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	go func() { _, _ = io.WriteString(from, text) }()
	b := make([]byte, len(text))
	if _, err := io.ReadFull(to, b); err != nil || string(b) != text {
		t.Fatalf("got %q, %v", b, err)
	}
}

func packets(typ tds.PacketType, size int, payload string) []byte {
	return tds.AppendMessage(nil, typ, 0, 0, size, []byte(payload))
}

func TestHandshakeConnRead(t *testing.T) {
	const text = "0123456789abcdefghij"
	long := packets(tds.PacketPreLogin, 16, text) // three packets
	for _, tc := range []struct {
		name   string
		client bool
		in     []byte
		budget int
		want   string
		err    error
	}{
		{"headers are stripped", false, long, 100, text, io.EOF},
		{"a server may use type 4", true, packets(tds.PacketReply, 16, text), 100, text, io.EOF},
		{"a client may not", false, packets(tds.PacketReply, 16, text), 100, "", tds.ErrHandshakePacket},
		{"another type", true, packets(tds.PacketLogin7, 16, text), 100, "", tds.ErrHandshakePacket},
		{"empty packets cost budget", false, bytes.Repeat(tds.Header{Type: tds.PacketPreLogin, Length: 8}.Append(nil), 100), 100, "", tds.ErrHandshakeTooLong},
		{"budget ends in payload", false, long, 20, text[:8] + "", tds.ErrHandshakeTooLong},
		{"budget ends in header", false, long, 18, text[:8], tds.ErrHandshakeTooLong},
		{"cut in header", false, long[:20], 100, text[:8], io.ErrUnexpectedEOF},
		{"cut in payload", false, long[:30], 100, text[:14], io.ErrUnexpectedEOF},
		{"length below header", false, []byte{0x12, 1, 0, 7, 0, 0, 1, 0}, 100, "", tds.ErrPacketLength},
	} {
		for _, dribble := range []bool{false, true} {
			r := io.Reader(bytes.NewReader(tc.in))
			if dribble {
				r = iotest.OneByteReader(r)
			}
			c := tds.NewServerHandshakeConn(rwConn{Reader: r, Writer: io.Discard}, tc.budget)
			if tc.client {
				c = tds.NewClientHandshakeConn(rwConn{Reader: r, Writer: io.Discard}, tc.budget)
			}
			var got []byte
			var err error
			for buf := make([]byte, 7); err == nil; {
				var n int
				n, err = c.Read(buf)
				got = append(got, buf[:n]...)
			}
			if string(got) != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%s (dribble %v): got %q, %v; want %q, %v", tc.name, dribble, got, err, tc.want, tc.err)
			}
		}
	}
}

// Nothing read during the handshake may be lost or taken too far.
func TestHandshakeConnFinishMidPacket(t *testing.T) {
	in := append(packets(tds.PacketPreLogin, 64, "flight+more"), "raw bytes"...)
	r := bytes.NewReader(in)
	c := tds.NewServerHandshakeConn(rwConn{Reader: r, Writer: io.Discard}, 100)
	b := make([]byte, 6)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "flight" {
		t.Fatalf("got %q, %v", b, err)
	}
	if want := len("+moreraw bytes"); r.Len() != want {
		t.Errorf("%d bytes left below, want %d", r.Len(), want)
	}
	if err := c.Finish(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); err != nil || string(rest) != "+moreraw bytes" {
		t.Errorf("got %q, %v after Finish", rest, err)
	}
}

func TestHandshakeConnWrite(t *testing.T) {
	for _, n := range []int{1, 4087, 4088, 4089, 8176, 8177, 20000} {
		var out bytes.Buffer
		c := tds.NewServerHandshakeConn(rwConn{Writer: &out}, 0)
		payload := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
		for rest := payload; len(rest) > 0; {
			k, err := c.Write(rest[:min(len(rest), 1000)])
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[k:]
		}
		if out.Len() > 0 {
			t.Fatalf("%d bytes sent before a flush", out.Len())
		}
		if err := c.Finish(); err != nil {
			t.Fatal(err)
		}
		if want := tds.AppendMessage(nil, tds.PacketPreLogin, 0, 0, tds.DefaultPacketSize, payload); !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%d bytes: packets differ from those of AppendMessage", n)
		}
	}
}

// A failed handshake's alert must reach the peer although no Read follows.
func TestHandshakeConnCloseSendsAlert(t *testing.T) {
	var out bytes.Buffer
	c := tds.NewServerHandshakeConn(rwConn{Reader: bytes.NewReader(packets(tds.PacketPreLogin, 4096, "\x16\x03\x01\x00\x04\x01\x00\x00\x00")), Writer: &out}, 1000)
	err := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{tdstest.Certificate(t, 0)}}).Handshake()
	if err == nil {
		t.Fatal("handshake with an empty ClientHello succeeded")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if countPackets(t, out.Bytes()) != 1 || out.Bytes()[tds.HeaderSize] != 21 {
		t.Errorf("sent % x, want an alert in one packet", out.Bytes())
	}
}

func TestStrictHandshakeConnBudget(t *testing.T) {
	c := tds.NewStrictHandshakeConn(rwConn{Reader: bytes.NewReader(make([]byte, 100)), Writer: io.Discard}, 60)
	got, err := io.ReadAll(c)
	if len(got) != 60 || !errors.Is(err, tds.ErrHandshakeTooLong) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if err := c.Finish(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); len(rest) != 40 || err != nil {
		t.Errorf("read %d bytes, %v after Finish", len(rest), err)
	}
}
