package bucket

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/queue"
	"sluice/actors/refusal"
	"sluice/tds"
)

// run carries out effects, and those that they cause, in order.
func (g *Governor) run(c *actor.Context[Msg], effects []effect) {
	for len(effects) > 0 {
		e := effects[0]
		effects = append(effects[1:], g.do(c, e)...)
	}
}

func (g *Governor) do(c *actor.Context[Msg], e effect) []effect {
	switch e := e.(type) {
	case doGrant:
		return g.grant(c, e)
	case doAnswer:
		g.answerLogin(c, e)
	case doRefuse:
		g.refuse(c, e)
	case doDial:
		g.dial(e.dial)
	case doClose:
		g.cfg.Metrics.closed(e.why)
		g.work(func() Msg {
			if e.cut {
				e.conn.Abort()
			} else {
				g.cfg.close(e.conn)
			}
			return closed{e.then}
		})
	case doCut:
		g.cut(e.lease)
	case doAbort:
		g.workers.Go(e.cleaning.conn.Abort)
	case doCallOff:
		e.dial.cancel(backend.ErrCut)
	case doClean:
		g.work(func() Msg { return cleaned{e.conn, e.check, g.cfg.clean(g.ctx, e.conn)} })
	case doEnqueue:
		return g.enqueue(e)
	case doOffer:
		if g.queue.TellHere(queue.Offer[*Request]{Fits: e.fits()}) != nil {
			g.state.offerFailed()
		}
	case doTellDied:
		e.lease.request.died(e.lease)
	case doCancel:
		_ = g.queue.Tell(queue.Cancel[*Request]{ID: e.id})
	}
	return nil
}

// work runs f on a goroutine and sends the governor what it returns. The
// message is never lost while the governor lives: its goroutine waits for room.
func (g *Governor) work(f func() Msg) {
	g.workers.Go(func() {
		m := f()
		err := g.self.TellHere(m)
		if errors.Is(err, actor.ErrFull) {
			err = g.self.Send(g.ctx, m)
		}
		if err != nil {
			if d, ok := m.(actor.Discarder); ok {
				d.Discarded()
			}
		}
	})
}

// fits returns which requests an offer is for, nil if for all. It is called by
// the queue, so it looks at nothing that the governor changes.
func (e doOffer) fits() func(*Request) bool {
	if e.key == nil {
		return nil
	}
	key, digest := *e.key, e.digest
	return func(r *Request) bool {
		return !r.Dedicated && r.Key == key && (r.Trusted || subtle.ConstantTimeCompare(r.Digest[:], digest[:]) == 1)
	}
}

// answerAgain is the pause before a session whose mailbox was full is answered
// again.
const answerAgain = 5 * time.Millisecond

func (g *Governor) grant(c *actor.Context[Msg], e doGrant) []effect {
	now := time.Now()
	l, m := e.lease, g.cfg.Metrics
	l.Target, l.Granted = g.cfg.Target, now
	if l.own != nil {
		l.own.admit, l.own.loss = g.cfg.Admit, g.slotLost
	}
	// The watcher tells of connections that die; who has been idle for a moment
	// only need not be asked.
	if l.Warm && (!l.Conn.Key.Shared || now.Sub(l.Conn.IdleSince) > aliveFor) && !l.Conn.Alive() {
		return g.state.deadOnGrant(l, now)
	}
	kept := uint64(0)
	if e.req.Login != nil {
		kept = g.state.vault.enter(e.req)
	}
	err := e.req.reply(Grant{Lease: l, Kept: kept})
	if err != nil && kept != 0 {
		g.state.vault.leave(e.req.Key, e.req.Digest, kept)
	}
	if errors.Is(err, actor.ErrFull) {
		c.After(answerAgain, answer{e})
		return nil
	} else if err != nil {
		// The session is gone: nobody has touched the connection.
		how := Unused
		if l.dedicated {
			how = Gone
		}
		e.req.cancel()
		return g.state.release(l.session, l.ID, how, now)
	}
	e.req.Login = nil // with the password, which nobody needs any more
	waited := now.Sub(e.req.arrived)
	if l.Waited > 0 {
		m.AcquiredAfterWait.Inc()
		m.QueueWait.Update(l.Waited.Seconds())
	} else {
		m.Acquired.Inc()
		m.QueueWait.Update(0)
	}
	m.AcquireSeconds.Update(waited.Seconds())
	return nil
}

// aliveFor is how long a shared connection counts as alive after its last use.
const aliveFor = 100 * time.Millisecond

// answerLogin answers a login that takes no connection.
func (g *Governor) answerLogin(c *actor.Context[Msg], e doAnswer) {
	e.req.cancel()
	kept := g.state.vault.enter(e.req)
	if err := e.req.reply(Grant{Answer: e.answer, Kept: kept}); err != nil {
		g.state.vault.leave(e.req.Key, e.req.Digest, kept)
		if errors.Is(err, actor.ErrFull) {
			c.After(answerAgain, answer{e})
			return
		}
	}
	e.req.Login = nil
	g.cfg.Metrics.Acquired.Inc()
	g.cfg.Metrics.Released.Inc()
	g.cfg.Metrics.QueueWait.Update(0)
}

func (g *Governor) refuse(c *actor.Context[Msg], e doRefuse) {
	switch {
	case errors.Is(e.err, errClosed):
		e.err = g.cause
	case errors.Is(e.err, errLost):
		e.err = g.slotLost()
	case errors.Is(e.err, errLoginUnknown):
		e.err = &refusal.Error{Cause: refusal.BackendUnavailable, Bucket: g.cfg.ID, Node: g.cfg.Node, Err: e.err, Detail: "the server has refused this login since"}
	}
	if own := (*refusal.Error)(nil); e.req.waited > 0 && errors.As(e.err, &own) {
		e.err = own.After(e.req.waited)
	}
	e.req.gone = true
	e.req.cancel()
	if errors.Is(e.req.reply(Grant{Err: e.err}), actor.ErrFull) {
		c.After(answerAgain, answer{e})
	} // who has gone needs no answer
}

func (g *Governor) slotLost() error {
	return &refusal.Error{Cause: refusal.SlotLost, Bucket: g.cfg.ID, Node: g.cfg.Node}
}

// cut takes a lease's slot away. The session is told in this turn, so that it
// knows why its connection breaks.
func (g *Governor) cut(l *Lease) {
	l.request.died(l)
	if l.own == nil {
		g.cfg.Metrics.closed("slot lost")
	}
	g.work(func() Msg {
		if l.own != nil {
			l.own.cut(g.ctx.Done())
		} else {
			l.Conn.Abort()
		}
		return closed{}
	})
}

func (g *Governor) dial(d *dial) {
	r, cfg := d.req, g.cfg
	target := cfg.Target
	var (
		login *tds.Login7
		key   backend.Key
		sum   Digest
	)
	if r != nil {
		login, key, sum = r.Login, r.Key, r.Digest
		if login == nil {
			login = g.state.vault.open(key, sum)
		}
	} else {
		login, key, sum = cfg.Warm.Login, cfg.Warm.Key, cfg.Warm.Digest
	}
	// Not a child of g.ctx, whose lock all dials would share: Stopped ends them.
	ctx, cancel := context.WithCancelCause(context.Background())
	d.cancel = cancel
	g.work(func() Msg {
		defer cancel(nil)
		if login == nil {
			return dialed{d, key.User, sum, nil, errLoginUnknown}
		}
		if cfg.Admit != nil && !cfg.Admit() {
			return dialed{d, login.UserName, sum, nil, errLost}
		}
		start := time.Now()
		conn, err := cfg.dial(ctx, target, login, key)
		if err == nil {
			conn.Born = start // so that a target changed meanwhile is noticed
			cfg.Metrics.LoginSeconds.Update(time.Since(start).Seconds())
			conn.Watch(g.watcher, func() {
				if errors.Is(g.self.Tell(died{conn}), actor.ErrFull) { // the watcher must not wait for room
					g.work(func() Msg { return died{conn} })
				}
			})
		} else {
			err = g.dialError(ctx, err)
		}
		return dialed{d, login.UserName, sum, conn, err}
	})
}

// dialError makes what went wrong into what a client is told.
func (g *Governor) dialError(ctx context.Context, err error) error {
	if refused := (*backend.LoginError)(nil); errors.As(err, &refused) {
		return err
	}
	if errors.Is(context.Cause(ctx), backend.ErrCut) {
		return errLost
	}
	return &refusal.Error{Cause: refusal.BackendUnavailable, Bucket: g.cfg.ID, Node: g.cfg.Node, Err: err, Detail: stageOf(err)}
}

func stageOf(err error) string {
	if d := (*backend.DialError)(nil); errors.As(err, &d) {
		return "failed at " + string(d.Stage)
	}
	return ""
}

func (g *Governor) enqueue(e doEnqueue) []effect {
	r := e.req
	w := queue.Waiter[*Request]{ID: r.Session, Order: r.order, Arrived: r.arrived, Deadline: r.deadline, Request: r}
	if g.queue.TellHere(queue.Enqueue[*Request]{Waiter: w, Again: e.again}) == nil {
		return nil
	}
	return g.state.left(e.req, &refusal.Error{Cause: refusal.Overloaded, Bucket: g.cfg.ID, Node: g.cfg.Node})
}
