package limits

import (
	"maps"
	"slices"
	"time"
)

// ledgerView is how the ledger looks from a node, and the call to it that is
// under way: there is at most one (R4).
type ledgerView struct {
	call     uint64 // of the last one
	busy     bool
	op       Op
	sent     time.Duration
	next     time.Duration // no call before
	failures int
	heard    time.Duration // when it last answered
	lost     bool          // said so

	greeted bool
	open    bool
	clear   bool // this session may get grants
	replid  string
	recover *Recover
	without time.Duration // since when a node without memory sees it without one

	nextSync  time.Duration // the next heartbeat
	syncEnded time.Duration
	opening   Epoch         // the recovery that is watched
	since     time.Duration // since when
	listed    time.Duration
}

const (
	syncGap  = 5 * time.Millisecond   // between two Syncs
	slow     = 300 * time.Millisecond // a ledger that takes longer is no help
	retryMin = 20 * time.Millisecond
	busyTick = 50 * time.Millisecond // while somebody waits
)

// helps tells whether the ledger can be expected to grant slots now.
func (l *ledgerView) helps(n *Node) bool {
	return n.phase == inside && l.open && l.clear && l.failures == 0 && (!l.busy || n.now-l.sent < slow)
}

// reached tells whether the ledger answered lately.
func (l *ledgerView) reached(n *Node) bool {
	return l.heard > 0 && l.failures == 0 && n.now-l.heard < 2*n.p.Heartbeat
}

// Wake is when the node wants its next Tick at the latest.
func (n *Node) Wake() time.Duration {
	l := &n.ledger
	at := n.now + n.p.Heartbeat/4
	if l.next > n.now {
		at = min(at, l.next)
	}
	if n.phase == inside {
		at = min(at, n.fenceAt())
		if len(n.p.Witnesses) > 0 {
			at = min(at, n.beats.next)
		}
		if !l.busy && l.next <= n.now {
			at = min(at, l.nextSync, n.watching.next)
			if n.urgent() {
				at = min(at, l.syncEnded+syncGap)
			}
		}
	}
	for _, b := range n.books {
		at = min(at, n.wakeFor(b))
	}
	return max(at, n.now+time.Millisecond)
}

// wakeFor is when something is to be done for a bucket.
func (n *Node) wakeFor(b *book) time.Duration {
	at := time.Duration(1<<63 - 1)
	switch l := &n.ledger; {
	case b.use.Waiting == 0:
	case !l.helps(n):
		at = n.now + busyTick
	case l.busy:
		at = l.sent + slow
	case b.need() > b.own-b.out():
		at = max(b.nextPoll, l.syncEnded+syncGap)
	}
	if b.borrowing != nil {
		at = min(at, b.borrowing.sent+answerIn)
	}
	if len(b.asks) > 0 {
		at = min(at, b.asks[0].end)
	}
	for _, l := range b.loans {
		at = min(at, l.until-n.p.Guard(), l.next)
	}
	for _, l := range b.lent {
		if l.state != lentMoving {
			at = min(at, l.until)
		}
	}
	return at
}

func (n *Node) urgent() bool {
	for _, b := range n.books {
		if b.urgent || n.hungry(b) || n.returnable(b) > 0 {
			return true
		}
	}
	return false
}

// drive makes the next call to the ledger if one is due.
func (n *Node) drive() {
	l := &n.ledger
	if l.busy || n.now < l.next || n.phase == gone {
		return
	}
	if op := n.nextOp(); op != nil {
		n.callLedger(op)
	}
}

func (n *Node) callLedger(op Op) {
	l := &n.ledger
	l.call++
	l.busy, l.op, l.sent = true, op, n.now
	var via Process
	if l.failures > 0 && l.failures%2 == 0 {
		via = n.relay()
	}
	n.emit(CallLedger{l.call, op, via})
}

// relay picks another process by which the ledger can be reached, for a node
// that is cut off from it alone (R18).
func (n *Node) relay() Process {
	var may []Process
	for _, p := range n.peers {
		if at, ok := n.beats.fresh[p]; ok && n.now-at < 2*n.p.Heartbeat {
			may = append(may, p)
		}
	}
	if len(may) == 0 {
		return ""
	}
	return may[n.ledger.failures/2%len(may)]
}

func (n *Node) nextOp() Op {
	l := &n.ledger
	switch {
	case l.recover != nil:
		if !l.recover.Memory && !l.recover.Open && n.now-l.without < 2*n.p.Heartbeat {
			return n.paced(Hello{}) // who has a memory goes first
		}
		return *l.recover
	case n.phase == fencing:
		return nil
	case !l.greeted:
		return Hello{}
	case n.quit && n.phase == outside:
		return n.lastLeave()
	case n.phase == outside && len(n.declared) == 0:
		return nil // nothing to join for yet
	case n.phase == outside:
		return Join{n.epoch, n.session, n.p.Fingerprint(), n.declared}
	case n.again != nil:
		return *n.again
	case n.sync != nil:
		return *n.sync
	case n.quit && n.lentUntil() == 0 && len(n.former) == 0:
		return Leave{n.session}
	case n.now >= l.nextSync, n.urgent() && n.now >= l.syncEnded+syncGap, n.beats.unpinned() && n.now >= l.syncEnded+n.p.Heartbeat/4:
		n.sync = n.newSync()
		return *n.sync
	case n.declare && !n.quit:
		n.declare = false
		n.declares++
		return Declare{n.epoch, n.session, n.declares, n.declared, n.change}
	}
	if op := n.nextLeave(); op != nil {
		return op
	}
	return n.watch()
}

// nextLeave tells the ledger of a former session, once nothing that rests on it
// can be in use.
func (n *Node) nextLeave() Op {
	for _, f := range n.former {
		if n.now > f.lent {
			return Leave{f.session}
		}
	}
	return nil
}

// lastLeave ends a process without a session, once the ledger knows of the end
// of all it had.
func (n *Node) lastLeave() Op {
	if len(n.former) > 0 {
		return n.nextLeave()
	}
	n.phase = gone
	n.emit(Left{})
	return nil
}

// paced returns op if the ledger was not heard for a while, to look again.
func (n *Node) paced(op Op) Op {
	if n.now-n.ledger.heard < n.p.Heartbeat/4 {
		return nil
	}
	return op
}

// rotation bounds the buckets that a heartbeat names beside those where
// something changed.
const rotation = 32

// newSync builds the next Sync. What it returns is given up here and now,
// before anybody can be told (R4).
func (n *Node) newSync() *Sync {
	l := &n.ledger
	n.seq++
	s := &Sync{Epoch: n.epoch, Session: n.session, Seq: n.seq, Ack: n.version, Pins: map[string]string{}}
	for w, boot := range n.beats.boots {
		s.Pins[w] = boot
	}
	names := n.names
	heartbeat := n.now >= l.nextSync
	if heartbeat {
		l.nextSync = n.now + n.p.Heartbeat
	}
	for i, name := range names {
		b := n.books[name]
		turn := heartbeat && (len(names) <= rotation || (i-n.rotate+len(names))%len(names) < rotation)
		if turn || b.urgent || b.said != b.need() && heartbeat || n.hungry(b) || n.returnable(b) > 0 || b.owe > 0 && heartbeat {
			s.Items = append(s.Items, n.item(b))
		}
	}
	if heartbeat && len(names) > 0 {
		n.rotate = (n.rotate + rotation) % len(names)
	}
	return s
}

func (n *Node) item(b *book) Item {
	i := Item{Bucket: b.name, Return: n.returnable(b), Demand: b.need(), Age: b.use.Age.Milliseconds(), Ahead: int(b.growth / 4)}
	if n.off.has(RuleReturn) {
		i.Return = max(i.Return, 0)
	} else {
		b.own -= i.Return
	}
	burnt := min(b.burnt, i.Return)
	b.burnt -= burnt
	b.owe = max(b.owe-(i.Return-burnt), 0)
	b.surplus = 0
	b.urgent = false
	b.said = i.Demand
	if b.use.Waiting > 0 {
		b.pollAfter = min(max(2*b.pollAfter, pollMin), pollMax)
		b.nextPoll = n.now + b.pollAfter
	}
	for _, id := range sorted(b.lent) {
		if e := b.lent[id]; e.state == lentOut && e.session != "" && e.n > 0 && n.ledger.open && n.ledger.clear && n.now < e.until {
			e.state = lentMoving
			n.moving[id] = b.name
			i.Moves = append(i.Moves, Move{id, e.session, e.n})
		}
	}
	return i
}

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
