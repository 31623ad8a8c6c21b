package sandbox

import (
	"errors"

	"sluice/tds"
)

// errCut ends a response that a fault cuts off.
var errCut = errors.New("sandbox: response cut by a fault")

// keepResponseBuf is the largest response buffer kept between responses, in bytes.
const keepResponseBuf = 64 << 10

// responseWriter turns a token stream into packets. Tokens are appended to buf;
// whole packets go out as soon as they are full, each in one Write, and the
// last one with finish. What is held in memory is a packet and a token.
type responseWriter struct {
	c          *conn
	spid       uint16
	packetSize int

	buf []byte // room for a header, then tokens not yet sent
	id  byte   // of the next packet
	err error  // of the connection; sticks

	sent  int // bytes of this response sent
	cutAt int // fault: close the connection after this many; 0 never
}

func newResponseWriter(c *conn, spid, packetSize int) *responseWriter {
	w := &responseWriter{c: c, spid: uint16(spid), packetSize: packetSize}
	w.begin()
	return w
}

// begin starts a response message.
func (w *responseWriter) begin() {
	if cap(w.buf) == 0 || cap(w.buf) > keepResponseBuf {
		w.buf = make([]byte, 0, w.packetSize+1024)
	}
	w.buf = w.buf[:tds.HeaderSize]
	w.id, w.sent, w.cutAt = 1, 0, 0
	if f, ok := w.c.fault(CutMidRow); ok {
		w.cutAt = max(f.Bytes, 1)
	}
}

// flush sends the packets that are full, but always keeps something for the
// packet that will end the message.
func (w *responseWriter) flush() error {
	if len(w.buf) <= w.packetSize {
		return w.err
	}
	at := 0
	room := w.packetSize - tds.HeaderSize
	for len(w.buf)-at > w.packetSize {
		// The header overwrites the end of the packet before, which is sent.
		w.send(w.buf[at:at+w.packetSize], 0)
		at += room
	}
	w.buf = w.buf[:tds.HeaderSize+copy(w.buf[tds.HeaderSize:], w.buf[at+tds.HeaderSize:])]
	return w.err
}

// finish ends the message.
func (w *responseWriter) finish() error {
	if w.flush() == nil {
		w.send(w.buf, tds.StatusEOM)
	}
	return w.err
}

// send writes one packet, whose first bytes are room for the header.
func (w *responseWriter) send(p []byte, status tds.Status) {
	if w.err != nil {
		return
	}
	tds.Header{Type: tds.PacketReply, Status: status, Length: len(p), SPID: w.spid, PacketID: w.id}.Append(p[:0])
	w.id++
	if w.cutAt > 0 && w.sent+len(p) > w.cutAt {
		_, _ = w.c.stream.Write(p[:w.cutAt-w.sent])
		w.err = errCut
		return
	}
	w.sent += len(p)
	_, w.err = w.c.stream.Write(p)
}

// dieMidRow sends the response up to half of the row that ends buf and begins
// at from, then resets the connection.
func (w *responseWriter) dieMidRow(from int) error {
	half := from + (len(w.buf)-from)/2
	// The packet's length promises the whole row.
	full := tds.Header{Type: tds.PacketReply, Length: min(len(w.buf), w.packetSize), SPID: w.spid, PacketID: w.id}
	full.Append(w.buf[:0])
	_, _ = w.c.stream.Write(w.buf[:min(half, w.packetSize)])
	w.c.reset()
	w.err = errCut
	return w.err
}
