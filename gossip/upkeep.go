package gossip

import (
	"time"
)

const (
	// sweepEvery is how often what is old is looked for.
	sweepEvery = time.Second
	// changeGap is the least time between two calls of OnChange.
	changeGap = 20 * time.Millisecond
	// updateTime is how long a change of our description may take to be sent
	// to the first member.
	updateTime = time.Second
)

// derived are the kinds that compare finds.
var derived = []Kind{NameTaken, OtherWitnesses, OtherConfig}

// upkeep forgets what is old, keeps the problems up to date and calls OnChange.
func (g *Gossip) upkeep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	gap := time.NewTimer(0)
	defer gap.Stop()
	<-gap.C
	for {
		woken, look := false, false
		select {
		case <-g.ctx.Done():
			return
		case <-g.remeta:
			// It waits for a member to hear of it. That none does within the
			// time is no failure: the next exchange of state has it too.
			_ = g.list.UpdateNode(updateTime)
			continue
		case <-tick.C:
			woken, look = g.sweep(time.Now()), true
		case <-g.wake:
			woken = true
		}
		if g.compareAgain.Swap(false) || look {
			now := time.Now()
			woken = g.book.replace(derived, compare(g.members.list(), g.pace.predecessor, now), now) || woken
		}
		for _, p := range g.book.takeFresh() {
			g.log.Warn("gossip: "+p.Text, "kind", string(p.Kind), "subject", p.Subject)
		}
		if !woken || g.cfg.OnChange == nil {
			continue
		}
		g.cfg.OnChange()
		gap.Reset(changeGap)
		select {
		case <-g.ctx.Done():
			return
		case <-gap.C:
		}
	}
}

func (g *Gossip) sweep(now time.Time) (changed bool) {
	gone := g.members.sweep(now)
	gone = append(gone, g.store.dropStrangers(now.Add(-keepGone), g.known)...)
	for _, id := range gone {
		g.store.drop(id)
		g.queue.drop(id)
	}
	return g.book.sweep(now) || len(gone) > 0
}

func (g *Gossip) known(id string) bool { return g.members.known(id) }
