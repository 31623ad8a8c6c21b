package limits

import (
	"flag"
	"testing"
	"time"
)

var simFind = flag.Int("sim.find", 0, "search this many schedules for each rule's mutant, from -sim.first")

// caught is the first schedule in which the fleet without the rule has more
// connections open than it may. Rules that random schedules do not show to be
// needed are in [directed].
var caught = map[Rule]uint64{
	RuleReplid: 1, RuleSeq: 2, RuleAllKnown: 1, RuleReturn: 4, RuleFence: 2, RuleReportWait: 5, RuleReportBook: 12, RuleLoanFirst: 1,
}

// mutantBudget is how many other schedules are tried when the remembered one
// has changed with the code.
const mutantBudget = 60

// TestMutants switches rules off one by one: each must be missed.
//
//	go test ./limits -run TestMutants -sim.find=1000 -timeout 0
func TestMutants(t *testing.T) {
	if *simFind > 0 {
		findMutants(t)
		return
	}
	for r := range ruleCount {
		seed, ok := caught[r]
		if !ok {
			if directed[r] == nil {
				t.Errorf("nothing shows that rule %s is needed", r)
			}
			continue
		}
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			for i := range uint64(mutantBudget) {
				if w := simulate(seed+i, *simLength, 1<<r, false); len(w.violations) > 0 {
					if i > 0 {
						t.Logf("schedule %d shows it now", seed+i)
					}
					return
				}
			}
			t.Errorf("schedules %d to %d are clean without rule %s: search with -sim.find=1000", seed, seed+mutantBudget-1, r)
		})
	}
}

func findMutants(t *testing.T) {
	for r := range ruleCount {
		if *simMutant != "" && *simMutant != r.String() {
			continue
		}
		found := uint64(0)
		start := time.Now()
		for i := range *simFind {
			if w := simulate(*simFirst+uint64(i), *simLength, 1<<r, false); len(w.violations) > 0 {
				found = *simFirst + uint64(i)
				break
			}
		}
		t.Logf("%-14s %6d  %s", r, found, time.Since(start).Round(time.Second))
	}
}
