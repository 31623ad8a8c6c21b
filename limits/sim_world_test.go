package limits

import (
	"container/heap"
	"fmt"
	"maps"
	"math/rand/v2"
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
	size   int // limit at the beginning
	pace   time.Duration
	kinds  []int

	p       Params
	limit   map[string]int // max_connections of the buckets
	bound   map[string]int // what their connections must not exceed: more, until a lowered limit is drained
	hosts   []*host
	store   *store
	old     *store // a replaced master that still answers
	oldTill time.Duration
	cut     map[[2]int]bool // one-way cuts between hosts
	noStore map[int]bool    // hosts cut from the store
	slowTo  time.Duration   // the store is slow until then
	loss    float64
	calm    bool
	first   bool // end with the first violation
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
	conf map[string]int // max_connections by its configuration
}

// proc is one process of a node.
type proc struct {
	h       *host
	node    *Node
	alive   bool
	frozen  time.Duration // stopped until then
	govs    map[string]*gov
	quiting bool
	left    bool
}

func (h *host) clock() time.Duration { return h.base + time.Duration(float64(h.w.now)*h.rate) }

// simSetup says what a world is like.
type simSetup struct {
	hosts, buckets, limit int // limit of each bucket
	witnesses             int
	pace                  time.Duration // up to that between two faults
	kinds                 []int         // of faults, see chaos; empty: all
	p                     Params
}

func simParams(witnesses int) Params {
	p := Params{Hold: 8 * time.Second, Heartbeat: time.Second, Loan: 2 * time.Second, Closing: 500 * time.Millisecond, Lag: time.Second}
	for i := range witnesses {
		p.Witnesses = append(p.Witnesses, hostName(i))
	}
	return p
}

func hostName(i int) string { return fmt.Sprintf("n%d", i) }

func newWorld(seed uint64, s simSetup, off rules) *world {
	w := &world{
		size: s.limit, pace: s.pace, kinds: s.kinds,
		rnd: rand.New(rand.NewPCG(seed, 1)), off: off, p: s.p, limit: map[string]int{}, bound: map[string]int{}, cut: map[[2]int]bool{}, noStore: map[int]bool{},
		peak: map[string]int{}, loss: 0.01,
	}
	for b := range s.buckets {
		name := fmt.Sprintf("b%d", b)
		w.limit[name], w.bound[name] = s.limit, s.limit
	}
	w.store = &store{up: true, replid: w.tag(), ledger: w.emptyLedger()}
	for i := range s.hosts {
		h := &host{w: w, index: i, name: hostName(i), rate: 1 + (w.rnd.Float64()-0.5)*0.004, base: time.Duration(w.rnd.Int64N(int64(time.Hour))), want: map[string]int{}, conf: maps.Clone(w.limit)}
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
	for len(w.events) > 0 && w.events[0].at <= until && !w.over() {
		e := heap.Pop(&w.events).(simEvent)
		w.now = e.at
		e.do()
	}
	w.now = until
}

// over tells whether enough was seen.
func (w *world) over() bool { return w.first && len(w.violations) > 0 }

func (w *world) fault(format string, args ...any) {
	if len(w.violations) > 0 {
		return // what counts is what led there
	}
	w.log = append(w.log, fmt.Sprintf("%8.3f ", w.now.Seconds())+fmt.Sprintf(format, args...))
}
