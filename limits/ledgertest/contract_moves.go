package ledgertest

import (
	"slices"

	"sluice/limits"
)

var moving = []scenario{
	{"a loan becomes the borrower's own", func(s *scene) {
		s.with(10, a, b)
		s.sync(a, wants(8))
		has, had := s.held(a), s.held(b)
		op := s.newSync(a, limits.Item{Bucket: db, Demand: 8, Moves: []limits.Move{{Loan: "l1", To: b, N: 2}, {Loan: "l2", To: b, N: 1}}})
		r := s.twice(op, limits.OK)
		if !slices.Equal(r.Buckets[db].Moved, []string{"l1", "l2"}) {
			s.Errorf("moved %q", r.Buckets[db].Moved)
		}
		s.wantHeld(map[limits.Session]int{b: had + 3})
		if n := s.held(a); n < has-3 || n > has {
			s.Errorf("a holds %d of %d", n, has)
		}
		told := s.newSync(b)
		if r := s.twice(told, limits.OK); !slices.Equal(r.Moved, []string{"l1", "l2"}) {
			s.Errorf("told %q", r.Moved)
		}
		if r := s.sync(b); len(r.Moved) > 0 {
			s.Errorf("told %q once more", r.Moved)
		}
	}},
	{"loans that stay loans", func(s *scene) {
		s.with(10, a, b)
		s.sync(a, wants(8))
		r := s.sync(a, limits.Item{Bucket: db, Demand: 8, Moves: []limits.Move{
			{Loan: "self", To: a, N: 1},
			{Loan: "none", To: stranger, N: 1},
			{Loan: "zero", To: b},
			{Loan: "less", To: b, N: -1},
			{Loan: "more", To: b, N: 11},
			{Loan: "good", To: b, N: 1},
		}})
		if !slices.Equal(r.Buckets[db].Moved, []string{"good"}) {
			s.Errorf("moved %q", r.Buckets[db].Moved)
		}
	}},
	{"nothing is moved to who is known by witnesses only", func(s *scene) {
		s.recovered(limits.Counts{db: 4}, b)
		r := s.sync(a, limits.Item{Bucket: db, Demand: 2, Moves: []limits.Move{{Loan: "l1", To: b, N: 1}}})
		if len(r.Buckets[db].Moved) > 0 || s.held(b) != 4 {
			s.Errorf("%+v", r)
		}
	}},
	{"moved to a session that had no share", func(s *scene) {
		s.with(10, b)
		s.do(limits.Join{Epoch: s.epoch, Session: a, Config: config}, limits.OK)
		s.settle(a, b)
		s.sync(b, wants(3))
		s.sync(b, limits.Item{Bucket: db, Demand: 3, Moves: []limits.Move{{Loan: "l1", To: a, N: 2}}})
		s.wantHeld(map[limits.Session]int{a: 2})
	}},
}

// recovered makes an open ledger of a second epoch, where a has re-asserted two
// slots and those booked are known by the word of witnesses.
func (s *scene) recovered(own limits.Counts, booked ...limits.Session) {
	s.Helper()
	s.with(10, append([]limits.Session{a}, booked...)...)
	s.store.Restart(s, Kept)
	s.epoch = s.do(limits.Recover{Have: s.epoch, Memory: true, Replid: s.store.Replid(s), Tag: "t2", Config: config, Members: []limits.Session{a}}, limits.OK).Epoch
	s.reassert(a, limits.Counts{db: 2}, limits.OK)
	words := map[limits.Session]limits.Counts{}
	for _, m := range booked {
		words[m] = own
	}
	s.twice(limits.Close{Epoch: s.epoch, Booked: words}, limits.OK)
}

func (s *scene) reassert(m limits.Session, own limits.Counts, want limits.Status) limits.Reply {
	s.Helper()
	s.seq++
	return s.do(limits.Reassert{
		Epoch: s.epoch, Session: m, Config: config, Seq: s.seq, Own: own, Declared: limits.Counts{db: 10},
		Pins: map[string]string{"w1": "boot1"}, Limits: map[string]limits.Limit{db: {Max: 10, Ver: 1}},
	}, want)
}
