package sandbox

import (
	"errors"
	"fmt"
	"io"

	"sluice/tds"
)

// errProtocol says that a client broke the protocol; the connection is closed.
var errProtocol = errors.New("sandbox: protocol error")

// Limits of a client's messages in bytes.
const (
	maxRequest     = 256 << 20 // a SQLBatch or RPC, which is held in memory whole
	keepRequestBuf = 64 << 10  // largest request buffer kept between requests
)

// packetReader reads a client's packets. Slices it returns are valid until the
// next call.
type packetReader struct {
	src io.Reader
	// lookahead lets a read take more than the packet it is for. Before the
	// login is answered that is not allowed: with encryption of the login only,
	// what follows the first packet must not pass through TLS.
	lookahead  bool
	packetSize int  // largest packet allowed, header included
	exact      bool // packets that do not end a message must have packetSize bytes (MS-TDS 2.2.3.1.4)
	watch      *watch

	buf  []byte // bytes read; those before at are consumed
	at   int
	body []byte // assembled message of several packets
}

// message is a reassembled message of a client.
type message struct {
	typ     tds.PacketType
	status  tds.Status // of the first packet, with IGNORE of the last
	payload []byte
}

// fill makes sure that n unconsumed bytes are in buf.
func (r *packetReader) fill(n int) error {
	if len(r.buf)-r.at >= n {
		return nil
	}
	if r.at > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.at:])]
		r.at = 0
	}
	if cap(r.buf) < n {
		r.buf = append(make([]byte, 0, max(n, r.packetSize)), r.buf...)
	}
	for len(r.buf) < n {
		end := n
		if r.lookahead {
			end = cap(r.buf)
		}
		got, err := r.src.Read(r.buf[len(r.buf):end])
		r.buf = r.buf[:len(r.buf)+got]
		if err != nil && len(r.buf) < n {
			if errors.Is(err, io.EOF) && len(r.buf) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// next returns the next packet.
func (r *packetReader) next() (tds.Header, []byte, error) {
	if r.watch != nil {
		if p, ok := r.watch.collect(); ok {
			return p.header, p.payload, p.err
		}
	}
	return r.read()
}

// read takes the next packet off the stream.
func (r *packetReader) read() (tds.Header, []byte, error) {
	if err := r.fill(tds.HeaderSize); err != nil {
		return tds.Header{}, nil, err
	}
	h, err := tds.ParseHeader(r.buf[r.at:])
	if err != nil {
		return h, nil, fmt.Errorf("%w: %w", errProtocol, err)
	}
	if h.Length > r.packetSize {
		return h, nil, fmt.Errorf("%w: packet of %d bytes, %d were agreed", errProtocol, h.Length, r.packetSize)
	}
	if r.exact && !h.EOM() && h.Length != r.packetSize {
		return h, nil, fmt.Errorf("%w: packet of %d bytes within a message, %d were agreed", errProtocol, h.Length, r.packetSize)
	}
	if err := r.fill(h.Length); err != nil {
		return h, nil, err
	}
	payload := r.buf[r.at+tds.HeaderSize : r.at+h.Length]
	r.at += h.Length
	return h, payload, nil
}

// message reads a whole message of at most limit bytes.
func (r *packetReader) message(limit int) (message, error) {
	h, p, err := r.next()
	if err != nil {
		return message{}, err
	}
	return r.rest(h, p, limit)
}

// rest completes the message that begins with a packet. An attention in the
// midst of a message takes its place.
func (r *packetReader) rest(h tds.Header, p []byte, limit int) (message, error) {
	m := message{typ: h.Type, status: h.Status, payload: p}
	if h.EOM() {
		return m, nil
	}
	if cap(r.body) > keepRequestBuf {
		r.body = nil
	}
	r.body = append(r.body[:0], p...)
	for !h.EOM() {
		var err error
		if h, p, err = r.next(); err != nil {
			return m, err
		}
		if h.Type == tds.PacketAttention {
			return message{typ: h.Type, status: h.Status}, nil
		}
		if h.Type != m.typ {
			return m, fmt.Errorf("%w: %v packet within a %v message", errProtocol, h.Type, m.typ)
		}
		if len(r.body)+len(p) > limit {
			return m, fmt.Errorf("%w: %w: more than %d bytes", errProtocol, tds.ErrMessageTooLong, limit)
		}
		r.body = append(r.body, p...)
		m.status |= h.Status & tds.StatusIgnore
	}
	m.payload = r.body
	return m, nil
}
