package redisledger

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sluice/limits"
)

// both runs a test on an embedded Redis and on an installed one.
func both(t *testing.T, test func(t *testing.T, s *server)) {
	t.Run("embedded", func(t *testing.T) { test(t, embedded(t)) })
	t.Run("redis-server", func(t *testing.T) { test(t, installed(t)) })
}

// everyOp is one of each, as a session that is there would send it.
func everyOp(e limits.Epoch, replid string) []limits.Op {
	return []limits.Op{
		limits.Hello{},
		limits.Join{Epoch: e, Session: "b", Declared: limits.Counts{"db": 5}},
		limits.Sync{Epoch: e, Session: "a", Seq: 9, Items: []limits.Item{{Bucket: "db", Demand: 3}}},
		limits.Sync{Epoch: e, Session: "a", Seq: 1},
		limits.Reassert{Epoch: e, Session: "a", Seq: 9, Own: limits.Counts{"db": 3}},
		limits.Recover{Have: limits.Epoch{N: 9}, Replid: replid, Tag: "t"},
		limits.Close{Epoch: e, Missing: []limits.Session{"a"}},
		limits.Reap{Epoch: e, Session: "a"},
		limits.Leave{Session: "a"},
		limits.Declare{Epoch: e, Session: "a", No: 1, Declared: limits.Counts{"db": 5}},
		limits.List{},
	}
}

func TestKeyOfAnotherType(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		st := s.open(t, "f")
		if err := s.client.Set(t.Context(), st.key, "mine", 0).Err(); err != nil {
			t.Fatal(err)
		}
		for _, op := range everyOp(limits.Epoch{N: 1}, st.replid) {
			if r := st.Do(t, op); r.Status != limits.WrongType || r.Replid != st.replid {
				t.Errorf("%T: %+v", op, r)
			}
		}
		if v := s.client.Get(t.Context(), st.key).Val(); v != "mine" {
			t.Errorf("the key holds %q", v)
		}
	})
}

// ready makes an open ledger in which a has a session and 5 slots of db.
func ready(t *testing.T, st *store) limits.Epoch {
	t.Helper()
	e := st.Do(t, limits.Recover{Replid: st.replid, Tag: "t1", Open: true}).Epoch
	st.Do(t, limits.Join{Epoch: e, Session: "a", Declared: limits.Counts{"db": 5}})
	if r := st.Do(t, limits.Sync{Epoch: e, Session: "a", Seq: 1, Items: []limits.Item{{Bucket: "db", Demand: 3}}}); r.Buckets["db"].Held != 5 {
		t.Fatalf("%+v", r)
	}
	return e
}

func TestLedgerOfAnotherVersion(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		st := s.open(t, "f")
		e := ready(t, st)
		newer := `{"format":2,"what":["is",{"this":"?"}]}`
		if err := s.client.HSet(t.Context(), st.key, "meta", newer).Err(); err != nil {
			t.Fatal(err)
		}
		before := s.client.HGetAll(t.Context(), st.key).Val()
		for _, op := range everyOp(e, st.replid) {
			_, err := st.ledger.Do(t.Context(), op)
			var format *FormatError
			if !errors.As(err, &format) || format.Found != "2" || format.Known != "1" {
				t.Errorf("%T: %v", op, err)
			}
		}
		unchanged(t, st, before)
	})
}

func unchanged(t *testing.T, st *store, before map[string]string) {
	t.Helper()
	after := st.client.HGetAll(t.Context(), st.key).Val()
	if len(after) != len(before) {
		t.Errorf("%d fields, were %d", len(after), len(before))
	}
	for f, v := range before {
		if after[f] != v {
			t.Errorf("field %q became %q", f, after[f])
		}
	}
}

func TestDamagedFields(t *testing.T) {
	texts := []string{"", "x", "[", "{", "7", "null", `"text"`, "{}", "[1]", `[1,2,3,4,5,6,7]`, `{"format":1}`, "\x00\xff", `[5,1` + "\n" + `,"a","many",0,0,0` + "\n]", `{"seq":"1"}`, `{"seq":{}}`, `[{"a":1}]`, strings.Repeat("[", 2000)}
	both(t, func(t *testing.T, s *server) {
		texts := texts
		if s.slow {
			texts = texts[:4]
		}
		st := s.open(t, "f")
		e := ready(t, st)
		whole := s.client.HGetAll(t.Context(), st.key).Val()
		failed := map[string]int{}
		damage := func(field, text string) map[string]string {
			t.Helper()
			if err := s.client.Del(t.Context(), st.key).Err(); err != nil {
				t.Fatal(err)
			}
			if err := s.client.HSet(t.Context(), st.key, whole).Err(); err != nil {
				t.Fatal(err)
			}
			if err := s.client.HSet(t.Context(), st.key, field, text).Err(); err != nil {
				t.Fatal(err)
			}
			return s.client.HGetAll(t.Context(), st.key).Val()
		}
		for _, field := range []string{"meta", "a:a", "r:a", "b:db", "members", "known"} {
			for _, text := range texts {
				for _, op := range everyOp(e, st.replid) {
					damaged := damage(field, text)
					if _, err := st.ledger.Do(t.Context(), op); err != nil {
						failed[field]++
						unchanged(t, st, damaged)
					}
				}
			}
		}
		for _, field := range []string{"meta", "a:a", "r:a", "b:db", "members", "known"} {
			if failed[field] == 0 {
				t.Errorf("field %s: %d errors", field, failed[field])
			}
		}
		t.Log(failed)
	})
}

func TestDamageIsNamed(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		st := s.open(t, "f")
		e := ready(t, st)
		for _, c := range []struct {
			field, text string
			op          limits.Op
		}{
			{"meta", "{", limits.Hello{}},
			{"meta", `{"format":1}`, limits.Hello{}},
			{"a:a", "nothing", limits.Sync{Epoch: e, Session: "a", Seq: 9}},
			{"a:a", "{}", limits.Leave{Session: "a"}},
			{"b:db", "[1,2,3]", limits.Sync{Epoch: e, Session: "a", Seq: 9, Items: []limits.Item{{Bucket: "db"}}}},
			{"members", "5", limits.List{}},
			{"known", "x", limits.List{}},
		} {
			was := s.client.HGet(t.Context(), st.key, c.field).Val()
			if err := s.client.HSet(t.Context(), st.key, c.field, c.text).Err(); err != nil {
				t.Fatal(err)
			}
			_, err := st.ledger.Do(t.Context(), c.op)
			if !errors.Is(err, ErrData) || !strings.Contains(err.Error(), `"`+c.field+`"`) {
				t.Errorf("field %s = %s: %v", c.field, c.text, err)
			}
			if was == "" {
				s.client.HDel(t.Context(), st.key, c.field)
			} else if err := s.client.HSet(t.Context(), st.key, c.field, was).Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A hash that lost its head is an empty ledger, and the next one has nothing of
// it.
func TestHeadIsGone(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		st := s.open(t, "f")
		e := ready(t, st)
		if err := s.client.HDel(t.Context(), st.key, "meta").Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.client.HSet(t.Context(), st.key, "b:bad", "{").Err(); err != nil {
			t.Fatal(err)
		}
		if r := st.Do(t, limits.Hello{}); r.Status != limits.Empty {
			t.Fatalf("%+v", r)
		}
		r := st.Do(t, limits.Recover{Have: e, Replid: st.replid, Tag: "t2"})
		if l := st.Do(t, limits.List{}); r.Epoch.N != 2 || len(l.Sessions)+len(l.Missing) > 0 {
			t.Fatalf("%+v, %+v", r, l)
		}
		if fields := s.client.HKeys(t.Context(), st.key).Val(); len(fields) != 2 {
			t.Errorf("fields %q", fields)
		}
	})
}

func TestScriptsAreForgotten(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		st := s.open(t, "f")
		for range 3 {
			if err := s.client.ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			if r := st.Do(t, limits.Hello{}); r.Status != limits.Empty {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func TestManyBucketsAndSessions(t *testing.T) {
	s := installed(t)
	st := s.open(t, "f")
	e := st.Do(t, limits.Recover{Replid: st.replid, Tag: "t1", Open: true}).Epoch
	declared := limits.Counts{}
	for _, i := range items(3000, 1) {
		declared[i.Bucket] = 7
	}
	st.Do(t, limits.Join{Epoch: e, Session: "a", Declared: declared})
	if r := st.Do(t, limits.Sync{Epoch: e, Session: "a", Seq: 1, Items: items(3000, 2)}); len(r.Buckets) != 3000 {
		t.Fatalf("%d buckets", len(r.Buckets))
	}
	if l := st.Do(t, limits.List{}); len(l.Sessions["a"].Held) != 3000 {
		t.Fatalf("%d buckets held", len(l.Sessions["a"].Held))
	}
	st.Do(t, limits.Leave{Session: "a"})
}

func TestNoAnswer(t *testing.T) {
	var status []string
	l, err := Open(Config{Addrs: []string{"127.0.0.1:1"}, Key: Key("f"), Observe: func(op, st string, took time.Duration) {
		status = append(status, op+" "+st)
		if took <= 0 {
			t.Errorf("%s took %s", op, took)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := l.Do(t.Context(), limits.Hello{}); err == nil {
		t.Error("an answer from nobody")
	}
	s := embedded(t)
	quick, err := Open(Config{Addrs: []string{s.addr}, Key: Key("f"), Observe: func(op, st string, _ time.Duration) { status = append(status, op+" "+st) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = quick.Close() }()
	if _, err := quick.Do(t.Context(), limits.List{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := quick.Do(ctx, limits.List{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if got := strings.Join(status, ", "); got != "hello ERROR, list EMPTY, list ERROR" {
		t.Error(got)
	}
}

func TestNumbersOutOfRange(t *testing.T) {
	s := embedded(t)
	st := s.open(t, "f")
	e := ready(t, st)
	for _, op := range []limits.Op{
		limits.Sync{Epoch: e, Session: "a", Seq: 1 << 60},
		limits.Sync{Epoch: e, Session: "a", Seq: 5, Ack: 1 << 60},
		limits.Sync{Epoch: e, Session: "a", Seq: 5, Items: []limits.Item{{Bucket: "db", Age: -1 << 62}}},
		limits.Sync{Epoch: e, Session: "a", Seq: 5, Items: []limits.Item{{Bucket: "db", Moves: []limits.Move{{N: 1 << 40}}}}},
		limits.Recover{Have: limits.Epoch{N: 1<<64 - 1}},
		limits.Join{Epoch: e, Session: "c", Declared: limits.Counts{"db": -1 << 62}},
		limits.Reassert{Epoch: e, Own: limits.Counts{"db": 1 << 30}},
		limits.Reassert{Epoch: e, Limits: map[string]limits.Limit{"db": {Ver: 1 << 63}}},
		limits.Close{Epoch: e, Booked: map[limits.Session]limits.Counts{"a": {"db": 1 << 62}}},
		limits.Reap{Epoch: e, Renewals: 1 << 60},
		limits.Declare{Epoch: e, Session: "a", No: 1 << 60},
	} {
		if _, err := st.ledger.Do(t.Context(), op); !errors.Is(err, ErrRange) {
			t.Errorf("%T: %v", op, err)
		}
	}
}
