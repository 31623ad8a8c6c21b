package keeper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/actor"
	"sluice/actors/bucket"
	"sluice/limits"
)

// rig is a fleet of keepers in a synctest bubble, before one ledger, with a
// network that delivers at once.
type rig struct {
	t      *testing.T
	system *actor.System
	work   sync.WaitGroup
	ledger *Memory
	start  time.Time
	nodes  map[limits.Process]*testNode
	log    *lockedBuffer
}

// testNode is one keeper, with what a test may do to it.
type testNode struct {
	self   limits.Process
	ref    Ref
	shared *Shared
	ledger *scripted

	mu   sync.Mutex
	told []string // what it did that others could see, in order
}

var errDown = errors.New("down")

// scripted is the way of one node to the ledger.
type scripted struct {
	Ledger
	down atomic.Bool
}

func (s *scripted) Do(ctx context.Context, op limits.Op) (limits.Reply, error) {
	if s.down.Load() {
		return limits.Reply{}, errDown
	}
	return s.Ledger.Do(ctx, op)
}

// lockedBuffer is a log that a test reads while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newRig returns a rig whose ledger exists already.
func newRig(t *testing.T) *rig {
	r := &rig{t: t, system: actor.NewSystem(), ledger: NewMemory(), start: time.Now(), nodes: map[limits.Process]*testNode{}, log: &lockedBuffer{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("log:\n" + r.log.String())
		}
	})
	return r
}

// close ends all keepers. It is called inside the bubble.
func (r *rig) close() {
	if err := r.system.Shutdown(context.Background(), nil); err != nil {
		r.t.Error(err)
	}
	r.work.Wait()
}

// clock begins at an hour: 0 stands for never in some places.
func (r *rig) clock() time.Duration { return time.Hour + time.Since(r.start) }

var testParams = limits.Params{Hold: 6 * time.Second, Heartbeat: time.Second, Loan: 2 * time.Second, Bootstrap: true}

// spawn starts a keeper; change may alter what it is made from.
func (r *rig) spawn(name string, p limits.Params, change func(*testNode, *Config)) *testNode {
	n := &testNode{self: limits.NewProcess(name, uint64(len(r.nodes)+1)), ledger: &scripted{Ledger: r.ledger}}
	r.nodes[n.self] = n
	tags := 0
	cfg := Config{
		Self: n.self, Params: p, Ledger: n.ledger, Clock: r.clock, CallTimeout: 500 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Tag: func() string { tags++; return fmt.Sprintf("%s-%d", name, tags) },
	}
	cfg.Send = func(to limits.Process, msg []byte) {
		if other := r.nodes[to]; other != nil {
			_ = other.ref.Tell(Received{From: n.self, Bytes: bytes.Clone(msg)})
		}
	}
	if change != nil {
		change(n, &cfg)
	}
	n.ref, n.shared = Spawn(r.system, cfg, &r.work)
	return n
}

// meet tells all keepers of each other.
func (r *rig) meet() {
	for _, n := range r.nodes {
		var others []limits.Process
		for p := range r.nodes {
			if p != n.self {
				others = append(others, p)
			}
		}
		r.tell(n, Peers{others})
	}
	synctest.Wait()
}

func (r *rig) tell(n *testNode, m Msg) {
	r.t.Helper()
	if err := n.ref.Tell(m); err != nil {
		r.t.Fatal(err)
	}
}

// declare configures one bucket.
func (r *rig) declare(n *testNode, limit int) {
	r.tell(n, Configure{Declared: limits.Counts{"b": limit}})
}

// advance lets d pass on the fake clock and all actors come to rest.
func (r *rig) advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// eventually lets time pass, at most d, until f holds, and returns how long it took.
func (r *rig) eventually(d time.Duration, what string, f func() bool) time.Duration {
	r.t.Helper()
	start := time.Now()
	for synctest.Wait(); !f(); r.advance(20 * time.Millisecond) {
		if time.Since(start) > d {
			r.t.Fatalf("not within %v: %s", d, what)
		}
	}
	return time.Since(start)
}

func (n *testNode) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, fmt.Sprintf(format, args...))
}

func (n *testNode) noted() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.told...)
}

// governor is a fake one. It obeys at once, unless it is stubborn.
type governor struct {
	ref    bucket.Ref
	report func(bucket.Usage)

	mu       sync.Mutex
	entitled []bucket.Entitle
	usage    bucket.Usage
	stubborn bool // what is open stays open
	held     chan struct{}
}

// use is what a test wants a governor to report.
type use struct{ open, inUse, waiting int }

// hold makes a governor stand still until gate is closed.
type hold struct {
	bucket.Msg
	gate chan struct{}
}

// look makes it report.
type look struct {
	bucket.Msg
	use use
}

func (g *governor) Receive(_ *actor.Context[bucket.Msg], m bucket.Msg) {
	switch m := m.(type) {
	case hold:
		close(g.held)
		<-m.gate
		return
	case bucket.Entitle:
		g.mu.Lock()
		g.entitled = append(g.entitled, m)
		g.usage.Version = m.Version
		if m.Slots < g.usage.Open && !g.stubborn {
			g.usage.Open, g.usage.InUse = m.Slots, min(g.usage.InUse, m.Slots)
		}
		g.mu.Unlock()
	case look:
		g.mu.Lock()
		g.usage.Open, g.usage.InUse, g.usage.Waiting = m.use.open, m.use.inUse, m.use.waiting
		g.mu.Unlock()
	}
	g.mu.Lock()
	u := g.usage
	g.mu.Unlock()
	g.report(u)
}

// last is what the governor was told last.
func (g *governor) last() bucket.Entitle {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.entitled) == 0 {
		return bucket.Entitle{Slots: -1}
	}
	return g.entitled[len(g.entitled)-1]
}

func (r *rig) govern(n *testNode, mailbox int) *governor {
	g := &governor{report: n.shared.Report, usage: bucket.Usage{Bucket: "b"}, held: make(chan struct{})}
	g.ref = actor.Spawn(r.system, "bucket", func() actor.Actor[bucket.Msg] { return g }, actor.With(actor.Mailbox(mailbox)))
	return g
}

func (r *rig) uses(g *governor, u use) {
	r.t.Helper()
	if err := g.ref.Tell(look{use: u}); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// bucketOf is how a bucket stands by the keeper's own word.
func (r *rig) view(n *testNode) limits.View {
	r.t.Helper()
	v, err := r.system.Inspect(context.Background(), n.ref.ID())
	if err != nil {
		r.t.Fatal(err)
	}
	return v.(limits.View)
}

// held is what the ledger counts for a process.
func (r *rig) held(n *testNode) (sessions, slots int) {
	r.t.Helper()
	reply, err := r.ledger.Do(context.Background(), limits.List{})
	if err != nil {
		r.t.Fatal(err)
	}
	for s, st := range reply.Sessions {
		if s.Process() == n.self {
			sessions++
			slots += st.Held["b"]
		}
	}
	return sessions, slots
}
