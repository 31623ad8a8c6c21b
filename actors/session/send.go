package session

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"syscall"

	"sluice/tds"
)

// maxRecord is the most that is written to a TLS connection at once: a record,
// which is to hold whole packets.
const maxRecord = 16 << 10

// send writes whole packets. Several goroutines may send at a time; what each
// sends stays in one piece.
func (s *source) send(b []byte) error {
	if s.raw == nil {
		return writePackets(s.conn, b)
	}
	op := sends.Get().(*sendOp)
	op.rest, op.err = b, nil
	err := s.raw.Write(op.write)
	if err == nil {
		err = op.err
	}
	op.rest = nil
	sends.Put(op)
	return err
}

// sendOp is one write that a syscall.RawConn carries out. It is kept for reuse
// because its method value would be allocated anew for each.
type sendOp struct {
	rest  []byte
	err   error
	write func(fd uintptr) bool
}

var sends = sync.Pool{New: func() any {
	op := &sendOp{}
	op.write = op.writeRaw
	return op
}}

// writeRaw writes until all is written, or returns false to wait for room.
func (o *sendOp) writeRaw(fd uintptr) bool {
	for len(o.rest) > 0 {
		n, err := writeFD(fd, o.rest)
		if errors.Is(err, syscall.EAGAIN) {
			return false
		}
		if err != nil {
			o.err = err
			return true
		}
		o.rest = o.rest[n:]
	}
	return true
}

// writePackets writes whole packets. Over TLS no record ends inside a packet,
// unless the packet is larger than a record.
func writePackets(conn net.Conn, b []byte) error {
	if _, ok := conn.(*tls.Conn); !ok || len(b) <= maxRecord {
		_, err := conn.Write(b)
		return err
	}
	for len(b) > 0 {
		n := 0
		for n < len(b) {
			h, err := tds.ParseHeader(b[n:])
			if err != nil {
				return err
			}
			if n > 0 && n+h.Length > maxRecord {
				break
			}
			n += h.Length
		}
		if _, err := conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
