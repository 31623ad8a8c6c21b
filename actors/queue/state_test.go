package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/actors/actor"
)

var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// at is a moment of these tests, in seconds.
func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

// waiter is one that may wait from second `from` to second `to`.
func waiter(id int, from, to int) Waiter[int] {
	return Waiter[int]{ID: actor.ID(id), Order: uint64(id), Arrived: at(from), Deadline: at(to), Request: id}
}

// text writes events as "taken 1, left 2 timeout, returned".
func text(events []Event[int]) string {
	var all []string
	for _, e := range events {
		switch e := e.(type) {
		case Taken[int]:
			all = append(all, fmt.Sprintf("taken %d", e.Waiter.ID))
		case Returned[int]:
			all = append(all, "returned")
		case Left[int]:
			all = append(all, fmt.Sprintf("left %d %v", e.Waiter.ID, e.Reason))
		}
	}
	return strings.Join(all, ", ")
}

func TestState(t *testing.T) {
	type step struct {
		do   func(s *State[int]) []Event[int]
		want string
	}
	enter := func(id, from, to int, want string) step {
		return step{func(s *State[int]) []Event[int] { return s.Enqueue(waiter(id, from, to), false, at(from)) }, want}
	}
	again := func(id, now, to int, want string) step {
		return step{func(s *State[int]) []Event[int] { return s.Enqueue(waiter(id, 0, to), true, at(now)) }, want}
	}
	offer := func(now int, want string) step {
		return step{func(s *State[int]) []Event[int] { return s.Offer(nil, at(now)) }, want}
	}
	offerEven := func(now int, want string) step {
		return step{func(s *State[int]) []Event[int] {
			return s.Offer(func(r int) bool { return r%2 == 0 }, at(now))
		}, want}
	}
	cancel := func(id int, want string) step {
		return step{func(s *State[int]) []Event[int] { return s.Cancel(actor.ID(id)) }, want}
	}
	expire := func(now int, want string) step {
		return step{func(s *State[int]) []Event[int] { return s.Expire(at(now)) }, want}
	}
	limit := func(n int) step {
		return step{func(s *State[int]) []Event[int] { s.SetLimit(n); return nil }, ""}
	}
	empty := func(want string) step {
		return step{func(s *State[int]) []Event[int] { return s.Empty() }, want}
	}
	tests := []struct {
		name  string
		limit int
		steps []step
		left  int
	}{
		{"in order of arrival", 0, []step{
			enter(1, 0, 9, ""), enter(2, 0, 9, ""), enter(3, 0, 9, ""),
			offer(1, "taken 1"), offer(1, "taken 2"), offer(1, "taken 3"), offer(1, "returned"),
		}, 0},
		{"an offer to nobody", 0, []step{offer(0, "returned")}, 0},
		{"limit", 2, []step{
			enter(1, 0, 9, ""), enter(2, 0, 9, ""), enter(3, 0, 9, "left 3 queue_full"),
			offer(1, "taken 1"), enter(4, 1, 9, ""),
		}, 2},
		{"limit raised, lowered, removed", 1, []step{
			enter(1, 0, 9, ""), limit(2), enter(2, 0, 9, ""), limit(1),
			enter(3, 0, 9, "left 3 queue_full"), offer(0, "taken 1"), enter(4, 0, 9, "left 4 queue_full"), limit(0), enter(5, 0, 9, ""),
		}, 2},
		{"who comes again is no new waiter", 1, []step{
			enter(1, 0, 9, ""), offer(0, "taken 1"), enter(2, 0, 9, ""),
			again(1, 0, 9, ""), offer(0, "taken 1"), offer(0, "taken 2"),
		}, 0},
		{"several come again, in any order", 0, []step{
			enter(1, 0, 9, ""), enter(2, 0, 9, ""), enter(3, 0, 9, ""), enter(4, 0, 9, ""),
			offer(0, "taken 1"), offer(0, "taken 2"), offer(0, "taken 3"), again(2, 0, 9, ""), again(3, 0, 9, ""), again(1, 0, 9, ""),
			offer(0, "taken 1"), offer(0, "taken 2"), offer(0, "taken 3"), offer(0, "taken 4"),
		}, 0},
		{"who comes late goes to its place", 0, []step{enter(5, 0, 9, ""), enter(4, 0, 9, ""), offer(0, "taken 4")}, 1},
		{"who comes again too late", 0, []step{enter(1, 0, 3, ""), offer(2, "taken 1"), again(1, 3, 3, "left 1 timeout")}, 0},
		{"nobody is served at its deadline", 0, []step{enter(1, 0, 3, ""), enter(2, 0, 4, ""), offer(3, "left 1 timeout, taken 2")}, 0},
		{"all too late", 0, []step{enter(1, 0, 3, ""), enter(2, 0, 3, ""), offer(3, "left 1 timeout, left 2 timeout, returned")}, 0},
		{"expiry out of order", 0, []step{
			enter(1, 0, 9, ""), enter(2, 0, 3, ""), enter(3, 0, 5, ""), expire(2, ""),
			expire(3, "left 2 timeout"), expire(9, "left 1 timeout, left 3 timeout"),
		}, 0},
		{"no waiting allowed", 0, []step{enter(1, 5, 5, "left 1 timeout")}, 0},
		{"cancel", 0, []step{enter(1, 0, 9, ""), enter(2, 0, 9, ""), cancel(1, "left 1 cancelled"), cancel(1, ""), offer(0, "taken 2"), cancel(2, "")}, 0},
		{"an offer meets who just left", 0, []step{enter(1, 0, 9, ""), cancel(1, "left 1 cancelled"), offer(0, "returned")}, 0},
		{"twice", 0, []step{enter(1, 0, 9, ""), enter(1, 0, 9, "left 1 cancelled"), offer(0, "taken 1"), offer(0, "returned")}, 0},
		{"who fits", 0, []step{
			enter(1, 0, 9, ""), enter(2, 0, 9, ""), enter(3, 0, 2, ""), enter(4, 0, 9, ""), offerEven(1, "taken 2"),
			offerEven(2, "left 3 timeout, taken 4"), offerEven(2, "returned"), offer(2, "taken 1"),
		}, 0},
		{"emptied", 0, []step{enter(1, 0, 9, ""), enter(2, 0, 9, ""), empty("left 1 closed, left 2 closed"), offer(0, "returned"), enter(1, 0, 9, "")}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewState[int](tt.limit)
			for i, st := range tt.steps {
				if got := text(st.do(s)); got != st.want {
					t.Fatalf("step %d: got %q, want %q", i+1, got, st.want)
				}
			}
			if s.Len() != tt.left {
				t.Errorf("%d left, want %d", s.Len(), tt.left)
			}
		})
	}
}

func TestNextDeadlineAndOldest(t *testing.T) {
	s := NewState[int](0)
	if _, ok := s.NextDeadline(); ok {
		t.Error("an empty queue has a deadline")
	}
	if _, ok := s.Oldest(); ok {
		t.Error("an empty queue has a head")
	}
	s.Enqueue(waiter(1, 0, 9), false, at(0))
	s.Enqueue(waiter(2, 1, 4), false, at(1))
	s.Enqueue(waiter(3, 1, 6), false, at(1))
	if d, ok := s.NextDeadline(); !ok || !d.Equal(at(4)) {
		t.Errorf("next deadline %v", d)
	}
	if w, ok := s.Oldest(); !ok || w.ID != 1 {
		t.Errorf("head is %d", w.ID)
	}
}

// TestStateRandom compares the queue with a plain slice.
func TestStateRandom(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 2))
		s := NewState[int](5)
		var line, taken []Waiter[int]
		now, next := 0, 0
		index := func(id actor.ID) int { return slices.IndexFunc(line, func(w Waiter[int]) bool { return w.ID == id }) }
		for range 200 {
			now += rng.IntN(2)
			var out []Event[int]
			offered := false
			switch rng.IntN(6) {
			case 0, 1:
				next++
				w := waiter(next, now, now+1+rng.IntN(20))
				if out = s.Enqueue(w, false, at(now)); len(line) < 5 {
					line = append(line, w)
				} else if text(out) == fmt.Sprintf("left %d queue_full", next) {
					out = nil
				}
			case 2:
				if len(taken) > 0 && taken[0].Deadline.After(at(now)) {
					w := taken[0]
					taken = taken[1:]
					line = append(line, w)
					slices.SortFunc(line, func(a, b Waiter[int]) int { return int(a.Order) - int(b.Order) })
					out = s.Enqueue(w, true, at(now))
				}
			case 3:
				out, offered = s.Offer(nil, at(now)), true
			case 4:
				out = s.Cancel(actor.ID(1 + rng.IntN(next+1)))
			case 5:
				out = s.Expire(at(now))
			}
			for _, e := range out {
				switch e := e.(type) {
				case Taken[int]:
					if !offered || len(line) == 0 || line[0].ID != e.Waiter.ID || !e.Waiter.Deadline.After(at(now)) {
						t.Fatalf("seed %d: %d taken, line %v", seed, e.Waiter.ID, line)
					}
					line, taken = line[1:], append(taken, e.Waiter)
				case Left[int]:
					i := index(e.Waiter.ID)
					if i < 0 || e.Reason == TimedOut && e.Waiter.Deadline.After(at(now)) {
						t.Fatalf("seed %d: %d left (%v), line %v", seed, e.Waiter.ID, e.Reason, line)
					}
					line = slices.Delete(line, i, i+1)
				}
			}
			if s.Len() != len(line) || len(s.byID) != len(line) {
				t.Fatalf("seed %d: %d wait, want %d", seed, s.Len(), len(line))
			}
		}
	}
}
