package actor

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRingKeepsOrderAsItGrows(t *testing.T) {
	for _, size := range []int{1, 3, 4, 5, 64, 1000} {
		var r ring[int]
		next := 0
		for i := range size {
			r.push(2 * i)
			r.push(2*i + 1)
			if got := r.pop(); got != next {
				t.Fatalf("size %d: popped %d, want %d", size, got, next)
			}
			next++
		}
		for r.len() > 0 {
			if got := r.pop(); got != next {
				t.Fatalf("size %d: popped %d, want %d", size, got, next)
			}
			next++
		}
		if next != 2*size {
			t.Errorf("size %d: %d elements came out, want %d", size, next, 2*size)
		}
	}
}

func TestRingAgainstSlice(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var (
		r    ring[int]
		want []int
	)
	for i := range 100_000 {
		switch p := rnd.IntN(100); {
		case p < 50:
			r.push(i)
			want = append(want, i)
		case p < 99 && len(want) > 0:
			if got := r.pop(); got != want[0] {
				t.Fatalf("step %d: popped %d, want %d", i, got, want[0])
			}
			want = want[1:]
		default:
			r.release()
		}
		if r.len() != len(want) {
			t.Fatalf("step %d: %d elements, want %d", i, r.len(), len(want))
		}
	}
}

func TestRingMemory(t *testing.T) {
	for _, tc := range []struct {
		name         string
		pushed, held int
		slots        int
	}{
		{"untouched", 0, 0, 0},
		{"small and empty stays", ringKeep, 0, ringKeep},
		{"large and empty goes", ringKeep + 1, 0, 0},
		{"large and used stays", 1000, 1, 1024},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r ring[*int]
			for range tc.pushed {
				r.push(new(int))
			}
			for r.len() > tc.held {
				r.pop()
			}
			r.release()
			if len(r.buf) != tc.slots {
				t.Errorf("%d slots, want %d", len(r.buf), tc.slots)
			}
			left := slices.DeleteFunc(slices.Clone(r.buf), func(p *int) bool { return p == nil })
			if len(left) != tc.held {
				t.Errorf("ring keeps %d elements alive, want %d", len(left), tc.held)
			}
		})
	}
}

func TestList(t *testing.T) {
	even := func(v int) bool { return v%2 == 0 }
	for _, tc := range []struct {
		name   string
		n      int
		remove []int
		drop   func(int) bool
		out    []int
		left   []int
	}{
		{"empty", 0, nil, nil, nil, nil},
		{"one", 1, nil, nil, []int{0}, nil},
		{"one, removed twice", 1, []int{0, 0}, nil, nil, nil},
		{"all", 4, nil, nil, []int{0, 1, 2, 3}, nil},
		{"head, middle and tail removed", 5, []int{0, 2, 4}, nil, []int{1, 3}, nil},
		{"some", 5, nil, even, []int{0, 2, 4}, []int{1, 3}},
		{"none selected", 3, []int{0, 2}, even, nil, []int{1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l list[int]
			elems := make([]elem[int], tc.n)
			for i := range elems {
				elems[i].value = i
				l.push(&elems[i])
			}
			removed := map[int]bool{}
			for _, i := range tc.remove {
				if got := l.remove(&elems[i]); got == removed[i] {
					t.Errorf("remove(%d) = %v", i, got)
				}
				removed[i] = true
			}
			if got := l.drain(tc.drop); !slices.Equal(got, tc.out) {
				t.Errorf("drained %v, want %v", got, tc.out)
			}
			var left []int
			for !l.empty() {
				left = append(left, l.pop())
			}
			if !slices.Equal(left, tc.left) {
				t.Errorf("left %v, want %v", left, tc.left)
			}
		})
	}
}
