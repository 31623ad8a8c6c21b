package sandbox

import (
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"

	"sluice/tds"
)

// tlsRecordHandshake is the first byte of TLS, with which TDS 8.0 begins.
const tlsRecordHandshake = 0x16

// handshakeBudget bounds what a client may send during the TLS handshake, in bytes.
const handshakeBudget = 64 << 10

// protection is what the PRELOGIN negotiation ends in.
type protection int

const (
	protectNothing protection = iota
	protectLogin              // the first packet of LOGIN7 only
	protectAll
	protectFails // the two sides want what cannot be combined
)

// handshake brings a new connection to its LOGIN7: TLS first or PRELOGIN first,
// encryption as negotiated.
func (c *conn) handshake() (*tds.Login7, *packetReader, error) {
	var first [1]byte
	if _, err := io.ReadFull(c.raw, first[:]); err != nil {
		return nil, nil, err
	}
	r := &packetReader{src: c.raw, packetSize: tds.DefaultPacketSize}
	c.stream = c.raw
	switch {
	case first[0] == tlsRecordHandshake && c.srv.tls.strict != nil && !c.srv.opts.NoStrict:
		below := &prefixConn{Conn: c.raw, prefix: first[:]}
		hs := tds.NewStrictHandshakeConn(below, handshakeBudget)
		if err := c.startTLS(tls.Server(hs, c.srv.tls.strict), hs); err != nil {
			return nil, nil, err
		}
		c.strict, c.encrypted, r.src = true, true, c.stream
	case first[0] == byte(tds.PacketPreLogin):
		r.buf = append(make([]byte, 0, tds.DefaultPacketSize), first[0])
	default:
		return nil, nil, fmt.Errorf("%w: connection begins with 0x%02x", errProtocol, first[0])
	}
	p, err := c.preLogin(r)
	if err != nil {
		return nil, nil, err
	}
	login, err := c.readLogin(p, r)
	if err != nil {
		return nil, nil, err
	}
	r.src, r.lookahead = c.stream, true
	return login, r, nil
}

// preLogin answers PRELOGIN.
func (c *conn) preLogin(r *packetReader) (protection, error) {
	m, err := r.message(tds.MaxPreLogin)
	if err != nil {
		return 0, err
	}
	if m.typ != tds.PacketPreLogin {
		return 0, fmt.Errorf("%w: %v where PRELOGIN was due", errProtocol, m.typ)
	}
	asked, err := tds.DecodePreLogin(m.payload)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errProtocol, err)
	}
	answer := tds.PreLogin{Version: version, Instance: []byte{0}, FromServer: true}
	answer.Set(tds.OptVersion, tds.OptEncryption, tds.OptInstance, tds.OptThreadID, tds.OptMARS)
	if asked.Has(tds.OptFedAuthRequired) {
		answer.Set(tds.OptFedAuthRequired)
	}
	if asked.Has(tds.OptNonce) {
		answer.Set(tds.OptNonce)
		answer.Nonce = make([]byte, 32)
		if _, err := rand.Read(answer.Nonce); err != nil {
			return 0, err
		}
	}
	p := protectAll
	if c.strict {
		answer.Encryption = tds.EncryptNotSupported // what it says is ignored inside TLS
	} else {
		answer.Encryption, p = negotiate(c.srv.opts.Encryption, asked.Encryption)
	}
	return p, c.send(0, answer.Append(nil))
}

// negotiate is the table of the ENCRYPTION option (MS-TDS 2.2.6.5).
func negotiate(server Encryption, client tds.Encryption) (tds.Encryption, protection) {
	client &^= tds.EncryptClientCert
	wants := client == tds.EncryptOn || client == tds.EncryptRequired
	switch {
	case server == EncryptionOff && wants:
		return tds.EncryptNotSupported, protectFails
	case server == EncryptionOff:
		return tds.EncryptNotSupported, protectNothing
	case wants:
		return tds.EncryptOn, protectAll
	case server == EncryptionRequired && client == tds.EncryptNotSupported:
		return tds.EncryptRequired, protectFails
	case server == EncryptionRequired:
		return tds.EncryptRequired, protectAll
	case client == tds.EncryptOff:
		return tds.EncryptOff, protectLogin
	}
	return tds.EncryptNotSupported, protectNothing
}

// readLogin reads LOGIN7 under the protection agreed on.
func (c *conn) readLogin(p protection, r *packetReader) (*tds.Login7, error) {
	switch {
	case c.strict || p == protectNothing:
	case p == protectFails:
		// The client knows, and says no more. If it does, that is in clear.
		return nil, fmt.Errorf("%w: no encryption that both sides accept", errProtocol)
	default:
		hs := tds.NewServerHandshakeConn(c.raw, handshakeBudget)
		var below net.Conn = hs
		if p == protectLogin {
			below = &recordConn{Conn: hs}
		}
		if err := c.startTLS(tls.Server(below, c.srv.tls.wrapped), hs); err != nil {
			return nil, err
		}
		c.encrypted = p == protectAll
		r.src = c.stream
	}
	h, first, err := r.next()
	if err != nil {
		return nil, err
	}
	if p == protectLogin {
		c.stream, r.src = c.raw, c.raw
	}
	if h.Type != tds.PacketLogin7 {
		return nil, fmt.Errorf("%w: %v where LOGIN7 was due", errProtocol, h.Type)
	}
	m, err := r.rest(h, first, tds.MaxLogin7)
	if err != nil {
		return nil, err
	}
	login, err := tds.DecodeLogin7(m.payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProtocol, err)
	}
	return &login, nil
}

// startTLS runs the handshake over hs and makes t the connection's stream.
func (c *conn) startTLS(t *tls.Conn, hs *tds.HandshakeConn) error {
	if err := t.HandshakeContext(c.srv.ctx); err != nil {
		_ = hs.Flush() // the alert that says why
		return fmt.Errorf("TLS handshake: %w", err)
	}
	if err := hs.Finish(); err != nil {
		return err
	}
	c.stream = t
	return nil
}

// prefixConn gives back bytes that were read off a connection to look at them.
type prefixConn struct {
	net.Conn
	prefix []byte
}

func (p *prefixConn) Read(b []byte) (int, error) {
	if len(p.prefix) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.prefix)
	p.prefix = p.prefix[n:]
	return n, nil
}

// recordConn keeps crypto/tls from reading past the end of a TLS record. Where
// only the login is encrypted, the bytes after its record are plain TDS.
type recordConn struct {
	net.Conn
	header [5]byte // type u8, version u16, length u16 (RFC 5246, 6.2.1)
	nhead  int
	left   int // bytes of the current record's body not yet read
}

func (r *recordConn) Read(b []byte) (int, error) {
	limit := r.left
	if limit == 0 {
		limit = len(r.header) - r.nhead
	}
	n, err := r.Conn.Read(b[:min(len(b), limit)])
	if r.left > 0 {
		r.left -= n
		return n, err
	}
	r.nhead += copy(r.header[r.nhead:], b[:n])
	if r.nhead == len(r.header) {
		r.nhead = 0
		r.left = int(r.header[3])<<8 | int(r.header[4])
	}
	return n, err
}
