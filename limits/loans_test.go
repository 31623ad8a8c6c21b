package limits

import (
	"testing"
	"time"
)

// lend makes the node of r lend one slot to b as loan x.
func lend(t *testing.T, r *rig, to Session) Lend {
	t.Helper()
	r.use(0, 0)
	r.step(Received{"b#1", Borrow{Loan: "x", Bucket: bucketB, N: 1, Session: to}})
	r.use(0, 0)
	lends := messages[Lend](r)
	if len(lends) != 1 || lends[0].N != 1 || lends[0].Loan != "x" || lends[0].For > r.n.p.Loan {
		t.Fatalf("answers to the wish: %+v", lends)
	}
	return lends[0]
}

func TestLendTakesFromOwn(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.up = false
	lend(t, r, "")
	if e := r.slots[bucketB]; e.Slots != 3 || r.book().out() != 1 {
		t.Errorf("the governor may have %d, %d are out", e.Slots, r.book().out())
	}
	r.wait(3 * time.Second)
	if e := r.slots[bucketB]; e.Slots != 4 || r.book().out() != 0 {
		t.Errorf("after the loan's time: the governor may have %d, %d are out", e.Slots, r.book().out())
	}
}

func TestLendRefuses(t *testing.T) {
	for name, do := range map[string]func(r *rig){
		"all are in use":  func(r *rig) { r.use(4, 0) },
		"somebody waits":  func(r *rig) { r.use(1, 1) },
		"the node leaves": func(r *rig) { r.step(Quit{}) },
	} {
		t.Run(name, func(t *testing.T) {
			r := joined(t, 0, rigParams(), 4)
			r.up = false
			do(r)
			r.step(Received{"b#1", Borrow{Loan: "x", Bucket: bucketB, N: 1}})
			if got := messages[Lend](r); len(got) != 1 || got[0].N != 0 {
				t.Errorf("answers %+v", got)
			}
		})
	}
}

func TestLendTwiceIsOneLoan(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.up = false
	lend(t, r, "")
	r.step(Received{"b#1", Borrow{Loan: "x", Bucket: bucketB, N: 1}})
	if got := messages[Lend](r); len(got) != 1 || got[0].N != 1 || r.book().out() != 1 {
		t.Errorf("answers %+v, %d out", got, r.book().out())
	}
}

func TestRefreshProlongs(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.up = false
	lend(t, r, "")
	r.wait(time.Second)
	r.step(Received{"b#1", Borrow{Loan: "x", Try: 3, Bucket: bucketB, N: 1, Again: true}})
	if got := messages[Lend](r); len(got) != 1 || got[0].Try != 3 || got[0].For == 0 {
		t.Fatalf("answers %+v", got)
	}
	r.wait(1500 * time.Millisecond)
	if r.book().out() != 1 {
		t.Error("the loan ended at its first time")
	}
	r.step(Received{"b#1", Borrow{Loan: "unknown", Try: 1, Bucket: bucketB, N: 1, Again: true}})
	if got := messages[Lend](r); len(got) != 1 || got[0].N != 0 {
		t.Errorf("a loan that is not known is prolonged: %+v", got)
	}
}

// TestMoveMakesLoanOwn: as soon as the ledger is there, what is lent becomes
// the borrower's own, and the lender does not count it any more.
func TestMoveMakesLoanOwn(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.other(b1)
	r.wait(2 * time.Second)
	r.syncOf(b1) // clear
	lend(t, r, b1)
	r.wait(2 * time.Second)
	b := r.book()
	if b.own != 3 || r.held(a1) != 3 || r.held(b1) != 1 || b.out() != 0 {
		t.Fatalf("own %d, ledger %d and %d, out %d", b.own, r.held(a1), r.held(b1), b.out())
	}
	if got := r.syncOf(b1); len(got.Moved) != 1 || got.Moved[0] != "x" {
		t.Errorf("the borrower is told %v", got.Moved)
	}
}

// moveInDoubt: the ledger is lost after it was asked to move a loan. The slot
// may be the borrower's: the lender never uses it again, but gives it back. It
// tells whether the lender uses it.
func moveInDoubt(t *testing.T, off rules) bool {
	r := joined(t, off, rigParams(), 4)
	r.other(b1)
	r.wait(2 * time.Second)
	r.syncOf(b1)
	r.up = false
	r.wait(2 * time.Second)
	lend(t, r, b1)
	for range 5 {
		if s, ok := r.waiting().(Sync); ok && len(s.Items) > 0 && len(s.Items[0].Moves) > 0 {
			break
		}
		r.answer()
		r.wait(time.Second)
		r.step(Received{"b#1", Borrow{Loan: "x", Try: 1, Bucket: bucketB, N: 1, Again: true, Session: b1}})
	}
	if r.book().lent["x"] == nil || r.book().lent["x"].state != lentMoving {
		t.Fatalf("the loan is not on its way: %+v", r.book().lent["x"])
	}
	e := r.l.epoch
	r.lose("r2")
	r.l.Do(Recover{Have: e, Memory: true, Replid: "r2", Tag: "x", Config: r.n.p.Fingerprint(), Members: []Session{b1, a1}}, "r2")
	r.answer()
	for r.waiting() != nil {
		r.answer()
	}
	if r.held(a1) != 4 {
		t.Fatalf("the new ledger counts %d", r.held(a1))
	}
	r.wait(4 * time.Second)
	if r.slots[bucketB].Slots != 3 {
		return true
	}
	r.l.Do(Leave{b1}, "r2")
	r.up = true
	if len(r.calls) > 0 {
		r.answer()
	}
	r.wait(4 * time.Second)
	if b := r.book(); b.burnt != 0 || b.own != 4 {
		t.Errorf("after it was returned: burnt %d, own %d of 4", b.burnt, b.own)
	}
	return false
}

// borrowed is a node in an outage that has borrowed one slot.
func borrowed(t *testing.T, off rules) (*rig, string) {
	t.Helper()
	r := joined(t, off, rigParams(), 4)
	r.step(Peers{[]Process{"b#1"}})
	r.up = false
	r.wait(2 * time.Second)
	r.fail()
	r.use(4, 1)
	asks := messages[Borrow](r)
	if len(asks) != 1 || asks[0].N != 1 || asks[0].Session != a1 || asks[0].Again {
		t.Fatalf("asked %+v", asks)
	}
	r.step(Received{"b#1", Lend{Loan: asks[0].Loan, N: 1, For: 2 * time.Second}})
	if e := r.slots[bucketB]; e.Slots != 5 {
		t.Fatalf("with the loan the governor may have %d", e.Slots)
	}
	return r, asks[0].Loan
}

func TestBorrowRefreshesAndEnds(t *testing.T) {
	r, id := borrowed(t, 0)
	r.use(5, 0)
	r.wait(time.Second)
	if again := messages[Borrow](r); len(again) == 0 || !again[0].Again || again[0].Loan != id {
		t.Fatalf("asked for more time: %+v", again)
	}
	r.wait(1500 * time.Millisecond)
	if e := r.slots[bucketB]; e.Slots != 4 || !e.Force {
		t.Errorf("after the loan's time the governor is told %+v", e)
	}
}

func TestBorrowGivesBackWhatIsIdle(t *testing.T) {
	r, id := borrowed(t, 0)
	r.use(2, 0)
	for range 8 { // the lender prolongs
		r.wait(250 * time.Millisecond)
		for _, m := range messages[Borrow](r) {
			r.step(Received{"b#1", Lend{Loan: id, Try: m.Try, N: 1, For: 2 * time.Second}})
		}
		r.use(2, 0)
	}
	if got := messages[Return](r); len(got) != 1 || got[0].Loan != id || got[0].Left != 0 {
		t.Errorf("returned %+v", got)
	}
}

// TestBorrowTooLate: a loan that comes when it is over, or for a session that
// is, is returned.
func TestBorrowTooLate(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.step(Peers{[]Process{"b#1"}})
	r.up = false
	r.wait(2 * time.Second)
	r.fail()
	r.use(4, 1)
	id := messages[Borrow](r)[0].Loan
	r.wait(time.Second)
	r.sent = nil
	r.step(Received{"b#1", Lend{Loan: id, N: 1, For: 2 * time.Second}})
	if got := messages[Return](r); len(got) != 1 || got[0].Loan != id || len(r.book().loans) != 0 {
		t.Errorf("returned %+v", got)
	}
}
