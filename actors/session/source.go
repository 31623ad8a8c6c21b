package session

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"sluice/tds"
)

// bufferSize holds the largest packet that the protocol allows.
const bufferSize = tds.MaxPacketSize + 1

type buffer [bufferSize]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// source reads packets from one side of a session. While it waits for the
// first byte of a message it owns no buffer: at any time most sessions wait,
// and their number is what a node's memory has to be measured by.
type source struct {
	conn net.Conn
	raw  syscall.RawConn // of a plain TCP connection, else nil

	buf  *buffer // nil if nothing is buffered
	from int     // buf[from:to] has been read and not yet taken
	to   int

	taken atomic.Uint64 // bytes so far, for the log

	// Of the read that raw carries out.
	n    int
	err  error
	read func(fd uintptr) bool
	head [tds.HeaderSize]byte
}

// attach makes s read from conn.
func (s *source) attach(conn net.Conn) { s.attachAgain(conn, nil) }

// attachAgain is attach for a connection that may have been attached before,
// here or elsewhere: raw is what attachAgain returned then.
func (s *source) attachAgain(conn net.Conn, raw syscall.RawConn) syscall.RawConn {
	s.conn = conn
	if t, ok := conn.(*net.TCPConn); ok && canReadRaw && raw == nil {
		raw, _ = t.SyscallConn()
	}
	s.raw = raw
	if raw != nil && s.read == nil {
		s.read = s.readRaw
	}
	return raw
}

// buffered is what has been read and not yet taken.
func (s *source) buffered() []byte {
	if s.buf == nil {
		return nil
	}
	return s.buf[s.from:s.to]
}

// take marks the first n buffered bytes as used. The buffer goes back to the
// pool with its last byte; a slice of it must not be used after that.
func (s *source) take(n int) {
	s.taken.Add(uint64(n))
	s.from += n
	if s.from == s.to {
		s.release()
	}
}

func (s *source) release() {
	if s.buf != nil {
		buffers.Put(s.buf)
		s.buf, s.from, s.to = nil, 0, 0
	}
}

// fill waits for at least one more byte.
func (s *source) fill() error {
	if s.buf == nil {
		return s.park()
	}
	if s.from > 0 {
		s.to = copy(s.buf[:], s.buf[s.from:s.to])
		s.from = 0
	}
	n, err := s.conn.Read(s.buf[s.to:])
	s.to += n
	if n > 0 {
		return nil
	}
	return err
}

// park waits without a buffer and takes one when there is something to read.
func (s *source) park() error {
	if s.raw != nil {
		s.n, s.err = 0, nil
		if err := s.raw.Read(s.read); err != nil {
			return err
		}
		if s.err == nil && s.n == 0 {
			s.err = io.EOF
		}
		return s.err
	}
	n, err := s.conn.Read(s.head[:])
	if n == 0 {
		return err
	}
	s.buf = buffers.Get().(*buffer)
	s.to = copy(s.buf[:], s.head[:n])
	return nil
}

// readRaw is one attempt to read into a fresh buffer. It returns false to wait
// until the socket is readable.
func (s *source) readRaw(fd uintptr) bool {
	buf := buffers.Get().(*buffer)
	n, err := readFD(fd, buf[:])
	if n > 0 {
		s.buf, s.from, s.to, s.n = buf, 0, n, n
		return true
	}
	buffers.Put(buf)
	if errors.Is(err, syscall.EAGAIN) {
		return false
	}
	s.err = err
	return true
}

// errPacket wraps what is wrong with a packet's framing.
var errPacket = errors.New("session: malformed packet")

// packet returns the header of the packet at the start of what is buffered,
// and its bytes, reading until it is whole.
func (s *source) packet() (tds.Header, []byte, error) {
	for {
		b := s.buffered()
		if len(b) >= tds.HeaderSize {
			h, err := tds.ParseHeader(b)
			if err != nil {
				return h, nil, fmt.Errorf("%w: %w", errPacket, err)
			}
			if len(b) >= h.Length {
				return h, b[:h.Length], nil
			}
		}
		if err := s.fill(); err != nil {
			if errors.Is(err, io.EOF) && len(b) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return tds.Header{}, nil, err
		}
	}
}
