package bucket

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/queue"
	"sluice/actors/refusal"
)

// errClosed stands for the cause of a Shut inside the state.
var errClosed = errors.New("bucket: closed")

// Governor is the actor around a state.
type Governor struct {
	cfg     Config
	state   *state
	queue   actor.Ref[queue.Msg[*Request]]
	self    actor.Ref[Msg]
	ctx     context.Context // ends with the governor
	cancel  context.CancelFunc
	workers *sync.WaitGroup
	cause   error // why the bucket was shut
	watcher *backend.Watcher
}

// tickEvery is how often expiry, health checks and MinIdle are looked at.
const tickEvery = time.Second

// Ref addresses a governor.
type Ref = actor.Ref[Msg]

const (
	governorMailbox = 64 << 10
	queueMailbox    = 64 << 10
)

// Spawn starts the governor of a bucket and its queue. Workers counts the
// goroutines that dial, clean and close for it; w watches its idle connections.
func Spawn(s *actor.System, cfg Config, workers *sync.WaitGroup, w *backend.Watcher) Ref {
	_, ref := spawn(s, cfg, workers, w)
	return ref
}

func spawn(s *actor.System, cfg Config, workers *sync.WaitGroup, w *backend.Watcher) (*Governor, Ref) {
	cfg.setDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	g := &Governor{cfg: cfg, state: newState(cfg.Settings), ctx: ctx, cancel: cancel, workers: workers, watcher: w}
	g.state.governed = cfg.Governed
	ready := make(chan struct{})
	var self Ref
	g.queue = actor.Spawn(s, "queue", func() actor.Actor[queue.Msg[*Request]] {
		return queue.New(cfg.Queue.MaxSize, func(e queue.Event[*Request]) error {
			<-ready
			return self.Tell(fromQueue{e})
		})
	}, actor.With(actor.Mailbox(queueMailbox)))
	self = actor.Spawn(s, "bucket", func() actor.Actor[Msg] { return g }, actor.With(actor.Mailbox(governorMailbox)))
	close(ready)
	return g, self
}

// Started implements actor.Starter.
func (g *Governor) Started(c *actor.Context[Msg]) {
	g.self = c.Self() // before anything here can make a worker that uses it
	actor.Watch(c, g.queue, func(actor.Down) Msg { return queueDown{} })
	g.run(c, g.state.tick(time.Now(), g.cfg.Warm != nil))
	c.After(tickEvery, tick{})
	g.publishSettings()
	g.endTurn(false)
}

// Stopped implements actor.Stopper. Connections still open are cut: nobody
// counts them any more. Whoever still waits for an answer gets one.
func (g *Governor) Stopped(reason error) {
	g.cancel()
	for _, d := range g.state.dials {
		if d.cancel != nil {
			d.cancel(backend.ErrCut)
		}
	}
	g.queue.Stop(nil)
	cause := g.cause
	if cause == nil {
		cause = &refusal.Error{Cause: refusal.Internal, Bucket: g.cfg.ID, Node: g.cfg.Node, Detail: "the bucket's governor stopped"}
	}
	for _, r := range g.state.pending {
		_ = r.reply(Grant{Err: cause})
	}
	for _, c := range g.state.idle.oldestFirst() {
		c.Abort()
	}
	for _, l := range g.state.leases {
		if l.own != nil {
			l.own.cut(g.ctx.Done()) // does not wait
		} else {
			l.Conn.Abort()
		}
	}
	if reason != nil {
		g.cfg.Log.Error("bucket governor stopped", "bucket", g.cfg.ID, "err", reason)
	}
}

// Receive implements actor.Actor. What comes most often has a way of its own:
// the frame of receive is too large for the stack that a turn begins with.
func (g *Governor) Receive(c *actor.Context[Msg], m Msg) {
	ticked := false
	switch m := m.(type) {
	case Acquire:
		g.acquire(c, &m, time.Now())
	case Release:
		g.release(c, &m, time.Now())
	default:
		ticked = g.receive(c, m)
	}
	g.endTurn(ticked)
	if g.state.closed && g.state.open == 0 && g.state.waiting == 0 {
		c.Stop(nil)
	}
}

func (g *Governor) receive(c *actor.Context[Msg], m Msg) (ticked bool) {
	now := time.Now()
	switch m := m.(type) {
	case Withdraw:
		g.run(c, g.state.withdraw(m.Request))
	case dialed:
		g.dialDone(c, m, now)
	case closed:
		g.run(c, g.state.slotClosed(m.then))
	case cleaned:
		g.countCleaned(m)
		if m.err != nil && !errors.Is(m.err, net.ErrClosed) { // cut off meanwhile
			g.cfg.Metrics.CleanFailed.Inc()
			g.cfg.Log.Warn("backend could not be cleaned and is closed", "bucket", g.cfg.ID, "check", m.check, "err", m.err)
		}
		g.run(c, g.state.cleaned(m.conn, m.check, m.err, now))
	case fromQueue:
		g.fromQueue(c, m.event, now)
	case queueDown:
		c.After(0, queueLost{}) // what it said before is still in the mailbox
	case queueLost:
		g.shutBecause(&refusal.Error{Cause: refusal.Internal, Bucket: g.cfg.ID, Node: g.cfg.Node, Detail: "the bucket's queue failed"})
		g.run(c, g.state.queueLost())
	case answer:
		g.answer(c, m.effect)
	case down:
		// A session that ended in order has sent its Release before it stopped;
		// that message is in the mailbox, this one overtook it.
		c.After(0, gone(m))
	case gone:
		if l := g.state.leases[m.session]; l != nil && l.own != nil && !l.own.vacate() {
			g.work(func() Msg {
				select {
				case <-l.own.freed:
				case <-g.ctx.Done():
				}
				return m
			})
			break
		}
		g.run(c, g.state.down(m.session, now))
	case Forget:
		delete(g.state.creds, m.User)
		g.state.vault.forgetUser(m.User)
	case Left:
		g.state.vault.leave(m.Key, m.Digest, m.Kept)
	case died:
		out, idle := g.state.died(m.conn)
		if idle {
			g.cfg.Log.Info("idle backend was closed by the server", "bucket", g.cfg.ID, "spid", m.conn.SPID)
		}
		g.run(c, out)
	case Configure:
		g.configure(c, m)
	case Entitle:
		g.entitle(c, m)
	case Pause:
		g.run(c, g.state.pause())
	case Resume:
		g.run(c, g.state.resume())
	case Shut:
		g.shut(c, m)
	case tick:
		g.run(c, g.state.tick(now, g.cfg.Warm != nil))
		c.After(tickEvery, tick{})
		return true
	}
	return false
}

// endTurn shows the state that a turn has left.
func (g *Governor) endTurn(ticked bool) {
	g.publish()
	if g.cfg.Report != nil && g.state.reportDue(ticked) {
		u := g.state.report()
		u.Bucket = g.cfg.ID
		g.cfg.Report(u)
	}
}

// answer repeats an answer, unless the session has stopped and its lease with
// it. A lease that was lost before it could be handed over is refused instead.
func (g *Governor) answer(c *actor.Context[Msg], e effect) {
	if d, ok := e.(doGrant); ok && g.state.leases[d.lease.session] != d.lease {
		if !d.lease.Lost() {
			return
		}
		e = doRefuse{d.req, errLost}
	}
	g.run(c, []effect{e})
}

func (g *Governor) acquire(c *actor.Context[Msg], m *Acquire, now time.Time) {
	r := m.Request
	r.arrived, r.deadline, r.reply, r.died = now, now.Add(g.cfg.Queue.Timeout), m.Reply, m.Died
	id := r.Session
	r.cancel = m.Watch(c, func(actor.Down) Msg { return down{id} })
	g.run(c, g.state.acquire(r, now))
}

func (g *Governor) release(c *actor.Context[Msg], m *Release, now time.Time) {
	if m.Lease.request.cancel != nil {
		m.Lease.request.cancel()
	}
	g.cfg.Metrics.Released.Inc()
	g.run(c, g.state.release(m.Session, m.Lease.ID, m.How, now))
}

func (g *Governor) dialDone(c *actor.Context[Msg], m dialed, now time.Time) {
	r := m.dial.req
	switch {
	case m.err == nil:
		inc(g.cfg.Metrics.Dials.Opened)
		g.cfg.Metrics.Gauges.Failure.Store(nil)
		if r != nil {
			g.learn(c, r)
		}
	case errors.Is(m.err, errLost), errors.Is(m.err, errLoginUnknown):
		// Nothing was tried, or it was called off.
		inc(g.cfg.Metrics.Dials.CalledOff)
	default:
		g.dialFailed(m)
	}
	if r == nil {
		g.run(c, g.state.warmed(m.dial, m.user, m.sum, m.conn, m.err, now))
		return
	}
	g.run(c, g.state.dialed(m.dial, m.conn, m.err, now))
}

// learn gives the login for MinIdle the shape of the first client that has the
// same credentials: what its driver fixes at login, such as application name
// and feature extensions, decides which clients a connection fits. Connections
// of the guessed shape make room for such ones.
func (g *Governor) learn(c *actor.Context[Msg], r *Request) {
	w := g.cfg.Warm
	if w == nil || !w.Guess || r.Digest != w.Digest {
		return
	}
	if r.Login == nil {
		return
	}
	login := *r.Login
	g.cfg.Warm = &Warm{Login: &login, Key: r.Key, Digest: w.Digest}
	if r.Key != w.Key {
		g.run(c, g.state.closeIdleOf(w.Key, "fits no client"))
	}
}

func (g *Governor) dialFailed(m dialed) {
	g.cfg.Metrics.DialFailed.Inc()
	level, what := slog.LevelWarn, "backend cannot be reached"
	if refused := (*backend.LoginError)(nil); errors.As(m.err, &refused) {
		// A wrong password is the client's business; the session logs it.
		level, what = slog.LevelDebug, "backend refused a login"
		if m.dial.req == nil {
			level = slog.LevelWarn
		}
		g.cfg.Metrics.Gauges.Failure.Store(nil) // it answered
		inc(g.cfg.Metrics.Dials.Refused)
	} else {
		inc(g.cfg.Metrics.Dials.Unreachable)
		text := m.err.Error()
		g.cfg.Metrics.Gauges.Failure.Store(&text)
	}
	err := m.err
	if own := (*refusal.Error)(nil); errors.As(err, &own) && own.Err != nil {
		err = own.Err // what clients are not told
	}
	g.cfg.Log.Log(context.Background(), level, what, "bucket", g.cfg.ID, "user", m.user, "err", err)
}

func (g *Governor) fromQueue(c *actor.Context[Msg], e queue.Event[*Request], now time.Time) {
	switch e := e.(type) {
	case queue.Taken[*Request]:
		r := e.Waiter.Request
		if !e.Waiter.Deadline.After(now) { // the answer lay in a long mailbox
			g.run(c, g.state.takenLate(r, g.leftBecause(r, queue.TimedOut, now)))
			return
		}
		g.run(c, g.state.taken(r, now))
	case queue.Returned[*Request]:
		g.run(c, g.state.returned())
	case queue.Left[*Request]:
		r := e.Waiter.Request
		g.run(c, g.state.left(r, g.leftBecause(r, e.Reason, now)))
	}
}

func (g *Governor) leftBecause(r *Request, why queue.Reason, now time.Time) error {
	err := &refusal.Error{Bucket: g.cfg.ID, Node: g.cfg.Node, Waited: now.Sub(r.arrived)}
	m := g.cfg.Metrics
	switch why {
	case queue.Full:
		err.Cause, err.Waited = refusal.QueueFull, 0
		m.QueueFull.Inc()
	case queue.TimedOut:
		err.Cause = refusal.QueueTimeout
		if !r.deadline.After(r.arrived) {
			err.Cause, err.Waited = refusal.PoolExhausted, 0
		}
		if g.cfg.Why != nil && g.state.limit() < g.state.set.Limit {
			err.Detail = g.cfg.Why()
		}
		m.QueueTimeout.Inc()
		m.QueueWait.Update(now.Sub(r.arrived).Seconds())
	case queue.Closed:
		return g.cause
	default:
		err.Cause = refusal.Internal
		m.Cancelled.Inc()
	}
	g.whilePaused(err)
	return err
}

func (g *Governor) configure(c *actor.Context[Msg], m Configure) {
	if m.Target != nil {
		g.cfg.Target = m.Target
		if m.Recycle {
			g.run(c, g.state.recycle(time.Now()))
		}
	}
	g.cfg.Settings, g.cfg.Queue = m.Settings, m.Queue
	g.publishSettings()
	if w := g.cfg.Warm; w == nil || m.Warm == nil || w.Digest != m.Warm.Digest {
		g.cfg.Warm = m.Warm // else what was learnt of clients stays
	}
	_ = g.queue.Tell(queue.SetLimit[*Request]{Limit: m.Queue.MaxSize})
	g.run(c, g.state.configure(m.Settings))
}

func (g *Governor) entitle(c *actor.Context[Msg], m Entitle) {
	leases := len(g.state.leases)
	g.run(c, g.state.entitle(m))
	if m.Force && len(g.state.leases) < leases {
		g.cfg.Log.Warn("clients were cut off: this node has lost their slots", "bucket", g.cfg.ID, "clients", leases-len(g.state.leases), "slots", m.Slots)
	}
}

func (g *Governor) shutBecause(cause error) {
	if g.cause == nil {
		g.cause = cause
	}
	if g.cause == nil {
		g.cause = &refusal.Error{Cause: refusal.BucketRemoved, Bucket: g.cfg.ID, Node: g.cfg.Node}
	}
}

func (g *Governor) shut(c *actor.Context[Msg], m Shut) {
	if g.state.closed {
		return
	}
	g.shutBecause(m.Cause)
	_ = g.queue.Tell(queue.Empty[*Request]{})
	g.run(c, g.state.shut())
}
