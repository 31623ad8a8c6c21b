package ledgertest

import (
	"slices"
	"testing"

	"sluice/limits"
)

// Run checks the contract. Open returns an empty ledger, which the test it is
// given ends.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, group := range [][]scenario{memory, joining, syncing, sharing, moving, recovering, ending, declaring} {
		for _, sc := range group {
			t.Run(sc.name, func(t *testing.T) { sc.play(&scene{T: t, store: open(t)}) })
		}
	}
}

type scenario struct {
	name string
	play func(s *scene)
}

const (
	config            = "hold=45s"
	a, b, c, stranger = limits.Session("a#1/1"), limits.Session("b#2/1"), limits.Session("c#3/1"), limits.Session("x#9/1")
	db, other         = "db", "other"
)

// scene is a ledger in a scenario.
type scene struct {
	*testing.T
	store Store
	epoch limits.Epoch
	seq   uint64 // of the last Sync, of whatever session: numbers may have gaps
}

// do carries out op and wants it to end so. What is not OK must have changed
// nothing.
func (s *scene) do(op limits.Op, want limits.Status) limits.Reply {
	s.Helper()
	before := ""
	if want != limits.OK {
		before = text(s, s.store.Do(s, limits.List{}))
	}
	r := s.store.Do(s, op)
	if r.Status != want {
		s.Fatalf("%T ended with %q, want %q: %+v", op, r.Status, want, r)
	}
	if r.Replid != s.store.Replid(s) {
		s.Fatalf("%T: replid %q, want %q", op, r.Replid, s.store.Replid(s))
	}
	if want == limits.OK {
		return r
	}
	if after := text(s, s.store.Do(s, limits.List{})); after != before {
		s.Fatalf("%T ended with %q and changed\n%s to\n%s", op, want, before, after)
	}
	return r
}

// twice carries out op two times, and wants it to end so and do nothing the
// second time.
func (s *scene) twice(op limits.Op, want limits.Status) limits.Reply {
	s.Helper()
	r := s.do(op, want)
	before := s.state()
	if again := s.do(op, want); text(s, again) != text(s, r) {
		s.Errorf("%T answered\n%s, and then\n%s", op, text(s, r), text(s, again))
	}
	if after := s.state(); after != before {
		s.Errorf("%T came twice and changed\n%s to\n%s", op, before, after)
	}
	return r
}

// state is what List says but for renewals, which count every Sync.
func (s *scene) state() string {
	s.Helper()
	r := s.store.Do(s, limits.List{})
	for name, st := range r.Sessions {
		st.Renewals = 0
		r.Sessions[name] = st
	}
	return text(s, r)
}

// begin makes an open ledger of a first epoch.
func (s *scene) begin() {
	s.Helper()
	s.epoch = s.do(limits.Recover{Replid: s.store.Replid(s), Tag: "t1", Config: config, Open: true}, limits.OK).Epoch
}

// with makes an open ledger where everybody has joined, declared max, and is
// known to all.
func (s *scene) with(most int, members ...limits.Session) {
	s.Helper()
	s.begin()
	for _, m := range members {
		s.join(m, most)
	}
	s.settle(members...)
}

func (s *scene) join(m limits.Session, most int) limits.Reply {
	s.Helper()
	return s.do(limits.Join{Epoch: s.epoch, Session: m, Config: config, Declared: limits.Counts{db: most}}, limits.OK)
}

// settle has everybody take note of the list of members, and then see that all
// have.
func (s *scene) settle(members ...limits.Session) {
	s.Helper()
	for range 2 {
		for _, m := range members {
			s.sync(m)
		}
	}
}

func (s *scene) sync(m limits.Session, items ...limits.Item) limits.Reply {
	s.Helper()
	return s.do(s.newSync(m, items...), limits.OK)
}

func (s *scene) newSync(m limits.Session, items ...limits.Item) limits.Sync {
	s.seq++
	return limits.Sync{
		Epoch: s.epoch, Session: m, Seq: s.seq, Ack: s.store.Do(s, limits.Hello{}).Version,
		Pins: map[string]string{"w1": "boot1", "w2": "boot2", "w3": "boot3"}, Items: items,
	}
}

// wants is a Sync's item that asks for n slots in all.
func wants(n int) limits.Item { return limits.Item{Bucket: db, Demand: n} }

func (s *scene) held(m limits.Session) int {
	return s.store.Do(s, limits.List{}).Sessions[m].Held[db]
}

func (s *scene) wantHeld(want map[limits.Session]int) {
	s.Helper()
	for m, n := range want {
		if got := s.held(m); got != n {
			s.Errorf("%s holds %d, want %d", m, got, n)
		}
	}
}

func (s *scene) wantShare(r limits.Reply, want limits.Share) {
	s.Helper()
	got := text(s, limits.Reply{Buckets: map[string]limits.Share{db: r.Buckets[db]}})
	if w := text(s, limits.Reply{Buckets: map[string]limits.Share{db: want}}); got != w {
		s.Errorf("share\n%s, want\n%s", got, w)
	}
}

func (s *scene) wantSessions(what string, got []limits.Session, want ...limits.Session) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("%s: %q, want %q", what, got, want)
	}
}
