package session

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"sluice/tds"
)

// preLogin is the bytes of a PRELOGIN packet.
func preLogin(e tds.Encryption) []byte {
	p := tds.PreLogin{Encryption: e}
	p.Set(tds.OptVersion, tds.OptEncryption)
	return tds.AppendMessage(nil, tds.PacketPreLogin, 0, 0, 4096, p.Append(nil))
}

// login7 is the bytes of a LOGIN7 message, its payload changed by change.
func login7(change func([]byte)) []byte {
	l := credentials().Login
	l.Version = tds.V74
	b := l.Append(nil)
	change(b)
	return tds.AppendMessage(nil, tds.PacketLogin7, 0, 0, 4096, b)
}

// helloOf is the first bytes of a TLS handshake message that claims to be of
// size bytes, in records.
func helloOf(size, have int) []byte {
	body := make([]byte, have)
	body[0] = 1 // ClientHello
	body[1], body[2], body[3] = byte(size>>16), byte(size>>8), byte(size)
	var b []byte
	for len(body) > 0 {
		n := min(len(body), 16<<10)
		b = append(b, recordTypeHandshake, 3, 1, byte(n>>8), byte(n))
		b = append(b, body[:n]...)
		body = body[n:]
	}
	return b
}

func wrapped(b []byte) []byte { return tds.AppendMessage(nil, tds.PacketPreLogin, 0, 0, 4096, b) }

func TestHostileClients(t *testing.T) {
	const answered = true // the client reads an answer to its PRELOGIN before it goes on
	plainHello := preLogin(tds.EncryptNotSupported)
	tlsHello := preLogin(tds.EncryptOn)
	outside := bytes.Clone(plainHello)
	outside[8+1] = 0xF0 // VERSION's offset
	long := append(tds.Header{Type: tds.PacketPreLogin, Length: 5000}.Append(nil), make([]byte, 4992)...)
	endless := append(tds.Header{Type: tds.PacketLogin7, Length: 30000}.Append(nil), make([]byte, 29992)...)
	for _, tc := range []struct {
		name   string
		first  []byte
		answer bool
		then   []byte
		hangUp bool
		strict bool
		reason string
	}{
		{"nothing", nil, false, nil, false, true, "login_timeout"},
		{"half a header", []byte{0x12, 1, 0}, false, nil, false, true, "login_timeout"},
		{"half a PRELOGIN", plainHello[:12], false, nil, false, true, "login_timeout"},
		{"hangs up at once", nil, false, nil, true, true, "hung_up"},
		{"hangs up in its PRELOGIN", plainHello[:12], false, nil, true, true, "hung_up"},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), false, nil, false, true, "protocol"},
		{"starts with a batch", tds.AppendMessage(nil, tds.PacketSQLBatch, 0, 0, 4096, []byte("x")), false, nil, false, true, "protocol"},
		{"packet length 0", []byte{0x12, 1, 0, 0, 0, 0, 0, 0}, false, nil, false, true, "protocol"},
		{"packet length 65535", []byte{0x12, 1, 255, 255, 0, 0, 0, 0}, false, nil, false, true, "protocol"},
		{"PRELOGIN of more than a packet", long, false, nil, false, true, "protocol"},
		{"PRELOGIN offset outside", outside, false, nil, false, true, "protocol"},
		{"PRELOGIN of empty packets", bytes.Repeat([]byte{0x12, 0, 0, 8, 0, 0, 0, 0}, 10), false, nil, false, true, "protocol"},
		{"no LOGIN7", plainHello, answered, nil, false, true, "login_timeout"},
		{"half a LOGIN7", plainHello, answered, login7(func([]byte) {})[:50], false, true, "login_timeout"},
		{"hangs up in its LOGIN7", plainHello, answered, login7(func([]byte) {})[:50], true, true, "hung_up"},
		{"LOGIN7 of 4 GB", plainHello, answered, login7(func(b []byte) { binary.LittleEndian.PutUint32(b, 0xFFFFFFFF) }), false, true, "protocol"},
		{"LOGIN7 without end", plainHello, answered, append(endless, endless...), false, true, "protocol"},
		{"LOGIN7 user outside", plainHello, answered, login7(func(b []byte) { binary.LittleEndian.PutUint16(b[40:], 0xFFF0) }), false, true, "protocol"},
		{"LOGIN7 for TDS 7.0", plainHello, answered, login7(func(b []byte) { binary.LittleEndian.PutUint32(b[4:], uint32(tds.V70)) }), false, true, "protocol"},
		{"a batch instead of LOGIN7", plainHello, answered, tds.AppendMessage(nil, tds.PacketSQLBatch, 0, 0, 4096, []byte("x")), false, true, "protocol"},
		{"garbage for wrapped TLS", tlsHello, answered, wrapped([]byte("this is no TLS record")), false, true, "tls"},
		{"no packets for wrapped TLS", tlsHello, answered, []byte("this is no TDS packet"), false, true, "tls"},
		{"wrapped ClientHello above the budget", tlsHello, answered, wrapped(helloOf(60000, 40000)), false, true, "tls"},
		{"half a wrapped ClientHello", tlsHello, answered, wrapped(helloOf(16000, 10000)), false, true, "login_timeout"},
		{"garbage for strict TLS", append([]byte{recordTypeHandshake}, []byte("this is no TLS record")...), false, nil, false, true, "tls"},
		{"strict ClientHello above the budget", helloOf(60000, 40000), false, nil, false, true, "tls"},
		{"half a strict ClientHello", helloOf(16000, 10000), false, nil, false, true, "login_timeout"},
		{"strict where it is off", helloOf(1000, 1000), false, nil, false, false, "strict_disabled"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t, "127.0.0.1:1", func(o *setup) {
				o.tls, o.strict = true, tc.strict
				if tc.reason == "login_timeout" {
					o.loginTimeout = 60 * time.Millisecond
				}
			})
			c := n.dial().Conn()
			// The node may have hung up before all is written.
			_, _ = c.Write(tc.first)
			if tc.answer {
				if _, err := tds.ReadMessage(c, nil, 4096); err != nil {
					t.Fatal(err)
				}
				_, _ = c.Write(tc.then)
			}
			if tc.hangUp {
				_ = c.Close()
			} else {
				_, _ = io.Copy(io.Discard, c) // until the node closes
			}
			eventually(t, "dropped", func() bool { return n.dropped.total() == 1 })
			n.gone()
			if n.dropped.get(tc.reason) != 1 {
				t.Errorf("not dropped as %s but as %v", tc.reason, n.dropped.names())
			}
		})
	}
}

// One byte at a time does not hold the login's deadline off.
func TestSlowClientIsDropped(t *testing.T) {
	n := startNode(t, "127.0.0.1:1", func(o *setup) { o.loginTimeout = 150 * time.Millisecond })
	c := n.dial().Conn()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, b := range append(preLogin(tds.EncryptNotSupported), make([]byte, 10000)...) {
		<-tick.C
		if _, err := c.Write([]byte{b}); err != nil {
			break
		}
	}
	n.gone()
	if n.dropped.get("login_timeout") != 1 {
		t.Error("not dropped for its login's time-out")
	}
}

// The deadline of the login is not that of the session.
func TestLoginTimeoutEndsWithTheLogin(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), func(o *setup) { o.loginTimeout = 300 * time.Millisecond })
	c := n.connect(credentials())
	silent := n.dial()
	closed(t, silent) // which takes as long as the time-out
	query(t, c, "SELECT n")
}

// A client that breaks TLS after its login ends its own session only.
func TestGarbageInsideTLS(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), func(o *setup) { o.tls = true })
	cfg := credentials()
	cfg.Encryption, cfg.TLS = tds.EncryptOn, n.clientTLS()
	c := n.connect(cfg)
	query(t, c, "SELECT n")
	var below net.Conn = c.Conn().(*tls.Conn).NetConn()
	if h, ok := below.(interface{ NetConn() net.Conn }); ok {
		below = h.NetConn()
	}
	if _, err := below.Write([]byte("this is no TLS record, and long enough to be seen as none")); err != nil {
		t.Fatal(err)
	}
	n.gauges(1, 1, 0)
	n.gone()
}
