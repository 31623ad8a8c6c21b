package limits

import "testing"

// TestDirected shows of each rule that random schedules need too long for what
// it prevents: the schedule is harmless with the rule and harmful without it.
func TestDirected(t *testing.T) {
	for r, harm := range directed {
		t.Run(r.String(), func(t *testing.T) {
			if harm(t, 0) {
				t.Errorf("harm is done with all rules")
			}
			if !harm(t, 1<<r) {
				t.Errorf("no harm without rule %s", r)
			}
		})
	}
}

// directed are schedules by the rule that makes them harmless. Each tells
// whether harm was done.
var directed = map[Rule]func(t *testing.T, off rules) bool{
	RuleEpoch:        lateReturnAfterRecovery,
	RuleKnown:        grantToUnknown,
	RuleComplete:     recoveryWithoutMemory,
	RuleJoin:         lateJoin,
	RuleReapEpoch:    reapOfAnotherEpoch,
	RuleRenewals:     lateReap,
	RulePins:         consentOfForgetful,
	RuleBooked:       reapOfBooked,
	RuleListAck:      listThatWasLost,
	RuleDeclareOrder: lateDeclare,
	RuleSendTime:     slowAnswer,
	RuleReplyMatch:   answerToAnotherCall,
	RuleDead:         deadThatSpeak,
	RuleBeatOrder:    lateBeat,
	RuleBeatPin:      promiseOfForgetful,
	RuleReportOld:    reportOfForgetful,
	RuleReportBook:   missingButPromised,
	RuleReportAll:    unknownAfterReport,
	RuleLoanEnd:      loanNearTheEnd,
	RuleLoanSend:     slowLoan,
	RuleConsent:      reapWithoutConsent,
	RulePromise:      consentWithinPromise,
	RuleLoanSession:  loanAfterFence,
	RuleMoveHold:     moveInDoubt,
	RuleLeaveLoans:   leaveWithLoans,
	RuleSightEpoch:   sightOfAnotherEpoch,
	RuleSightSilent:  lateConsent,
}

const (
	a1 Session = "a#1/1"
	b1 Session = "b#1/1"
	c1 Session = "c#1/1"
)

// ledgerOf returns an open ledger with sessions that are clear; the first has
// the slots.
func ledgerOf(t *testing.T, off rules, limit int, sessions ...Session) *Ledger {
	t.Helper()
	l := NewLedger()
	l.off = off
	l.Do(Recover{Replid: "r1", Tag: "t", Open: true}, "r1")
	for _, s := range sessions {
		l.Do(Join{Epoch: l.epoch, Session: s, Declared: countsOf(limit)}, "r1")
	}
	for range 2 {
		for _, s := range sessions {
			do(t, l, s, Item{Bucket: bucketB})
		}
	}
	return l
}

// do is a Sync of s with its next number.
func do(t *testing.T, l *Ledger, s Session, items ...Item) Reply {
	t.Helper()
	r := l.Do(Sync{Epoch: l.epoch, Session: s, Seq: l.sessions[s].seq + 1, Ack: l.version, Items: items}, l.replid)
	if r.Status != OK {
		t.Fatalf("sync of %s: %s", s, r.Status)
	}
	return r
}

// forget replaces l by an empty ledger that recovers, as c asks.
func forget(t *testing.T, l *Ledger, op Recover) *Ledger {
	t.Helper()
	e := NewLedger()
	e.off = l.off
	op.Replid, op.Tag = "r2", "t2"
	if r := e.Do(op, "r2"); r.Status != OK {
		t.Fatalf("recover: %s", r.Status)
	}
	return e
}

// lateReturnAfterRecovery: a returns 2 of 4 slots, and the call is late. The
// ledger forgets, a cannot reach it and is booked with the 2 that it still has.
// Then the call arrives.
func lateReturnAfterRecovery(t *testing.T, off rules) bool {
	l := ledgerOf(t, off, 4, a1)
	late := Sync{Epoch: l.epoch, Session: a1, Seq: 9, Items: []Item{{Bucket: bucketB, Return: 2}}}
	l = forget(t, l, Recover{Have: l.epoch, Limits: map[string]Limit{bucketB: {4, 1}}})
	l.Do(Close{Epoch: l.epoch, Booked: map[Session]Counts{a1: countsOf(2)}}, "r2")
	l.Do(late, "r2")
	return l.buckets[bucketB].shares[a1].held < 2
}

// grantToUnknown: b gets slots before a has heard of it; then the ledger
// forgets, and a rebuilds it from its memory.
func grantToUnknown(t *testing.T, off rules) bool {
	l := ledgerOf(t, off, 4, a1)
	members, e, version := l.members(), l.epoch, l.version
	l.Do(Join{Epoch: e, Session: b1, Declared: countsOf(4)}, "r1")
	do(t, l, b1, Item{Bucket: bucketB, Demand: 2})
	l.Do(Sync{Epoch: e, Session: a1, Seq: 9, Ack: version, Items: []Item{{Bucket: bucketB, Return: 2}}}, "r1")
	got := do(t, l, b1, Item{Bucket: bucketB, Demand: 2}).Buckets[bucketB].Held
	l = forget(t, l, Recover{Have: e, Memory: true, Members: members})
	l.Do(Reassert{Epoch: l.epoch, Session: a1, Seq: 9, Own: countsOf(2), Memory: true, Members: members, Limits: map[string]Limit{bucketB: {4, 1}}}, "r2")
	do(t, l, a1, Item{Bucket: bucketB, Demand: 4})
	return l.open && l.buckets[bucketB].shares[a1].held+got > 4
}

// recoveryWithoutMemory: the one that rebuilds the ledger does not know that
// somebody else has slots.
func recoveryWithoutMemory(t *testing.T, off rules) bool {
	l := ledgerOf(t, off, 4, a1)
	l = forget(t, l, Recover{})
	l.Do(Join{Epoch: l.epoch, Session: b1, Declared: countsOf(4)}, "r2")
	l.Do(Reassert{Epoch: l.epoch, Session: c1, Seq: 1}, "r2")
	return l.open
}

// lateJoin: a's Join of long ago comes while the ledger waits for what a has.
func lateJoin(t *testing.T, off rules) bool {
	l := ledgerOf(t, off, 4, b1, a1)
	l = forget(t, l, Recover{Have: l.epoch, Memory: true, Members: l.members()})
	l.Do(Join{Epoch: l.epoch, Session: a1}, "r2")
	l.Do(Reassert{Epoch: l.epoch, Session: b1, Seq: 9, Memory: true}, "r2")
	return l.open
}

// reapOfAnotherEpoch: a was silent in the old ledger, while it was renewed in
// the new one as often as it had been in the old.
func reapOfAnotherEpoch(t *testing.T, off rules) bool {
	l := ledgerOf(t, off, 4, a1)
	old := l.epoch
	l = forget(t, l, Recover{Have: old, Memory: true, Members: l.members()})
	l.Do(Reassert{Epoch: l.epoch, Session: a1, Seq: 9, Memory: true}, "r2")
	l.Do(Reap{Epoch: old, Session: a1, Renewals: l.sessions[a1].renewals}, "r2")
	return l.sessions[a1] == nil
}

// lateReap: a was renewed after it had been seen silent.
func lateReap(t *testing.T, off rules) bool {
	l := ledgerOf(t, off, 4, a1)
	seen := l.sessions[a1].renewals
	do(t, l, a1)
	l.Do(Reap{Epoch: l.epoch, Session: a1, Renewals: seen}, "r1")
	return l.sessions[a1] == nil
}

// consentOfForgetful: two of three witnesses were just restarted and do not
// know what they promised.
func consentOfForgetful(t *testing.T, off rules) bool {
	l := ledgerOf(t, off, 4, a1)
	l.Do(Sync{Epoch: l.epoch, Session: a1, Seq: 99, Pins: map[string]string{"w1": "1", "w2": "1", "w3": "1"}}, "r1")
	l.Do(Reap{
		Epoch: l.epoch, Session: a1, Renewals: l.sessions[a1].renewals, Quorum: 2,
		Consents: map[string]Consent{"w1": {Boot: "2"}, "w2": {Boot: "2"}},
	}, "r1")
	return l.sessions[a1] == nil
}

// reapOfBooked: a lives by its witnesses, which booked it; the ledger does not
// know which they are.
func reapOfBooked(t *testing.T, off rules) bool {
	l := ledgerOf(t, off, 4, a1)
	l = forget(t, l, Recover{Have: l.epoch})
	l.Do(Close{Epoch: l.epoch, Booked: map[Session]Counts{a1: countsOf(4)}}, "r2")
	l.Do(Reap{Epoch: l.epoch, Session: a1, Quorum: 2, Consents: map[string]Consent{"w3": {Boot: "1", Old: true}}}, "r2")
	return l.sessions[a1] == nil
}

// listThatWasLost: the answer to a's Reassert, with c in the list, is lost.
// Then c gets slots, and a rebuilds the next ledger without c.
func listThatWasLost(t *testing.T, off rules) bool {
	l := ledgerOf(t, off, 4, a1)
	l = forget(t, l, Recover{Have: l.epoch, Memory: true, Members: []Session{a1}, Limits: map[string]Limit{bucketB: {4, 1}}})
	l.Do(Join{Epoch: l.epoch, Session: c1, Declared: countsOf(4)}, "r2")
	l.Do(Reassert{Epoch: l.epoch, Session: a1, Seq: 9, Memory: true, Members: []Session{a1}}, "r2")
	return l.open && do(t, l, c1, Item{Bucket: bucketB, Demand: 4}).Buckets[bucketB].Held > 0
}

// lateDeclare: the limit was lowered, and what was said before comes again.
func lateDeclare(t *testing.T, off rules) bool {
	l := ledgerOf(t, off, 4, a1)
	first := Declare{l.epoch, a1, 1, countsOf(8), true}
	l.Do(first, "r1")
	l.Do(Declare{l.epoch, a1, 2, countsOf(2), true}, "r1")
	l.Do(first, "r1")
	return l.buckets[bucketB].limit.Max != 2
}

// reapWithoutConsent: a is silent in the ledger, and no witness was asked.
func reapWithoutConsent(t *testing.T, off rules) bool {
	l := ledgerOf(t, off, 4, a1)
	l.Do(Sync{Epoch: l.epoch, Session: a1, Seq: 99, Pins: map[string]string{"w1": "1", "w2": "1", "w3": "1"}}, "r1")
	l.Do(Reap{Epoch: l.epoch, Session: a1, Renewals: l.sessions[a1].renewals, Quorum: 2}, "r1")
	return l.sessions[a1] == nil
}
