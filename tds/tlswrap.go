package tds

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

var (
	// ErrHandshakeTooLong says that a peer sent more bytes during a TLS
	// handshake than its budget allows.
	ErrHandshakeTooLong = errors.New("tds: TLS handshake exceeds its budget")
	// ErrHandshakePacket says that a packet of another type stands where one
	// with TLS handshake bytes is expected.
	ErrHandshakePacket = errors.New("tds: packet in TLS handshake is of another type")
)

// closeFlushTimeout bounds how long Close may wait to send what is left of a
// failed handshake, which is an alert of a few bytes.
const closeFlushTimeout = time.Second

// HandshakeConn carries a TLS handshake inside PRELOGIN packets (MS-TDS
// 2.2.6.5, 3.2.5.2), as TDS 7.x wants it: give it to crypto/tls, run the
// handshake, then call Finish. Until then Read strips packet headers and Write
// adds them; after that both go straight to the connection below, and no
// buffer is kept.
//
// Writes are gathered and sent as one message when the next Read comes, or by
// Flush: drivers expect one message for each flight. Reads never take a byte
// beyond the current packet from the connection below.
//
// TLS 1.3 must not be negotiated through it: its session tickets follow the
// handshake, and the two sides would not agree whether they are wrapped.
//
// Before Finish one goroutine may use it, afterwards it is as safe for
// concurrent use as the connection below.
type HandshakeConn struct {
	conn     net.Conn
	raw      bool // no packets: the budget only
	server   bool
	finished bool

	budget int              // bytes that may still be read before Finish
	header [HeaderSize]byte // of the packet being read
	nhead  int              // bytes of header read so far
	left   int              // payload bytes of the current packet not yet read

	out    []byte // packets not yet sent, headers in place but not filled in
	packet int    // where the last packet of out begins
}

// NewServerHandshakeConn wraps the server's side of a connection: the peer is a
// client, and its packets must be PacketPreLogin. At most budget bytes,
// headers included, are read before Finish; beyond them Read fails with
// ErrHandshakeTooLong. crypto/tls would buffer handshake messages of up to
// 256 KiB from a peer that is not yet known.
func NewServerHandshakeConn(conn net.Conn, budget int) *HandshakeConn {
	return &HandshakeConn{conn: conn, budget: budget, server: true}
}

// NewClientHandshakeConn wraps the client's side of a connection. Servers send
// their part as PacketPreLogin or, older ones, as PacketReply.
func NewClientHandshakeConn(conn net.Conn, budget int) *HandshakeConn {
	return &HandshakeConn{conn: conn, budget: budget}
}

// NewStrictHandshakeConn bounds a handshake that comes first on the connection
// (TDS 8.0) and is in no packets. Only the budget applies.
func NewStrictHandshakeConn(conn net.Conn, budget int) *HandshakeConn {
	return &HandshakeConn{conn: conn, budget: budget, raw: true}
}

// Finish ends the handshake: it sends what is gathered and makes the
// connection a pass-through. Payload of a packet that was begun but not read
// to its end is still delivered first.
func (c *HandshakeConn) Finish() error {
	err := c.Flush()
	c.finished, c.out = true, nil
	return err
}

// Flush sends the writes gathered so far as one message.
func (c *HandshakeConn) Flush() error {
	if len(c.out) == 0 {
		return nil
	}
	c.fillHeader(StatusEOM)
	_, err := c.conn.Write(c.out)
	c.out, c.packet = c.out[:0], 0
	return err
}

// fillHeader completes the last packet gathered. All before it are complete.
func (c *HandshakeConn) fillHeader(s Status) {
	p := c.out[c.packet:]
	p[0], p[1], p[6] = byte(PacketPreLogin), byte(s), byte(c.packet/DefaultPacketSize+1)
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
}

// Write gathers b during the handshake.
func (c *HandshakeConn) Write(b []byte) (int, error) {
	if c.finished || c.raw {
		return c.conn.Write(b)
	}
	n := len(b)
	for len(b) > 0 {
		if len(c.out) == 0 || len(c.out)-c.packet == DefaultPacketSize {
			if len(c.out) > 0 {
				c.fillHeader(0)
			}
			c.packet = len(c.out)
			c.out = append(c.out, make([]byte, HeaderSize)...)
		}
		k := min(len(b), DefaultPacketSize-(len(c.out)-c.packet))
		c.out = append(c.out, b[:k]...)
		b = b[k:]
	}
	return n, nil
}

// Read returns handshake bytes without their packet headers.
func (c *HandshakeConn) Read(b []byte) (int, error) {
	switch {
	case c.finished && c.left == 0:
		return c.conn.Read(b)
	case len(b) == 0:
		return 0, nil
	case c.raw:
		return c.readBudget(b)
	}
	if err := c.Flush(); err != nil {
		return 0, err
	}
	for c.left == 0 {
		if err := c.readHeader(); err != nil {
			return 0, err
		}
	}
	n, err := c.readBudget(b[:min(len(b), c.left)])
	c.left -= n
	if errors.Is(err, io.EOF) && c.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// readHeader reads the next packet's header. A read that fails half-way, for a
// deadline, can be taken up again.
func (c *HandshakeConn) readHeader() error {
	for c.nhead < HeaderSize {
		n, err := c.readBudget(c.header[c.nhead:])
		c.nhead += n
		if err != nil && c.nhead < HeaderSize {
			if errors.Is(err, io.EOF) && c.nhead > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	c.nhead = 0
	h, err := ParseHeader(c.header[:])
	if err != nil {
		return err
	}
	if h.Type != PacketPreLogin && (c.server || h.Type != PacketReply) {
		return fmt.Errorf("%w: %v", ErrHandshakePacket, h.Type)
	}
	c.left = h.Length - HeaderSize
	return nil
}

func (c *HandshakeConn) readBudget(b []byte) (int, error) {
	if c.finished {
		return c.conn.Read(b)
	}
	if c.budget <= 0 {
		return 0, ErrHandshakeTooLong
	}
	n, err := c.conn.Read(b[:min(len(b), c.budget)])
	c.budget -= n
	return n, err
}

// Close closes the connection below. If the handshake failed, the alert that
// says why is sent first.
func (c *HandshakeConn) Close() error {
	if !c.finished && len(c.out) > 0 {
		if err := c.conn.SetWriteDeadline(time.Now().Add(closeFlushTimeout)); err == nil {
			_ = c.Flush() // the peer may be gone, which Close is about anyway
		}
	}
	return c.conn.Close()
}

// NetConn returns the connection below. After Finish, and once what was left
// of the last packet has been read, using it directly is the same.
func (c *HandshakeConn) NetConn() net.Conn { return c.conn }

// LocalAddr returns the local address of the connection below.
func (c *HandshakeConn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the remote address of the connection below.
func (c *HandshakeConn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline sets the deadlines of the connection below.
func (c *HandshakeConn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// SetReadDeadline sets the read deadline of the connection below.
func (c *HandshakeConn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline sets the write deadline of the connection below.
func (c *HandshakeConn) SetWriteDeadline(t time.Time) error { return c.conn.SetWriteDeadline(t) }
