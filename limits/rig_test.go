package limits

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// rig is one node with a ledger of its own, on a clock that is moved by hand.
type rig struct {
	t      *testing.T
	n      *Node
	l      *Ledger
	replid string
	now    time.Duration
	up     bool // the ledger answers at once; otherwise calls wait in calls
	calls  []CallLedger
	sent   []Send
	said   []Note
	slots  map[string]Entitle
	left   bool
}

const bucketB = "b"

func rigParams(witnesses ...string) Params {
	return Params{Hold: 10 * time.Second, Heartbeat: time.Second, Loan: 2 * time.Second, Closing: 400 * time.Millisecond, Witnesses: witnesses, Bootstrap: true}
}

// newRig returns a node "a#1" that has not joined yet.
func newRig(t *testing.T, off rules, p Params, limit int) *rig {
	t.Helper()
	r := &rig{t: t, l: NewLedger(), replid: "r1", now: time.Hour, up: true, slots: map[string]Entitle{}}
	r.l.off = off
	tags := 0
	r.n = NewNode("a#1", p, func() string { tags++; return fmt.Sprintf("tag%d", tags) }, r.now)
	r.n.off = off
	if r.n.witness != nil {
		r.n.witness.off = off
	}
	r.step(Configure{Declared: Counts{bucketB: limit}})
	return r
}

// joined returns a node that is inside and has all slots of bucket b.
func joined(t *testing.T, off rules, p Params, limit int) *rig {
	t.Helper()
	r := newRig(t, off, p, limit)
	r.wait(2 * p.Heartbeat)
	if r.n.phase != inside || r.book().own != limit {
		t.Fatalf("the node is %s and owns %d of %d", r.n.phase, r.book().own, limit)
	}
	return r
}

func (r *rig) book() *book { return r.n.books[bucketB] }

func (r *rig) step(e Event) {
	r.t.Helper()
	todo := r.n.Step(r.now, e)
	for len(todo) > 0 {
		x := todo[0]
		todo = todo[1:]
		switch x := x.(type) {
		case CallLedger:
			if !r.up {
				r.calls = append(r.calls, x)
				break
			}
			todo = append(todo, r.n.Step(r.now, Answer{Call: x.Call, Reply: r.l.Do(x.Op, r.replid)})...)
		case Send:
			r.sent = append(r.sent, x)
		case Note:
			r.said = append(r.said, x)
		case Entitle:
			r.slots[x.Bucket] = x
		case Left:
			r.left = true
		}
	}
}

// wait lets time pass, with ticks.
func (r *rig) wait(d time.Duration) {
	r.t.Helper()
	for end := r.now + d; r.now < end; {
		r.now = min(end, r.n.Wake())
		r.step(Tick{})
	}
}

// use tells what the governor does: it follows the last Entitle.
func (r *rig) use(inUse, waiting int) {
	r.t.Helper()
	e := r.slots[bucketB]
	r.step(Usage{Bucket: bucketB, Version: e.Version, Open: inUse, InUse: inUse, Waiting: waiting})
}

// other is a session that lives in the ledger only.
func (r *rig) other(s Session) {
	r.t.Helper()
	if got := r.l.Do(Join{Epoch: r.l.epoch, Session: s, Config: r.n.p.Fingerprint(), Declared: r.n.declared}, r.replid); got.Status != OK {
		r.t.Fatalf("join of %s: %s", s, got.Status)
	}
}

// syncOf makes a Sync of a session in the ledger, with its next number.
func (r *rig) syncOf(s Session, items ...Item) Reply {
	r.t.Helper()
	return r.l.Do(Sync{Epoch: r.l.epoch, Session: s, Seq: r.l.sessions[s].seq + 1, Ack: r.l.version, Items: items}, r.replid)
}

func (r *rig) held(s Session) int {
	if x := r.l.buckets[bucketB].shares[s]; x != nil {
		return x.held
	}
	return 0
}

// messages returns what was sent of the kind of want, and forgets it.
func messages[M Msg](r *rig) []M {
	var out []M
	r.sent = slices.DeleteFunc(r.sent, func(s Send) bool {
		m, ok := s.Msg.(M)
		if ok {
			out = append(out, m)
		}
		return ok
	})
	return out
}

// waiting is the op of the call that was not answered, nil if there is none.
func (r *rig) waiting() Op {
	if len(r.calls) == 0 {
		return nil
	}
	return r.calls[len(r.calls)-1].Op
}

// fail ends the call that waits without an answer.
func (r *rig) fail() {
	r.t.Helper()
	c := r.calls[len(r.calls)-1]
	r.calls = nil
	r.step(Answer{Call: c.Call, Failed: true})
}

// answer ends the call that waits, now.
func (r *rig) answer() {
	r.t.Helper()
	c := r.calls[len(r.calls)-1]
	r.calls = nil
	r.step(Answer{Call: c.Call, Reply: r.l.Do(c.Op, r.replid)})
}

func (r *rig) notes() map[NoteKind]int {
	out := map[NoteKind]int{}
	for _, n := range r.said {
		out[n.Kind]++
	}
	return out
}

// lose empties the ledger.
func (r *rig) lose(replid string) {
	off := r.l.off
	r.l, r.replid = NewLedger(), replid
	r.l.off = off
}

func countsOf(n int) Counts { return maps.Clone(Counts{bucketB: n}) }
