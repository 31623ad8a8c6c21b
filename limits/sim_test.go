package limits

import (
	"flag"
	"fmt"
	"hash/fnv"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	simSeeds  = flag.Int("sim.seeds", 0, "schedules to simulate (0: as many as fit a test run)")
	simSeed   = flag.Uint64("sim.seed", 0, "replay this schedule alone")
	simFor    = flag.Duration("sim.for", 0, "simulate as many schedules as fit this time")
	simFirst  = flag.Uint64("sim.first", 1, "first seed")
	simLength = flag.Duration("sim.length", 5*time.Minute, "virtual time of a schedule")
	simMutant = flag.String("sim.mutant", "", "a rule to switch off")
	simTrace  = flag.String("sim.trace", "", "with -sim.seed: print what is said from this time to that, as 100s-110s")
	simPauses = flag.Bool("sim.pauses", false, "also stop processes for longer than they hold")
)

// setupOf is what fleet a seed has.
func setupOf(seed uint64) simSetup {
	setup := simSetup{hosts: 5, buckets: 1, limit: 12, witnesses: 3, pace: 11600 * time.Millisecond}
	switch seed % 8 {
	case 0:
		setup.witnesses = 0
	case 1:
		setup.buckets, setup.limit = 2, 3
	case 2:
		setup.hosts, setup.witnesses = 7, 5
	case 3:
		setup.hosts = 3
	case 4: // everything at once
		setup.pace = 4 * time.Second
	case 5: // a store that forgets, and nodes that do not reach it
		setup.pace, setup.kinds = 6*time.Second, []int{0, 1, 4, 4, 5, 6, 8, 9, 12, 13}
	case 6: // witnesses that forget, and few slots
		setup.limit, setup.pace, setup.kinds = 4, 5*time.Second, []int{0, 1, 2, 4, 8, 9, 10, 11, 13}
	}
	setup.p = simParams(setup.witnesses)
	return setup
}

// simulate runs one schedule and then, when all faults are over, looks whether
// the fleet comes to use everything again. A mutant's is over with its first
// violation.
func simulate(seed uint64, length time.Duration, off rules, pauses bool) *world {
	w := newWorld(seed, setupOf(seed), off)
	w.first = *simSeed == 0
	w.tracing()
	w.after(w.upTo(time.Second), w.busy)
	w.after(12*time.Second, func() { w.chaos(length, pauses) })
	w.run(length)
	if off == 0 && !w.over() {
		w.settle()
	}
	return w
}

// tracing prints what -sim.trace asks for.
func (w *world) tracing() {
	if *simSeed == 0 {
		return
	}
	w.steps = map[string]int{}
	from, to, _ := strings.Cut(*simTrace, "-")
	a, err := time.ParseDuration(from)
	b, err2 := time.ParseDuration(to)
	if err != nil || err2 != nil {
		return
	}
	w.trace = func(format string, args ...any) {
		if w.now >= a && w.now <= b {
			fmt.Printf("%8.3f %s\n", w.now.Seconds(), fmt.Sprintf(format, args...))
		}
	}
}

func ruleNamed(name string) (rules, bool) {
	for r := range ruleCount {
		if r.String() == name {
			return 1 << r, true
		}
	}
	return 0, name == ""
}

// TestSimulation runs random schedules of faults: no bucket may ever have more
// connections open than its limit.
//
//	go test ./limits -run TestSimulation -sim.seeds=100000 -timeout 0
//	go test ./limits -run TestSimulation -sim.for=10m -timeout 0
//	go test ./limits -run TestSimulation -sim.seed=17
func TestSimulation(t *testing.T) {
	off, ok := ruleNamed(*simMutant)
	if !ok {
		t.Fatalf("there is no rule %q", *simMutant)
	}
	if *simSeed != 0 {
		w := simulate(*simSeed, *simLength, off, *simPauses)
		t.Log(w.steps)
		t.Log(w.report(*simSeed))
		t.Logf("peak %v, excused %d", w.peak, w.excused)
		if len(w.violations) > 0 {
			t.Fail()
		}
		return
	}
	seeds := *simSeeds
	switch {
	case *simFor > 0:
		seeds = 1 << 40
	case seeds == 0:
		seeds = 40
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	start := time.Now()
	var next, done, excused atomic.Uint64
	var failed atomic.Pointer[string]
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= uint64(seeds) || failed.Load() != nil || *simFor > 0 && time.Since(start) > *simFor {
					return
				}
				done.Add(1)
				seed := *simFirst + i
				w := simulate(seed, *simLength, off, *simPauses)
				excused.Add(uint64(w.excused))
				if len(w.violations) > 0 {
					text := w.report(seed)
					failed.CompareAndSwap(nil, &text)
				}
			}
		})
	}
	wg.Wait()
	if text := failed.Load(); text != nil {
		t.Fatal(*text)
	}
	t.Logf("%d schedules of %s in %s, 0 violations, %d openings above the limit while a process was stopped", done.Load(), *simLength, time.Since(start).Round(time.Second), excused.Load())
}

// TestSimulationRepeats: a seed is a schedule, to the last message.
func TestSimulationRepeats(t *testing.T) {
	hash := func() uint64 {
		h := fnv.New64a()
		w := newWorld(9, setupOf(9), 0)
		w.trace = func(format string, args ...any) { fmt.Fprintf(h, "%d "+format+"\n", append([]any{w.now}, args...)...) }
		w.after(0, w.busy)
		w.after(0, w.turnover)
		w.after(5*time.Second, func() { w.chaos(2*time.Minute, false) })
		w.run(2 * time.Minute)
		return h.Sum64()
	}
	if a, b := hash(), hash(); a != b {
		t.Errorf("the same seed gave two schedules: %x, %x", a, b)
	}
}
