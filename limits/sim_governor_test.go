package limits

import "time"

// gov stands in for a bucket's governor: it opens connections for whoever
// waits, keeps them idle afterwards, and closes them when it must.
type gov struct {
	p      *proc
	bucket string

	inbox, outbox time.Duration // when the last message arrives
	version       uint64
	slots         int
	open          int // idle ones and ones being closed included
	inUse         int
	closing       int
	served        time.Duration // when somebody last got one, or began to wait
	told          Usage
	gone          bool
}

// want is how many connections clients would use.
func (g *gov) want() int { return g.p.h.want[g.bucket] }

func (g *gov) entitle(e Entitle) {
	if g.gone {
		return
	}
	g.version, g.slots = e.Version, e.Slots
	g.shrink(e.Force)
	g.serve()
	g.report(true)
}

// shrink closes idle connections above the slots, with force used ones too.
func (g *gov) shrink(force bool) {
	for g.open-g.closing > g.slots && (g.open-g.closing > g.inUse || force) {
		if g.open-g.closing == g.inUse {
			g.inUse--
		}
		g.close(force)
	}
}

func (g *gov) close(force bool) {
	d := g.p.h.w.p.Closing
	if force {
		d = 100 * time.Millisecond
	}
	g.closing++
	g.p.later(g.p.h.w.upTo(d), func() {
		if g.gone {
			return
		}
		g.closing--
		g.open--
		g.serve()
		g.report(g.open >= g.slots)
	})
}

// serve gives connections to those who wait, and takes those that are not
// wanted any more.
func (g *gov) serve() {
	w := g.p.h.w
	if g.gone {
		return
	}
	for g.inUse > g.want() {
		g.inUse--
		if g.open-g.closing > g.slots {
			g.close(false)
		}
	}
	for g.inUse < g.want() {
		switch {
		case g.open-g.closing > g.inUse: // an idle one
			g.inUse++
			g.served = g.p.h.clock()
		case g.open < g.slots && g.p.h.clock() < g.p.node.Until(g.bucket):
			g.open++
			g.inUse++
			g.served = g.p.h.clock()
			w.check(g.bucket, g.p)
		default:
			return
		}
	}
	g.served = g.p.h.clock()
}

// turn ends one use: what a client gives back goes to the next, or is closed.
func (g *gov) turn() {
	if g.gone || g.inUse == 0 {
		return
	}
	g.inUse--
	g.shrink(false)
	g.serve()
	g.report(false)
}

func (g *gov) report(always bool) {
	if g.gone {
		return
	}
	u := Usage{Bucket: g.bucket, Version: g.version, Open: g.open, InUse: g.inUse, Waiting: max(g.want()-g.inUse, 0)}
	if !always && u == g.told {
		return
	}
	g.told = u
	if u.Waiting > 0 {
		u.Age = g.p.h.clock() - g.served
	}
	g.p.inOrder(&g.outbox, func() { g.p.step(u) })
}

// demand sets what clients of h want of a bucket.
func (h *host) demand(bucket string, n int) {
	h.want[bucket] = n
	if p := h.proc; p != nil && p.alive {
		p.later(0, func() {
			g := p.govs[bucket]
			g.serve()
			g.report(false)
		})
	}
}
