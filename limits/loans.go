package limits

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Bounds of the pause after a node refused to lend, and of waiting for its
// answer.
const (
	refusedMin = 50 * time.Millisecond
	refusedMax = time.Second
	answerIn   = 500 * time.Millisecond
	askIn      = 300 * time.Millisecond // how long a lender waits for its governor
)

// borrow asks another node for slots when the ledger cannot give any.
func (n *Node) borrow(b *book) {
	if w := b.borrowing; w != nil && n.now-w.sent > answerIn {
		b.refused(w.from, n.now)
		b.borrowing = nil
		n.givenUp[w.loan] = n.now
	}
	lack := b.need() - b.entitled()
	if b.use.Waiting == 0 || lack <= 0 || b.borrowing != nil || n.quit || n.phase == fencing || n.now < b.nextAsk || n.ledger.helps(n) {
		return
	}
	from, spare := n.lender(b)
	if from == "" {
		return
	}
	n.loanNo++
	w := &borrowing{loan: fmt.Sprintf("%s-%d", n.session, n.loanNo), from: from, sent: n.now, session: n.heldSession()}
	b.borrowing = w
	if spare > 0 {
		lack = min(lack, spare)
	}
	n.emit(Send{from, Borrow{Loan: w.loan, Bucket: b.name, N: lack, Session: w.session}})
}

// heldSession is the session to which a loan could be moved.
func (n *Node) heldSession() Session {
	if n.phase == inside {
		return n.session
	}
	return ""
}

// lender picks who is asked: who is said to have most to spare, else who was
// not asked for longest.
func (n *Node) lender(b *book) (Process, int) {
	var may []Process
	for _, p := range n.peers {
		if n.now >= b.refusals[p].until {
			may = append(may, p)
		}
	}
	if len(may) == 0 {
		return "", 0
	}
	best := slices.MaxFunc(may, func(x, y Process) int {
		return cmp.Or(cmp.Compare(n.spare[x][b.name], n.spare[y][b.name]), cmp.Compare(b.refusals[y].until, b.refusals[x].until))
	})
	return best, n.spare[best][b.name]
}

func (b *book) refused(p Process, now time.Duration) {
	pause := min(max(2*b.refusals[p].pause, refusedMin), refusedMax)
	b.refusals[p] = refusal{now + pause, pause}
}

// refresh asks for more time for loans that are needed.
func (n *Node) refresh(b *book) {
	for _, id := range sorted(b.loans) {
		l := b.loans[id]
		if n.now < l.next || l.n == 0 {
			continue
		}
		l.try++
		l.sent[l.try] = n.now
		l.next = n.now + n.p.Loan/4
		if s := n.heldSession(); s != "" {
			l.session = s
		}
		n.emit(Send{l.from, Borrow{Loan: id, Try: l.try, Bucket: b.name, N: l.n, Session: n.heldSession(), Again: true}})
	}
}

// lent takes the answer to a wish or a refresh.
func (n *Node) lentTo(from Process, m Lend) {
	for _, name := range n.names {
		b := n.books[name]
		if l := b.loans[m.Loan]; l != nil {
			sent, ok := l.sent[m.Try]
			if !ok || m.N < l.n {
				return // no more time: it ends when it was to end
			}
			l.until = max(l.until, n.loanEnd(sent, m.For))
			clear(l.sent)
			return
		}
		w := b.borrowing
		if w == nil || w.loan != m.Loan {
			continue
		}
		b.borrowing = nil
		until := n.loanEnd(w.sent, m.For)
		switch {
		case m.N <= 0:
			b.refused(from, n.now)
			return
		case until-n.p.Guard() <= n.now, w.session != "" && w.session != n.heldSession() && !n.off.has(RuleLoanSession):
			n.emit(Send{from, Return{m.Loan, 0}})
			return
		}
		delete(b.refusals, from)
		b.loans[m.Loan] = &loan{n: m.N, until: until, from: from, session: w.session, sent: map[int]time.Duration{}, next: w.sent + n.p.Loan/4}
		if s := n.spare[from]; s[name] > 0 {
			s[name] = max(s[name]-m.N, 0)
		}
		return
	}
	// Only what was never taken may go back here: the connections of a loan that
	// ran out may still be closing.
	if _, ok := n.givenUp[m.Loan]; ok && m.N > 0 {
		delete(n.givenUp, m.Loan)
		n.emit(Send{from, Return{m.Loan, 0}})
	}
}

// loanEnd is when a loan ends for the borrower: counted from when it asked, so
// that it ends earlier than for the lender (R16).
func (n *Node) loanEnd(sent, d time.Duration) time.Duration {
	if n.off.has(RuleLoanSend) {
		sent = n.now
	}
	return sent + shorter(d)
}

// asked takes another's wish, or its wish to keep a loan longer.
func (n *Node) askedBy(from Process, m Borrow) {
	b := n.books[m.Bucket]
	if b == nil {
		n.emit(Send{from, Lend{Loan: m.Loan, Try: m.Try}})
		return
	}
	if l := b.lent[m.Loan]; l != nil {
		n.prolong(b, l, from, m)
		return
	}
	busy := b.use.Waiting > 0 || n.phase != inside || n.quit
	if m.Again || busy || m.N <= 0 || b.entitled()-b.borrowed()-b.use.InUse-b.asked() <= 0 {
		n.emit(Send{from, Lend{Loan: m.Loan, Try: m.Try}})
		return
	}
	for _, a := range b.asks {
		if a.msg.Loan == m.Loan {
			return
		}
	}
	m.N = min(m.N, b.entitled()-b.borrowed()-b.use.InUse-b.asked())
	b.asks = append(b.asks, &ask{m, from, n.now + askIn})
}

// prolong gives a loan more time. One that is, or may be, the borrower's own
// gets none.
func (n *Node) prolong(b *book, l *lent, from Process, m Borrow) {
	d := n.loanTime()
	if l.state == lentMoved || l.state == lentHeld || d <= 0 || n.phase != inside {
		n.emit(Send{from, Lend{Loan: m.Loan, Try: m.Try}})
		return
	}
	if m.Again && l.state == lentOut {
		l.n = min(l.n, max(m.N, 0))
	}
	l.session = m.Session
	l.until = max(l.until, n.now+longer(d))
	n.emit(Send{from, Lend{m.Loan, m.Try, l.n, d}})
}

// loanTime is how long a loan may be now: it must end before our own right to
// the slot does.
func (n *Node) loanTime() time.Duration {
	if n.off.has(RuleLoanEnd) {
		return n.p.Loan
	}
	return min(n.p.Loan, n.fenceAt()-n.now)
}

// lend answers those who wait for slots that the governor has let go of.
func (n *Node) lend(b *book) {
	for len(b.asks) > 0 {
		a := b.asks[0]
		k := min(a.msg.N, b.spare(), b.own-b.out()-b.burnt)
		if n.off.has(RuleLoanFirst) {
			k = min(a.msg.N, b.own)
		}
		d := n.loanTime()
		if k <= 0 && n.now < a.end && d > 0 {
			return
		}
		b.asks = b.asks[1:]
		if k <= 0 || d <= n.p.Loan/4 || n.phase != inside {
			n.emit(Send{a.from, Lend{Loan: a.msg.Loan, Try: a.msg.Try}})
			continue
		}
		b.lent[a.msg.Loan] = &lent{n: k, until: n.now + longer(d), to: a.from, session: a.msg.Session}
		if n.off.has(RuleLoanFirst) {
			b.lent[a.msg.Loan].n = 0
		}
		n.emit(Send{a.from, Lend{a.msg.Loan, a.msg.Try, k, d}})
	}
}

// returned takes back what a borrower says it does not use any more.
func (n *Node) returned(m Return) {
	for _, name := range n.names {
		b := n.books[name]
		l := b.lent[m.Loan]
		if l == nil {
			continue
		}
		switch l.state {
		case lentOut:
			l.n = min(l.n, max(m.Left, 0))
			if l.n == 0 {
				delete(b.lent, m.Loan)
			}
		case lentMoved: // the borrower knows that it is its own
			if m.Left == 0 {
				delete(b.lent, m.Loan)
			}
		}
		return
	}
}
