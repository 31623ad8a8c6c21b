package limits

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Node is a node's side of the slot protocol. It is not safe for concurrent
// use; its owner calls Step with what happened and does what it answers.
type Node struct {
	p       Params
	self    Process
	tag     func() string
	now     time.Duration
	effects []Effect
	off     rules

	phase    phase
	session  Session
	sessions int
	epoch    Epoch
	version  uint64    // of members
	members  []Session // every holder, if complete
	complete bool
	renewed  time.Duration // end of the right that the ledger renewed (vR)
	former   []former      // sessions of ours that have ended

	witness *Witness
	mute    bool // another process has our name
	beats   beats

	ledger ledgerView
	seq    uint64
	sync   *Sync     // not answered yet
	again  *Reassert // the same
	moving map[string]string

	declared Counts
	declare  bool   // the ledger is to be told
	declares uint64 // times it was
	change   bool

	books   map[string]*book
	names   []string // of all books, in order
	rotate  int      // where the next heartbeat's rotation through the buckets begins
	loanNo  uint64
	givenUp map[string]time.Duration // wishes to borrow that nobody waits for any more

	peers    []Process
	spare    map[Process]Counts // hints
	watching watching
	closing  *closing
	quit     bool

	conflicts map[string]time.Duration // by text: when it was seen last
}

type phase int

const (
	outside phase = iota // no session
	inside
	fencing // closing everything before the right to it ends
	gone
)

func (p phase) String() string { return [...]string{"outside", "inside", "fencing", "gone"}[p] }

// former is a session that has ended here, but of which the ledger was not told.
type former struct {
	session Session
	lent    time.Duration // until then others may use its slots
}

// NewNode returns a node without a session. Tag must return random text, new
// with every call. Now is a time of the clock that all later calls use.
func NewNode(self Process, p Params, tag func() string, now time.Duration) *Node {
	n := &Node{
		p: p, self: self, tag: tag, now: now, declared: Counts{}, books: map[string]*book{}, moving: map[string]string{},
		spare: map[Process]Counts{}, givenUp: map[string]time.Duration{}, conflicts: map[string]time.Duration{}, watching: watching{seen: map[Session]sighting{}},
	}
	if p.isWitness(self.Name()) {
		n.witness = NewWitness(self.Name(), string(self), p, now)
	}
	n.newSession()
	return n
}

func (n *Node) newSession() {
	n.sessions++
	n.session = n.self.session(n.sessions)
	n.phase, n.renewed = outside, 0
	n.epoch, n.version, n.members, n.complete = Epoch{}, 0, nil, false
	n.seq, n.sync, n.again = 0, nil, nil
	n.beats = newBeats()
	n.ledger.clear, n.ledger.settled, n.ledger.greeted, n.ledger.recover = false, false, false, nil
	clear(n.moving)
	n.effects = append(n.effects, Began{n.session})
}

// Step tells the node what happened at now. The effects are to be done in order
// before the next call.
func (n *Node) Step(now time.Duration, e Event) []Effect {
	n.now = max(now, n.now)
	// What ran out while nobody looked comes first: a process that was stopped
	// must not act on a right it has no more.
	n.fenceIfDue()
	switch e := e.(type) {
	case Tick:
		n.tick()
	case Answer:
		n.answered(e)
	case Received:
		n.received(e)
	case Usage:
		n.used(e)
	case Peers:
		n.setPeers(e.Processes)
	case Hint:
		n.spare[e.From] = e.Spare.clone()
	case Configure:
		n.configure(e)
	case Quit:
		n.stop()
	}
	switch e := e.(type) {
	case Usage:
		if b := n.books[e.Bucket]; b != nil {
			n.review(b)
		}
	case Hint, Peers:
	default:
		for _, b := range n.names {
			n.review(n.books[b])
		}
	}
	n.fenced()
	n.drive()
	out := n.effects
	n.effects = nil
	return out
}

func (n *Node) emit(e Effect) { n.effects = append(n.effects, e) }

func (n *Node) note(k NoteKind, format string, args ...any) {
	n.emit(Note{k, fmt.Sprintf(format, args...)})
}

// conflictFor is for how long a conflict that is not seen again is remembered.
const conflictFor = 10 // heartbeats

// conflictWith notes that something is configured differently elsewhere. It is
// told once, and remembered for as long as it is seen again and again.
func (n *Node) conflictWith(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if _, known := n.conflicts[text]; !known {
		n.emit(Note{NoteConflict, text})
	}
	n.conflicts[text] = n.now
}

// valid is the end of the right to the session's slots: while the ledger, or a
// quorum of the pinned witnesses, cannot have declared it dead (v).
func (n *Node) valid() time.Duration {
	return max(n.renewed, n.beats.until)
}

// fenceAt is when closing must begin.
func (n *Node) fenceAt() time.Duration { return n.valid() - n.p.Guard() }

// Until is how long the slots of a bucket may be used without another Step. A
// connection must not be opened after it.
func (n *Node) Until(bucket string) time.Duration {
	b := n.books[bucket]
	if b == nil || b.entitled() <= 0 {
		return 0
	}
	until := time.Duration(1<<63 - 1)
	if b.entitled() > b.borrowed() {
		until = n.fenceAt()
	}
	for _, l := range b.loans {
		until = min(until, l.until-n.p.Guard())
		if l.session != "" {
			until = min(until, n.fenceAt())
		}
	}
	return until
}

func (n *Node) fenceIfDue() {
	if n.phase == inside && n.now >= n.fenceAt() && !n.off.has(RuleFence) {
		n.fence("neither the ledger nor a majority of witnesses was heard for %s", n.p.Hold)
	}
}

// fence begins to close everything that rests on the session (R3).
func (n *Node) fence(format string, args ...any) {
	if n.phase != inside {
		return
	}
	n.note(NoteFence, format, args...)
	n.phase = fencing
	n.sync, n.again, n.closing, n.ledger.recover = nil, nil, nil, nil
	n.former = append(n.former, former{n.session, n.lentUntil()})
	for _, b := range n.books {
		clear(b.lent)
		maps.DeleteFunc(b.loans, func(_ string, l *loan) bool { return l.session != "" && !n.off.has(RuleLoanSession) })
		b.own, b.burnt, b.owe, b.surplus, b.asks = 0, 0, 0, 0, nil
	}
}

// fenced begins a new session when the connections of the old one are closed.
func (n *Node) fenced() {
	if n.phase != fencing {
		return
	}
	for _, b := range n.books {
		if b.commit > b.entitled() {
			return
		}
	}
	n.newSession()
}

func (n *Node) tick() {
	if n.witness != nil {
		n.witness.tidy(n.now)
	}
	n.beat()
	n.askWitnesses()
	maps.DeleteFunc(n.givenUp, func(_ string, at time.Duration) bool { return n.now-at > 2*n.p.Loan })
	maps.DeleteFunc(n.conflicts, func(_ string, at time.Duration) bool { return n.now-at > conflictFor*n.p.Heartbeat })
}

func (n *Node) configure(c Configure) {
	for _, b := range sorted(c.Declared) {
		if n.books[b] == nil {
			n.books[b] = newBook(b)
			n.books[b].urgent = true
		}
	}
	n.names = sorted(n.books)
	n.declared = c.Declared.clone()
	for b := range n.books {
		if _, served := n.declared[b]; !served {
			n.declared[b] = -1
		}
	}
	n.declare = true
	n.change = n.change || c.Change
}

func (n *Node) setPeers(ps []Process) {
	n.peers = slices.DeleteFunc(slices.Clone(ps), func(p Process) bool { return p == n.self })
	slices.Sort(n.peers)
	mute := slices.ContainsFunc(n.peers, func(p Process) bool { return p.Name() == n.self.Name() })
	if mute && !n.mute {
		n.note(NoteDuplicate, "another process with the name %s is alive", n.self.Name())
	}
	n.mute = mute
	for p := range n.spare {
		if !slices.Contains(n.peers, p) {
			delete(n.spare, p)
		}
	}
}

// stop takes the word of the owner that everything is closed.
func (n *Node) stop() {
	n.quit = true
	for _, name := range n.names {
		b := n.books[name]
		b.commit, b.target = 0, 0
		b.use = Usage{}
		for _, id := range sorted(b.loans) {
			n.emit(Send{b.loans[id].from, Return{id, 0}})
		}
		clear(b.loans)
	}
}

// LentUntil is until when some slot of this process, of its present session or
// of one that ended, may be used by another: only then may the ledger free all
// of a process that is known to be dead.
func (n *Node) LentUntil() time.Duration {
	until := n.lentUntil()
	for _, f := range n.former {
		until = max(until, f.lent)
	}
	return until
}

func (n *Node) lentUntil() time.Duration {
	var until time.Duration
	for _, b := range n.books {
		for _, l := range b.lent {
			until = max(until, l.until)
		}
	}
	return until
}
