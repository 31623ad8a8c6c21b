package ledgertest

import "sluice/limits"

var recovering = []scenario{
	{"the ledger opens when all have come", func(s *scene) {
		s.with(10, a, b)
		s.store.Restart(s, Empty)
		s.epoch = s.do(limits.Recover{Have: s.epoch, Memory: true, Replid: s.store.Replid(s), Tag: "t2", Config: config, Members: []limits.Session{a, b}}, limits.OK).Epoch
		r := s.reassert(a, limits.Counts{db: 6}, limits.OK)
		if r.Open {
			s.Error("open without b")
		}
		s.wantSessions("members", r.Members, a)
		s.wantSessions("missing", s.do(limits.List{}, limits.OK).Missing, b)
		r = s.reassert(b, limits.Counts{db: 3, other: 1}, limits.OK)
		if !r.Open {
			s.Error("not open with all")
		}
		s.wantShare(r, limits.Share{Held: 3, Limit: limits.Limit{Max: 10, Ver: 1}, Free: 1})
		if r.Buckets[other].Held != 1 || r.Buckets[other].Limit.Ver != 0 {
			s.Errorf("%+v", r.Buckets[other])
		}
	}},
	{"it does not open by the word of who does not know all", func(s *scene) {
		s.with(10, a)
		s.store.Restart(s, Empty)
		s.epoch = s.do(limits.Recover{Have: s.epoch, Replid: s.store.Replid(s), Tag: "t2", Config: config}, limits.OK).Epoch
		if r := s.reassert(a, nil, limits.OK); r.Open {
			s.Error("open")
		}
		s.seq++
		r := s.do(limits.Reassert{Epoch: s.epoch, Session: b, Config: config, Seq: s.seq, Memory: true, Members: []limits.Session{a, b, c}}, limits.OK)
		if r.Open {
			s.Error("open without c")
		}
		s.wantSessions("missing", s.do(limits.List{}, limits.OK).Missing, c)
		if r := s.twice(limits.Leave{Session: c}, limits.OK); !r.Open {
			s.Error("not open, though c has left")
		}
	}},
	{"reassert comes twice, late, or from elsewhere", func(s *scene) {
		s.with(10, a)
		s.store.Restart(s, Kept)
		s.epoch = s.do(limits.Recover{Have: s.epoch, Replid: s.store.Replid(s), Tag: "t2", Config: config}, limits.OK).Epoch
		op := limits.Reassert{Epoch: s.epoch, Session: a, Config: config, Seq: 50, Own: limits.Counts{db: 2}}
		s.do(op, limits.OK)
		s.twice(op, limits.Stale)
		s.seq = 50
		s.reassert(a, limits.Counts{db: 4}, limits.OK) // it gave the first up, and is still recovering
		s.wantHeld(map[limits.Session]int{a: 4})
		op.Config = "other"
		s.twice(op, limits.OtherConfig)
		late := s.newSync(a)
		late.Seq = s.seq - 2
		s.twice(late, limits.Stale)
	}},
	{"reassert in an open ledger", func(s *scene) {
		s.with(10, a)
		s.reassert(a, limits.Counts{db: 2}, limits.Stale)
		s.reassert(stranger, limits.Counts{db: 2}, limits.NoSession)
	}},
	{"limits that somebody remembers", func(s *scene) {
		s.begin()
		s.store.Restart(s, Empty)
		s.epoch = s.do(limits.Recover{Replid: s.store.Replid(s), Tag: "t2", Config: config, Limits: map[string]limits.Limit{db: {Max: 7, Ver: 5}}}, limits.OK).Epoch
		op := limits.Reassert{Epoch: s.epoch, Session: a, Config: config, Seq: 1, Limits: map[string]limits.Limit{db: {Max: 3, Ver: 4}, other: {Max: 9, Ver: 2}}}
		r := s.do(op, limits.OK)
		if r.Buckets[db].Limit != (limits.Limit{Max: 7, Ver: 5}) || r.Buckets[other].Limit != (limits.Limit{Max: 9, Ver: 2}) {
			s.Errorf("%+v", r.Buckets)
		}
	}},
	{"close needs everybody accounted for", func(s *scene) {
		s.with(10, a, b, c)
		s.store.Restart(s, Kept)
		s.epoch = s.do(limits.Recover{Have: s.epoch, Memory: true, Replid: s.store.Replid(s), Tag: "t2", Config: config}, limits.OK).Epoch
		s.reassert(a, limits.Counts{db: 2}, limits.OK)
		s.twice(limits.Close{Epoch: s.epoch, Missing: []limits.Session{b}}, limits.Refused)
		r := s.twice(limits.Close{Epoch: s.epoch, Missing: []limits.Session{b}, Booked: map[limits.Session]limits.Counts{c: {db: 3}, a: {db: 9}}}, limits.OK)
		if !r.Open {
			s.Errorf("%+v", r)
		}
		s.wantHeld(map[limits.Session]int{a: 2, c: 3})
		if l := s.do(limits.List{}, limits.OK); !l.Sessions[c].Booked || l.Sessions[a].Booked || len(l.Sessions) != 2 || len(l.Missing) > 0 {
			s.Errorf("%+v", l)
		}
	}},
	{"what witnesses said is an upper bound", func(s *scene) {
		s.recovered(limits.Counts{db: 4}, b)
		s.reassert(b, limits.Counts{db: 5}, limits.NoSession)
		r := s.reassert(b, limits.Counts{db: 3}, limits.OK)
		s.wantShare(r, limits.Share{Held: 3, Limit: limits.Limit{Max: 10, Ver: 1}, Free: 5})
		if s.do(limits.List{}, limits.OK).Sessions[b].Booked {
			s.Error("still booked")
		}
		s.reassert(b, limits.Counts{db: 3}, limits.Stale)
	}},
}

var ending = []scenario{
	{"leave", func(s *scene) {
		s.with(10, a, b)
		s.sync(a, wants(5))
		r := s.twice(limits.Leave{Session: a}, limits.OK)
		if r.Version != 5 {
			s.Errorf("version %d", r.Version)
		}
		s.twice(limits.Leave{Session: stranger}, limits.OK)
		s.do(s.newSync(a), limits.NoSession)
		if r := s.sync(b, wants(10)); r.Buckets[db].Held != 10 {
			s.Errorf("%+v", r.Buckets[db])
		}
	}},
	{"reap with the consent of a quorum", func(s *scene) {
		s.with(10, a, b)
		s.sync(b, wants(5))
		n := s.do(limits.List{}, limits.OK).Sessions[b].Renewals
		yes := func(boots ...string) map[string]limits.Consent {
			out := map[string]limits.Consent{}
			for i, w := range []string{"w1", "w2", "w3"}[:len(boots)] {
				out[w] = limits.Consent{Boot: boots[i]}
			}
			return out
		}
		op := limits.Reap{Epoch: s.epoch, Session: b, Renewals: n, Quorum: 2, Consents: yes("boot1")}
		s.twice(op, limits.Refused)
		op.Consents = yes("boot1", "restarted")
		s.twice(op, limits.Refused)
		op.Consents = yes("boot1", "", "boot3")
		op.Renewals = n - 1
		s.twice(op, limits.Refused)
		op.Renewals = n
		s.twice(op, limits.OK)
		if _, there := s.do(limits.List{}, limits.OK).Sessions[b]; there {
			s.Error("b is still there")
		}
		s.do(s.newSync(b), limits.NoSession)
	}},
	{"reap with the consent of witnesses that were restarted long ago", func(s *scene) {
		s.with(10, a, b)
		n := s.do(limits.List{}, limits.OK).Sessions[b].Renewals
		op := limits.Reap{Epoch: s.epoch, Session: b, Renewals: n, Quorum: 2, Consents: map[string]limits.Consent{"w1": {Boot: "new", Old: true}, "w9": {Boot: "x", Old: true}}}
		s.twice(op, limits.Refused) // b never counted on w9
		op.Consents["w2"] = limits.Consent{Boot: "new", Old: true}
		s.twice(op, limits.OK)
	}},
	{"reap of who counts on no witnesses", func(s *scene) {
		s.with(10, a, b)
		op := s.newSync(b)
		op.Pins = map[string]string{"w1": "boot1"}
		s.do(op, limits.OK)
		n := s.do(limits.List{}, limits.OK).Sessions[b].Renewals
		s.twice(limits.Reap{Epoch: s.epoch, Session: b, Renewals: n, Quorum: 2}, limits.OK)
		n = s.do(limits.List{}, limits.OK).Sessions[a].Renewals
		s.twice(limits.Reap{Epoch: s.epoch, Session: a, Renewals: n}, limits.OK)
	}},
	{"reap of who is known by witnesses only", func(s *scene) {
		s.recovered(limits.Counts{db: 4}, b)
		op := limits.Reap{Epoch: s.epoch, Session: b, Quorum: 2, Consents: map[string]limits.Consent{"w1": {Boot: "x", Old: true}, "w2": {Boot: "y"}}}
		s.twice(op, limits.Refused)
		op.Consents["w2"] = limits.Consent{Boot: "y", Old: true}
		s.twice(op, limits.OK)
	}},
	{"no reap while recovering", func(s *scene) {
		s.with(10, a)
		s.store.Restart(s, Kept)
		s.epoch = s.do(limits.Recover{Have: s.epoch, Replid: s.store.Replid(s), Tag: "t2", Config: config}, limits.OK).Epoch
		s.reassert(a, nil, limits.OK)
		s.twice(limits.Reap{Epoch: s.epoch, Session: a, Renewals: 1}, limits.Refused)
	}},
}

var declaring = []scenario{
	{"the limit changes when all say so", func(s *scene) {
		s.with(10, a, b)
		no := uint64(0)
		declare := func(m limits.Session, n int, change bool) limits.Share {
			no++
			return s.twice(limits.Declare{Epoch: s.epoch, Session: m, No: no, Declared: limits.Counts{db: n}, Change: change}, limits.OK).Buckets[db]
		}
		if sh := declare(a, 12, false); sh.Limit != (limits.Limit{Max: 10, Ver: 1}) || !sh.Conflict {
			s.Errorf("%+v", sh)
		}
		if sh := declare(b, 12, false); sh.Limit != (limits.Limit{Max: 12, Ver: 2}) || sh.Conflict {
			s.Errorf("%+v", sh)
		}
		if sh := declare(a, 8, true); sh.Limit != (limits.Limit{Max: 8, Ver: 3}) || !sh.Conflict {
			s.Errorf("%+v", sh)
		}
	}},
	{"a declaration that comes late is not heard", func(s *scene) {
		s.with(10, a)
		s.do(limits.Declare{Epoch: s.epoch, Session: a, No: 5, Declared: limits.Counts{db: 12}, Change: true}, limits.OK)
		r := s.twice(limits.Declare{Epoch: s.epoch, Session: a, No: 4, Declared: limits.Counts{db: 3, "new": 3}, Change: true}, limits.OK)
		if r.Buckets[db].Limit != (limits.Limit{Max: 12, Ver: 2}) || len(r.Buckets) != 1 {
			s.Errorf("%+v", r.Buckets)
		}
		r = s.do(limits.Join{Epoch: s.epoch, Session: a, Config: config, Declared: limits.Counts{db: 3}}, limits.OK)
		if r.Buckets[db].Limit.Max != 12 {
			s.Errorf("a late Join is heard: %+v", r.Buckets)
		}
	}},
	{"an answer about a bucket where a session has no share", func(s *scene) {
		s.with(10, a)
		s.do(limits.Join{Epoch: s.epoch, Session: b, Config: config, Declared: limits.Counts{other: 4}}, limits.OK)
		r := s.do(limits.Join{Epoch: s.epoch, Session: b, Config: config, Declared: limits.Counts{db: 10}}, limits.OK)
		s.wantShare(r, limits.Share{Limit: limits.Limit{Max: 10, Ver: 1}, Free: 10})
	}},
	{"declare of no session", func(s *scene) {
		s.with(10, a)
		s.twice(limits.Declare{Epoch: s.epoch, Session: stranger, Declared: limits.Counts{db: 1}, Change: true}, limits.NoSession)
	}},
	{"names that are not easy", func(s *scene) {
		s.begin()
		names := []limits.Session{"", "a\"b\\#1/1", "a\n,\"b\",1#1/1", "1", "ä#2/1", "a/b\x00#1/1", "z<&>\u2028#1/1"}
		buckets := []string{"", "1", "{}", "a\"\n]", "b:", "ü", "meta"}
		declared := limits.Counts{}
		for i, name := range buckets {
			declared[name] = 10 + i
		}
		for _, m := range names {
			s.do(limits.Join{Epoch: s.epoch, Session: m, Config: config, Declared: declared}, limits.OK)
		}
		s.settle(names...)
		for _, m := range names {
			var items []limits.Item
			for i, name := range buckets {
				items = append(items, limits.Item{Bucket: name, Demand: 1, Age: int64(i)})
			}
			r := s.twice(s.newSync(m, items...), limits.OK)
			for _, name := range buckets {
				if got := r.Buckets[name]; got.Limit.Max != declared[name] {
					s.Errorf("%q, %q: %+v", m, name, got)
				}
			}
		}
		if l := s.do(limits.List{}, limits.OK); len(l.Sessions) != len(names) || len(l.Sessions[""].Held) == 0 {
			s.Errorf("%+v", l)
		}
		for _, m := range names {
			s.twice(limits.Leave{Session: m}, limits.OK)
		}
	}},
}
