package tdstest

import (
	"io"
	"net"
	"sync"

	"sluice/tds"
)

// FaultConn is a connection that misbehaves as its fields say. They are set
// before use. Of what fails, both directions of the connection below are
// closed, so that the peer sees it too.
type FaultConn struct {
	net.Conn
	// CutReadAfter and CutWriteAfter close the connection after so many bytes;
	// negative is never.
	CutReadAfter, CutWriteAfter int
	// Dribble reads and writes one byte at a time.
	Dribble bool
	// ReadGate and WriteGate hold every Read or Write back until they are
	// closed; nil is open.
	ReadGate, WriteGate <-chan struct{}
	// Alter is given every whole message written, its packet headers included,
	// with its number from 0, and returns what is sent instead. Bytes that do
	// not begin like a packet, such as TLS records, pass unaltered.
	Alter func(n int, message []byte) []byte

	closeOnce sync.Once
	closed    chan struct{}
	pending   []byte // written but not yet a whole message
	messages  int
}

// NewFaultConn wraps c; without more it behaves well.
func NewFaultConn(c net.Conn) *FaultConn {
	return &FaultConn{Conn: c, CutReadAfter: -1, CutWriteAfter: -1, closed: make(chan struct{})}
}

// wait waits at a gate.
func (f *FaultConn) wait(gate <-chan struct{}) error {
	if gate == nil {
		return nil
	}
	select {
	case <-gate:
		return nil
	case <-f.closed:
		return net.ErrClosed
	}
}

// Read reads from the connection below, with the faults.
func (f *FaultConn) Read(b []byte) (int, error) {
	if err := f.wait(f.ReadGate); err != nil {
		return 0, err
	}
	if f.CutReadAfter == 0 {
		_ = f.Close()
		return 0, io.EOF
	}
	if f.CutReadAfter > 0 {
		b = b[:min(len(b), f.CutReadAfter)]
	}
	if f.Dribble && len(b) > 1 {
		b = b[:1]
	}
	n, err := f.Conn.Read(b)
	if f.CutReadAfter > 0 {
		f.CutReadAfter -= n
	}
	return n, err
}

// Write writes to the connection below, with the faults.
func (f *FaultConn) Write(b []byte) (int, error) {
	if err := f.wait(f.WriteGate); err != nil {
		return 0, err
	}
	if f.Alter == nil {
		return f.write(b)
	}
	f.pending = append(f.pending, b...)
	for len(f.pending) > 0 {
		n, ok := messageSize(f.pending)
		if !ok {
			break
		}
		out := f.Alter(f.messages, append([]byte(nil), f.pending[:n]...))
		f.messages++
		f.pending = f.pending[n:]
		if _, err := f.write(out); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// messageSize returns the size of the message that b begins with; ok is false
// if b ends first. What is no packet is a message by itself.
func messageSize(b []byte) (size int, ok bool) {
	for at := 0; ; {
		if len(b)-at < tds.HeaderSize {
			return 0, false
		}
		h, err := tds.ParseHeader(b[at:])
		if err != nil || b[at] >= 0x14 && b[at] <= 0x17 { // TLS record types
			return len(b), true
		}
		if at += h.Length; at > len(b) {
			return 0, false
		}
		if h.EOM() {
			return at, true
		}
	}
}

func (f *FaultConn) write(b []byte) (n int, err error) {
	for len(b) > 0 {
		part := b
		if f.Dribble {
			part = b[:1]
		}
		if f.CutWriteAfter == 0 {
			_ = f.Close()
			return n, io.ErrClosedPipe
		}
		if f.CutWriteAfter > 0 {
			part = part[:min(len(part), f.CutWriteAfter)]
		}
		k, err := f.Conn.Write(part)
		n += k
		if f.CutWriteAfter > 0 {
			f.CutWriteAfter -= k
		}
		if err != nil {
			return n, err
		}
		b = b[k:]
	}
	return n, nil
}

// Close closes the connection and wakes what waits at a gate.
func (f *FaultConn) Close() error {
	f.closeOnce.Do(func() { close(f.closed) })
	return f.Conn.Close()
}
