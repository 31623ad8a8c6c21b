package limits

import (
	"maps"
	"slices"
	"time"
)

// answered takes the end of a call.
func (n *Node) answered(a Answer) {
	l := &n.ledger
	if !l.busy || a.Call != l.call && !n.off.has(RuleReplyMatch) {
		return
	}
	op, sent := l.op, l.sent
	l.busy, l.op = false, nil
	if _, declaring := op.(Declare); declaring && (a.Failed || a.Reply.Status != OK) {
		n.declare = true
	}
	if a.Failed {
		l.failures++
		l.next = n.now + min(retryMin<<min(l.failures, 10), n.p.Heartbeat/2)
		if !l.lost && l.failures > 2 {
			l.lost = true
			n.note(NoteLost, "the ledger does not answer")
		}
		return
	}
	if l.lost {
		n.note(NoteFound, "the ledger answers again")
	}
	l.failures, l.next, l.lost, l.heard, l.replid = 0, 0, false, n.now, a.Reply.Replid
	n.watchOpening(a.Reply)
	if a.Reply.Status != Empty {
		// The word of an operator was for a fleet that had no ledger yet. One
		// that is missing later was lost, and others may hold what it knew.
		n.p.Bootstrap = false
	}
	switch a.Reply.Status {
	case Empty, Discont:
		n.mustRecover(a.Reply)
	case OtherConfig, WrongType:
		if a.Reply.Status == WrongType {
			n.conflictWith("the ledger's key in Redis holds something else")
		} else {
			n.conflictWith("the fleet is configured with %s, this node with %s", a.Reply.Config, n.p.Fingerprint())
		}
		l.next = n.now + n.p.Heartbeat
		l.greeted = n.phase != outside
	default:
		if a.Reply.Epoch != n.epoch && n.phase == inside && !n.off.has(RuleEpoch) {
			n.otherEpoch(op, a.Reply)
			return
		}
		n.done(op, sent, a.Reply)
	}
}

// mustRecover prepares a new epoch on a ledger that has, or may have, forgotten.
func (n *Node) mustRecover(r Reply) {
	l := &n.ledger
	l.open, l.clear = false, false
	if l.recover != nil && l.recover.Replid == r.Replid {
		return
	}
	if l.without == 0 {
		l.without = n.now
	}
	have := n.epoch
	if n.phase == outside {
		have = Epoch{}
	}
	n.recoverFrom(have)
	l.recover.Replid = r.Replid
	l.recover.Open = n.p.Bootstrap && n.phase == outside && r.Status == Empty
}

// recoverFrom prepares an epoch after have on the ledger heard last.
func (n *Node) recoverFrom(have Epoch) {
	n.ledger.recover = &Recover{
		Have: have, Memory: n.phase == inside && n.complete, Replid: n.ledger.replid, Tag: n.tag(), Config: n.p.Fingerprint(),
		Members: n.members, Limits: n.limits(),
	}
}

func (n *Node) limits() map[string]Limit {
	out := map[string]Limit{}
	for name, b := range n.books {
		if b.limit.Ver > 0 {
			out[name] = b.limit
		}
	}
	return out
}

// otherEpoch goes over to a ledger of a higher epoch, or recovers one that is
// behind (R6).
func (n *Node) otherEpoch(op Op, r Reply) {
	l := &n.ledger
	if _, recovered := op.(Recover); !recovered && r.Epoch.N <= n.epoch.N {
		if l.recover == nil {
			n.mustRecover(r)
		}
		return
	}
	n.adopt(r.Epoch)
}

func (n *Node) adopt(e Epoch) {
	l := &n.ledger
	l.recover, l.without, l.clear = nil, 0, false
	n.epoch, n.version = e, 0
	n.sync, n.again = nil, nil
	clear(n.moving)
	own := Counts{}
	for name, b := range n.books {
		// The old ledger may have made these the borrowers' own, and they may
		// tell the new one so; or it may not, and they go on until the loan ends.
		for _, e := range b.lent {
			switch {
			case n.off.has(RuleMoveHold):
				e.state = lentOut
			case e.state == lentMoved:
				b.own += e.n
				e.state = lentHeld
			case e.state == lentMoving:
				e.state = lentHeld
			}
		}
		if b.own > 0 {
			own[name] = b.own
		}
		b.owe, b.urgent = 0, true
	}
	n.seq++
	pins := map[string]string{}
	for w, boot := range n.beats.boots {
		pins[w] = boot
	}
	n.again = &Reassert{
		Epoch: e, Session: n.session, Config: n.p.Fingerprint(), Seq: n.seq, Pins: pins, Own: own,
		Declared: n.declared, Limits: n.limits(), Memory: n.complete, Members: slices.Clone(n.members),
	}
	n.note(NoteRecover, "the ledger begins epoch %s", e)
}

// done takes an answer of the ledger that the node belongs to.
func (n *Node) done(op Op, sent time.Duration, r Reply) {
	l := &n.ledger
	if !l.open && r.Open && n.phase == inside {
		n.note(NoteOpen, "the ledger is open in epoch %s", r.Epoch)
	}
	l.open = r.Open
	switch op := op.(type) {
	case Hello:
		n.epoch, l.greeted, l.recover, l.without = r.Epoch, true, nil, 0
	case Recover:
		l.recover, l.without = nil, 0
		switch {
		case n.phase != inside:
			n.epoch, l.greeted = r.Epoch, true
		case r.Epoch != n.epoch:
			n.adopt(r.Epoch)
		}
	case Join:
		n.joined(op, sent, r)
	case Reassert:
		n.reasserted(op, sent, r)
	case Sync:
		n.synced(op, sent, r)
	case Declare:
		if r.Status == OK {
			n.change = n.change && n.declare // unless it changed once more
			n.shares(r.Buckets, false)
		} else {
			n.lostSession(r)
		}
	case Leave:
		n.left(op)
	case List:
		n.sawList(r)
	case Close:
		n.closing = nil
	case Reap:
		n.reaped(op, r)
	}
}

func (n *Node) lostSession(r Reply) {
	if r.Status == NoSession {
		n.fence("the ledger does not know the session %s any more", n.session)
	}
}

// renew moves the end of the session's right. It counts from when the call was
// sent: when it was answered, the ledger's clock had run already (R5).
func (n *Node) renew(sent time.Duration) {
	if n.off.has(RuleSendTime) {
		sent = n.now
	}
	n.renewed = max(n.renewed, sent+shorter(n.p.Hold))
}

func (n *Node) joined(op Join, sent time.Duration, r Reply) {
	switch {
	case r.Status == OtherEpoch:
		n.epoch = r.Epoch
		return
	case r.Status == Refused && op.Session == n.session:
		// An earlier Join was done without our knowing, and the ledger recovers
		// since: it waits for this session, which never held anything.
		n.former = append(n.former, former{session: n.session})
		n.newSession()
		return
	case r.Status != OK || op.Session != n.session:
		n.ledger.next = n.now + n.p.Heartbeat/2
		return
	}
	n.phase = inside
	n.renew(sent)
	n.setMembers(r)
	n.shares(r.Buckets, true)
	n.ledger.nextSync, n.beats.next = n.now, n.now
	n.declare = n.change || !maps.Equal(op.Declared, n.declared)
	n.note(NoteJoined, "session %s joined the ledger in epoch %s", n.session, r.Epoch)
}

func (n *Node) reasserted(op Reassert, sent time.Duration, r Reply) {
	if n.again == nil || n.again.Seq != op.Seq {
		return
	}
	switch r.Status {
	case OK:
		n.setMembers(r)
		n.shares(r.Buckets, false)
		n.renew(sent)
	case Stale: // it came before, and its answer was lost
	case NoSession:
		n.lostSession(r)
		return
	default:
		n.ledger.next = n.now + n.p.Heartbeat/2
		return
	}
	n.again = nil
	n.beats.pinned(op.Pins, n.p)
	n.ledger.nextSync = n.now
}

// setMembers keeps the list of holders. One that a recovering ledger gives is
// not complete, so what was known before is kept beside it.
func (n *Node) setMembers(r Reply) {
	if r.Members == nil {
		return
	}
	n.version = r.Version
	if r.Open {
		n.members, n.complete = r.Members, true
		return
	}
	n.members = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(n.members), r.Members...))))
}

func (n *Node) synced(op Sync, sent time.Duration, r Reply) {
	l := &n.ledger
	if n.sync == nil || n.sync.Seq != op.Seq {
		return
	}
	switch r.Status {
	case OK:
	case NoSession:
		n.lostSession(r)
		return
	case Stale:
		n.sync = nil
		return
	default:
		return
	}
	n.sync = nil
	l.syncEnded, l.clear = n.now, r.Clear
	if r.Clear && r.Open && !l.settled {
		l.settled = true
		n.note(NoteSettled, "the ledger grants session %s slots", n.session)
	}
	n.renew(sent)
	n.beats.pinned(op.Pins, n.p)
	n.setMembers(r)
	for _, loan := range r.Moved {
		n.moved(loan)
	}
	n.settleMoves(r)
	n.shares(r.Buckets, true)
}

// moved drops a loan that has become our own: the same reply counts it in Held.
// Should the lender's answer be still on its way, it comes too late.
func (n *Node) moved(id string) {
	delete(n.givenUp, id)
	for _, b := range n.books {
		if b.borrowing != nil && b.borrowing.loan == id {
			b.borrowing = nil
		}
		if l := b.loans[id]; l != nil {
			delete(b.loans, id)
			b.own += l.n // until the bucket's own share is read
			b.urgent = true
			n.emit(Send{l.from, Return{id, 0}})
		}
	}
}

// settleMoves learns what became of the moves in the Sync that was answered.
func (n *Node) settleMoves(r Reply) {
	for _, id := range sorted(n.moving) {
		name := n.moving[id]
		b := n.books[name]
		e := b.lent[id]
		if e == nil || e.state != lentMoving {
			continue
		}
		if slices.Contains(r.Buckets[name].Moved, id) {
			e.state = lentMoved
			n.emit(Send{e.to, Nudge{[]string{name}}})
		} else {
			e.state = lentOut
			e.session = "" // not again
		}
	}
	clear(n.moving)
}

// shares takes what the ledger says of buckets. With held the numbers are what
// this node owns from now on.
func (n *Node) shares(all map[string]Share, held bool) {
	nudge := map[Process][]string{}
	for _, name := range sorted(all) {
		b, sh := n.books[name], all[name]
		if b == nil {
			continue
		}
		if held {
			if sh.Held > b.own {
				b.growth = min(b.growth+float64(sh.Held-b.own), 64)
				b.pollAfter, b.nextPoll = 0, 0
			} else {
				b.growth /= 2
			}
			b.own = sh.Held
		}
		if sh.Conflict {
			n.conflictWith("bucket %s: nodes are configured with different max_connections; %d holds, this node says %d", name, sh.Limit.Max, n.declared[name])
		}
		b.limit, b.conflict, b.owe = sh.Limit, sh.Conflict, sh.Owe
		for _, s := range sh.Peers {
			if p := s.Process(); p != n.self {
				nudge[p] = append(nudge[p], name)
			}
		}
	}
	for _, p := range sorted(nudge) {
		n.emit(Send{p, Nudge{nudge[p]}})
	}
}

func (n *Node) left(op Leave) {
	n.former = slices.DeleteFunc(n.former, func(f former) bool { return f.session == op.Session })
	if op.Session == n.session && n.quit {
		n.phase = gone
		n.emit(Left{})
	}
}
