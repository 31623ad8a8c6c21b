package limits

import (
	"container/heap"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// This file is the simulator: nodes, their governors, a store with the ledger,
// and what lies between them, on a virtual clock and from one seed.

// simEvent is something that happens at a time.
type simEvent struct {
	at  time.Duration
	seq int
	do  func()
}

type simHeap []simEvent

func (h simHeap) Len() int { return len(h) }
func (h simHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h simHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *simHeap) Push(x any)   { *h = append(*h, x.(simEvent)) }
func (h *simHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = simEvent{}
	*h = (*h)[:last]
	return e
}

// world is one simulated fleet.
type world struct {
	rnd    *rand.Rand
	now    time.Duration
	events simHeap
	count  int
	off    rules

	p       Params
	limit   map[string]int // what the buckets' connections must not exceed
	hosts   []*host
	store   *store
	old     *store // a replaced master that still answers
	oldTill time.Duration
	cut     map[[2]int]bool // one-way cuts between hosts
	noStore map[int]bool    // hosts cut from the store
	slowTo  time.Duration   // the store is slow until then
	loss    float64
	calm    bool
	peak    map[string]int

	log        []string // faults, for a report
	violations []string
	paused     time.Duration // violations before this may be due to a stopped process
	excused    int
	tags       uint64
	steps      map[string]int
	trace      func(format string, args ...any) // what is said to whom, nil for silence
}

// store is a Redis.
type store struct {
	up        bool
	replid    string
	ledger    *Ledger
	snapshots []*Ledger
}

// host is a place where a node's process runs, one after another.
type host struct {
	w     *world
	index int
	name  string
	rate  float64       // of its clock
	base  time.Duration // of its clock

	proc *proc
	want map[string]int // demand by bucket
}

// proc is one process of a node.
type proc struct {
	h       *host
	node    *Node
	alive   bool
	frozen  time.Duration // stopped until then
	govs    map[string]*gov
	wake    time.Duration
	quiting bool
	left    bool
}

func (h *host) clock() time.Duration { return h.base + time.Duration(float64(h.w.now)*h.rate) }

// simSetup says what a world is like.
type simSetup struct {
	hosts, buckets, limit int
	witnesses             int
	p                     Params
}

func simParams(witnesses int) Params {
	p := Params{Hold: 8 * time.Second, Heartbeat: time.Second, Loan: 2 * time.Second, Lag: time.Second}
	for i := range witnesses {
		p.Witnesses = append(p.Witnesses, hostName(i))
	}
	return p
}

func hostName(i int) string { return fmt.Sprintf("n%d", i) }

func newWorld(seed uint64, s simSetup, off rules) *world {
	w := &world{
		rnd: rand.New(rand.NewPCG(seed, 1)), off: off, p: s.p, limit: map[string]int{}, cut: map[[2]int]bool{}, noStore: map[int]bool{},
		peak: map[string]int{}, loss: 0.01,
	}
	for b := range s.buckets {
		w.limit[fmt.Sprintf("b%d", b)] = s.limit
	}
	w.store = &store{up: true, replid: w.tag(), ledger: w.emptyLedger()}
	for i := range s.hosts {
		h := &host{w: w, index: i, name: hostName(i), rate: 1 + (w.rnd.Float64()-0.5)*0.004, base: time.Duration(w.rnd.Int64N(int64(time.Hour))), want: map[string]int{}}
		w.hosts = append(w.hosts, h)
	}
	for _, h := range w.hosts {
		w.after(w.upTo(2*time.Second), h.start)
	}
	w.snapshot()
	return w
}

func (w *world) emptyLedger() *Ledger {
	l := NewLedger()
	l.off = w.off
	return l
}

func (w *world) tag() string {
	w.tags++
	return fmt.Sprintf("t%d", w.tags)
}

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rnd.Int64N(int64(d) + 1)) }
func (w *world) chance(p float64) bool              { return w.rnd.Float64() < p }

func (w *world) after(d time.Duration, f func()) {
	w.count++
	heap.Push(&w.events, simEvent{w.now + d, w.count, f})
}

func (w *world) run(until time.Duration) {
	for len(w.events) > 0 && w.events[0].at <= until {
		e := heap.Pop(&w.events).(simEvent)
		w.now = e.at
		e.do()
	}
	w.now = until
}

func (w *world) fault(format string, args ...any) {
	if len(w.violations) > 0 {
		return // what counts is what led there
	}
	w.log = append(w.log, fmt.Sprintf("%8.3f ", w.now.Seconds())+fmt.Sprintf(format, args...))
}

// snapshot keeps copies of the ledger, for a store that comes back older.
func (w *world) snapshot() {
	s := w.store
	if s.up {
		s.snapshots = append(s.snapshots, s.ledger.clone())
		if len(s.snapshots) > 40 {
			s.snapshots = s.snapshots[1:]
		}
	}
	w.after(300*time.Millisecond, w.snapshot)
}

func (l *Ledger) clone() *Ledger {
	c := *l
	c.sessions, c.known, c.buckets = map[Session]*account{}, maps.Clone(l.known), map[string]*pot{}
	for s, a := range l.sessions {
		b := *a
		b.pins, b.moved = maps.Clone(a.pins), slices.Clone(a.moved)
		c.sessions[s] = &b
	}
	for n, p := range l.buckets {
		q := &pot{limit: p.limit, shares: map[Session]*share{}}
		for s, x := range p.shares {
			y := *x
			q.shares[s] = &y
		}
		c.buckets[n] = q
	}
	return &c
}

// start begins a new process on h.
func (h *host) start() {
	w := h.w
	if h.proc != nil && h.proc.alive {
		return
	}
	p := &proc{h: h, alive: true, govs: map[string]*gov{}}
	h.proc = p
	p.node = NewNode(NewProcess(h.name, w.rnd.Uint64()), w.p, w.tag, h.clock())
	p.node.off = w.off
	if p.node.witness != nil {
		p.node.witness.off = w.off
	}
	for _, b := range sorted(w.limit) {
		p.govs[b] = &gov{p: p, bucket: b}
	}
	declared := Counts{}
	maps.Copy(declared, w.limit)
	p.step(Configure{Declared: declared})
	p.ticking()
	p.gossip()
}

// later runs f in the process: when it is not stopped, and if it lives.
func (p *proc) later(d time.Duration, f func()) {
	w := p.h.w
	w.after(d, func() {
		if !p.alive {
			return
		}
		if w.now < p.frozen {
			p.later(p.frozen-w.now+w.upTo(time.Millisecond), f)
			return
		}
		f()
	})
}

func (p *proc) ticking() {
	p.step(Tick{})
	d := max(p.node.Wake()-p.h.clock(), time.Millisecond)
	p.later(d, p.ticking)
}

// gossip tells the process who else is there and what they have to spare,
// somewhat late.
func (p *proc) gossip() {
	w := p.h.w
	var peers []Process
	for _, o := range w.hosts {
		if o == p.h || o.proc == nil || w.cut[[2]int{o.index, p.h.index}] {
			continue
		}
		if o.proc.alive {
			peers = append(peers, o.proc.node.self)
			spare := Counts{}
			for b, g := range o.proc.govs {
				if bk := o.proc.node.books[b]; bk != nil {
					spare[b] = max(bk.own-bk.out()-g.inUse, 0)
				}
			}
			p.step(Hint{o.proc.node.self, spare})
		}
	}
	p.step(Peers{peers})
	p.later(600*time.Millisecond+w.upTo(600*time.Millisecond), p.gossip)
}

func (p *proc) step(e Event) {
	if !p.alive || p.left {
		return
	}
	if p.h.w.steps != nil {
		p.h.w.steps[fmt.Sprintf("%T", e)]++
	}
	for _, x := range p.node.Step(p.h.clock(), e) {
		p.do(x)
	}
	for _, g := range p.govs {
		g.until = p.node.Until(g.bucket)
	}
}

func (p *proc) do(x Effect) {
	w := p.h.w
	if w.trace != nil {
		w.trace("%s %T %+v", p.node.session, x, x)
	}
	switch x := x.(type) {
	case Entitle:
		g := p.govs[x.Bucket]
		p.inOrder(&g.inbox, func() { g.entitle(x) })
	case Send:
		for _, o := range w.hosts {
			if o.proc != nil && o.proc.node.self == x.To {
				p.send(o, x.Msg)
			}
		}
	case CallLedger:
		p.callLedger(x)
	case Left:
		p.left = true
		p.h.crash(false)
	case Note:
		if len(w.violations) == 0 {
			w.log = append(w.log, fmt.Sprintf("%8.3f   %s: %s", w.now.Seconds(), p.h.name, x.Text))
		}
	}
}

// inOrder delivers messages of one queue in order, each a little late.
func (p *proc) inOrder(last *time.Duration, f func()) {
	w := p.h.w
	at := max(w.now+w.upTo(2*time.Millisecond), *last)
	*last = at
	p.later(at-w.now, f)
}

func (w *world) delay() time.Duration {
	if !w.calm && w.chance(0.02) {
		return w.upTo(6 * time.Second)
	}
	return time.Millisecond + w.upTo(19*time.Millisecond)
}

func (p *proc) send(o *host, m Msg) {
	w := p.h.w
	to := o.proc
	deliver := func() {
		if w.cut[[2]int{p.h.index, o.index}] {
			return
		}
		to.later(0, func() { to.step(Received{p.node.self, m}) })
	}
	if w.chance(w.loss) {
		return
	}
	w.after(w.delay(), deliver)
	if !w.calm && w.chance(0.02) {
		w.after(w.delay(), deliver)
	}
}

// callLedger carries a call to the store and its reply back. What was asked may
// be done although no reply comes, and may be done once more later.
func (p *proc) callLedger(c CallLedger) {
	w := p.h.w
	done := false
	answer := func(a Answer) {
		if !done {
			done = true
			p.step(a)
		}
	}
	by := p.h
	if c.Via != "" {
		by = nil
		for _, o := range w.hosts {
			if o.proc != nil && o.proc.alive && o.proc.node.self == c.Via && !w.cut[[2]int{p.h.index, o.index}] {
				by = o
			}
		}
	}
	p.later(time.Second, func() { answer(Answer{Call: c.Call, Failed: true}) })
	if by == nil {
		return
	}
	attempt := func(reply bool) {
		st := w.storeFor(by)
		if st == nil || !st.up {
			return
		}
		r := st.ledger.Do(c.Op, st.replid)
		if w.trace != nil {
			w.trace("    done for %s call %d %T: %+v", p.node.session, c.Call, c.Op, r)
		}
		if reply && !w.chance(w.loss) && !(w.noStore[by.index]) {
			w.after(w.storeDelay(), func() { p.later(0, func() { answer(Answer{Call: c.Call, Reply: r}) }) })
		}
	}
	if !w.chance(w.loss) {
		w.after(w.storeDelay(), func() { attempt(true) })
	}
	if !w.calm && w.chance(0.02) {
		w.after(w.upTo(12*time.Second), func() { attempt(false) })
	}
}

func (w *world) storeDelay() time.Duration {
	if w.now < w.slowTo {
		return w.upTo(3 * time.Second)
	}
	return w.delay() / 2
}

// storeFor is the store that h reaches: some reach a master that was replaced.
func (w *world) storeFor(h *host) *store {
	switch {
	case w.noStore[h.index]:
		return nil
	case w.old != nil && w.now < w.oldTill && h.index%2 == 0:
		return w.old
	}
	return w.store
}

// crash ends the process. With guard, its death is reported to the ledger when
// no loan of its slots can be in use any more.
func (h *host) crash(guard bool) {
	p := h.proc
	if p == nil || !p.alive {
		return
	}
	p.alive = false
	for _, g := range p.govs {
		g.open, g.inUse = 0, 0
	}
	if !guard {
		return
	}
	w := h.w
	wait := max(p.node.LentUntil()-h.clock(), 0)
	if p.node.off.has(RuleLeaveLoans) {
		wait = 0
	}
	for _, s := range p.node.Sessions() {
		var report func()
		report = func() {
			st := w.storeFor(h)
			if st == nil || !st.up {
				w.after(200*time.Millisecond, report)
				return
			}
			if r := st.ledger.Do(Leave{s}, st.replid); r.Status != OK {
				w.after(200*time.Millisecond, report)
			}
		}
		w.after(time.Duration(float64(wait)*1.01)+500*time.Millisecond, report)
	}
}

// check looks at the invariant when a connection was opened.
func (w *world) check(bucket string, by *proc) {
	open := 0
	for _, h := range w.hosts {
		if h.proc != nil && h.proc.alive {
			open += h.proc.govs[bucket].open
		}
	}
	w.peak[bucket] = max(w.peak[bucket], open)
	if open <= w.limit[bucket] {
		return
	}
	if w.now < w.paused {
		w.excused++
		return
	}
	text := ""
	for _, h := range w.hosts {
		if p := h.proc; p != nil && p.alive {
			b, g := p.node.books[bucket], p.govs[bucket]
			text += fmt.Sprintf("\n    %s %s own %d out %d burnt %d borrowed %d commit %d; open %d (%d closing) slots %d in use %d", p.node.session, p.node.phase, b.own, b.out(), b.burnt, b.borrowed(), b.commit, g.open, g.closing, g.slots, g.inUse)
		}
	}
	defer func() { w.violations[len(w.violations)-1] += text }()
	w.violations = append(w.violations, fmt.Sprintf("%.3f s: %s has %d connections open, limit %d, the last by %s", w.now.Seconds(), bucket, open, w.limit[bucket], by.node.session))
}
