package ledgertest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/limits"
)

// Lockstep sends a random walk of ops, drawn from seed, to store and to a
// ledger in memory, and wants every answer to be equal. The sessions keep their
// books like nodes do, so that the ops make sense; some are hostile, come
// twice, late or out of order, and the store is restarted and emptied. It
// returns how often each status was seen.
func Lockstep(t testing.TB, store Store, seed uint64, steps int) map[limits.Status]int {
	t.Helper()
	w := &walk{TB: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 7)), store: store, memory: NewMemory(), seen: map[limits.Status]int{}}
	w.memory.restart(Empty, store.Replid(t))
	for i := range 3 + w.rnd.IntN(5) {
		w.sessions = append(w.sessions, &walker{name: w.sessionName(i), own: limits.Counts{}, limits: map[string]limits.Limit{}})
	}
	for range steps {
		w.step()
	}
	w.send(limits.List{})
	return w.seen
}

type walk struct {
	testing.TB
	seed     uint64
	rnd      *rand.Rand
	store    Store
	memory   *Memory
	sessions []*walker
	now      limits.Reply // the newest one of a ledger that is there
	list     limits.Reply
	past     []limits.Op
	tags     int
	seen     map[limits.Status]int
}

// walker is a session's side.
type walker struct {
	name     limits.Session
	epoch    limits.Epoch
	seq, no  uint64
	version  uint64
	members  []limits.Session
	own      limits.Counts
	limits   map[string]limits.Limit
	declared limits.Counts
}

var (
	oddNames   = []string{"", "1", "a\"b\\", "x\n,\"y\",", "ü/", "\x00", "<&>\u2028", "n0"}
	walkPlaces = []string{"db", "db2", "1", "", "q\"\n]", "ß", "meta"}
	witnesses  = []string{"w1", "w2", "w3"}
)

func (w *walk) sessionName(i int) limits.Session {
	if w.chance(0.3) {
		return limits.Session(oddNames[w.rnd.IntN(len(oddNames))] + fmt.Sprintf("%d", i))
	}
	return limits.Session(limits.NewProcess(fmt.Sprintf("n%d", w.rnd.IntN(12)), w.rnd.Uint64()) + "/1")
}

func (w *walk) chance(p float64) bool { return w.rnd.Float64() < p }

func (w *walk) one() *walker { return w.sessions[w.rnd.IntN(len(w.sessions))] }

func (w *walk) bucket() string { return walkPlaces[w.rnd.IntN(len(walkPlaces))] }

// amount is mostly small, now and then absurd.
func (w *walk) amount() int {
	switch k := w.rnd.IntN(40); k {
	case 0:
		return -w.rnd.IntN(5)
	case 1:
		return w.rnd.IntN(1 << 24)
	default:
		return w.rnd.IntN(12)
	}
}

func (w *walk) step() {
	if w.chance(0.02) {
		w.upset()
		return
	}
	if len(w.past) > 0 && w.chance(0.12) { // late, or twice
		w.send(w.past[max(len(w.past)-1-w.rnd.IntN(8), 0)])
		return
	}
	s := w.one()
	op := w.next(s)
	if w.chance(0.05) {
		op = w.twist(op)
	}
	w.past = append(w.past, op)
	s.heard(w.send(op))
}

// upset is a fault of the store.
func (w *walk) upset() {
	switch k := w.rnd.IntN(8); k {
	case 0, 1, 2:
		w.store.Save(w)
		w.memory.Save(w)
	case 3:
		w.store.Wipe(w)
		w.memory.Wipe(w)
	default:
		c := []Content{Kept, Kept, Empty, Saved}[k-4]
		w.store.Restart(w, c)
		w.memory.restart(c, w.store.Replid(w))
	}
}

func (w *walk) send(op limits.Op) limits.Reply {
	w.Helper()
	got := w.store.Do(w, op)
	want := w.memory.Do(w, op)
	if g, m := text(w, got), text(w, want); g != m {
		w.Fatalf("seed %d: %T %+v answered\n%s, want\n%s", w.seed, op, op, g, m)
	}
	w.seen[got.Status]++
	w.now = got
	if got.Sessions != nil {
		w.list = got
	}
	return got
}

// heard takes an answer as a node would.
func (s *walker) heard(r limits.Reply) {
	if r.Status != limits.OK {
		return
	}
	if r.Members != nil {
		s.members, s.version = r.Members, r.Version
	}
	for b, sh := range r.Buckets {
		s.own[b] = sh.Held
		s.limits[b] = sh.Limit
	}
}

// next is what a session would say now.
func (w *walk) next(s *walker) limits.Op {
	switch {
	case w.now.Status == limits.Empty || w.now.Status == limits.Discont || w.now.Epoch.N == 0:
		if w.chance(0.5) {
			return w.recover(s)
		}
	case s.epoch != w.now.Epoch && s.epoch.N > 0 && !w.now.Open && w.chance(0.7):
		return w.reassert(s)
	case s.epoch != w.now.Epoch && w.chance(0.7):
		return w.join(s)
	}
	switch k := w.rnd.IntN(100); {
	case k < 60:
		return w.sync(s)
	case k < 66:
		return w.join(s)
	case k < 70:
		return w.reassert(s)
	case k < 76:
		return w.declare(s)
	case k < 82:
		return limits.List{}
	case k < 88:
		return w.reap()
	case k < 92:
		return w.closing()
	case k < 95:
		return limits.Leave{Session: w.one().name}
	case k < 98:
		return w.recover(s)
	}
	return limits.Hello{}
}

func (w *walk) declarations() limits.Counts {
	c := limits.Counts{}
	for range 1 + w.rnd.IntN(4) {
		c[w.bucket()] = 5 + w.rnd.IntN(3)
		if w.chance(0.1) {
			c[w.bucket()] = w.amount()
		}
	}
	return c
}

func (w *walk) config() string {
	if w.chance(0.03) {
		return "other"
	}
	return config
}

func (w *walk) join(s *walker) limits.Op {
	s.epoch, s.declared = w.now.Epoch, w.declarations()
	s.own, s.limits, s.version, s.members = limits.Counts{}, map[string]limits.Limit{}, 0, nil
	return limits.Join{Epoch: s.epoch, Session: s.name, Config: w.config(), Declared: s.declared}
}

func (w *walk) pins() map[string]string {
	p := map[string]string{}
	for _, name := range witnesses {
		if w.chance(0.8) {
			p[name] = fmt.Sprintf("boot%d", w.rnd.IntN(2))
		}
	}
	return p
}

func (w *walk) sync(s *walker) limits.Op {
	s.seq++
	op := limits.Sync{Epoch: s.epoch, Session: s.name, Seq: s.seq, Ack: s.version, Pins: w.pins()}
	for range w.rnd.IntN(5) {
		b := w.bucket()
		i := limits.Item{Bucket: b, Demand: w.amount(), Age: int64(w.rnd.IntN(4)), Ahead: w.rnd.IntN(6) - 1}
		if s.own[b] > 0 && w.chance(0.4) {
			i.Return = w.rnd.IntN(s.own[b] + 1)
		}
		if w.chance(0.02) {
			i.Return = w.amount()
		}
		for w.chance(0.2) {
			i.Moves = append(i.Moves, limits.Move{Loan: fmt.Sprintf("l%d\"", w.rnd.IntN(1000)), To: w.one().name, N: 1 + w.rnd.IntN(2)})
		}
		op.Items = append(op.Items, i)
	}
	return op
}

func (w *walk) reassert(s *walker) limits.Op {
	s.epoch = w.now.Epoch
	s.seq++
	op := limits.Reassert{
		Epoch: s.epoch, Session: s.name, Config: w.config(), Seq: s.seq, Pins: w.pins(), Own: maps.Clone(s.own), Declared: s.declared,
		Limits: maps.Clone(s.limits), Memory: w.chance(0.6), Members: s.members,
	}
	if w.chance(0.1) {
		op.Own[w.bucket()] = w.amount()
	}
	return op
}

func (w *walk) recover(s *walker) limits.Op {
	w.tags++
	op := limits.Recover{
		Have: s.epoch, Memory: w.chance(0.5), Replid: w.store.Replid(w), Tag: fmt.Sprintf("t%d", w.tags), Config: w.config(),
		Members: s.members, Limits: maps.Clone(s.limits), Open: w.chance(0.4),
	}
	switch {
	case w.chance(0.1):
		op.Replid = "elsewhere"
	case w.chance(0.3):
		op.Have = w.now.Epoch
	}
	return op
}

func (w *walk) declare(s *walker) limits.Op {
	s.no++
	s.declared = w.declarations()
	return limits.Declare{Epoch: s.epoch, Session: s.name, No: s.no, Declared: s.declared, Change: w.chance(0.2)}
}

func (w *walk) reap() limits.Op {
	s := w.one().name
	op := limits.Reap{Epoch: w.now.Epoch, Session: s, Renewals: w.list.Sessions[s].Renewals, Quorum: w.rnd.IntN(3), Consents: map[string]limits.Consent{}}
	for _, name := range witnesses {
		boot := w.list.Sessions[s].Pins[name]
		if boot == "" || w.chance(0.2) {
			boot = "boot0"
		}
		if w.chance(0.7) {
			op.Consents[name] = limits.Consent{Boot: boot, Old: w.chance(0.6)}
		}
	}
	return op
}

func (w *walk) closing() limits.Op {
	op := limits.Close{Epoch: w.now.Epoch, Booked: map[limits.Session]limits.Counts{}}
	for _, s := range w.sessions {
		switch {
		case w.chance(0.3):
			op.Booked[s.name] = maps.Clone(s.own)
		case w.chance(0.8):
			op.Missing = append(op.Missing, s.name)
		}
	}
	return op
}

// twist changes an op in a way that no node would.
func (w *walk) twist(op limits.Op) limits.Op {
	epoch := []limits.Epoch{{}, {N: w.now.Epoch.N, Tag: "twisted"}, {N: w.now.Epoch.N + 1, Tag: w.now.Epoch.Tag}, {N: 1 << 49}}[w.rnd.IntN(4)]
	switch o := op.(type) {
	case limits.Sync:
		o.Items = slices.Clone(o.Items)
		switch w.rnd.IntN(5) {
		case 0:
			o.Epoch = epoch
		case 1:
			o.Seq = uint64(w.rnd.Int64N(1 << 50))
		case 2:
			o.Seq = 0
		case 3:
			o.Ack = uint64(w.rnd.Int64N(1 << 50))
		default:
			o.Items = append(o.Items, limits.Item{Bucket: w.bucket(), Return: -w.amount(), Demand: 1 << 24, Age: 1 << 50, Ahead: 1 << 24, Moves: []limits.Move{{To: "nobody", N: 1}, {To: o.Session, N: 1}}})
		}
		return o
	case limits.Reassert:
		o.Own, o.Pins, o.Limits = nil, nil, nil
		o.Seq = uint64(w.rnd.Int64N(1 << 50))
		return o
	case limits.Join:
		o.Epoch, o.Declared = epoch, limits.Counts{w.bucket(): -3}
		return o
	case limits.Recover:
		o.Have = limits.Epoch{N: o.Have.N + uint64(w.rnd.IntN(3)), Tag: "twisted"}
		o.Limits = map[string]limits.Limit{w.bucket(): {Max: w.amount(), Ver: uint64(w.rnd.IntN(9))}}
		return o
	case limits.Reap:
		o.Quorum, o.Consents = -w.rnd.IntN(2), nil
		return o
	case limits.Close:
		o.Booked = map[limits.Session]limits.Counts{w.one().name: {w.bucket(): w.amount()}, "nobody": nil}
		return o
	case limits.Declare:
		o.Declared = limits.Counts{w.bucket(): w.amount() - 6}
		return o
	}
	return op
}
