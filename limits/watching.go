package limits

import (
	"maps"
	"slices"
	"time"
)

// watching is what a node sees of other sessions: who was not renewed for how
// long. Any node may watch; what it finds counts only with the consent of the
// witnesses, and only if the ledger has not heard the session since.
type watching struct {
	next   time.Duration
	epoch  Epoch // of seen: renewals are counted anew in each
	seen   map[Session]sighting
	order  []Session // all in seen
	reap   []Session // enough consent to try
	listed Reply
}

type sighting struct {
	renewals uint64
	since    time.Duration // first seen with these renewals
	last     time.Duration // and last
	state    State
	asked    time.Duration
	consents map[string]Consent
	given    time.Duration // the first of them
}

// closing is a recovery that this node wants to end without all.
type closing struct {
	epoch   Epoch
	missing []Session
	listed  bool
	asked   time.Duration
	reports map[string]Report
}

// watchOpening notes since when the ledger recovers in an epoch.
func (n *Node) watchOpening(r Reply) {
	l := &n.ledger
	switch {
	case r.Open || r.Epoch == (Epoch{}):
		l.opening, l.since, n.closing = Epoch{}, 0, nil
	case l.opening != r.Epoch:
		l.opening, l.since, n.closing = r.Epoch, n.now, nil
	}
}

// mayClose tells whether the recovery has lasted so long that whoever lives
// and reaches the ledger has come, and whoever lives without it has been heard
// by witnesses since it began (R12b).
func (n *Node) mayClose() bool {
	l := &n.ledger
	wait := longer(n.p.Hold) + n.p.Lag
	if n.off.has(RuleReportWait) {
		wait = 0
	}
	return l.since > 0 && l.opening == n.epoch && n.now-l.since > wait
}

// watch returns the next call to the ledger that concerns others, nil if none
// is due.
func (n *Node) watch() Op {
	w := &n.watching
	if n.quit {
		return nil
	}
	if n.mayClose() {
		if op := n.nextClose(); op != nil {
			return op
		}
	}
	for len(w.reap) > 0 {
		s := w.reap[0]
		w.reap = w.reap[1:]
		if g, ok := w.seen[s]; ok && n.silent(g) {
			return Reap{w.epoch, s, g.renewals, n.p.Quorum(), maps.Clone(g.consents)}
		}
	}
	if n.now < w.next {
		return nil
	}
	w.next = n.now + n.watchEvery()
	return List{}
}

// watchEvery is how often this node looks: often if it is a witness, or if
// there are none.
func (n *Node) watchEvery() time.Duration {
	if n.witness != nil || len(n.p.Witnesses) == 0 {
		return n.p.Heartbeat / 3
	}
	return 3 * n.p.Heartbeat
}

func (n *Node) sawList(r Reply) {
	w := &n.watching
	w.listed = r
	if w.epoch != r.Epoch && !n.off.has(RuleSightEpoch) {
		clear(w.seen)
	}
	w.epoch = r.Epoch
	if n.closing != nil && !n.closing.listed {
		n.closing.listed, n.closing.missing = true, r.Missing
	}
	for s := range w.seen {
		if _, ok := r.Sessions[s]; !ok {
			delete(w.seen, s)
		}
	}
	for s, st := range r.Sessions {
		g, ok := w.seen[s]
		if !ok || g.renewals != st.Renewals {
			g = sighting{renewals: st.Renewals, since: n.now}
		}
		g.state, g.last = st, n.now
		w.seen[s] = g
	}
	w.order = sorted(w.seen)
}

// silent tells whether a session was not renewed for longer than it can live
// by the ledger alone (R8).
func (n *Node) silent(g sighting) bool {
	return g.last-g.since > longer(n.p.Hold) || n.off.has(RuleSightSilent) && g.consents != nil
}

// askWitnesses asks for consent to the death of silent sessions, and for
// reports when a recovery waits for who does not come.
func (n *Node) askWitnesses() {
	w := &n.watching
	if n.phase != inside || n.quit {
		return
	}
	for _, s := range w.order {
		g := w.seen[s]
		if s == n.session || !n.silent(g) || g.asked > 0 && n.now-g.asked < n.p.Heartbeat {
			continue
		}
		g.asked = n.now
		w.seen[s] = g
		if n.p.Quorum() == 0 || len(g.state.Pins) < n.p.Quorum() && !g.state.Booked {
			w.tryReap(s)
		}
		n.toWitnesses(AskConsent{s})
	}
	if c := n.closing; c != nil && c.listed && c.epoch == n.epoch && (c.asked == 0 || n.now-c.asked > n.p.Heartbeat) {
		c.asked = n.now
		n.toWitnesses(AskReport{c.epoch, c.missing})
	}
}

// consentFor is for how many hold times a consent is kept: for less than the
// witness remembers having given it.
const consentFor = forgetAfter / 4

func (n *Node) consented(m GiveConsent) {
	g, ok := n.watching.seen[m.Session]
	if !ok || !m.Given || !n.p.isWitness(m.Witness) || !n.silent(g) && !n.off.has(RuleSightSilent) {
		return // or it answers an older question, and the session was renewed since
	}
	if g.consents == nil || n.now-g.given > consentFor*n.p.Hold {
		g.consents, g.given = map[string]Consent{}, n.now
	}
	g.consents[m.Witness] = m.Consent
	n.watching.seen[m.Session] = g
	n.watching.tryReap(m.Session)
}

func (w *watching) tryReap(s Session) {
	if !slices.Contains(w.reap, s) {
		w.reap = append(w.reap, s)
	}
}

func (n *Node) reaped(op Reap, r Reply) {
	if r.Status == OK {
		n.note(NoteReaped, "session %s was declared dead", op.Session)
		delete(n.watching.seen, op.Session)
		n.watching.order = sorted(n.watching.seen)
		for _, b := range n.books {
			b.urgent = true
		}
	}
}

// nextClose is the next call on the way to ending a recovery.
func (n *Node) nextClose() Op {
	c := n.closing
	if c == nil || c.epoch != n.epoch {
		n.closing = &closing{epoch: n.epoch, reports: map[string]Report{}}
		return List{}
	}
	if !c.listed {
		return List{}
	}
	old := 0
	booked := map[Session]Counts{}
	best := map[Session]uint64{}
	for _, w := range sorted(c.reports) {
		r := c.reports[w]
		if r.Old {
			old++
		}
		if r.Latest > c.epoch.N {
			// There was a later ledger than this store remembers.
			n.recoverFrom(Epoch{N: r.Latest})
			return *n.ledger.recover
		}
		for s, p := range r.Promises {
			if _, there := n.watching.listed.Sessions[s]; there || n.off.has(RuleReportBook) {
				continue
			}
			if seq, ok := best[s]; !ok || p.Seq > seq {
				best[s], booked[s] = p.Seq, p.Own
			}
		}
	}
	if old < n.p.Quorum() {
		return nil
	}
	n.closing = nil
	return Close{c.epoch, c.missing, booked}
}

func (n *Node) reported(m Report) {
	c := n.closing
	if c == nil || m.Epoch != c.epoch || !n.p.isWitness(m.Witness) || !sameSessions(m.Missing, c.missing) || !m.Old {
		return
	}
	c.reports[m.Witness] = m
}

func sameSessions(a, b []Session) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
