package ledgertest

import "sluice/limits"

// every op but Recover, as a session of an epoch would send it.
func every(e limits.Epoch) []limits.Op {
	return []limits.Op{
		limits.Hello{},
		limits.List{},
		limits.Leave{Session: a},
		limits.Join{Epoch: e, Session: a, Config: config, Declared: limits.Counts{db: 5}},
		limits.Sync{Epoch: e, Session: a, Seq: 9, Items: []limits.Item{wants(3)}},
		limits.Reassert{Epoch: e, Session: a, Seq: 9, Config: config, Own: limits.Counts{db: 3}},
		limits.Close{Epoch: e, Missing: []limits.Session{a}},
		limits.Reap{Epoch: e, Session: a},
		limits.Declare{Epoch: e, Session: a, No: 1, Declared: limits.Counts{db: 5}, Change: true},
	}
}

// memory is about stores that have forgotten, or may have.
var memory = []scenario{
	{"an empty store has no ledger", func(s *scene) {
		for _, op := range every(limits.Epoch{}) {
			if r := s.twice(op, limits.Empty); r.Epoch != (limits.Epoch{}) || r.Open || r.Version != 0 {
				s.Errorf("%T: %+v", op, r)
			}
		}
	}},
	{"recover begins the first epoch", func(s *scene) {
		r := s.do(limits.Recover{Replid: s.store.Replid(s), Tag: "t1", Config: config}, limits.OK)
		if r.Epoch != (limits.Epoch{N: 1, Tag: "t1"}) || r.Open || r.Version != 1 || r.Config != config {
			s.Errorf("%+v", r)
		}
	}},
	{"recover of a first epoch that nobody can hold something in opens", func(s *scene) {
		r := s.do(limits.Recover{Replid: s.store.Replid(s), Tag: "t1", Config: config, Open: true, Members: []limits.Session{b}}, limits.OK)
		if !r.Open || r.Version != 2 {
			s.Errorf("%+v", r)
		}
		if l := s.do(limits.List{}, limits.OK); len(l.Missing) > 0 {
			s.Errorf("missing %q", l.Missing)
		}
	}},
	{"recover for another store", func(s *scene) {
		r := s.twice(limits.Recover{Replid: "elsewhere", Tag: "t1", Config: config}, limits.Discont)
		if r.Epoch != (limits.Epoch{}) {
			s.Errorf("%+v", r)
		}
	}},
	{"recover comes second", func(s *scene) {
		s.begin()
		r := s.twice(limits.Recover{Replid: s.store.Replid(s), Tag: "t2", Config: config, Open: true}, limits.OtherEpoch)
		if r.Epoch != s.epoch {
			s.Errorf("%+v", r)
		}
	}},
	{"a restarted store is not believed", func(s *scene) {
		s.with(10, a, b)
		s.sync(a, wants(4))
		was := s.store.Replid(s)
		s.store.Restart(s, Kept)
		if s.store.Replid(s) == was {
			s.Fatal("the same replid")
		}
		for _, op := range every(s.epoch) {
			if r := s.twice(op, limits.Discont); r.Epoch != s.epoch || !r.Open {
				s.Errorf("%T: %+v", op, r)
			}
		}
		s.do(limits.Recover{Replid: was, Tag: "t2", Config: config}, limits.Discont)
		r := s.do(limits.Recover{Have: s.epoch, Memory: true, Replid: s.store.Replid(s), Tag: "t2", Config: config, Members: []limits.Session{c}}, limits.OK)
		if r.Epoch != (limits.Epoch{N: s.epoch.N + 1, Tag: "t2"}) || r.Open {
			s.Errorf("%+v", r)
		}
		l := s.do(limits.List{}, limits.OK)
		s.wantSessions("missing", l.Missing, a, b, c)
		if len(l.Sessions) > 0 {
			s.Errorf("sessions %+v", l.Sessions)
		}
	}},
	{"a store that was emptied", func(s *scene) {
		s.with(10, a)
		s.store.Wipe(s)
		for _, op := range every(s.epoch) {
			s.do(op, limits.Empty)
		}
		r := s.do(limits.Recover{Have: limits.Epoch{N: 7, Tag: "t7"}, Replid: s.store.Replid(s), Tag: "t8", Config: config, Limits: map[string]limits.Limit{db: {Max: 6, Ver: 3}}}, limits.OK)
		if r.Epoch != (limits.Epoch{N: 8, Tag: "t8"}) {
			s.Errorf("%+v", r)
		}
		s.epoch = r.Epoch
		j := s.do(limits.Join{Epoch: s.epoch, Session: a, Config: config, Declared: limits.Counts{db: 10, other: 2}}, limits.OK)
		if j.Buckets[db].Limit != (limits.Limit{Max: 10, Ver: 4}) || j.Buckets[other].Limit != (limits.Limit{Max: 2, Ver: 1}) {
			s.Errorf("%+v", j.Buckets)
		}
	}},
	{"a store that came back empty", func(s *scene) {
		s.with(10, a)
		s.store.Restart(s, Empty)
		if r := s.do(limits.Hello{}, limits.Empty); r.Version != 0 {
			s.Errorf("%+v", r)
		}
	}},
	{"a store that came back older", func(s *scene) {
		s.with(10, a)
		s.store.Save(s)
		s.store.Restart(s, Kept)
		second := s.do(limits.Recover{Have: s.epoch, Replid: s.store.Replid(s), Tag: "t2", Config: config}, limits.OK).Epoch
		s.store.Restart(s, Saved)
		if r := s.do(limits.Hello{}, limits.Discont); r.Epoch != s.epoch {
			s.Errorf("%+v", r)
		}
		r := s.do(limits.Recover{Have: second, Replid: s.store.Replid(s), Tag: "t3", Config: config}, limits.OK)
		if r.Epoch != (limits.Epoch{N: 3, Tag: "t3"}) {
			s.Errorf("%+v", r)
		}
	}},
	{"a ledger behind what a node has seen", func(s *scene) {
		s.begin()
		id := s.store.Replid(s)
		s.twice(limits.Recover{Have: s.epoch, Replid: id, Tag: "x"}, limits.OtherEpoch) // it is what the node has
		r := s.do(limits.Recover{Have: limits.Epoch{N: 1, Tag: "another"}, Replid: id, Tag: "t2", Config: config}, limits.OK)
		if r.Epoch != (limits.Epoch{N: 2, Tag: "t2"}) {
			s.Errorf("%+v", r)
		}
		s.do(limits.Recover{Have: limits.Epoch{N: 1, Tag: "another"}, Replid: id, Tag: "t3"}, limits.OtherEpoch)
		r = s.do(limits.Recover{Have: limits.Epoch{N: 5, Tag: "t5"}, Replid: id, Tag: "t6", Config: config}, limits.OK)
		if r.Epoch.N != 6 {
			s.Errorf("%+v", r)
		}
	}},
	{"calls of another epoch", func(s *scene) {
		s.with(10, a)
		for _, e := range []limits.Epoch{{}, {N: s.epoch.N, Tag: "x"}, {N: s.epoch.N - 1, Tag: s.epoch.Tag}, {N: s.epoch.N + 1, Tag: s.epoch.Tag}} {
			for _, op := range every(e)[3:] {
				if r := s.twice(op, limits.OtherEpoch); r.Epoch != s.epoch {
					s.Errorf("%T: %+v", op, r)
				}
			}
		}
	}},
}
