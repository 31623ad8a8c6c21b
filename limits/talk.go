package limits

import "time"

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
	settled bool // it could, at some time
	replid  string
	recover *Recover
	without time.Duration // since when a node without memory sees it without one

	nextSync  time.Duration // the next heartbeat
	syncEnded time.Duration
	opening   Epoch         // the recovery that is watched
	since     time.Duration // since when
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
