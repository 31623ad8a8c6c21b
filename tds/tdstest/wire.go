package tdstest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"sluice/tds"
)

const (
	// maxMessage bounds the messages either side accepts, in bytes.
	maxMessage = 16 << 20
	// handshakeBudget bounds what is read during a TLS handshake, in bytes.
	handshakeBudget = 256 << 10
)

// wire is one end of a connection: messages over plain TCP, TLS, or TLS for a
// while.
type wire struct {
	raw        net.Conn // as it came
	conn       net.Conn // raw or the TLS connection over it
	packetSize int
	spid       uint16
}

func newWire(c net.Conn) wire { return wire{raw: c, conn: c, packetSize: tds.DefaultPacketSize} }

// send writes one message in a single Write.
func (w *wire) send(typ tds.PacketType, status tds.Status, payload []byte) error {
	_, err := w.conn.Write(tds.AppendMessage(nil, typ, status, w.spid, w.packetSize, payload))
	return err
}

// read reads one message.
func (w *wire) read() (tds.Message, error) { return tds.ReadMessage(w.conn, nil, maxMessage) }

// wrappedConfig is cfg as TLS inside PRELOGIN packets needs it.
func wrappedConfig(cfg *tls.Config) *tls.Config {
	cfg = cfg.Clone()
	cfg.MaxVersion = tls.VersionTLS12
	cfg.SessionTicketsDisabled = true
	cfg.DynamicRecordSizingDisabled = true
	return cfg
}

// strictConfig is cfg as TDS 8.0 needs it.
func strictConfig(cfg *tls.Config) *tls.Config {
	cfg = cfg.Clone()
	cfg.NextProtos = []string{"tds/8.0"}
	cfg.DynamicRecordSizingDisabled = true
	return cfg
}

// startTLS runs a handshake inside PRELOGIN packets.
func (w *wire) startTLS(cfg *tls.Config, server bool) error {
	var (
		shim *tds.HandshakeConn
		c    *tls.Conn
	)
	if server {
		shim = tds.NewServerHandshakeConn(w.raw, handshakeBudget)
		c = tls.Server(shim, wrappedConfig(cfg))
	} else {
		shim = tds.NewClientHandshakeConn(w.raw, handshakeBudget)
		c = tls.Client(shim, wrappedConfig(cfg))
	}
	if err := c.Handshake(); err != nil {
		return fmt.Errorf("TLS in PRELOGIN packets: %w", errors.Join(err, shim.Flush()))
	}
	if err := shim.Finish(); err != nil {
		return fmt.Errorf("TLS in PRELOGIN packets: %w", err)
	}
	w.conn = c
	return nil
}

// strictTLS runs the handshake that comes first in TDS 8.0.
func (w *wire) strictTLS(cfg *tls.Config, server bool) error {
	c := tls.Client(w.raw, strictConfig(cfg))
	if server {
		c = tls.Server(w.raw, strictConfig(cfg))
	}
	if err := c.Handshake(); err != nil {
		return fmt.Errorf("strict TLS: %w", err)
	}
	w.conn = c
	return nil
}

// stopTLS goes back to plain packets, as after a login-only encryption.
func (w *wire) stopTLS() { w.conn = w.raw }
