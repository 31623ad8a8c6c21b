package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"sluice/tds"
)

// login is what a client of the benchmark says about itself.
type login struct {
	user, password, database string
}

// conn is a TDS client with just enough of the protocol to keep its own cost
// out of the figures: it sends prepared bytes and looks at headers and at the
// final DONE of what comes back.
type conn struct {
	net    net.Conn
	reader *packetReader
}

const (
	protocol   = tds.V74
	packetSize = tds.DefaultPacketSize
	// idleReadSize is the buffer of a client that only ever reads answers to
	// logins and to SELECT 1, in bytes.
	idleReadSize = packetSize
)

// batch returns the bytes of a SQL batch.
func batch(text string) []byte {
	return tds.AppendMessage(nil, tds.PacketSQLBatch, 0, 0, packetSize, tds.SQLBatch{Text: text}.Append(nil, protocol))
}

var selectOne = batch("SELECT 1")

// dial connects to address and logs in. The connection is good for patience;
// see within.
func dial(ctx context.Context, address string, l login, encrypt bool, bufferSize int) (*conn, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &conn{net: raw}
	c.within(patience)
	if err := c.open(l, encrypt, bufferSize); err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// patience is how long a block of a measurement may take beyond its own time
// before what is measured counts as hung.
const patience = 15 * time.Second

func (c *conn) open(l login, encrypt bool, bufferSize int) error {
	ask := tds.EncryptNotSupported
	if encrypt {
		ask = tds.EncryptOn
	}
	hello := tds.PreLogin{Version: tds.ProductVersion{Major: 16}, Encryption: ask, Instance: []byte{0}}
	hello.Set(tds.OptVersion, tds.OptEncryption, tds.OptInstance, tds.OptThreadID, tds.OptMARS)
	if _, err := c.net.Write(tds.AppendMessage(nil, tds.PacketPreLogin, 0, 0, packetSize, hello.Append(nil))); err != nil {
		return err
	}
	m, err := tds.ReadMessage(c.net, nil, tds.MaxPreLogin)
	if err != nil {
		return fmt.Errorf("prelogin: %w", err)
	}
	answer, err := tds.DecodePreLogin(m.Payload)
	if err != nil {
		return err
	}
	if encrypt {
		if answer.Encryption != tds.EncryptOn && answer.Encryption != tds.EncryptRequired {
			return fmt.Errorf("asked for TLS, the answer was %d", answer.Encryption)
		}
		if err := c.startTLS(); err != nil {
			return fmt.Errorf("tls: %w", err)
		}
	}
	c.reader = newPacketReader(c.net, bufferSize)
	return c.login(l)
}

// handshakeBudget bounds a server's TLS handshake in bytes.
const handshakeBudget = 64 << 10

func (c *conn) startTLS() error {
	shim := tds.NewClientHandshakeConn(c.net, handshakeBudget)
	// What is measured has a self-signed certificate, and is on loopback.
	sec := tls.Client(shim, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, DynamicRecordSizingDisabled: true})
	if err := sec.Handshake(); err != nil {
		return err
	}
	c.net = sec
	return shim.Finish()
}

// errRefused says that the server answered with an error.
var errRefused = errors.New("the server answered with an error")

func (c *conn) login(l login) error {
	m := tds.Login7{
		Version: protocol, PacketSize: packetSize,
		OptionFlags1: tds.LoginUseDB | tds.LoginInitDBFatal | tds.LoginSetLang, OptionFlags2: tds.LoginODBC,
		HostName: "bench", AppName: "bench", UserName: l.user, Password: l.password, Database: l.database,
	}
	if _, err := c.net.Write(tds.AppendMessage(nil, tds.PacketLogin7, 0, 0, packetSize, m.Append(nil))); err != nil {
		return err
	}
	h, p, err := c.reader.next()
	if err != nil {
		return fmt.Errorf("login: %w", err)
	}
	if !h.EOM() {
		return errors.New("login: the answer has several packets")
	}
	for rest := p[tds.HeaderSize:]; len(rest) > 0; {
		var token tds.Token
		var body []byte
		if token, body, rest, err = tds.NextToken(rest, protocol); err != nil {
			return fmt.Errorf("login: %w", err)
		}
		switch token {
		case tds.TokenLoginAck:
			return nil
		case tds.TokenError:
			refused, err := tds.DecodeServerError(body, protocol)
			if err != nil {
				return err
			}
			return fmt.Errorf("login: %w", refused)
		}
	}
	return errors.New("login: neither accepted nor refused")
}

// exec sends a prepared request, reads the answer to its end and returns its
// size in bytes, headers included. An answer that reports an error, or that
// does not begin with a result set, is an error.
func (c *conn) exec(request []byte) (size int64, err error) {
	if _, err := c.net.Write(request); err != nil {
		return 0, err
	}
	for {
		h, p, err := c.reader.next()
		if err != nil {
			return size, err
		}
		payload := p[tds.HeaderSize:]
		if size == 0 && (len(payload) == 0 || tds.Token(payload[0]) != tds.TokenColMetadata) {
			return 0, fmt.Errorf("%w: %x", errRefused, payload[:min(len(payload), 64)])
		}
		split := size > 0 && len(payload) < maxDone // the last DONE may lie across two packets
		size += int64(len(p))
		if !h.EOM() {
			continue
		}
		d, ok := tds.FinalDone(payload, protocol)
		if !ok && !split || d.Status&(tds.DoneError|tds.DoneServerError) != 0 {
			return size, errRefused
		}
		return size, nil
	}
}

// maxDone is the size of the longest DONE token.
const maxDone = 13

// within bounds what is done with the connection from now on.
func (c *conn) within(d time.Duration) { _ = c.net.SetDeadline(time.Now().Add(d)) }

func (c *conn) close() { _ = c.net.Close() }
