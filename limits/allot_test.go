package limits

import (
	"maps"
	"testing"
)

// want is a session's part in a bucket, for tables.
type want struct {
	held, demand int
	age          int64
}

func potOf(limit int, wants map[Session]want) *pot {
	p := &pot{limit: Limit{limit, 1}, shares: map[Session]*share{}}
	for s, w := range wants {
		p.shares[s] = &share{held: w.held, demand: w.demand, age: w.age}
	}
	return p
}

func TestFairShares(t *testing.T) {
	for name, c := range map[string]struct {
		limit int
		wants map[Session]want
		fair  map[Session]int
	}{
		"nobody":                    {10, map[Session]want{}, map[Session]int{}},
		"equal demand":              {12, map[Session]want{"a": {demand: 20}, "b": {demand: 20}, "c": {demand: 20}}, map[Session]int{"a": 4, "b": 4, "c": 4}},
		"one hot node":              {12, map[Session]want{"a": {demand: 30}, "b": {}, "c": {demand: 1}}, map[Session]int{"a": 11, "b": 0, "c": 1}},
		"small ones get all":        {12, map[Session]want{"a": {demand: 2}, "b": {demand: 3}, "c": {demand: 9}}, map[Session]int{"a": 2, "b": 3, "c": 7}},
		"enough for all":            {20, map[Session]want{"a": {demand: 2}, "b": {demand: 3}}, map[Session]int{"a": 2, "b": 3}},
		"the rest by age":           {5, map[Session]want{"a": {demand: 9}, "b": {demand: 9, age: 7}, "c": {demand: 9, age: 8}}, map[Session]int{"a": 1, "b": 2, "c": 2}},
		"fewer slots than sessions": {2, map[Session]want{"a": {demand: 9}, "b": {demand: 9, age: 1}, "c": {demand: 9, age: 2}}, map[Session]int{"a": 0, "b": 1, "c": 1}},
		"the same age":              {3, map[Session]want{"a": {demand: 9}, "b": {demand: 9}}, map[Session]int{"a": 2, "b": 1}},
		"no limit yet":              {0, map[Session]want{"a": {demand: 9}}, map[Session]int{"a": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := potOf(c.limit, c.wants).allot().fair; !maps.Equal(got, c.fair) {
				t.Errorf("fair shares %v, want %v", got, c.fair)
			}
		})
	}
}

func TestGrant(t *testing.T) {
	for name, c := range map[string]struct {
		limit int
		wants map[Session]want
		ahead int
		get   int // a gets
	}{
		"alone: everything is stock":         {10, map[Session]want{"a": {demand: 1}}, 0, 10},
		"its fair share":                     {12, map[Session]want{"a": {demand: 9}, "b": {held: 6, demand: 9}}, 0, 6},
		"what others lack is not stock":      {12, map[Session]want{"a": {held: 2, demand: 2}, "b": {held: 4, demand: 10}}, 0, 0},
		"nor is it withheld from the needy":  {12, map[Session]want{"a": {held: 4, demand: 10}, "b": {held: 2, demand: 2}}, 0, 6},
		"stock up to an equal share":         {12, map[Session]want{"a": {demand: 1}, "b": {}}, 0, 6},
		"a hot node gets a part of the rest": {40, map[Session]want{"a": {held: 10, demand: 10}, "b": {}, "c": {}, "d": {}}, 9, 3},
		"which falls as it fills":            {40, map[Session]want{"a": {held: 20, demand: 20}, "b": {}, "c": {}, "d": {}}, 9, 2},
		"and is nothing at the end":          {40, map[Session]want{"a": {held: 34, demand: 34}, "b": {}, "c": {}, "d": {}}, 9, 0},
		"nothing is free":                    {4, map[Session]want{"a": {demand: 4}, "b": {held: 4, demand: 4}}, 0, 0},
		"the limit was lowered":              {4, map[Session]want{"a": {demand: 4}, "b": {held: 9, demand: 9}}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := potOf(c.limit, c.wants).allot().grant("a", c.ahead); got != c.get {
				t.Errorf("granted %d, want %d", got, c.get)
			}
		})
	}
}

func TestOwe(t *testing.T) {
	for name, c := range map[string]struct {
		limit int
		wants map[Session]want
		owe   map[Session]int
	}{
		"nobody lacks any":               {10, map[Session]want{"a": {held: 9, demand: 1}, "b": {held: 1, demand: 1}}, map[Session]int{"a": 0, "b": 0}},
		"what is free comes first":       {10, map[Session]want{"a": {held: 7, demand: 1}, "b": {demand: 3}}, map[Session]int{"a": 0, "b": 0}},
		"the rest from who has more":     {10, map[Session]want{"a": {held: 8, demand: 8}, "b": {held: 2, demand: 8}}, map[Session]int{"a": 3, "b": 0}},
		"in equal parts":                 {12, map[Session]want{"a": {held: 6, demand: 6}, "b": {held: 6, demand: 6}, "c": {demand: 6}}, map[Session]int{"a": 2, "b": 2, "c": 0}},
		"a lowered limit: from everyone": {4, map[Session]want{"a": {held: 5, demand: 5}, "b": {held: 5, demand: 5}}, map[Session]int{"a": 3, "b": 3}},
	} {
		t.Run(name, func(t *testing.T) {
			a := potOf(c.limit, c.wants).allot()
			for s, n := range c.owe {
				if got := a.owe(s); got != n {
					t.Errorf("%s owes %d, want %d", s, got, n)
				}
			}
		})
	}
}

// TestAnswerPeers: who lacks slots is told who has more than is fair, and who
// returned some is told who lacks them.
func TestAnswerPeers(t *testing.T) {
	p := potOf(10, map[Session]want{"a": {held: 7, demand: 7}, "b": {held: 3, demand: 2}, "c": {demand: 5}, "d": {}})
	a := p.allot()
	if got := p.answer("c", a, false).Peers; len(got) != 1 || got[0] != "a" && got[0] != "b" {
		if len(got) != 2 || got[0] != "a" {
			t.Errorf("who lacks slots is told %v", got)
		}
	}
	if got := p.answer("a", a, true).Peers; len(got) != 1 || got[0] != "c" {
		t.Errorf("who gave slots back is told %v", got)
	}
	if got := p.answer("a", a, false).Peers; got != nil {
		t.Errorf("who lacks nothing is told %v", got)
	}
}
