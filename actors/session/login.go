package session

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"sluice/actors/actor"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
)

// handshakeBudget bounds what a client may send during its TLS handshake, in
// bytes. A ClientHello has some 2 KB; nothing else of size comes from a client
// that is not asked for a certificate.
const handshakeBudget = 16 << 10

// Accept starts a session for a client's connection, which is the session's
// from then on.
func Accept(env *Env, conn *net.TCPConn) Ref {
	p := &port{env: env, tcp: conn, born: time.Now(), since: time.Now()}
	p.client.conn = conn
	s := &Session{env: env, port: p}
	env.conns.Add(1)
	env.Metrics.Clients.Add(1)
	p.actor = actor.Spawn(env.System, "session", func() actor.Actor[Msg] { return s }, options)
	env.Ports.Add(1)
	go p.run()
	return p.actor
}

// run brings the client to its LOGIN7 and leaves the rest to others: its stack
// has grown with the TLS handshake, and what waits for requests from now on
// should have a small one.
func (p *port) run() {
	defer p.env.Ports.Done()
	defer p.recovered()
	_ = p.tcp.SetDeadline(p.born.Add(p.env.LoginTimeout))
	l, err := p.handshake()
	if err != nil {
		p.env.Metrics.Dropped(dropReason(err)).Inc()
		p.end(bucket.Unused, err)
		return
	}
	_ = p.tcp.SetDeadline(time.Time{})
	p.client.attach(p.client.conn)
	p.mu.Lock()
	p.who = identity{l.UserName, l.Database, l.AppName, l.HostName}
	p.mu.Unlock()
	if p.actor.Tell(loggedIn{l}) != nil {
		p.end(bucket.Unused, errors.New("the node is shutting down"))
		return
	}
	p.env.Ports.Add(1)
	go p.readClient()
}

// dropError is a reason to drop a client before its login, with a name for
// metrics.
type dropError struct {
	reason string
	err    error
}

func (e *dropError) Error() string { return e.reason + ": " + e.err.Error() }
func (e *dropError) Unwrap() error { return e.err }

func drop(reason string, err error) error { return &dropError{reason, err} }

func dropReason(err error) string {
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		return "login_timeout"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "hung_up"
	}
	if d := (*dropError)(nil); errors.As(err, &d) {
		return d.reason
	}
	return "network"
}

// handshake reads up to the client's LOGIN7. The first byte tells TLS of TDS
// 8.0 from the PRELOGIN of TDS 7.x.
func (p *port) handshake() (*tds.Login7, error) {
	var head [tds.HeaderSize]byte
	if _, err := io.ReadFull(p.tcp, head[:]); err != nil {
		return nil, err
	}
	var (
		conn   net.Conn = &prefixConn{Conn: p.tcp, prefix: head[:]}
		strict          = false
	)
	switch head[0] {
	case recordTypeHandshake:
		if p.env.TLS == nil || !p.env.Strict {
			return nil, drop("strict_disabled", errors.New("TDS 8.0 is not enabled here"))
		}
		budget := tds.NewStrictHandshakeConn(conn, handshakeBudget)
		sec := tls.Server(budget, p.env.TLS)
		if err := p.shake(sec); err != nil {
			return nil, drop("tls", err)
		}
		if err := budget.Finish(); err != nil {
			return nil, err
		}
		conn, strict = sec, true
	case byte(tds.PacketPreLogin):
	default:
		return nil, drop("protocol", fmt.Errorf("the first byte is 0x%02x: neither PRELOGIN nor TLS", head[0]))
	}
	conn, err := p.prelogin(conn, strict)
	if err != nil {
		return nil, err
	}
	p.client.conn = conn
	return p.readLogin(conn)
}

// recordTypeHandshake is the first byte of a TLS ClientHello.
const recordTypeHandshake = 0x16

func (p *port) prelogin(conn net.Conn, strict bool) (net.Conn, error) {
	m, err := tds.ReadMessage(conn, nil, tds.MaxPreLogin)
	if err != nil {
		return nil, named("prelogin", err)
	}
	if m.Type != tds.PacketPreLogin {
		return nil, drop("protocol", fmt.Errorf("%v instead of PRELOGIN", m.Type))
	}
	ask, err := tds.DecodePreLogin(m.Payload)
	if err != nil {
		return nil, drop("protocol", err)
	}
	answer := tds.PreLogin{Version: p.env.Product, Instance: []byte{0}, FromServer: true}
	answer.Set(tds.OptVersion, tds.OptEncryption, tds.OptInstance, tds.OptThreadID, tds.OptMARS)
	if ask.Has(tds.OptFedAuthRequired) {
		answer.Set(tds.OptFedAuthRequired) // 0: not required
	}
	agreed := true
	if strict {
		// The option has no meaning inside TLS; some clients want their own value back.
		answer.Encryption = tds.EncryptOn
		if ask.Encryption == tds.EncryptNotSupported {
			answer.Encryption = ask.Encryption
		}
	} else {
		asked := ask.Encryption
		if !ask.Has(tds.OptEncryption) {
			asked = tds.EncryptNotSupported
		}
		answer.Encryption, agreed = tds.AnswerEncryption(asked, p.env.TLS != nil, p.env.TLSRequired)
	}
	msg := tds.AppendMessage(nil, tds.PacketReply, 0, 0, tds.DefaultPacketSize, answer.Append(nil))
	if _, err := conn.Write(msg); err != nil {
		return nil, err
	}
	if !agreed && p.env.TLSRequired {
		p.refuseClear(conn)
	}
	if !agreed {
		return nil, drop("encryption", fmt.Errorf("the client asked for encryption %d, the answer was %d", ask.Encryption, answer.Encryption))
	}
	if strict {
		return conn, nil
	}
	if answer.Encryption == tds.EncryptNotSupported {
		return p.tcp, nil // the prefix has been read
	}
	shim := tds.NewServerHandshakeConn(p.tcp, handshakeBudget)
	sec := tls.Server(shim, p.env.wrappedTLS())
	if err := p.shake(sec); err != nil {
		_ = shim.Flush() // the alert that says why
		return nil, drop("tls", err)
	}
	if err := shim.Finish(); err != nil {
		return nil, err
	}
	return sec, nil
}

// maxLogin is the largest LOGIN7 payload read, in bytes: twice the largest seen
// in practice, which carry access tokens. crypto/tls holds up to 30 KiB of what
// a client has sent and the goroutine's stack has 8; with both a client that
// has not logged in must cost less than 64 KiB.
const maxLogin = 20 << 10

var loginBuffers = sync.Pool{New: func() any { return new([maxLogin]byte) }}

// refuseClear tells a client that goes on without the encryption it was told is
// required, as some do. Most hang up by themselves.
func (p *port) refuseClear(conn net.Conn) {
	_ = p.tcp.SetReadDeadline(time.Now().Add(clearLoginWithin))
	if _, err := p.readLogin(conn); err == nil {
		p.client.conn = conn
		p.tell(&refusal.Error{Cause: refusal.EncryptionRequired, Node: p.env.Node})
	}
}

// clearLoginWithin is how long a client that was told to encrypt may take to
// send its login in clear, to be told again.
const clearLoginWithin = time.Second

func (p *port) readLogin(conn net.Conn) (*tds.Login7, error) {
	var head [tds.HeaderSize]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	// Only now: a client that sends nothing holds no buffer.
	buf := loginBuffers.Get().(*[maxLogin]byte)
	defer func() {
		clear(buf[:]) // it held a password
		loginBuffers.Put(buf)
	}()
	m, err := tds.ReadMessage(&prefixConn{Conn: conn, prefix: head[:]}, buf[:0], maxLogin)
	if err != nil {
		return nil, named("login7", err)
	}
	if m.Type != tds.PacketLogin7 {
		return nil, drop("protocol", fmt.Errorf("%v instead of LOGIN7", m.Type))
	}
	l, err := tds.DecodeLogin7(m.Payload)
	if err != nil {
		return nil, drop("protocol", err)
	}
	v, err := l.Version.Normalize()
	if err != nil {
		return nil, drop("protocol", err)
	}
	p.mu.Lock()
	p.tokens, p.hello = v.Tokens(), &l
	p.mu.Unlock()
	return &l, nil
}

// named gives errors of our own making a reason; those of the network keep theirs.
func named(what string, err error) error {
	for _, own := range [...]error{tds.ErrMessageTooLong, tds.ErrPacketLength, tds.ErrMixedMessage, tds.ErrEmptyPacket, tds.ErrShort} {
		if errors.Is(err, own) {
			return drop("protocol", fmt.Errorf("%s: %w", what, err))
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// prefixConn gives back bytes that were read to look at them.
type prefixConn struct {
	net.Conn
	prefix []byte
}

func (c *prefixConn) Read(b []byte) (int, error) {
	if len(c.prefix) > 0 {
		n := copy(b, c.prefix)
		if c.prefix = c.prefix[n:]; len(c.prefix) == 0 {
			c.prefix = nil
		}
		return n, nil
	}
	return c.Conn.Read(b)
}

func (c *prefixConn) NetConn() net.Conn { return c.Conn }

// SetTLS makes the node offer encryption. The certificate and the lowest
// version are cfg's; the rest is what TDS needs.
func (e *Env) SetTLS(cfg *tls.Config) {
	strict := cfg.Clone()
	strict.DynamicRecordSizingDisabled = true
	strict.NextProtos = []string{"tds/8.0"}
	wrapped := strict.Clone()
	wrapped.NextProtos = nil
	// TLS 1.3 sends session tickets after the handshake, which no client
	// expects inside or outside of PRELOGIN packets.
	wrapped.MaxVersion = tls.VersionTLS12
	wrapped.SessionTicketsDisabled = true
	e.TLS, e.wrapped = strict, wrapped
}

func (e *Env) wrappedTLS() *tls.Config { return e.wrapped }
