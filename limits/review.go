package limits

import "time"

// review brings one bucket up to date: what ran out, what can be lent or given
// back, what the governor may have.
func (n *Node) review(b *book) {
	n.expire(b)
	n.measure(b)
	n.lend(b)
	n.retarget(b)
	n.borrow(b)
	n.refresh(b)
}

// expire drops loans whose time is over.
func (n *Node) expire(b *book) {
	for _, id := range sorted(b.loans) {
		if l := b.loans[id]; n.now >= l.until-n.p.Guard() {
			delete(b.loans, id)
			if b.commit > b.entitled() {
				n.note(NoteLoanLost, "bucket %s: a loan of %d slots by %s was not renewed, connections in use are cut", b.name, l.n, l.from.Name())
			}
		}
	}
	for _, id := range sorted(b.lent) {
		l := b.lent[id]
		if n.now < l.until || l.state == lentMoving {
			continue
		}
		delete(b.lent, id)
		if l.state == lentHeld && !n.off.has(RuleMoveHold) {
			b.burnt += l.n
			b.urgent = true
		}
	}
}

const (
	// surplusAfter is for how many heartbeats a node keeps slots that it does
	// not need and that are more than an equal share.
	surplusAfter = 3
	// loanIdle is for how many heartbeats a loan is kept that is not needed.
	loanIdle = 1
)

// measure looks at what is needed.
func (n *Node) measure(b *book) {
	need := b.need()
	b.surplus = 0
	if n.declared[b.name] < 0 { // not served here any more
		b.surplus = b.own
	} else if share := ceil(b.limit.Max, max(len(n.members), 1)); n.ledger.helps(n) && b.own > max(need, share) {
		if b.roomSince == 0 {
			b.roomSince = n.now
		}
		if n.now-b.roomSince > surplusAfter*n.p.Heartbeat {
			b.surplus = b.own - max(need, share)
		}
	} else {
		b.roomSince = 0
	}
	b.retire = 0
	room := b.entitled() - need
	for _, id := range sorted(b.loans) {
		l := b.loans[id]
		if room < l.n {
			l.idle = 0
			continue
		}
		room -= l.n
		if l.idle == 0 {
			l.idle = n.now
		}
		if n.now-l.idle < loanIdle*n.p.Heartbeat {
			continue
		}
		b.retire += l.n
		if b.spare() >= l.n {
			b.retire -= l.n
			delete(b.loans, id)
			n.emit(Send{l.from, Return{id, 0}})
		}
	}
}

// retarget tells the governor what it may have from now on.
func (n *Node) retarget(b *book) {
	entitled := b.entitled()
	want := max(entitled-max(b.owe, b.surplus)-b.retire-b.asked(), 0)
	if n.off.has(RuleReturn) {
		want = max(entitled, 0)
	}
	if n.quit {
		want = 0
	}
	force := b.commit > max(entitled, 0)
	if want == b.target && (!force || b.forced) {
		return
	}
	b.version++
	b.target, b.forced = want, force
	b.commit = max(b.commit, want)
	n.emit(Entitle{b.name, b.version, want, force})
}

// used takes what a governor says of itself.
func (n *Node) used(u Usage) {
	b := n.books[u.Bucket]
	if b == nil || n.quit {
		return
	}
	b.use = u
	if u.Version == b.version {
		b.commit = max(b.target, u.Open)
		if b.commit <= max(b.entitled(), 0) {
			b.forced = false
		}
	}
	if u.Waiting == 0 {
		b.pollAfter, b.nextPoll = 0, 0
	}
}

// Bounds of the pause between two Syncs of a node whose wish was not granted.
const (
	pollMin = 40 * time.Millisecond
	pollMax = time.Second
)

// hungry tells whether the ledger should be asked for slots of b now.
func (n *Node) hungry(b *book) bool {
	return b.use.Waiting > 0 && b.need() > b.own-b.out() && n.now >= b.nextPoll
}

// returnable is how many slots can be given back to the ledger now.
func (n *Node) returnable(b *book) int {
	spare := b.spare()
	if n.off.has(RuleReturn) {
		spare = b.entitled() - b.use.Open
	}
	return min(b.burnt+max(min(max(b.owe, b.surplus), spare), 0), max(b.own-b.out(), 0))
}
