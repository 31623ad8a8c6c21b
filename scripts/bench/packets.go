package main

import (
	"errors"
	"fmt"
	"io"

	"sluice/tds"
)

// packetReader cuts a stream into packets with as few reads as it can.
type packetReader struct {
	src      io.Reader
	buf      []byte
	from, to int // buf[from:to] has been read and not yet returned
}

// readSize is the size of a reader's buffer in bytes: twice the largest packet.
const readSize = 2 * (tds.MaxPacketSize + 1)

func newPacketReader(src io.Reader, size int) *packetReader {
	return &packetReader{src: src, buf: make([]byte, size)}
}

var errPacketSize = errors.New("packet does not fit the reader's buffer")

// next returns the next packet, header included. The slice is valid until the
// call after it.
func (r *packetReader) next() (tds.Header, []byte, error) {
	for {
		have := r.buf[r.from:r.to]
		if len(have) >= tds.HeaderSize {
			h, err := tds.ParseHeader(have)
			if err != nil {
				return h, nil, err
			}
			if h.Length > len(r.buf) {
				return h, nil, fmt.Errorf("%w: %d bytes", errPacketSize, h.Length)
			}
			if len(have) >= h.Length {
				r.from += h.Length
				return h, have[:h.Length], nil
			}
		}
		if r.from > 0 {
			r.to = copy(r.buf, have)
			r.from = 0
		}
		n, err := r.src.Read(r.buf[r.to:])
		r.to += n
		if n == 0 && err != nil {
			return tds.Header{}, nil, err
		}
	}
}
