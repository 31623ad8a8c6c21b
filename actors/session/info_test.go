package session

import (
	"net"
	"slices"
	"testing"
	"time"

	"sluice/actors/actor"
)

// registered is an Env with so many sessions, of which each hundredth waits for
// a backend and each thousandth is pinned.
func registered(n int) *Env {
	var testRef Ref
	env := &Env{Node: "n1"}
	b := &Bucket{ID: "b1"}
	now := time.Now()
	for i := range n {
		p := &port{env: env, tcp: &net.TCPConn{}, born: now.Add(-time.Duration(i+1) * time.Second), since: now, phase: phaseIdle, bucket: b}
		if i%100 == 0 {
			p.phase, p.asked = phaseBusy, time.Since(p.born)-time.Duration(i)*time.Millisecond
		}
		if i%1000 == 0 {
			p.mx = &muxed{shown: []PinInfo{{Reason: "cursor", since: now.Add(-time.Duration(i) * time.Second)}}}
		}
		part := env.sessions.part(actor.ID(i))
		if part.refs == nil {
			part.refs = map[actor.ID]member{}
		}
		part.refs[actor.ID(i)] = member{testRef, p}
	}
	return env
}

// The first of many are found, in order, and no more are kept than asked for.
func TestFind(t *testing.T) {
	env := registered(5000)
	var top []ranked
	for _, c := range []struct {
		order Order
		all   int
		time  func(r ranked) time.Duration
	}{
		{ByAge, 5000, func(r ranked) time.Duration { return r.age }},
		{ByWait, 5000, func(r ranked) time.Duration { return r.time }},
		{ByPinned, 5, func(r ranked) time.Duration { return r.time }},
	} {
		found, all := first(env, "", c.order, 7)
		if all != c.all || len(found) != min(7, c.all) {
			t.Errorf("order %d: %d of %d", c.order, len(found), all)
		}
		if !slices.IsSortedFunc(found, func(a, b ranked) int { return int(c.time(b) - c.time(a)) }) {
			t.Errorf("order %d is none", c.order)
		}
		top = found
	}
	if top[0].time < 4000*time.Second {
		t.Errorf("pinned longest for %v", top[0].time)
	}
	if found, all := first(env, "b2", ByAge, 7); len(found) != 0 || all != 0 {
		t.Errorf("%d of another bucket", all)
	}
	if found, all := first(env, "b1", ByAge, 0); len(found) != 0 || all != 5000 {
		t.Errorf("none were asked for, %d of %d came", len(found), all)
	}
}

// A look at 300,000 sessions.
func BenchmarkFind(b *testing.B) {
	env := registered(300_000)
	b.ReportAllocs()
	for b.Loop() {
		first(env, "b1", ByWait, 200)
	}
}
