package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"sluice/tds"
)

// Stage says how far an attempt to open a connection came.
type Stage string

// Stages of opening a connection.
const (
	StageConnect  Stage = "connect"
	StagePreLogin Stage = "prelogin"
	StageTLS      Stage = "tls"
	StageLogin    Stage = "login"
)

// DialError is a failure to reach a server or to make it listen. A server that
// listened and said no is a *LoginError.
type DialError struct {
	Stage   Stage
	Address string
	Err     error
}

func (e *DialError) Error() string { return fmt.Sprintf("%s to %s: %v", e.Stage, e.Address, e.Err) }
func (e *DialError) Unwrap() error { return e.Err }

// Wire is a connection on which a login can be sent.
type Wire struct {
	Net      net.Conn // what to read and write next
	Address  string
	tcp      *net.TCPConn
	plain    net.Conn     // where TLS ends after the login, nil if it does not
	PreLogin tds.PreLogin // the server's answer
}

// maxLoginResponse bounds a login response in bytes.
const maxLoginResponse = 64 << 10

// maxRedirects bounds how many routing redirects one login follows.
const maxRedirects = 5

// Open connects to address as t says, up to where a LOGIN7 can be sent. With
// fedAuth the server is told that the client can do federated authentication.
func Open(ctx context.Context, t *Target, address string, fedAuth bool) (*Wire, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: t.KeepAlive > 0, Idle: t.KeepAlive, Interval: time.Second, Count: 10}}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, &DialError{StageConnect, address, becauseOf(ctx, err)}
	}
	w := &Wire{Net: c, Address: address, tcp: c.(*net.TCPConn)}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	stage, err := w.negotiate(t, fedAuth)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if wasCut(ctx) {
			w.Abort()
		}
		_ = c.Close()
		return nil, &DialError{stage, address, becauseOf(ctx, err)}
	}
	return w, nil
}

func (w *Wire) negotiate(t *Target, fedAuth bool) (Stage, error) {
	ask := tds.EncryptNotSupported
	switch t.Encryption {
	case EncryptStrict:
		cfg := t.tlsConfig(w.Address)
		cfg.NextProtos = []string{"tds/8.0"}
		sec := tls.Client(w.Net, cfg)
		if err := sec.Handshake(); err != nil {
			return StageTLS, err
		}
		w.Net = sec
	case EncryptFull:
		ask = tds.EncryptOn
	case EncryptLogin:
		ask = tds.EncryptOff
	}
	p := tds.PreLogin{Version: tds.ProductVersion{Major: 16}, Encryption: ask, Instance: []byte{0}}
	p.Set(tds.OptVersion, tds.OptEncryption, tds.OptInstance, tds.OptThreadID, tds.OptMARS)
	if fedAuth {
		p.FedAuthRequired = 1
		p.Set(tds.OptFedAuthRequired)
	}
	msg := tds.AppendMessage(nil, tds.PacketPreLogin, 0, 0, tds.DefaultPacketSize, p.Append(nil))
	if _, err := w.Net.Write(msg); err != nil {
		return StagePreLogin, err
	}
	m, err := tds.ReadMessage(w.Net, nil, tds.MaxPreLogin)
	if err != nil {
		return StagePreLogin, err
	}
	if m.Type != tds.PacketReply && m.Type != tds.PacketPreLogin {
		return StagePreLogin, fmt.Errorf("the peer answered with a %v packet: is this a SQL Server?", m.Type)
	}
	if w.PreLogin, err = tds.DecodePreLogin(m.Payload); err != nil {
		return StagePreLogin, err
	}
	if t.Encryption == EncryptStrict {
		return StageTLS, nil
	}
	return w.encrypt(t, ask)
}

// encrypt does what the ENCRYPTION options of both sides add up to
// (MS-TDS 2.2.6.5).
func (w *Wire) encrypt(t *Target, ask tds.Encryption) (Stage, error) {
	got := w.PreLogin.Encryption
	full := got == tds.EncryptOn || got == tds.EncryptRequired
	switch {
	case ask == tds.EncryptNotSupported && full:
		return StagePreLogin, errors.New("the server requires encryption and backend_tls is off")
	case ask == tds.EncryptOn && !full:
		return StagePreLogin, errors.New("the server does not offer the encryption that backend_tls requires")
	case got == tds.EncryptNotSupported, ask == tds.EncryptNotSupported:
		return StageTLS, nil
	}
	cfg := t.tlsConfig(w.Address)
	cfg.MaxVersion = tls.VersionTLS12
	shim := tds.NewClientHandshakeConn(w.Net, serverHandshakeBudget)
	sec := tls.Client(shim, cfg)
	if err := sec.Handshake(); err != nil {
		return StageTLS, err
	}
	if err := shim.Finish(); err != nil {
		return StageTLS, err
	}
	if !full {
		w.plain = w.Net
	}
	w.Net = sec
	return StageTLS, nil
}

// serverHandshakeBudget bounds the bytes of a server's TLS handshake, most of
// which are its certificate chain.
const serverHandshakeBudget = 256 << 10

func (t *Target) tlsConfig(address string) *tls.Config {
	cfg := &tls.Config{}
	if t.TLS != nil {
		cfg = t.TLS.Clone()
	}
	// SQL Server expects TLS records to hold whole packets.
	cfg.DynamicRecordSizingDisabled = true
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(address)
	}
	return cfg
}

// SendLogin sends a LOGIN7. Where only the login is encrypted, that is its
// first packet alone; what follows, in both directions, is in clear.
func (w *Wire) SendLogin(l *tds.Login7) error {
	msg := tds.AppendMessage(nil, tds.PacketLogin7, 0, 0, tds.DefaultPacketSize, l.Append(nil))
	if w.plain == nil {
		_, err := w.Net.Write(msg)
		return err
	}
	first := min(len(msg), tds.DefaultPacketSize)
	if _, err := w.Net.Write(msg[:first]); err != nil {
		return err
	}
	w.Net, w.plain = w.plain, nil
	if first == len(msg) {
		return nil
	}
	_, err := w.Net.Write(msg[first:])
	return err
}

// Conn returns the connection of a login that somebody else answers for:
// nothing is known of what the server said. It must not be pooled.
func (w *Wire) Conn(v tds.Version) *Conn {
	return &Conn{Net: w.Net, tcp: w.tcp, Version: v, Born: time.Now()}
}

// Close ends the connection in order, as Conn.Close does.
func (w *Wire) Close() { CloseGracefully(w.tcp) }

// Abort closes the socket at once, as Conn.Abort does. It may be called by any
// goroutine.
func (w *Wire) Abort() { abort(w.tcp) }

// ErrCut, as the cause of a context's end, makes Open and Dial close what they
// have opened at once instead of in order.
var ErrCut = errors.New("backend: cut off")

func wasCut(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrCut) }

// Dial opens a connection to t's server and logs in with l, following routing
// redirects. Errors are *LoginError for the server's own refusal and
// *DialError for everything else. It gives up by t.ConnectTimeout; closing a
// connection that has sent its login may take a second more, as Close says.
func Dial(ctx context.Context, t *Target, l *tds.Login7, key Key) (*Conn, error) {
	if t.ConnectTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t.ConnectTimeout, errConnectTimeout)
		defer cancel()
	}
	address, login := t.Address, *l
	for range maxRedirects {
		c, err := dialOnce(ctx, t, address, &login)
		if err != nil {
			return nil, err
		}
		r := c.Answer.Routing
		if r == nil {
			c.Key, c.bucket, c.cleanTimeout = key, t.Bucket, t.CleanTimeout
			return c, nil
		}
		c.Close()
		address = net.JoinHostPort(r.Server, fmt.Sprint(r.Port))
		login.ServerName = r.Server
		if r.Database != "" {
			login.Database = r.Database
		}
	}
	return nil, &DialError{StageLogin, address, fmt.Errorf("more than %d redirects", maxRedirects)}
}

// becauseOf returns why ctx ended if it has, which is what made err happen.
func becauseOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

var errConnectTimeout = errors.New("connection_timeout reached")

func dialOnce(ctx context.Context, t *Target, address string, l *tds.Login7) (*Conn, error) {
	w, err := Open(ctx, t, address, false)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = w.tcp.SetDeadline(time.Unix(1, 0)) })
	a, spid, err := w.login(l)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if wasCut(ctx) {
			w.Abort()
		} else {
			w.Close()
		}
		if refused := (*LoginError)(nil); errors.As(err, &refused) {
			return nil, refused
		}
		return nil, &DialError{StageLogin, address, becauseOf(ctx, err)}
	}
	return &Conn{Net: w.Net, tcp: w.tcp, Answer: a, Version: l.Version.Tokens(), SPID: spid, Born: time.Now()}, nil
}

func (w *Wire) login(l *tds.Login7) (*Answer, uint16, error) {
	if err := w.SendLogin(l); err != nil {
		return nil, 0, err
	}
	m, err := tds.ReadMessage(w.Net, nil, maxLoginResponse)
	if err != nil && len(m.Payload) == 0 {
		return nil, 0, err
	}
	if m.Type != tds.PacketReply {
		return nil, 0, fmt.Errorf("login answered by a %v packet", m.Type)
	}
	// A refusal may end by the server hanging up instead of a last packet.
	a, perr := parseAnswer(m.Payload, l.Version, l.PacketSize)
	if refused := (*LoginError)(nil); err != nil && !errors.As(perr, &refused) {
		return nil, 0, err
	}
	return a, m.SPID, perr
}
