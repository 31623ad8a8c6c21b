package tdstest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"

	"sluice/tds"
)

// Errors of a client's login, besides those of the network.
var (
	// ErrEncryption says that client and server cannot agree on encryption.
	ErrEncryption = errors.New("tdstest: no agreement on encryption")
	// ErrNoLoginAck says that a login response has neither LOGINACK nor ERROR.
	ErrNoLoginAck = errors.New("tdstest: login response without LOGINACK")
)

// Client is one scripted connection to a server. It does no more than it is
// told: each method is one step. It is for one goroutine, but for Attention,
// which may be called while another one waits in Read.
type Client struct {
	wire
	// Version is what LOGIN7 asks for until the server answered, then what it
	// answered.
	Version tds.Version
	// Transaction is the descriptor that requests carry. Read keeps it up to
	// date.
	Transaction uint64
	// Login is the last login response.
	Login Response

	closed bool
}

// ClientConfig says how Connect logs in.
type ClientConfig struct {
	Encryption tds.Encryption // PRELOGIN's ENCRYPTION
	TLS        *tls.Config    // nil: a handshake fails
	Strict     bool           // TLS first, TDS 8.0
	Login      tds.Login7     // Version zero is 7.4, or 8.0 if Strict
}

// NewClient makes a client of a connection, on which nothing was sent yet.
func NewClient(c net.Conn) *Client { return &Client{wire: newWire(c), Version: tds.V74} }

// Dial connects over TCP.
func Dial(addr string) (*Client, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return NewClient(c), nil
}

// Connect does all that comes before the first request. The error of a login
// that the server refuses is a *tds.ServerError.
func (c *Client) Connect(cfg ClientConfig) error {
	l := cfg.Login
	if cfg.Strict {
		if cfg.TLS == nil {
			return ErrEncryption
		}
		if err := c.strictTLS(cfg.TLS, false); err != nil {
			return err
		}
		if l.Version == 0 {
			l.Version = tds.V80
		}
		cfg.Encryption = tds.EncryptNotSupported
	}
	if l.Version == 0 {
		l.Version = tds.V74
	}
	p := tds.PreLogin{Version: tds.ProductVersion{Major: 1}, Encryption: cfg.Encryption, Instance: []byte{0}}
	p.Set(tds.OptVersion, tds.OptEncryption, tds.OptInstance, tds.OptThreadID, tds.OptMARS)
	answer, err := c.PreLogin(p)
	if err != nil {
		return err
	}
	loginOnly := false
	if !cfg.Strict {
		if loginOnly, err = c.agree(cfg, answer.Encryption); err != nil {
			return err
		}
	}
	if c.Login, err = c.SendLogin(l, loginOnly); err != nil {
		return err
	}
	if err := c.Login.Err(); err != nil {
		return err
	}
	ack, ok := c.Login.LoginAck()
	if !ok {
		return ErrNoLoginAck
	}
	c.Version = ack.Version
	return nil
}

// agree starts TLS if client and server have said they want it (MS-TDS
// 2.2.6.5, as a client reads the answer).
func (c *Client) agree(cfg ClientConfig, server tds.Encryption) (loginOnly bool, err error) {
	wants := cfg.Encryption == tds.EncryptOn || cfg.Encryption == tds.EncryptRequired
	switch {
	case server == tds.EncryptNotSupported && !wants:
		return false, nil
	case cfg.Encryption == tds.EncryptNotSupported || cfg.TLS == nil,
		wants && (server == tds.EncryptOff || server == tds.EncryptNotSupported):
		return false, fmt.Errorf("%w: client %#x, server %#x", ErrEncryption, cfg.Encryption, server)
	}
	return server == tds.EncryptOff, c.startTLS(cfg.TLS, false)
}

// PreLogin sends a PRELOGIN and reads the answer.
func (c *Client) PreLogin(p tds.PreLogin) (tds.PreLogin, error) {
	if err := c.send(tds.PacketPreLogin, 0, p.Append(nil)); err != nil {
		return tds.PreLogin{}, fmt.Errorf("prelogin: %w", err)
	}
	m, err := c.read()
	if err != nil {
		return tds.PreLogin{}, fmt.Errorf("prelogin: %w", err)
	}
	return tds.DecodePreLogin(m.Payload)
}

// StartTLS runs a TLS handshake inside PRELOGIN packets.
func (c *Client) StartTLS(cfg *tls.Config) error { return c.startTLS(cfg, false) }

// SendLogin sends a LOGIN7 and reads the response. loginOnly says that TLS
// ends after the login's first packet.
func (c *Client) SendLogin(l tds.Login7, loginOnly bool) (Response, error) {
	c.Version = l.Version
	msg := tds.AppendMessage(nil, tds.PacketLogin7, 0, 0, tds.DefaultPacketSize, l.Append(nil))
	first := len(msg)
	if loginOnly {
		first = min(first, tds.DefaultPacketSize)
	}
	if _, err := c.conn.Write(msg[:first]); err != nil {
		return Response{}, fmt.Errorf("login: %w", err)
	}
	if loginOnly {
		c.stopTLS()
		if first < len(msg) {
			if _, err := c.conn.Write(msg[first:]); err != nil {
				return Response{}, fmt.Errorf("login: %w", err)
			}
		}
	}
	return c.Read()
}

// Send sends one message as it is given.
func (c *Client) Send(typ tds.PacketType, status tds.Status, payload []byte) error {
	return c.send(typ, status, payload)
}

// Batch sends a SQLBatch; status may carry a reset bit.
func (c *Client) Batch(text string, status tds.Status) error {
	b := tds.SQLBatch{Headers: tds.AllHeaders{Transaction: c.Transaction}, Text: text}
	return c.send(tds.PacketSQLBatch, status, b.Append(nil, c.Version))
}

// RPC sends a request for a procedure; params are its parameters, laid out.
func (c *Client) RPC(h tds.RPCHeader, params []byte, status tds.Status) error {
	b := tds.AppendAllHeaders(nil, c.Transaction, c.Version)
	return c.send(tds.PacketRPC, status, append(h.Append(b), params...))
}

// TransMgr sends a transaction-manager request.
func (c *Client) TransMgr(t tds.TransMgr) error {
	t.Headers.Transaction = c.Transaction
	return c.send(tds.PacketTransMgr, 0, t.Append(nil, c.Version))
}

// Attention asks the server to stop.
func (c *Client) Attention() error {
	_, err := c.conn.Write(tds.AppendAttention(nil))
	return err
}

// Read reads one message from the server.
func (c *Client) Read() (Response, error) {
	m, err := c.read()
	if err != nil {
		return Response{}, err
	}
	r, err := ParseResponse(m, c.Version)
	c.follow(r)
	return r, err
}

// Query sends a batch and reads its response.
func (c *Client) Query(text string) (Response, error) {
	if err := c.Batch(text, 0); err != nil {
		return Response{}, err
	}
	return c.Read()
}

// follow takes over what the server says has changed.
func (c *Client) follow(r Response) {
	for _, t := range r.Tokens {
		if t.Kind != tds.TokenEnvChange {
			continue
		}
		e, err := tds.DecodeEnvChange(t.Body)
		if err != nil {
			continue
		}
		switch e.Type {
		case tds.EnvBeginTransaction, tds.EnvEnlistDTC:
			c.Transaction = e.Descriptor()
		case tds.EnvCommitTransaction, tds.EnvRollbackTransaction, tds.EnvDefectDTC, tds.EnvTransactionEnded, tds.EnvResetConnection:
			c.Transaction = 0
		case tds.EnvPacketSize:
			if n, err := strconv.Atoi(e.New); err == nil {
				c.packetSize = n
			}
		}
	}
}

// Conn returns the connection that messages go over: TLS where that was agreed.
func (c *Client) Conn() net.Conn { return c.conn }

// Close closes the connection without a word.
func (c *Client) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	return c.raw.Close()
}
