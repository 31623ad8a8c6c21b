package tdstest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"sluice/tds"
)

// ErrScript says that a client sent something else than the script expects.
var ErrScript = errors.New("tdstest: client left the script")

// ServerConn is the server's end of one connection, as its script's steps see it.
type ServerConn struct {
	wire
	Number  int         // from 0
	Version tds.Version // of the login
	Login   tds.Login7  // once received
	Client  tds.PreLogin

	server    *Server
	loginOnly bool
}

func (c *ServerConn) run(script Script) error {
	for i, step := range script {
		if err := step(c); err != nil {
			return fmt.Errorf("connection %d, step %d: %w", c.Number, i, err)
		}
	}
	return nil
}

// Conn returns the connection that messages go over.
func (c *ServerConn) Conn() net.Conn { return c.conn }

// Receive reads and records the next message.
func (c *ServerConn) Receive() (tds.Message, error) {
	m, err := c.read()
	if err == nil {
		c.server.record(Record{c.Number, m})
	}
	return m, err
}

// Expect reads the next message, which must be of the type.
func (c *ServerConn) Expect(typ tds.PacketType) (tds.Message, error) {
	m, err := c.Receive()
	if err == nil && m.Type != typ {
		err = fmt.Errorf("%w: %v instead of %v", ErrScript, m.Type, typ)
	}
	if err != nil {
		err = fmt.Errorf("expect %v: %w", typ, err)
	}
	return m, err
}

// Reply sends tokens as one message.
func (c *ServerConn) Reply(tokens []byte) error { return c.send(tds.PacketReply, 0, tokens) }

// Handshake says how a scripted server begins a connection.
type Handshake struct {
	Encryption  tds.Encryption   // what PRELOGIN is answered with
	Certificate *tls.Certificate // nil: no TLS
	TLS         *tls.Config      // instead of Certificate
	Strict      bool             // TLS first
}

func (h Handshake) config() *tls.Config {
	if h.TLS != nil {
		return h.TLS
	}
	return &tls.Config{Certificates: []tls.Certificate{*h.Certificate}}
}

// Begin answers PRELOGIN, runs TLS as agreed and reads LOGIN7. The login still
// has to be answered: see LoginOK and LoginFail.
func Begin(h Handshake) Step {
	return func(c *ServerConn) error {
		if h.Strict {
			if err := c.strictTLS(h.config(), true); err != nil {
				return err
			}
		}
		m, err := c.Expect(tds.PacketPreLogin)
		if err != nil {
			return err
		}
		if c.Client, err = tds.DecodePreLogin(m.Payload); err != nil {
			return err
		}
		p := tds.PreLogin{Version: tds.ProductVersion{Major: 16, Build: 4000}, Encryption: h.Encryption, Instance: []byte{0}, FromServer: true}
		p.Set(tds.OptVersion, tds.OptEncryption, tds.OptInstance, tds.OptThreadID, tds.OptMARS)
		if c.Client.Has(tds.OptFedAuthRequired) {
			p.Set(tds.OptFedAuthRequired)
		}
		if err := c.Reply(p.Append(nil)); err != nil {
			return err
		}
		if !h.Strict && h.Encryption != tds.EncryptNotSupported {
			if err := c.startTLS(h.config(), true); err != nil {
				return err
			}
			c.loginOnly = h.Encryption == tds.EncryptOff
		}
		return c.receiveLogin()
	}
}

// receiveLogin reads LOGIN7. With encryption of the login only, TLS ends after
// it; a LOGIN7 of more than one packet, whose rest would be in clear, is not
// understood then.
func (c *ServerConn) receiveLogin() error {
	m, err := c.Expect(tds.PacketLogin7)
	if err != nil {
		return err
	}
	if c.loginOnly {
		c.stopTLS()
	}
	if c.Login, err = tds.DecodeLogin7(m.Payload); err != nil {
		return err
	}
	c.Version = c.Login.Version
	return nil
}
