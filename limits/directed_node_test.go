package limits

import (
	"testing"
	"time"
)

// slowAnswer: the right begins when the node asked, not when it was answered.
func slowAnswer(t *testing.T, off rules) bool {
	r := joined(t, off, rigParams(), 4)
	r.up = false
	r.wait(2 * time.Second)
	asked := r.now
	if _, ok := r.waiting().(Sync); !ok {
		t.Fatalf("no sync waits but %T", r.waiting())
	}
	sent := r.n.ledger.sent
	r.now += 3 * time.Second
	r.answer()
	return asked < sent || r.n.valid() > sent+r.n.p.Hold
}

// answerToAnotherCall: the node has returned slots since the call that is
// answered here.
func answerToAnotherCall(t *testing.T, off rules) bool {
	r := joined(t, off, rigParams(), 4)
	r.other(b1)
	r.wait(2 * time.Second)
	r.syncOf(b1, Item{Bucket: bucketB, Demand: 2})
	r.up = false
	r.wait(2 * time.Second)
	old := r.calls[len(r.calls)-1]
	reply := r.l.Do(old.Op, r.replid)
	for range 5 {
		if s, ok := r.waiting().(Sync); ok && len(s.Items) > 0 && s.Items[0].Return == 2 {
			break
		}
		r.answer()
		r.use(0, 0)
		r.wait(50 * time.Millisecond)
	}
	if r.book().own != 2 {
		t.Fatalf("the node does not return slots: %+v", r.waiting())
	}
	r.step(Answer{Call: old.Call, Reply: reply})
	return r.book().own > 2
}

func deadThatSpeak(_ *testing.T, off rules) bool {
	w := testWitness(off)
	w.consent(a1, 0)
	ack, ok := w.beat(beatOf(a1, 1, Epoch{}, 1), time.Second)
	return ok && !ack.Dead
}

// lateBeat: a heartbeat with fewer slots comes after the one with more.
func lateBeat(_ *testing.T, off rules) bool {
	w := testWitness(off)
	w.beat(beatOf(a1, 2, Epoch{}, 4), 0)
	w.beat(beatOf(a1, 1, Epoch{}, 1), time.Second)
	return w.report(AskReport{}, 2*time.Second).Promises[a1].Own[bucketB] < 4
}

// promiseOfForgetful: the witness was restarted and consents to deaths as if it
// had promised nothing, until the ledger knows of its new boot.
func promiseOfForgetful(t *testing.T, off rules) bool {
	r := joined(t, off, rigParams("w"), 4)
	r.n.beats.pinned(map[string]string{"w": "w#1"}, r.n.p)
	r.n.beats.boots["w"] = "w#1"
	r.n.beats.sent[77] = r.now
	r.up = false
	r.step(Received{"w#2", BeatAck{Session: r.n.session, Witness: "w", Seq: 77, Boot: "w#2"}})
	return r.n.beats.until > 0
}

func reportOfForgetful(_ *testing.T, off rules) bool {
	return testWitness(off).report(AskReport{Missing: []Session{a1}}, 5*time.Second).Old
}

// unknownAfterReport: b reaches the witness again after this one has reported
// that it knows of nobody.
func unknownAfterReport(_ *testing.T, off rules) bool {
	w := testWitness(off)
	w.report(AskReport{Epoch: Epoch{2, "t"}}, 20*time.Second)
	ack, ok := w.beat(beatOf(b1, 1, Epoch{1, "t"}, 4), 21*time.Second)
	return ok && !ack.Dead
}

// missingButPromised: b does not come to the recovering ledger, but a witness
// has heard it.
func missingButPromised(t *testing.T, off rules) bool {
	r := joined(t, off, rigParams("w"), 4)
	e := r.n.epoch
	r.n.closing = &closing{epoch: e, listed: true, missing: []Session{b1}, reports: map[string]Report{
		"w": {Epoch: e, Witness: "w", Old: true, Missing: []Session{b1}, Promises: map[Session]Promise{b1: {3, countsOf(2)}}},
	}}
	op, ok := r.n.nextClose().(Close)
	if !ok {
		t.Fatal("the recovery is not closed")
	}
	return op.Booked[b1][bucketB] < 2
}

// loanNearTheEnd: what a node lends must come back before others may believe
// that it has died.
func loanNearTheEnd(t *testing.T, off rules) bool {
	r := joined(t, off, rigParams(), 4)
	r.up = false
	r.now = r.n.fenceAt() - 600*time.Millisecond
	r.step(Tick{})
	r.use(0, 0)
	r.step(Received{"b#1", Borrow{Loan: "x", Bucket: bucketB, N: 1}})
	r.use(0, 0)
	for _, m := range messages[Lend](r) {
		if m.N > 0 && r.now+m.For > r.n.fenceAt() {
			return true
		}
	}
	return false
}

// slowLoan: the lender counts from when it answered, so the borrower must count
// from when it asked.
func slowLoan(t *testing.T, off rules) bool {
	r := joined(t, off, rigParams(), 4)
	r.up = false
	r.step(Peers{[]Process{"b#1"}})
	r.wait(2 * time.Second)
	r.fail()
	r.use(4, 1)
	asks := messages[Borrow](r)
	if len(asks) != 1 {
		t.Fatalf("asked %d times for a loan", len(asks))
	}
	asked := r.now
	r.now += 300 * time.Millisecond
	r.step(Received{"b#1", Lend{Loan: asks[0].Loan, N: 1, For: 2 * time.Second}})
	l := r.book().loans[asks[0].Loan]
	if l == nil {
		t.Fatal("no loan")
	}
	return l.until > asked+2*time.Second
}

// sightOfAnotherEpoch: b was renewed as often in the new epoch as it had been
// in the old one.
func sightOfAnotherEpoch(t *testing.T, off rules) bool {
	r := joined(t, off, rigParams(), 4)
	list := func(e Epoch) { r.n.sawList(Reply{Epoch: e, Sessions: map[Session]State{b1: {Renewals: 7}}}) }
	list(Epoch{1, "t"})
	r.n.now += 11 * time.Second
	list(Epoch{2, "t"})
	return r.n.silent(r.n.watching.seen[b1])
}

// lateConsent: b was renewed after the question to which this is the answer.
func lateConsent(t *testing.T, off rules) bool {
	r := joined(t, off, rigParams("w"), 4)
	list := func(renewals uint64) {
		r.n.sawList(Reply{Epoch: r.n.epoch, Sessions: map[Session]State{b1: {Renewals: renewals, Pins: map[string]string{"w": "w#1"}}}})
	}
	list(7)
	r.n.now += 11 * time.Second
	list(7)
	list(8)
	r.n.consented(GiveConsent{Session: b1, Witness: "w", Given: true, Consent: Consent{"w#1", true}})
	_, reaps := r.n.watch().(Reap)
	return reaps
}

// consentWithinPromise: a was heard, though not by who asks.
func consentWithinPromise(_ *testing.T, off rules) bool {
	w := testWitness(off)
	w.beat(beatOf(a1, 1, Epoch{}, 1), 0)
	return w.consent(a1, 5*time.Second).Given
}

// loanAfterFence: the lender was told the session that ends here, and may have
// made the loan that session's own, so that it is freed with it.
func loanAfterFence(t *testing.T, off rules) bool {
	r, _ := borrowed(t, off)
	r.now = r.n.fenceAt()
	r.book().loans[sorted(r.book().loans)[0]].until = r.now + time.Minute // the lender is well
	r.step(Tick{})
	return len(r.book().loans) > 0
}

// leaveWithLoans: a node that has lent slots crashes as the ledger is back, and
// its guard does not wait until the loans are over.
func leaveWithLoans(t *testing.T, off rules) bool {
	o := newOutage(t, off)
	o.store.up = false
	o.world.run(o.now + 5*time.Second)
	o.demands(1)
	o.world.run(o.now + 20*time.Second)
	if o.inUse(1) < 29 {
		t.Fatalf("only %d slots in use", o.inUse(1))
	}
	o.hosts[0].crash(true)
	o.store.up = true
	o.demands(1, 2)
	o.world.run(o.now + 20*time.Second)
	return len(o.violations) > 0
}
