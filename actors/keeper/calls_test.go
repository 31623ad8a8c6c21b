package keeper

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/limits"
)

// A node that is cut off from the ledger alone reaches it by way of another.
func TestLedgerIsReachedByWayOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testParams
		p.Witnesses = []string{"b"}
		r := newRig(t)
		defer r.close()
		b := r.spawn("b", p, nil)
		r.declare(b, 10)
		a := r.spawn("a", p, nil)
		r.declare(a, 10)
		r.meet()
		ga, gb := r.govern(a, 10), r.govern(b, 10)
		a.shared.Hire("b", ga.ref)
		b.shared.Hire("b", gb.ref)
		r.eventually(5*time.Second, "both have slots", func() bool { return ga.last().Slots == 5 && gb.last().Slots == 5 })
		r.advance(3 * time.Second) // heartbeats reach the witness, and it says that it reaches the ledger

		a.ledger.down.Store(true)
		r.advance(10 * p.Hold)
		if v := r.view(a); v.Phase != "inside" || v.Ledger != "open" || v.HeardAgo > 3*p.Heartbeat {
			t.Errorf("%s, ledger %s, heard %v ago", v.Phase, v.Ledger, v.HeardAgo)
		}
		if _, _, _, relayed := b.shared.Counts(); relayed == 0 {
			t.Error("no call was made for the other node")
		}
		r.uses(ga, use{open: 5, inUse: 5, waiting: 4})
		r.eventually(5*time.Second, "slots are granted by way of the other node", func() bool { return ga.last().Slots >= 9 })

		b.ledger.down.Store(true) // now nobody reaches it
		r.eventually(10*time.Second, "the ledger counts as lost", func() bool { return r.view(a).Ledger == "unreachable" })
		a.ledger.down.Store(false)
		r.eventually(5*time.Second, "and as found", func() bool { return r.view(a).Ledger == "open" })
	})
}

func TestCallsForOthersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close()
		n := r.spawn("a", testParams, func(_ *testNode, c *Config) { c.Ledger = stuck{} })
		op, err := limits.EncodeOp(limits.List{})
		if err != nil {
			t.Fatal(err)
		}
		frame, err := json.Marshal(relayed{1, op})
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			r.tell(n, Received{From: "x#1", Bytes: append([]byte{tagCall}, frame...)})
		}
		synctest.Wait()
		if _, _, _, relayed := n.shared.Counts(); relayed != maxRelays {
			t.Errorf("%d calls are under way for one node, %d may be", relayed, maxRelays)
		}
	})
}

// stuck is a ledger that never answers.
type stuck struct{}

func (stuck) Do(ctx context.Context, _ limits.Op) (limits.Reply, error) {
	<-ctx.Done()
	return limits.Reply{}, ctx.Err()
}

var garbage = []string{
	"", "x", "m", "m{}", `m{"k":"beat"}`, `m{"k":"dance","m":{}}`, `m{"k":"lend","m":[1]}`, `m{"k":"lend","m":{"n":"many"}}`,
	"c", "c{}", `c{"call":1,"op":{"op":"melt"}}`, "cnull", "r", "r[", `r{"call":-1}`, "\x00\xff",
}

func TestGarbageChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close()
		n := r.spawn("a", testParams, nil)
		g := r.govern(n, 10)
		n.shared.Hire("b", g.ref)
		r.declare(n, 10)
		r.eventually(time.Second, "slots", func() bool { return g.last().Slots == 10 })
		r.advance(time.Second)
		before := r.view(n)
		for _, text := range garbage {
			r.tell(n, Received{From: "x#1", Bytes: []byte(text)})
		}
		synctest.Wait()
		after := r.view(n)
		if !reflect.DeepEqual(before, after) {
			t.Errorf("before %+v\nafter %+v", before, after)
		}
		if got := strings.Count(r.log.String(), "not understood"); got != len(garbage) {
			t.Errorf("%d warnings, %d messages that nobody understands\n%s", got, len(garbage), r.log.String())
		}
	})
}

// still returns a keeper with slots that no goroutine runs, and its clock.
func still(t testing.TB) *Keeper {
	t.Helper()
	now := time.Hour
	ledger := limits.NewLedger()
	k := newKeeper(Config{
		Self: "a#1", Params: testParams, Clock: func() time.Duration { return now }, Tag: func() string { return "t" },
		Ledger: NewMemory(), CallTimeout: time.Second, Log: slog.New(slog.DiscardHandler), Send: func(limits.Process, []byte) {},
	}, &sync.WaitGroup{})
	effects := k.node.Step(now, limits.Configure{Declared: limits.Counts{"b": 10}})
	for range 100 {
		var next []limits.Effect
		for _, x := range effects {
			if c, ok := x.(limits.CallLedger); ok {
				next = append(next, k.node.Step(now, limits.Answer{Call: c.Call, Reply: ledger.Do(c.Op, "m")})...)
			}
		}
		if b, ok := k.node.Bucket("b"); ok && b.Owned == 10 {
			return k
		}
		now += 100 * time.Millisecond
		effects = append(next, k.node.Step(now, limits.Tick{})...)
	}
	t.Fatal("no slots")
	return nil
}

// FuzzFrame feeds a keeper bytes from another node. Whatever comes, it must not
// panic, and what is not understood changes nothing; nothing at all may give the
// node more slots that are its own.
func FuzzFrame(f *testing.F) {
	for _, s := range garbage {
		f.Add([]byte(s))
	}
	for _, m := range []limits.Msg{
		limits.Beat{Session: "b#2/1", Seq: 1, Own: limits.Counts{"b": 3}},
		limits.BeatAck{Session: "a#1/1", Witness: "w"},
		limits.AskConsent{Session: "a#1/1"},
		limits.GiveConsent{Session: "a#1/1", Given: true},
		limits.AskReport{Missing: []limits.Session{"x"}},
		limits.Report{Witness: "w"},
		limits.Borrow{Loan: "l", Bucket: "b", N: 3},
		limits.Borrow{Loan: "l", Bucket: "b", N: -1 << 62, Again: true},
		limits.Lend{Loan: "a#1/1-1", N: 1 << 62, For: 1 << 62},
		limits.Return{Loan: "l", Left: -5},
		limits.Nudge{Buckets: []string{"b", ""}},
	} {
		b, err := limits.EncodeMsg(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append([]byte{tagMsg}, b...))
	}
	op, err := limits.EncodeOp(limits.Leave{Session: "a#1/1"})
	if err != nil {
		f.Fatal(err)
	}
	call, err := json.Marshal(relayed{7, op})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte{tagCall}, call...))
	f.Add([]byte(`r{"call":1,"reply":{"status":"OK","epoch":{"n":9},"buckets":{"b":{"held":1000}}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k := still(t)
		before := k.node.View(k.cfg.Clock())
		err := k.read(nil, Received{From: "b#2", Bytes: b})
		k.cancel()
		k.workers.Wait()
		after := k.node.View(k.cfg.Clock())
		if err != nil && !reflect.DeepEqual(before, after) {
			t.Errorf("not understood (%v), but\nbefore %+v\nafter %+v", err, before, after)
		}
		if own := after.Buckets[0].Owned; own > 10 {
			t.Errorf("%d own slots of 10", own)
		}
		if s := after.Buckets[0]; s.Entitled > 10 || s.Lent < 0 {
			t.Errorf("after: %+v", s)
		}
	})
}
