package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

var (
	errAttention = errors.New("sandbox: cancelled by the client")
	errGone      = errors.New("sandbox: client is gone")
)

// killGrace is how long a killed session may take to send its last message.
const killGrace = 2 * time.Second

// session serves the requests of one login, one after the other.
type session struct {
	conn       *conn
	in         *packetReader
	out        *responseWriter
	sink       sink
	engine     EngineSession
	version    tds.Version
	packetSize int
	spid       int
	bulk       string // the INSERT BULK whose data must come next
	rpc        rpcDecoder
	recovery   recovery

	mu     sync.Mutex
	ctx    context.Context // of requests, until one is cancelled
	cancel context.CancelCauseFunc
	busy   bool // a request runs
	killed bool
}

func newSession(c *conn, r *packetReader, v tds.Version) *session {
	s := &session{conn: c, in: r, version: v}
	s.ctx, s.cancel = context.WithCancelCause(c.srv.ctx)
	r.watch = newWatch(r, &c.srv.dog, s.notice)
	return s
}

// close ends the session after run has returned.
func (s *session) close() {
	s.conn.abort()
	s.conn.srv.witness.closed(s.conn.seen) // the engine may take its time
	s.in.watch.disarm()
	s.in.watch.collect()
	s.cancel(errGone)
	s.conn.srv.removeSession(s.spid)
	s.engine.Close()
}

// notice looks at what came while a request runs.
func (s *session) notice(p watched) {
	switch {
	case p.err != nil:
		s.interrupt(errGone)
	case p.header.Type == tds.PacketAttention:
		if _, drop := s.conn.fault(DropAttention); !drop {
			s.interrupt(errAttention)
		}
	}
}

func (s *session) interrupt(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel(cause)
}

// kill ends the session: at once if it is idle, else by cancelling its request.
func (s *session) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed = true
	s.cancel(errKilled)
	if !s.busy {
		s.conn.abort()
		return
	}
	_ = s.conn.raw.SetDeadline(time.Now().Add(killGrace))
}

// start returns the context of a request that is about to run.
func (s *session) start() (context.Context, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.killed {
		return nil, errKilled
	}
	if s.ctx.Err() != nil {
		s.cancel(nil)
		s.ctx, s.cancel = context.WithCancelCause(s.conn.srv.ctx)
	}
	s.busy = true
	return s.ctx, nil
}

func (s *session) stop() error {
	s.in.watch.disarm()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	if s.killed {
		return errKilled
	}
	return nil
}

// run serves requests until the connection or the session ends.
func (s *session) run() error {
	for {
		err := s.serveMessage()
		if err == nil {
			continue
		}
		if errors.Is(err, errProtocol) {
			s.lastWords(4014, 20, "A fatal error occurred while reading the input stream from the network. The session will be terminated (input error: 0, output error: 0).")
		}
		return err
	}
}

// lastWords sends an error before the connection is closed.
func (s *session) lastWords(number int32, class byte, text string) {
	s.out.begin()
	s.sink.begin(s.ctx, false)
	s.sink.Message(tsql.Message{Number: number, State: 1, Class: class, Text: text})
	s.sink.endBatch()
	_ = s.out.finish()
}

func (s *session) serveMessage() error {
	h, p, err := s.in.next()
	if err != nil {
		return err
	}
	switch h.Type {
	case tds.PacketBulkLoad:
		return s.bulkLoad(h, p)
	case tds.PacketAttention, tds.PacketSQLBatch, tds.PacketRPC, tds.PacketTransMgr:
	default:
		return fmt.Errorf("%w: %v packet in a session", errProtocol, h.Type)
	}
	m, err := s.in.rest(h, p, maxRequest)
	if err != nil {
		return err
	}
	switch {
	case m.typ == tds.PacketAttention:
		return s.acknowledge()
	case m.status&tds.StatusIgnore != 0:
		return s.discarded()
	}
	return s.request(m)
}

// acknowledge answers an attention, in a message of its own.
func (s *session) acknowledge() error {
	s.conn.srv.attentions.Add(1)
	s.bulk = ""
	if _, drop := s.conn.fault(DropAttention); drop {
		return nil
	}
	s.out.begin()
	s.out.buf = tds.Done{Status: tds.DoneAttention, CurCmd: tds.CurCmdNone}.Append(s.out.buf, s.version)
	return s.out.finish()
}

// discarded answers a request that the client took back before its end.
func (s *session) discarded() error {
	s.out.begin()
	s.out.buf = tds.Done{Status: tds.DoneError, CurCmd: tds.CurCmdNone}.Append(s.out.buf, s.version)
	return s.out.finish()
}

// request answers one SQLBatch, RPC or transaction-manager request.
func (s *session) request(m message) error {
	s.conn.srv.requests.Add(1)
	if err := s.misbehave(m); err != nil {
		return err
	}
	ctx, err := s.start()
	if err != nil {
		return err
	}
	s.out.begin()
	s.sink.begin(ctx, m.typ == tds.PacketRPC)
	err = s.execute(ctx, m)
	stopped := s.stop()
	return errors.Join(s.conclude(ctx, err), stopped)
}

// misbehave applies the faults that strike a request before it runs.
func (s *session) misbehave(m message) error {
	if _, ok := s.conn.fault(StallResponse); ok {
		return s.conn.stall(s.in)
	}
	if _, ok := s.conn.fault(CloseOnReset); ok && m.status&(tds.StatusReset|tds.StatusResetSkipTran) != 0 {
		return io.EOF
	}
	if _, ok := s.conn.fault(Garbage); ok {
		_, _ = s.conn.stream.Write([]byte("\xDE\xAD\xBE\xEF\x00\x00\x00\x00 this is no packet"))
		return io.EOF
	}
	if _, ok := s.conn.fault(GarbageTokens); ok {
		s.out.begin()
		s.out.buf = append(s.out.buf, "\x01\x02\x03\x04 these are no tokens"...)
		_ = s.out.finish()
		return io.EOF
	}
	return nil
}

// late waits out a LateAnswer fault.
func (s *session) late(ctx context.Context) error {
	f, ok := s.conn.fault(LateAnswer)
	if !ok {
		return nil
	}
	t := time.NewTimer(f.Delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// conclude ends the response to a request that returned err.
func (s *session) conclude(ctx context.Context, err error) error {
	k := &s.sink
	if s.out.err != nil {
		return s.out.err
	}
	cause := context.Cause(ctx)
	switch {
	case errors.Is(err, errProtocol):
		return err
	case errors.Is(cause, errKilled):
		s.lastWords(596, 21, "Cannot continue the execution because the session is in the kill state.")
		return errKilled
	case err != nil && errors.Is(cause, errAttention):
		k.cancelled()
		return s.out.finish()
	case err != nil && cause != nil:
		return cause
	case err != nil:
		k.Message(messageOf(err))
		k.endBatch()
	}
	if err := s.out.finish(); err != nil {
		return err
	}
	if k.fatal {
		return fmt.Errorf("sandbox: session ended by an error of class 20 or above")
	}
	return nil
}
