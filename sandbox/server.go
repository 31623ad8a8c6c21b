package sandbox

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"sluice/tds"
)

// firstSPID is the lowest session id given to clients; those below belong to
// the server's own tasks.
const firstSPID = 51

var (
	errKilled = errors.New("sandbox: session killed")
	errClosed = errors.New("sandbox: server closed")
)

// version is what the server says it is: SQL Server 2022.
var version = tds.ProductVersion{Major: 16, Minor: 0, Build: 4135}

// Server is a running server. Its methods may be called from any goroutine.
type Server struct {
	opts    Options
	log     *slog.Logger
	engine  Engine
	ln      net.Listener
	tls     serverTLS
	logins  loginStore
	witness *witness
	faults  faults
	dog     watchdog

	requests, attentions, resets atomic.Int64

	ctx  context.Context
	stop context.CancelCauseFunc
	wg   sync.WaitGroup

	mu       sync.Mutex
	closing  bool
	conns    map[*conn]struct{}
	sessions map[int]*session // by SPID
}

// Start listens and serves until Close.
func Start(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	cert := o.Certificate
	if cert == nil && o.Encryption != EncryptionOff {
		if cert, err = selfSigned(o.ServerName); err != nil {
			return nil, fmt.Errorf("sandbox: certificate: %w", err)
		}
	}
	engine := o.Engine
	if engine == nil {
		if engine, err = newEngine(o); err != nil {
			return nil, fmt.Errorf("sandbox: engine: %w", err)
		}
	}
	seen, err := newWitness(o.MaxConnections, o.KeepEvents)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: %w", err), engine.Close())
	}
	ln, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: %w", err), seen.close(), engine.Close())
	}
	s := &Server{
		opts: o, log: o.Logger, engine: engine, ln: ln, tls: newServerTLS(cert),
		logins:  loginStore{byUser: o.Logins},
		witness: seen,
		conns:   make(map[*conn]struct{}), sessions: make(map[int]*session),
	}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	s.dog = watchdog{start: s.wg.Go, each: s.eachWatch, done: s.ctx.Done()}
	s.wg.Go(s.accept)
	return s, nil
}

// Addr is the address the server listens on.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// CertificatePEM is the server's certificate, for clients that verify it; nil
// if the server does not encrypt.
func (s *Server) CertificatePEM() []byte {
	if s.tls.cert == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.tls.cert.Certificate[0]})
}

// TLSCertificate is the server's certificate; nil if the server does not encrypt.
func (s *Server) TLSCertificate() *tls.Certificate { return s.tls.cert }

// Close ends all sessions, waits for their goroutines and closes the engine.
// Calls after the first do nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	s.closing = true
	s.mu.Unlock()
	s.stop(errClosed)
	err := s.ln.Close()
	s.closeConns()
	s.wg.Wait()
	return errors.Join(err, s.witness.close(), s.engine.Close())
}

func (s *Server) closeConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.abort()
	}
}

// Stats returns the counts as of now.
func (s *Server) Stats() Stats {
	st := s.witness.snapshot()
	st.Requests, st.Attentions, st.Resets = int(s.requests.Load()), int(s.attentions.Load()), int(s.resets.Load())
	return st
}

// Sessions is the number of sessions logged in now.
func (s *Server) Sessions() int { return s.Stats().Sessions }

// PeakSessions is the largest number of sessions logged in at a time.
func (s *Server) PeakSessions() int { return s.Stats().PeakSessions }

// TotalLogins is the number of logins that succeeded.
func (s *Server) TotalLogins() int { return s.Stats().TotalLogins }

// Refused is the number of logins refused because MaxConnections was reached.
func (s *Server) Refused() int { return s.Stats().Refused }

// Events returns the latest events, oldest first; see Options.KeepEvents.
func (s *Server) Events() []Event { return s.witness.log() }

// SetFault makes connections misbehave from now on. A fault of all connections
// replaces an earlier one of its kind.
func (s *Server) SetFault(f Fault) { s.faults.set(f) }

// ClearFaults ends the faults of all connections and those that wait for their
// connection. Connections that took a fault when they were accepted keep it.
func (s *Server) ClearFaults() { s.faults.clear() }

// KillSession ends a session as KILL does: what it runs is cancelled and
// answered with error 596, then its connection is closed. It reports whether
// there was such a session, and does not wait for its end.
func (s *Server) KillSession(spid int) bool {
	s.mu.Lock()
	ses := s.sessions[spid]
	s.mu.Unlock()
	if ses == nil {
		return false
	}
	ses.kill()
	return true
}

// KillAll kills every session and returns how many there were.
func (s *Server) KillAll() int {
	s.mu.Lock()
	all := make([]*session, 0, len(s.sessions))
	for _, ses := range s.sessions {
		all = append(all, ses)
	}
	s.mu.Unlock()
	for _, ses := range all {
		ses.kill()
	}
	return len(all)
}

func (s *Server) accept() {
	for {
		nc, err := s.ln.Accept()
		if err != nil {
			if s.ctx.Err() == nil {
				s.log.Error("accept", "err", err)
			}
			return
		}
		c := &conn{srv: s, raw: s.over(nc), own: s.faults.take(), seen: s.witness.connected(nc)}
		s.mu.Lock()
		if s.closing {
			s.mu.Unlock()
			c.abort()
			s.witness.closed(c.seen)
			continue
		}
		s.conns[c] = struct{}{}
		s.wg.Go(c.serve)
		s.mu.Unlock()
	}
}

// addSession gives ses the lowest free session id.
func (s *Server) addSession(ses *session) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	spid := firstSPID
	for s.sessions[spid] != nil {
		spid++
	}
	s.sessions[spid] = ses
	return spid
}

func (s *Server) eachWatch(look func(*watch)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ses := range s.sessions {
		look(ses.in.watch)
	}
}

func (s *Server) removeSession(spid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, spid)
}
