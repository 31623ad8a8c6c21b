package tdstest

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"

	"sluice/tds"
)

// Step is one thing a scripted server does on a connection. Its error ends the
// script and closes the connection.
type Step func(c *ServerConn) error

// Script is what a server does on one connection, in order; at its end the
// connection is closed.
type Script []Step

// Record is one message that a server received.
type Record struct {
	Conn    int // number of the connection, from 0
	Message tds.Message
}

// Server is a scripted server. It does nothing that its scripts do not say.
type Server struct {
	tb       testing.TB
	listener net.Listener // nil for one that only has pipes
	scripts  []Script
	running  sync.WaitGroup
	stopped  chan struct{} // closed by Close

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when received or ended grows
	conns   map[net.Conn]struct{}
	started int
	ended   []error // of scripts, in the order they ended
	records []Record
	closed  bool
}

// NewServer starts a server on a loopback port. The n-th connection runs the
// n-th script, those after the last one the last again. It stops when the test
// ends; a script that failed by then fails the test, unless what it met is the
// end of its connection or its error was fetched with Wait.
func NewServer(tb testing.TB, scripts ...Script) *Server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := newServer(tb, scripts)
	s.listener = l
	s.running.Go(s.accept)
	return s
}

// NewPipeServer makes a server that listens nowhere: see Pipe.
func NewPipeServer(tb testing.TB, scripts ...Script) *Server { return newServer(tb, scripts) }

func newServer(tb testing.TB, scripts []Script) *Server {
	s := &Server{tb: tb, scripts: scripts, changed: make(chan struct{}), stopped: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	tb.Cleanup(s.Close)
	return s
}

// Addr returns host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Pipe returns the client's end of a new connection in memory. Nothing is
// buffered between the ends.
func (s *Server) Pipe() net.Conn {
	client, server := net.Pipe()
	s.serve(server)
	return client
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serve(c)
	}
}

// serve runs the next script on c.
func (s *Server) serve(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.started
	s.started++
	if s.closed || len(s.scripts) == 0 {
		_ = c.Close()
		return
	}
	s.conns[c] = struct{}{}
	script := s.scripts[min(n, len(s.scripts)-1)]
	s.running.Go(func() {
		sc := &ServerConn{wire: newWire(c), Number: n, server: s, Version: tds.V74}
		sc.spid = uint16(51 + n)
		err := sc.run(script)
		_ = c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
		s.ended = append(s.ended, err)
		s.notify()
	})
}

// notify wakes those who wait for a change; s.mu is held.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) record(r Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, r)
	s.notify()
}

// Received returns all messages received so far, of all connections.
func (s *Server) Received() []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Record(nil), s.records...)
}

// Open returns the number of connections open now.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// WaitReceived waits until at least n messages of the type have been received.
func (s *Server) WaitReceived(typ tds.PacketType, n int) {
	s.waitFor(func() bool {
		k := 0
		for _, r := range s.records {
			if r.Message.Type == typ {
				k++
			}
		}
		return k >= n
	})
}

// Wait waits until n scripts have ended and returns the error of the n-th.
func (s *Server) Wait(n int) (err error) {
	s.waitFor(func() bool {
		if len(s.ended) < n {
			return false
		}
		err, s.ended[n-1] = s.ended[n-1], nil
		return true
	})
	return err
}

// waitFor waits until cond, called with s.mu held, is true.
func (s *Server) waitFor(cond func() bool) {
	for {
		s.mu.Lock()
		ok, changed := cond(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		<-changed
	}
}

// Close closes the listener and all connections and waits for the scripts.
func (s *Server) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	close(s.stopped)
	if s.listener != nil {
		_ = s.listener.Close()
	}
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	for _, err := range s.ended {
		if err != nil && !isHangup(err) {
			s.tb.Errorf("scripted server: %v", err)
		}
	}
}

// isHangup tells whether an error only says that the connection ended.
func isHangup(err error) bool {
	for _, h := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, h) {
			return true
		}
	}
	return false
}
