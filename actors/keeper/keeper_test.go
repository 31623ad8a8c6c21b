package keeper

import (
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/actors/actor"
	"sluice/actors/bucket"
	"sluice/limits"
)

func TestFirstSlotsReachTheGovernor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close()
		var published []Status
		n := r.spawn("a", testParams, func(_ *testNode, c *Config) {
			c.Publish = func(_ string, s Status) { published = append(published, s) }
		})
		g := r.govern(n, 10)
		admit := n.shared.Admit("b")
		n.shared.Hire("b", g.ref)
		if admit() {
			t.Error("a dial is admitted before the node has a slot")
		}
		if why := n.shared.Why("b")(); !strings.Contains(why, "no slots yet") {
			t.Errorf("why: %q", why)
		}
		r.declare(n, 10)
		r.eventually(time.Second, "the governor has ten slots", func() bool { return g.last().Slots == 10 })
		if !admit() {
			t.Error("no dial is admitted with ten slots")
		}
		if _, slots := r.held(n); slots != 10 {
			t.Errorf("the ledger counts %d slots", slots)
		}
		r.advance(2 * time.Second)
		v := n.shared.View()
		if v.Phase != "inside" || v.Ledger != "open" || len(v.Buckets) != 1 || v.Buckets[0].Owned != 10 {
			t.Errorf("view: %+v", v)
		}
		if len(published) == 0 || published[len(published)-1].Owned != 10 {
			t.Errorf("published: %+v", published)
		}
		if why := n.shared.Why("b")(); why != "this node holds 10 of 10 slots" {
			t.Errorf("why: %q", why)
		}
	})
}

func TestFullMailboxGetsTheLastWordWithItsNextReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close()
		n := r.spawn("a", testParams, nil)
		g := r.govern(n, 1)
		gate := make(chan struct{})
		if err := g.ref.Tell(hold{gate: gate}); err != nil {
			t.Fatal(err)
		}
		<-g.held
		if err := g.ref.Tell(look{}); err != nil { // and now it is full
			t.Fatal(err)
		}
		n.shared.Hire("b", g.ref)
		r.declare(n, 10)
		r.eventually(time.Second, "the ledger has given ten", func() bool { _, slots := r.held(n); return slots == 10 })
		r.advance(time.Second)
		if g.last().Slots != -1 {
			t.Fatalf("told %+v although its mailbox was full", g.last())
		}
		close(gate)
		synctest.Wait() // it reports, is told, and reports that
		if g.last().Slots != 10 {
			t.Errorf("the governor was told %+v", g.last())
		}
	})
}

func TestReportsAreCoalesced(t *testing.T) {
	s := newShared(func() time.Duration { return 0 })
	pokes, full := 0, true
	s.setPoke(func() error {
		pokes++
		if full {
			return actor.ErrFull
		}
		return nil
	})
	s.Report(bucket.Usage{Bucket: "b", Open: 1})
	s.Report(bucket.Usage{Bucket: "b", Open: 2})
	if pokes != 2 {
		t.Errorf("%d tries at a full mailbox, 2 reports", pokes)
	}
	full = false
	for i := range 100 {
		s.Report(bucket.Usage{Bucket: "b", Open: i})
		s.Report(bucket.Usage{Bucket: "a", Open: -i})
	}
	if pokes != 3 {
		t.Errorf("200 reports took %d messages, not one", pokes-2)
	}
	got := s.take()
	if len(got) != 2 || got[0].Bucket != "a" || got[0].Open != -99 || got[1].Open != 99 {
		t.Errorf("took %+v", got)
	}
	if len(s.take()) != 0 {
		t.Error("taken twice")
	}
	s.Report(bucket.Usage{Bucket: "b"})
	if pokes != 4 {
		t.Error("the keeper is not told of a report after it took the others")
	}
}

// The right ends by the clock alone: a keeper that does not run cannot end it.
func TestRightEndsThoughTheKeeperStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close()
		gate, blocked := make(chan struct{}), false
		n := r.spawn("a", testParams, func(_ *testNode, c *Config) {
			c.Publish = func(string, Status) {
				if blocked {
					<-gate
				}
			}
		})
		g := r.govern(n, 10)
		admit := n.shared.Admit("b")
		n.shared.Hire("b", g.ref)
		r.declare(n, 10)
		r.eventually(time.Second, "slots", func() bool { return g.last().Slots == 10 })
		blocked = true
		r.uses(g, use{open: 3})
		r.advance(testParams.Hold + time.Second)
		if admit() {
			t.Error("dials are admitted after the right to the slots has ended")
		}
		blocked = false
		close(gate)
	})
}

func TestUnheardNodeFencesAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close()
		n := r.spawn("a", testParams, nil)
		g := r.govern(n, 10)
		admit := n.shared.Admit("b")
		n.shared.Hire("b", g.ref)
		r.declare(n, 10)
		r.eventually(time.Second, "slots", func() bool { return g.last().Slots == 10 })
		g.stubborn = true
		r.uses(g, use{open: 7, inUse: 7})
		first := r.view(n).Session

		n.ledger.down.Store(true)
		r.advance(testParams.Hold / 2)
		if !admit() || g.last().Slots != 10 {
			t.Error("slots are gone after half of the hold time")
		}
		took := r.eventually(testParams.Hold, "the governor must close all", func() bool { return g.last().Slots == 0 && g.last().Force })
		if took+testParams.Hold/2 > testParams.Hold-testParams.Guard()/2 {
			t.Errorf("told after %v, hold time %v", took+testParams.Hold/2, testParams.Hold)
		}
		if admit() {
			t.Error("a dial is admitted after the fence")
		}
		if f, _, _, _ := n.shared.Counts(); f != 1 {
			t.Errorf("%d fences counted", f)
		}
		r.advance(5 * time.Second)
		if v := r.view(n); v.Phase != "fencing" || v.Session != first {
			t.Errorf("%s in session %s while seven connections are open", v.Phase, v.Session)
		}
		if why := n.shared.Why("b")(); !strings.Contains(why, "not part of the fleet") || !strings.Contains(why, "unreachable") {
			t.Errorf("why: %q", why)
		}
		r.uses(g, use{})
		if v := r.view(n); v.Phase != "outside" || v.Session == first {
			t.Errorf("%s in session %s after all was closed", v.Phase, v.Session)
		}
		n.ledger.down.Store(false)
		r.eventually(5*time.Second, "ten slots again, of one session", func() bool {
			sessions, slots := r.held(n)
			return sessions == 1 && slots == 10 && g.last().Slots == 10 && admit()
		})
		if !strings.Contains(r.log.String(), `msg=fenced`) {
			t.Error("the log does not tell of the fence")
		}
	})
}

func TestQuitWaitsForTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close()
		n := r.spawn("a", testParams, nil)
		g := r.govern(n, 10)
		n.shared.Hire("b", g.ref)
		r.declare(n, 10)
		r.eventually(time.Second, "slots", func() bool { return g.last().Slots == 10 })
		n.ledger.down.Store(true)
		left := make(chan struct{}, 2)
		done := func(struct{}) error { left <- struct{}{}; return nil }
		r.tell(n, Quit{done})
		r.advance(time.Minute)
		if len(left) != 0 {
			t.Fatal("answered although the ledger does not know")
		}
		r.tell(n, Quit{done})
		n.ledger.down.Store(false)
		r.eventually(5*time.Second, "both are answered", func() bool { return len(left) == 2 })
		if sessions, _ := r.held(n); sessions != 0 {
			t.Errorf("the ledger still has %d sessions", sessions)
		}
		<-n.ref.Done()
		for _, e := range g.entitled {
			if e.Version == math.MaxUint64 {
				t.Error("a keeper that left in order made the governor close by force")
			}
		}
	})
}

func TestCrashedKeeperClosesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close()
		broken := false
		n := r.spawn("a", testParams, func(_ *testNode, c *Config) {
			c.Remember = func([]limits.Session, time.Duration) error { return nil }
			c.Publish = func(string, Status) {
				if broken {
					panic("out of order")
				}
			}
		})
		g, unread := r.govern(n, 10), r.govern(n, 1)
		admit := n.shared.Admit("b")
		n.shared.Hire("b", g.ref)
		n.shared.Hire("c", unread.ref)
		r.declare(n, 10)
		r.eventually(time.Second, "slots", func() bool { return g.last().Slots == 10 })
		gate := make(chan struct{})
		if err := unread.ref.Tell(hold{gate: gate}); err != nil {
			t.Fatal(err)
		}
		<-unread.held
		if err := unread.ref.Tell(look{}); err != nil {
			t.Fatal(err)
		}
		unread.mu.Lock()
		unread.usage.Bucket = "c"
		unread.mu.Unlock()
		broken = true
		r.uses(g, use{open: 5, inUse: 5})
		r.eventually(5*time.Second, "the keeper is dead", func() bool {
			select {
			case <-n.ref.Done():
				return true
			default:
				return false
			}
		})
		if e := g.last(); e.Slots != 0 || !e.Force {
			t.Errorf("the governor was told %+v", e)
		}
		close(gate)
		synctest.Wait()
		if e := unread.last(); e.Slots != 0 || !e.Force {
			t.Errorf("the governor with the full mailbox was told %+v", e)
		}
		if admit() || n.shared.Admit("new")() {
			t.Error("dials are admitted without a keeper")
		}
		late := r.govern(n, 10)
		n.shared.Hire("new", late.ref)
		synctest.Wait()
		if e := late.last(); e.Slots != 0 || !e.Force {
			t.Errorf("a governor hired later was told %+v", e)
		}
		if v := n.shared.View(); v.Phase != "gone" || v.Buckets[0].Entitled != 0 {
			t.Errorf("the view still shows a working node: %s", v.Phase)
		}
		if !strings.Contains(r.log.String(), "keeper of the slots stopped") {
			t.Error("nothing in the log")
		}
	})
}

func TestRememberedBeforeSlotsAreLent(t *testing.T) {
	p := testParams
	p.Hold, p.Loan = time.Minute, 5*time.Second
	for name, fails := range map[string]bool{"written": false, "not written": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				defer r.close()
				a := r.spawn("a", p, func(n *testNode, c *Config) {
					send := c.Send
					c.Send = func(to limits.Process, msg []byte) {
						if m, err := limits.DecodeMsg(msg[1:]); err == nil {
							if l, ok := m.(limits.Lend); ok && l.N > 0 {
								n.note("lent")
							}
						}
						send(to, msg)
					}
					c.Remember = func(s []limits.Session, until time.Duration) error {
						if len(s) != 1 || s[0].Process() != n.self {
							t.Errorf("remembered %v", s)
						}
						if until > 0 {
							n.note("remembered")
							if fails {
								return errDown
							}
						}
						return nil
					}
				})
				b := r.spawn("b", p, nil)
				r.meet()
				ga, gb := r.govern(a, 10), r.govern(b, 10)
				a.shared.Hire("b", ga.ref)
				b.shared.Hire("b", gb.ref)
				r.declare(a, 10)
				r.declare(b, 10)
				r.eventually(5*time.Second, "both have slots", func() bool { return ga.last().Slots == 5 && gb.last().Slots == 5 })
				a.ledger.down.Store(true)
				b.ledger.down.Store(true)
				r.uses(gb, use{open: 5, inUse: 5, waiting: 3})
				if fails {
					r.advance(5 * time.Second)
					if told := a.noted(); slices.Contains(told, "lent") || !slices.Contains(told, "remembered") {
						t.Errorf("events %v", told)
					}
					if gb.last().Slots != 5 {
						t.Errorf("the borrower has %d slots", gb.last().Slots)
					}
					return
				}
				r.eventually(5*time.Second, "three are borrowed", func() bool { return gb.last().Slots == 8 })
				if told := a.noted(); len(told) < 2 || told[0] != "remembered" || told[1] != "lent" {
					t.Errorf("events %v", told)
				}
				if _, borrowed, _, _ := b.shared.Counts(); borrowed != 3 {
					t.Errorf("%d borrowed by the count", borrowed)
				}
				if _, _, lent, _ := a.shared.Counts(); lent != 3 {
					t.Errorf("%d lent by the count", lent)
				}
			})
		})
	}
}
