package tenants

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

func who(app string) Tenant { return Tenant{Bucket: "b1", Database: "db", Login: "sa", App: app} }

func TestTopByEachMeasure(t *testing.T) {
	table := NewTable()
	table.Spent(who("waits"), time.Minute, time.Second)
	table.Spent(who("uses"), 0, time.Hour)
	table.Spent(who("uses"), time.Second, time.Hour)
	for range 3 {
		table.Failed(who("fails"))
	}
	table.Failed(who("uses"))
	tests := []struct {
		by    string
		first string
		row   Row
		total float64
		other float64
	}{
		{"wait", "waits", Row{Waited: 60, Used: 1, AtLeast: 60}, 61, 1},
		{"use", "uses", Row{Waited: 1, Used: 7200, Errors: 1, AtLeast: 7200}, 7201, 1},
		{"errors", "fails", Row{Errors: 3, AtLeast: 3}, 4, 1},
	}
	for _, test := range tests {
		m, ok := ParseMeasure(test.by)
		if !ok {
			t.Fatal(test.by)
		}
		got := table.Top(m, 1, nil)
		test.row.Tenant = who(test.first)
		if len(got.Tenants) != 1 || got.Tenants[0] != test.row || got.Total != test.total || got.Other != test.other {
			t.Errorf("by %s: %+v", test.by, got)
		}
	}
	if _, ok := ParseMeasure("beauty"); ok {
		t.Error("there is no such measure")
	}
}

func TestLiveLeasesCount(t *testing.T) {
	table := NewTable()
	table.Spent(who("done"), 0, time.Minute)
	live := func(yield func(Live)) {
		yield(Live{who("still"), 0, time.Hour})
		yield(Live{who("done"), 0, time.Minute})
	}
	got := table.Top(Use, 10, live)
	if len(got.Tenants) != 2 || got.Tenants[0].App != "still" || got.Tenants[0].Used != 3600 || got.Tenants[1].Used != 120 {
		t.Errorf("%+v", got)
	}
	if got = table.Top(Use, 10, nil); len(got.Tenants) != 1 {
		t.Errorf("live leases were kept: %+v", got)
	}
}

func TestFiguresAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := NewTable()
		table.Spent(who("past"), 0, time.Hour)
		<-time.After(window + time.Second)
		table.Spent(who("present"), 0, time.Minute)
		if got := table.Top(Use, 10, nil); len(got.Tenants) != 2 || time.Since(got.Since) != window+time.Second {
			t.Errorf("the window before is not shown: %+v", got)
		}
		<-time.After(window)
		if got := table.Top(Use, 10, nil); len(got.Tenants) != 1 || got.Tenants[0].App != "present" {
			t.Errorf("what is two windows old is shown: %+v", got)
		}
		<-time.After(3 * window)
		if got := table.Top(Use, 10, nil); len(got.Tenants) != 0 || got.Total != 0 {
			t.Errorf("after a long rest: %+v", got)
		}
	})
}

// TestBounds compares a sketch with exact counts, on streams with a few heavy
// tenants and far more others than there is room for.
func TestBounds(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		s, exact := newSketch(50), map[Tenant]float64{}
		for range 20000 {
			n := rnd.IntN(5000)
			if rnd.IntN(3) == 0 {
				n = rnd.IntN(5)
			}
			k, w := who(fmt.Sprint(n)), float64(1+rnd.IntN(10))
			exact[k] += w
			s.add(k, w)
		}
		total := 0.0
		for k, w := range exact {
			total += w
			c := s.byKey[k]
			switch {
			case c == nil && w > s.total/50:
				t.Errorf("seed %d: %v with %v of %v is missing", seed, k, w, s.total)
			case c != nil && (c.weight < w || c.weight-c.excess > w):
				t.Errorf("seed %d: %v has %v, said to be from %v to %v", seed, k, w, c.weight-c.excess, c.weight)
			}
		}
		if len(s.byKey) != 50 || len(s.lightest) != 50 || math.Abs(total-s.total) > 1e-6 {
			t.Errorf("seed %d: %d keys, %d cells, total %v of %v", seed, len(s.byKey), len(s.lightest), s.total, total)
		}
	}
}

func BenchmarkSpent(b *testing.B) {
	table := NewTable()
	all := make([]Tenant, 2000)
	for i := range all {
		all[i] = who(fmt.Sprint(i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.Spent(all[i%len(all)], 0, time.Millisecond)
	}
}
