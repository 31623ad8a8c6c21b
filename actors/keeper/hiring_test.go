package keeper

import (
	"testing"
	"testing/synctest"
	"time"
)

// At a reload a bucket may come back while its old governor waits for clients.
func TestSuccessorOfAGovernorWaitsForItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close()
		n := r.spawn("a", testParams, nil)
		old := r.govern(n, 10)
		n.shared.Hire("b", old.ref)
		r.declare(n, 10)
		r.eventually(time.Second, "slots", func() bool { return old.last().Slots == 10 })
		r.uses(old, use{open: 6, inUse: 6})

		next, never := r.govern(n, 10), r.govern(n, 10)
		n.shared.Hire("b", never.ref)
		n.shared.Hire("b", next.ref)
		n.shared.Fire("b", never.ref) // gone again before its turn came
		r.uses(next, use{waiting: 3})
		r.advance(2 * time.Second)
		if e := next.last(); e.Slots >= 0 {
			t.Errorf("the new governor was told %+v while the old one has connections", e)
		}
		if b := r.view(n).Buckets[0]; b.Open != 6 {
			t.Errorf("the keeper counts %d open connections, there are 6", b.Open)
		}
		n.shared.Fire("b", old.ref)
		r.eventually(time.Second, "the new governor has the slots", func() bool { return next.last().Slots == 10 })
		r.eventually(time.Second, "the keeper hears the new governor", func() bool { return r.view(n).Buckets[0].Open == 0 })
		if never.last().Slots != -1 {
			t.Error("one that was fired before its turn was told something")
		}
	})
}

func TestSlotsOfARemovedBucketGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close()
		a, b := r.spawn("a", testParams, nil), r.spawn("b", testParams, nil)
		r.meet()
		ga, gb := r.govern(a, 10), r.govern(b, 10)
		a.shared.Hire("b", ga.ref)
		b.shared.Hire("b", gb.ref)
		r.declare(a, 10)
		r.declare(b, 10)
		r.eventually(5*time.Second, "both have slots", func() bool { return ga.last().Slots > 0 && gb.last().Slots > 0 })
		r.uses(ga, use{open: 5, inUse: 5})
		a.shared.Fire("b", ga.ref) // it has closed all
		r.uses(gb, use{open: gb.last().Slots, inUse: gb.last().Slots, waiting: 10})
		r.eventually(5*time.Second, "the other node has all slots", func() bool { return gb.last().Slots == 10 })
	})
}
