package limits

import (
	"testing"
	"time"
)

func TestJoin(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	if got := r.slots[bucketB]; got.Slots != 4 || got.Force {
		t.Errorf("the governor is told %+v", got)
	}
	if r.notes()[NoteJoined] != 1 {
		t.Errorf("notes %v", r.notes())
	}
	if until := r.n.Until(bucketB); until <= r.now || until > r.now+r.n.p.Hold {
		t.Errorf("the slots may be used until %s, now is %s", until, r.now)
	}
}

// TestJoinTwiceInARecovery: the first Join was done and its answer lost; the
// ledger has forgotten since and waits for that session.
func TestJoinTwiceInARecovery(t *testing.T) {
	p := rigParams()
	r := joined(t, 0, p, 4)
	r.up = false
	r.wait(3 * time.Second)
	r.now += 20 * time.Second
	r.step(Tick{}) // fenced: a new session
	r.use(0, 0)
	if r.n.session != "a#1/2" || r.n.phase != outside {
		t.Fatalf("session %s is %s", r.n.session, r.n.phase)
	}
	e := r.l.epoch
	r.lose("r2")
	r.l.Do(Recover{Have: e, Memory: true, Replid: "r2", Tag: "x", Members: []Session{"a#1/2", a1}, Config: p.Fingerprint()}, "r2")
	r.up = true
	r.fail()
	r.wait(5 * time.Second)
	if r.n.session != "a#1/3" || r.n.phase != inside || !r.l.open {
		t.Errorf("session %s is %s, the ledger open %v", r.n.session, r.n.phase, r.l.open)
	}
}

// TestLostReply: a Sync without an answer is sent again under its number, and
// done once.
func TestLostReply(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.use(4, 0)
	r.other(b1)
	r.wait(2 * time.Second)
	r.syncOf(b1, Item{Bucket: bucketB, Demand: 4})
	r.wait(2 * time.Second) // a owes 2
	r.up = false
	r.use(2, 0)
	r.wait(20 * time.Millisecond)
	first, ok := r.waiting().(Sync)
	if !ok || r.book().own != 2 {
		t.Fatalf("no return is under way: %+v, own %d", r.waiting(), r.book().own)
	}
	r.l.Do(first, r.replid) // done, but the answer is lost
	r.fail()
	r.wait(time.Second)
	again, ok := r.waiting().(Sync)
	if !ok || again.Seq != first.Seq || again.Items[0].Return != 2 {
		t.Fatalf("sent again: %+v", r.waiting())
	}
	r.answer()
	if r.book().own != 2 || r.held(a1) != 2 {
		t.Errorf("the node has %d, the ledger counts %d", r.book().own, r.held(a1))
	}
}

// TestReturnWaitsForGovernor: what is owed goes back only when the governor has
// let go of it.
func TestReturnWaitsForGovernor(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.use(4, 0)
	r.other(b1)
	r.wait(2 * time.Second)
	r.syncOf(b1, Item{Bucket: bucketB, Demand: 4})
	r.wait(2 * time.Second)
	if e := r.slots[bucketB]; e.Slots != 2 || e.Force {
		t.Fatalf("the governor is told %+v", e)
	}
	r.wait(3 * time.Second)
	if r.book().own != 4 {
		t.Fatalf("slots in use were returned: %d left", r.book().own)
	}
	r.use(3, 0)
	r.wait(100 * time.Millisecond)
	if r.book().own != 3 || r.held(a1) != 3 {
		t.Errorf("own %d, ledger %d, want 3", r.book().own, r.held(a1))
	}
	if n := messages[Nudge](r); len(n) == 0 {
		t.Error("who waits for the slot is not told")
	}
}

func TestFence(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.use(3, 0)
	r.up = false
	r.wait(r.n.fenceAt() - r.now - 10*time.Millisecond)
	if r.n.phase != inside {
		t.Fatal("fenced too early")
	}
	r.wait(2 * time.Second)
	if e := r.slots[bucketB]; e.Slots != 0 || !e.Force || r.notes()[NoteFence] != 1 {
		t.Fatalf("the governor is told %+v; notes %v", e, r.notes())
	}
	if r.n.session != a1 {
		t.Fatal("a new session begins although connections are open")
	}
	r.use(0, 0)
	if r.n.session != "a#1/2" || len(r.n.Sessions()) != 2 {
		t.Errorf("sessions %v", r.n.Sessions())
	}
	r.up = true
	r.fail()
	r.wait(5 * time.Second)
	if r.n.phase != inside || r.l.sessions[a1] != nil || r.book().own != 4 {
		t.Errorf("afterwards: %s, sessions %v, own %d", r.n.phase, r.l.members(), r.book().own)
	}
}

// TestStopped: a process that was stopped for too long opens nothing when it
// goes on.
func TestStopped(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.use(3, 0)
	r.now += time.Minute
	if r.n.Until(bucketB) > r.now {
		t.Error("connections may be opened")
	}
	r.use(3, 1)
	if e := r.slots[bucketB]; !e.Force || e.Slots != 0 {
		t.Errorf("the governor is told %+v", e)
	}
}

// TestWitnessesKeep: with a majority of witnesses a node lives on without the
// ledger.
func TestWitnessesKeep(t *testing.T) {
	r := joined(t, 0, rigParams("w1", "w2", "w3"), 4)
	r.step(Peers{[]Process{"w1#1", "w2#1", "w3#1"}})
	ws := map[Process]*Witness{}
	for _, p := range []Process{"w1#1", "w2#1"} {
		ws[p] = NewWitness(p.Name(), string(p), r.n.p, r.now)
	}
	minute := func() {
		for end := r.now + time.Minute; r.now < end; {
			r.wait(250 * time.Millisecond)
			sent := r.sent
			r.sent = nil
			for _, s := range sent {
				if b, ok := s.Msg.(Beat); ok && ws[s.To] != nil {
					ack, _ := ws[s.To].beat(b, r.now)
					r.step(Received{s.To, ack})
				}
			}
		}
	}
	minute()
	r.up = false
	minute()
	if r.n.phase != inside || r.book().own != 4 {
		t.Fatalf("%s, own %d", r.n.phase, r.book().own)
	}
	delete(ws, "w2#1")
	minute()
	if r.n.phase == inside {
		t.Error("one of three witnesses is enough")
	}
}

func TestNudge(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.up = false
	r.wait(50 * time.Millisecond)
	for r.waiting() != nil {
		r.answer()
	}
	r.step(Received{"b#1", Nudge{[]string{bucketB, "unknown"}}})
	r.wait(10 * time.Millisecond)
	if s, ok := r.waiting().(Sync); !ok || len(s.Items) != 1 {
		t.Errorf("a nudge leads to %+v", r.waiting())
	}
}

func TestLeave(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.use(0, 0)
	r.step(Quit{})
	r.wait(100 * time.Millisecond)
	if !r.left || len(r.l.sessions) != 0 || r.l.buckets[bucketB].used() != 0 {
		t.Errorf("left %v, sessions %v", r.left, r.l.members())
	}
}

// TestLeaveWaitsForLoans: the session does not end before what was lent is
// back.
func TestLeaveWaitsForLoans(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	lend(t, r, "")
	r.step(Quit{})
	r.wait(time.Second)
	if r.left || r.l.sessions[a1] == nil || r.n.LentUntil() == 0 {
		t.Fatalf("left %v with a loan out", r.left)
	}
	r.step(Received{"b#1", Return{"x", 0}})
	r.wait(100 * time.Millisecond)
	if !r.left {
		t.Error("stays although the loan is back")
	}
}

// TestRecovery: the ledger comes back empty and is what it was before.
func TestRecovery(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	r.use(3, 0)
	r.lose("r2")
	r.wait(3 * time.Second)
	if !r.l.open || r.l.epoch.N != 2 || r.held(a1) != 4 || r.n.session != a1 || r.l.buckets[bucketB].limit.Max != 4 {
		t.Errorf("open %v, epoch %s, held %d, session %s", r.l.open, r.l.epoch, r.held(a1), r.n.session)
	}
	if n := r.notes(); n[NoteRecover] != 1 || n[NoteOpen] < 1 || n[NoteFence] != 0 {
		t.Errorf("notes %v", n)
	}
}

func TestOtherConfiguration(t *testing.T) {
	r := joined(t, 0, rigParams(), 4)
	p := r.n.p
	p.Hold *= 2
	other := NewNode("z#1", p, func() string { return "t" }, r.now)
	var notes []Note
	todo := other.Step(r.now, Configure{Declared: countsOf(4)})
	for len(todo) > 0 {
		switch x := todo[0].(type) {
		case CallLedger:
			todo = append(todo, other.Step(r.now, Answer{Call: x.Call, Reply: r.l.Do(x.Op, r.replid)})...)
		case Note:
			notes = append(notes, x)
		}
		todo = todo[1:]
	}
	if other.phase != outside || len(notes) != 1 || notes[0].Kind != NoteConflict {
		t.Errorf("%s, notes %v", other.phase, notes)
	}
}

// A bucket that leaves the configuration gives its slots back, and the ledger
// does not deal them out to this node again.
func TestBucketNoLongerServed(t *testing.T) {
	p := rigParams()
	r := joined(t, 0, p, 5)
	r.step(Configure{Declared: Counts{"other": 3}})
	for range 4 {
		r.wait(p.Heartbeat)
		e := r.slots[bucketB]
		r.step(Usage{Bucket: bucketB, Version: e.Version})
	}
	if own := r.book().own; own != 0 {
		t.Errorf("the node still owns %d slots", own)
	}
	if lim := r.l.buckets[bucketB].limit; lim.Max != 5 {
		t.Errorf("the limit has become %d", lim.Max)
	}
	if own := r.n.books["other"].own; own != 3 {
		t.Errorf("of the new bucket the node owns %d of 3", own)
	}
	r.step(Configure{Declared: Counts{bucketB: 5}})
	r.wait(2 * p.Heartbeat)
	if own := r.book().own; own != 5 {
		t.Errorf("served again, the node owns %d of 5", own)
	}
}

// The word that there is no ledger yet is for the first look. A node that comes
// back from a fence and finds the ledger gone waits like any other: its peers
// may hold what it knew.
func TestBootstrapIsForTheFirstLook(t *testing.T) {
	p := rigParams()
	r := joined(t, 0, p, 4)
	r.use(0, 0)
	r.up = false
	r.wait(p.Hold + time.Second)
	r.use(0, 0)
	if r.n.session != "a#1/2" {
		t.Fatalf("session %s, want the second one", r.n.session)
	}
	r.l, r.replid, r.up = NewLedger(), "r2", true
	r.fail()
	r.wait(p.Hold - 2*time.Second)
	if r.l.open || r.book() != nil && r.book().own != 0 {
		t.Fatalf("the ledger is open again after less than the hold time, the node owns %d", r.book().own)
	}
	r.wait(p.Hold)
	if !r.l.open || r.book().own != 4 {
		t.Errorf("later the ledger is open: %t, and the node owns %d", r.l.open, r.book().own)
	}
}
