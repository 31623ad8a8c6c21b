package bucket

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/refusal"
	"sluice/tds"
)

type counter struct{ n atomic.Int64 }

func (c *counter) Inc()           { c.n.Add(1) }
func (c *counter) Update(float64) { c.n.Add(1) }

// server stands in for a SQL Server: it counts what is open and says if that
// was ever more than the limit.
type server struct {
	login, cleaning, closing time.Duration
	refuse                   atomic.Pointer[error]
	open, most, logins       atomic.Int64
}

// serverSocket is one connection to a server.
type serverSocket struct {
	net.Conn
	server *server
	once   sync.Once
	gone   chan struct{} // closed with it
}

func (s *serverSocket) Close() error {
	s.once.Do(func() {
		s.server.open.Add(-1)
		close(s.gone)
	})
	return nil
}

func (s *server) dial(ctx context.Context, _ *backend.Target, l *tds.Login7, k backend.Key) (*backend.Conn, error) {
	n := s.open.Add(1)
	for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); m = s.most.Load() {
	}
	s.logins.Add(1)
	fail := func(err error) (*backend.Conn, error) {
		s.open.Add(-1)
		return nil, err
	}
	select {
	case <-time.After(s.login):
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	if err := s.refuse.Load(); err != nil {
		return fail(*err)
	}
	if l.Password == "wrong" {
		return fail(errPassword)
	}
	return &backend.Conn{Net: &serverSocket{server: s, gone: make(chan struct{})}, Key: k}, nil
}

func (s *server) clean(ctx context.Context, c *backend.Conn) error {
	select {
	case <-c.Net.(*serverSocket).gone:
		return net.ErrClosed
	case <-time.After(s.cleaning):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *server) close(c *backend.Conn) {
	<-time.After(s.closing)
	c.Close()
}

// rig is a governor with a server behind it and room for sessions.
type rig struct {
	t   *testing.T
	sys *actor.System
	srv *server
	gov Ref
	// governor is for what is set once and never changed.
	governor *Governor
	metrics  *Metrics
	workers  sync.WaitGroup
}

func newRig(t *testing.T, set Settings, q QueueSettings, change ...func(*Config)) *rig {
	r := &rig{t: t, sys: actor.NewSystem(), srv: &server{login: 10 * time.Millisecond, cleaning: time.Millisecond, closing: time.Millisecond}}
	c := func() *counter { return &counter{} }
	r.metrics = &Metrics{
		Acquired: c(), AcquiredAfterWait: c(), Released: c(), QueueTimeout: c(), QueueFull: c(), Cancelled: c(),
		DialFailed: c(), CleanFailed: c(), QueueWait: c(), AcquireSeconds: c(), LoginSeconds: c(),
		Closed: func(reason string) Counter {
			if !slices.Contains(CloseReasons(), reason) {
				t.Errorf("%q is none of the reasons to close", reason)
			}
			return c()
		},
	}
	if set.MaxParallelLogins == 0 {
		set.MaxParallelLogins = 8
	}
	set.ReverifyAfter = time.Hour
	cfg := Config{
		ID: "bucket-001", Node: "n1", Settings: set, Queue: q, Target: &backend.Target{Address: "db:1433"}, Metrics: r.metrics,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), dial: r.srv.dial, clean: r.srv.clean, close: r.srv.close,
	}
	for _, f := range change {
		f(&cfg)
	}
	r.governor, r.gov = spawn(r.sys, cfg, &r.workers, nil)
	return r
}

// end shuts everything down and checks that nothing is left open.
func (r *rig) end() {
	r.t.Helper()
	if err := r.sys.Shutdown(r.t.Context(), nil); err != nil {
		r.t.Fatal(err)
	}
	r.workers.Wait()
	if n := r.srv.open.Load(); n != 0 {
		r.t.Errorf("%d connections left open", n)
	}
}

type sessionMsg any

// session is a client session that does what a test tells it.
type session struct{ grants chan Grant }

func (s *session) Receive(_ *actor.Context[sessionMsg], m sessionMsg) {
	switch m := m.(type) {
	case Grant:
		s.grants <- m
	case func():
		m()
	}
}

type sess struct {
	rig    *rig
	ref    actor.Ref[sessionMsg]
	grants chan Grant
	lease  *Lease
	// dedicated makes it ask for a slot only.
	dedicated bool
	died      chan *Lease
}

func (r *rig) session(mailbox int) *sess {
	s := &sess{rig: r, grants: make(chan Grant, 8), died: make(chan *Lease, 8)}
	s.ref = actor.Spawn(r.sys, "session", func() actor.Actor[sessionMsg] { return &session{s.grants} }, actor.With(actor.Mailbox(mailbox)))
	return s
}

func (s *sess) ask(user, password string) {
	s.rig.t.Helper()
	req := request(s.ref.ID(), user, "db", password)
	req.cancel, req.Dedicated = nil, s.dedicated
	err := s.rig.gov.Tell(Acquire{
		Request: req,
		Watch: func(c *actor.Context[Msg], wrap func(actor.Down) Msg) func() {
			return actor.Watch(c, s.ref, wrap)
		},
		Reply: actor.ReplyTo(s.ref, func(g Grant) sessionMsg { return g }),
		Died:  func(l *Lease) { s.died <- l },
	})
	if err != nil {
		s.rig.t.Error(err)
	}
}

// wait returns the answer.
func (s *sess) wait() Grant {
	g := <-s.grants
	s.lease = g.Lease
	return g
}

func (s *sess) release(how GiveBack) {
	if err := s.rig.gov.Tell(Release{Session: s.ref.ID(), Lease: s.lease, How: how}); err != nil {
		s.rig.t.Error(err)
	}
}

func (r *rig) info() Info {
	r.t.Helper()
	synctest.Wait()
	v, err := r.sys.Inspect(r.t.Context(), r.gov.ID())
	if err != nil {
		r.t.Fatal(err)
	}
	return v.(Info)
}

func causeOf(err error) refusal.Cause {
	if e := (*refusal.Error)(nil); errors.As(err, &e) {
		return e.Cause
	}
	return 0
}
