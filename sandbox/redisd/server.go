package redisd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/alicebob/miniredis/v2"
)

// ErrClosed is returned by a server that was closed for good.
var ErrClosed = errors.New("redisd: closed")

// Server is one embedded Redis. Its methods may be called from any goroutine.
type Server struct {
	life sync.Mutex // held over a start or a stop as a whole
	addr string     // host:port, the port being the one found at the first start
	shut bool
	data *miniredis.Miniredis // nil: nothing kept
	l    net.Listener         // nil: stopped
	done chan struct{}        // closed when the accept loop has ended

	gate gate

	mu      sync.Mutex
	conns   map[*conn]struct{}
	replID  string
	scripts map[string]string // by SHA-1 in lower case
}

// Start starts an empty server on addr, host:port; port 0 takes a free one,
// which a restart keeps. The caller must Close it.
func Start(addr string) (*Server, error) {
	s := &Server{addr: addr, conns: map[*conn]struct{}{}}
	s.life.Lock()
	defer s.life.Unlock()
	return s, s.start()
}

// Addr returns host:port, the same over the whole life of the server.
func (s *Server) Addr() string {
	s.life.Lock()
	defer s.life.Unlock()
	return s.addr
}

// ReplID returns the replication id of this run of the server, or of the last
// one when it is stopped.
func (s *Server) ReplID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replID
}

// Stop cuts all connections and closes the port, like the end of the process.
// What is not kept is lost. Stopping a stopped server can only drop its data.
func (s *Server) Stop(keep bool) {
	s.life.Lock()
	defer s.life.Unlock()
	s.stop(keep)
}

// Restart starts the server again on its port, with a new replication id and
// without the scripts, and stops it first if it runs. After a Stop that dropped
// the data there is none to keep. A paused server is paused no more.
func (s *Server) Restart(keep bool) error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.shut {
		return ErrClosed
	}
	s.stop(keep)
	s.gate.open()
	return s.start()
}

// Pause makes the server accept connections and answer nothing, like a stopped
// process. A command that was read before may still be carried out; its reply
// is held back.
func (s *Server) Pause() { s.gate.close() }

// Resume ends a pause: what clients sent meanwhile is carried out, except on
// connections they closed without waiting for an answer.
func (s *Server) Resume() { s.gate.open() }

// FlushAll drops all data. The replication id and the scripts stay.
func (s *Server) FlushAll() {
	s.life.Lock()
	defer s.life.Unlock()
	if s.data != nil {
		s.data.FlushAll()
	}
}

// Close stops the server for good and waits for its goroutines.
func (s *Server) Close() {
	s.life.Lock()
	defer s.life.Unlock()
	s.stop(false)
	s.shut = true
}

// start needs s.life.
func (s *Server) start() error {
	id, err := newReplID()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("redisd: %w", err)
	}
	if s.data == nil {
		s.data = miniredis.NewMiniRedis()
	}
	// The first Dial starts miniredis without a listener of its own: the
	// connections it gets must pass the gate.
	c, err := s.data.Dial()
	if err != nil {
		l.Close()
		return fmt.Errorf("redisd: %w", err)
	}
	c.Close()
	s.addr = l.Addr().String()
	s.l, s.done = l, make(chan struct{})
	s.mu.Lock()
	s.replID, s.scripts = id, map[string]string{}
	s.mu.Unlock()
	srv := s.data.Server()
	h := newHandler(s, srv)
	srv.SetPreHook(h.handle)
	go s.accept(l, srv, s.done)
	return nil
}

// stop needs s.life.
func (s *Server) stop(keep bool) {
	if s.l != nil {
		s.l.Close()
		<-s.done
		s.l = nil
		s.cut()
		s.data.Close() // waits for commands under way
		// What blocks on behalf of clients ended with the context.
		s.data.Ctx, s.data.CtxCancel = context.WithCancel(context.Background())
	}
	if !keep && s.data != nil {
		s.data.CtxCancel()
		s.data = nil
	}
}

type connServer interface{ ServeConn(net.Conn) }

func (s *Server) accept(l net.Listener, srv connServer, done chan<- struct{}) {
	defer close(done)
	for {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		c := &conn{Conn: raw, gate: &s.gate, done: make(chan struct{}), gone: s.gone}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		srv.ServeConn(c)
	}
}

func (s *Server) gone(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// cut closes every connection, those that wait at the gate too: miniredis can
// only be closed once none of them holds its lock.
func (s *Server) cut() {
	s.mu.Lock()
	open := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		open = append(open, c)
	}
	s.mu.Unlock()
	for _, c := range open {
		_ = c.Close() // the client is not told why
	}
}

func (s *Server) clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// newReplID makes an id as Redis does: 160 random bits in hexadecimal.
func newReplID() (string, error) {
	var b [20]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("redisd: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
