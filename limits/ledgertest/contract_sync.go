package ledgertest

import "sluice/limits"

var joining = []scenario{
	{"join", func(s *scene) {
		s.begin()
		r := s.twice(limits.Join{Epoch: s.epoch, Session: a, Config: config, Declared: limits.Counts{db: 10}}, limits.OK)
		s.wantSessions("members", r.Members, a)
		s.wantShare(r, limits.Share{Limit: limits.Limit{Max: 10, Ver: 1}, Free: 10})
		r = s.twice(limits.Join{Epoch: s.epoch, Session: b, Config: config}, limits.OK)
		s.wantSessions("members", r.Members, a, b)
		if r.Version != 4 || len(r.Buckets) > 0 {
			s.Errorf("%+v", r)
		}
	}},
	{"join with another configuration", func(s *scene) {
		s.begin()
		if r := s.do(limits.Join{Epoch: s.epoch, Session: a, Config: "first"}, limits.OK); r.Config != "first" {
			s.Errorf("nobody was there, and config stays %q", r.Config)
		}
		if r := s.twice(limits.Join{Epoch: s.epoch, Session: b, Config: "second"}, limits.OtherConfig); r.Config != "first" {
			s.Errorf("config %q", r.Config)
		}
	}},
	{"a late join is no reassert", func(s *scene) {
		s.with(10, a)
		s.store.Restart(s, Kept)
		s.epoch = s.do(limits.Recover{Have: s.epoch, Memory: true, Replid: s.store.Replid(s), Tag: "t2", Config: config, Members: []limits.Session{a}}, limits.OK).Epoch
		s.twice(limits.Join{Epoch: s.epoch, Session: a, Config: config}, limits.Refused)
		s.do(limits.Join{Epoch: s.epoch, Session: b, Config: "second"}, limits.OtherConfig)
		s.twice(limits.Join{Epoch: s.epoch, Session: b, Config: config, Declared: limits.Counts{db: 10}}, limits.OK)
		s.wantSessions("missing", s.do(limits.List{}, limits.OK).Missing, a)
		r := s.sync(b, wants(4))
		if r.Open || r.Buckets[db].Held != 0 || r.Buckets[db].Free != 10 {
			s.Errorf("a grant while recovering: %+v", r)
		}
	}},
}

var syncing = []scenario{
	{"sync of no session", func(s *scene) {
		s.with(10, a)
		s.twice(s.newSync(stranger, wants(1)), limits.NoSession)
	}},
	{"sync grants and takes back", func(s *scene) {
		s.with(10, a)
		if r := s.twice(s.newSync(a, wants(4)), limits.OK); !r.Clear || r.Buckets[db].Held != 10 { // a stock of all, for there is nobody else
			s.Errorf("%+v", r)
		}
		r := s.twice(s.newSync(a, limits.Item{Bucket: db, Return: 7, Demand: 10}), limits.OK)
		s.wantShare(r, limits.Share{Held: 10, Limit: limits.Limit{Max: 10, Ver: 1}})
		r = s.sync(a, limits.Item{Bucket: db, Return: 100})
		s.wantShare(r, limits.Share{Held: 10, Limit: limits.Limit{Max: 10, Ver: 1}})
		r = s.sync(a, limits.Item{Bucket: db, Return: -5, Demand: -5, Ahead: -5, Age: -5})
		s.wantShare(r, limits.Share{Held: 10, Limit: limits.Limit{Max: 10, Ver: 1}})
	}},
	{"sync of a bucket nobody declared", func(s *scene) {
		s.with(10, a)
		if r := s.sync(a, limits.Item{Bucket: "none", Demand: 3}); len(r.Buckets) > 0 {
			s.Errorf("%+v", r.Buckets)
		}
	}},
	{"sync of a bucket twice", func(s *scene) {
		s.with(10, a, b)
		r := s.sync(a, wants(8), limits.Item{Bucket: db, Return: 2})
		if r.Buckets[db].Held != 6 {
			s.Errorf("%+v", r.Buckets)
		}
	}},
	{"a sync that comes again gets its answer again", func(s *scene) {
		s.with(10, a, b)
		op := s.newSync(a, limits.Item{Bucket: db, Return: 1, Demand: 9})
		first := s.do(op, limits.OK)
		s.sync(b, wants(9))
		s.join(c, 12)
		if again := s.do(op, limits.OK); text(s, again) != text(s, first) {
			s.Errorf("\n%s, want\n%s", text(s, again), text(s, first))
		}
		if n := s.do(limits.List{}, limits.OK).Sessions[a].Renewals; n != 4 { // two to settle, and these
			s.Errorf("%d renewals", n)
		}
	}},
	{"an overtaken sync is stale", func(s *scene) {
		s.with(10, a)
		op := s.newSync(a, limits.Item{Bucket: db, Return: 5})
		s.sync(a, wants(10))
		s.twice(op, limits.Stale)
		s.wantHeld(map[limits.Session]int{a: 10})
	}},
	{"no grants before all know of the session", func(s *scene) {
		s.with(10, a, b)
		s.join(c, 10)
		if r := s.sync(c, wants(3)); r.Clear || r.Buckets[db].Held != 0 {
			s.Errorf("%+v", r)
		}
		op := s.newSync(a)
		op.Ack = 0
		r := s.do(op, limits.OK)
		s.wantSessions("members", r.Members, a, b, c)
		s.sync(b)
		if r := s.sync(c, wants(3)); r.Clear {
			s.Error("clear, though a does not know of it")
		}
		if r := s.sync(a); len(r.Members) > 0 {
			s.Errorf("members %q, which it has", r.Members)
		}
		if r := s.sync(c, wants(3)); !r.Clear || r.Buckets[db].Held == 0 {
			s.Errorf("%+v", r)
		}
	}},
	{"an ack beyond the list counts for no more than the list", func(s *scene) {
		s.with(10, a)
		op := s.newSync(a)
		op.Ack = 1000
		s.do(op, limits.OK)
		s.join(b, 10)
		if r := s.sync(b, wants(1)); r.Clear {
			s.Error("clear by an ack from the future")
		}
	}},
}

var sharing = []scenario{
	{"equal shares of what all want", func(s *scene) {
		s.with(10, a, b, c)
		s.sync(a, wants(10))
		s.sync(b, wants(10))
		s.sync(c, wants(10))
		s.sync(a, limits.Item{Bucket: db, Return: s.held(a) - 3, Demand: 10})
		s.sync(b, wants(10))
		s.sync(c, wants(10))
		if n := s.held(a) + s.held(b) + s.held(c); n != 10 || s.held(b) < 3 || s.held(c) < 3 {
			s.Errorf("%d, %d, %d", s.held(a), s.held(b), s.held(c))
		}
	}},
	{"who has too much owes it, and is told of", func(s *scene) {
		s.with(9, a, b)
		s.sync(a, wants(9))
		r := s.sync(b, wants(9))
		s.wantShare(r, limits.Share{Limit: limits.Limit{Max: 9, Ver: 1}, Unmet: 4, Peers: []limits.Session{a}})
		r = s.sync(a, wants(9))
		s.wantShare(r, limits.Share{Held: 9, Owe: 4, Limit: limits.Limit{Max: 9, Ver: 1}, Unmet: 4})
		r = s.sync(a, limits.Item{Bucket: db, Return: 4, Demand: 9})
		s.wantShare(r, limits.Share{Held: 5, Limit: limits.Limit{Max: 9, Ver: 1}, Free: 4, Unmet: 4, Peers: []limits.Session{b}})
		r = s.sync(b, wants(9))
		s.wantShare(r, limits.Share{Held: 4, Limit: limits.Limit{Max: 9, Ver: 1}})
	}},
	{"the rest goes to who has waited longest", func(s *scene) {
		s.with(10, a, b, c)
		ages := map[limits.Session]int64{a: 5, b: 9, c: 7}
		s.sync(a, wants(10))
		for _, m := range []limits.Session{b, c, a} {
			s.sync(m, limits.Item{Bucket: db, Demand: 10, Age: ages[m]})
		}
		s.sync(a, limits.Item{Bucket: db, Return: 7, Demand: 10, Age: 5})
		s.sync(c, limits.Item{Bucket: db, Demand: 10, Age: 7})
		s.sync(b, limits.Item{Bucket: db, Demand: 10, Age: 9})
		s.wantHeld(map[limits.Session]int{a: 3, b: 4, c: 3})
	}},
	{"at most three peers, those with most first", func(s *scene) {
		names := []limits.Session{"p1#/1", "p2#/1", "p3#/1", "p4#/1", "p5#/1"}
		s.with(20, names...)
		for i, n := range []int{1, 3, 3, 6} {
			s.sync(names[i], limits.Item{Bucket: db, Return: 20})
			s.sync(names[i], limits.Item{Bucket: db, Demand: n})
		}
		s.sync(names[4], limits.Item{Bucket: db, Return: 20})
		for i := range 4 {
			s.sync(names[i], wants(0))
		}
		r := s.sync(names[4], wants(20))
		if p := r.Buckets[db].Peers; len(p) != 3 || p[0] != names[3] {
			s.Errorf("peers %q, holdings %+v", p, s.do(limits.List{}, limits.OK).Sessions)
		}
	}},
	{"ahead of need, less as the free slots do", func(s *scene) {
		s.with(100, a, b)
		s.sync(a, limits.Item{Bucket: db, Return: 100})
		r := s.sync(b, limits.Item{Bucket: db, Return: 100, Demand: 2, Ahead: 60})
		if got := r.Buckets[db].Held; got < 50 || got > 75 {
			s.Errorf("%+v", r.Buckets[db])
		}
	}},
	{"a limit that was lowered", func(s *scene) {
		s.with(10, a, b)
		s.sync(a, wants(5))
		s.sync(b, wants(5))
		s.do(limits.Declare{Epoch: s.epoch, Session: a, No: 1, Declared: limits.Counts{db: 4}, Change: true}, limits.OK)
		r := s.sync(a, wants(5))
		s.wantShare(r, limits.Share{Held: 5, Owe: 3, Limit: limits.Limit{Max: 4, Ver: 2}, Free: -6, Conflict: true})
	}},
}
