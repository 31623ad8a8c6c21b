package ledgertest

import (
	"testing"

	"sluice/limits"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	Run(t, func(*testing.T) Store { return NewMemory() })
}

// The walk must come to all ends of calls, or it would prove little.
func TestWalkComesEverywhere(t *testing.T) {
	seen := map[limits.Status]int{}
	for seed := range uint64(200) {
		for status, n := range Lockstep(t, NewMemory(), seed, 200) {
			seen[status] += n
		}
	}
	t.Log(seen)
	for _, s := range []limits.Status{limits.OK, limits.Empty, limits.Discont, limits.OtherEpoch, limits.NoSession, limits.Stale, limits.Refused, limits.OtherConfig} {
		if seen[s] < 100 {
			t.Errorf("%q was seen %d times", s, seen[s])
		}
	}
}
