package rig

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sluice/sandbox"
)

// sec is a moment as seconds.
func sec(s float64) time.Time {
	return time.Unix(1_000_000, 0).Add(time.Duration(s * float64(time.Second)))
}

func TestMeter(t *testing.T) {
	type count struct{ connections, sessions int }
	for _, c := range []struct {
		name   string
		counts []count
		want   []string
	}{
		{"within", []count{{1, 0}, {2, 2}, {1, 1}}, nil},
		{"one count", []count{{2, 2}, {3, 2}, {2, 2}}, []string{"3 doubtful"}},
		{"for a while", []count{{3, 1}, {4, 1}, {3, 1}, {2, 1}}, []string{"4 certain"}},
		{"sessions", []count{{3, 3}, {2, 2}}, []string{"3 certain"}},
		{"twice", []count{{3, 1}, {2, 1}, {3, 1}, {3, 1}}, []string{"3 doubtful", "3 certain"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Meter{Limit: 2}
			for i, n := range c.counts {
				m.Observe(sec(float64(i)), n.connections, n.sessions)
			}
			var got []string
			for _, o := range m.Over {
				word := "doubtful"
				if o.Certain() {
					word = "certain"
				}
				got = append(got, fmt.Sprint(o.Peak, " ", word))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestMeterOfARunThatIsAllWrong(t *testing.T) {
	m := Meter{Limit: 1}
	for i := range 3 * MaxOverruns {
		m.Observe(sec(float64(i)), 2*(i%2), 0)
	}
	if len(m.Over) != MaxOverruns {
		t.Errorf("%d overruns kept", len(m.Over))
	}
}

func TestMerged(t *testing.T) {
	at := func(from, to float64, peak, seen int) Overrun {
		return Overrun{From: sec(from), To: sec(to), Peak: peak, Seen: seen}
	}
	got := Merged([]Overrun{at(1, 1.5, 3, 2), at(1.6, 2, 5, 2), at(9, 9, 4, 3), at(9.1, 9.1, 4, 1)}, 200*time.Millisecond)
	if len(got) != 3 || got[0].Peak != 5 || got[0].To != sec(2) || got[1].Peak != 4 || got[2].Certain() {
		t.Errorf("%+v", got)
	}
}

func TestEventsAfter(t *testing.T) {
	e := func(at int, n uint32) sandbox.Event {
		return sandbox.Event{At: time.Duration(at), Connection: n}
	}
	all := []sandbox.Event{e(1, 1), e(2, 2), e(3, 3)}
	if got, complete := after(all, all[1]); !complete || len(got) != 1 || got[0] != all[2] {
		t.Error(got, complete)
	}
	if got, complete := after(all[1:], e(1, 1)); complete || len(got) != 2 {
		t.Error(got, complete)
	}
	if got, complete := after(all, all[2]); !complete || len(got) != 0 {
		t.Error(got, complete)
	}
}
