package limits

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	simSeeds  = flag.Int("sim.seeds", 0, "schedules to simulate (0: as many as fit a test run)")
	simSeed   = flag.Uint64("sim.seed", 0, "replay this schedule alone")
	simFirst  = flag.Uint64("sim.first", 1, "first seed")
	simLength = flag.Duration("sim.length", 5*time.Minute, "virtual time of a schedule")
	simMutant = flag.String("sim.mutant", "", "a rule to switch off")
	simTrace  = flag.String("sim.trace", "", "with -sim.seed: print what is said from this time to that, as 100s-110s")
	simPauses = flag.Bool("sim.pauses", false, "also stop processes for longer than they hold")
)

// chaos drives a world with faults drawn from its seed.
func (w *world) chaos(until time.Duration, pauses bool) {
	if w.now >= until {
		return
	}
	h := w.hosts[w.rnd.IntN(len(w.hosts))]
	switch k := w.rnd.IntN(16); k {
	case 0, 1, 2:
		guard := w.chance(0.5)
		w.fault("crash %s, guard %v", h.name, guard)
		h.crash(guard)
		w.after(w.upTo(15*time.Second), h.start)
	case 3:
		w.leave(h)
	case 4, 5:
		w.restartStore()
	case 6:
		w.failover()
	case 7:
		d := w.upTo(20 * time.Second)
		w.fault("store slow for %s", d)
		w.slowTo = w.now + d
	case 8, 9, 10:
		d := w.upTo(25 * time.Second)
		w.fault("%s cut from the store for %s", h.name, d)
		w.noStore[h.index] = true
		w.after(d, func() { delete(w.noStore, h.index) })
	case 11:
		w.partition()
	case 12:
		o := w.hosts[w.rnd.IntN(len(w.hosts))]
		d := w.upTo(25 * time.Second)
		w.fault("%s does not hear %s for %s", o.name, h.name, d)
		w.cutFor([][2]int{{h.index, o.index}}, d)
	case 13:
		d := w.upTo(25 * time.Second)
		w.fault("%s cut from all for %s", h.name, d)
		w.noStore[h.index] = true
		w.after(d, func() { delete(w.noStore, h.index) })
		var cuts [][2]int
		for _, o := range w.hosts {
			cuts = append(cuts, [2]int{h.index, o.index}, [2]int{o.index, h.index})
		}
		w.cutFor(cuts, d)
	case 14:
		d := w.upTo(w.p.Guard() / 2) // closing in time must survive that much
		if pauses {
			d = w.upTo(3 * w.p.Hold)
			w.paused = max(w.paused, w.now+d+100*time.Millisecond)
		}
		if p := h.proc; p != nil && p.alive {
			w.fault("%s stopped for %s", h.name, d)
			p.frozen = w.now + d
		}
	case 15:
		d := w.upTo(15 * time.Second)
		w.fault("messages lost for %s", d)
		w.loss = 0.3
		w.after(d, func() { w.loss = 0.01 })
	}
	w.after(200*time.Millisecond+w.upTo(11600*time.Millisecond), func() { w.chaos(until, pauses) })
}

func (w *world) cutFor(pairs [][2]int, d time.Duration) {
	for _, c := range pairs {
		w.cut[c] = true
		w.after(d, func() { delete(w.cut, c) })
	}
}

func (w *world) partition() {
	d := w.upTo(25 * time.Second)
	side := map[int]bool{}
	for _, h := range w.hosts {
		side[h.index] = w.chance(0.5)
	}
	var cuts [][2]int
	for i := range w.hosts {
		for j := range w.hosts {
			if side[i] != side[j] {
				cuts = append(cuts, [2]int{i, j})
			}
		}
	}
	w.fault("partition %v for %s", side, d)
	w.cutFor(cuts, d)
}

// leave lets h go in order: it stops wanting anything, closes, and tells.
func (w *world) leave(h *host) {
	p := h.proc
	if p == nil || !p.alive || p.quiting {
		return
	}
	w.fault("%s leaves", h.name)
	p.quiting = true
	p.later(0, func() {
		for _, b := range sorted(p.govs) {
			g := p.govs[b]
			g.open, g.inUse, g.gone = 0, 0, true
		}
		p.step(Quit{})
	})
	w.after(10*time.Second, func() {
		if p.alive {
			h.crash(w.chance(0.5)) // it gave up waiting
		}
	})
	w.after(10*time.Second+w.upTo(5*time.Second), h.start)
}

func (w *world) restartStore() {
	s := w.store
	if !s.up {
		return
	}
	d := w.upTo(20 * time.Second)
	s.up = false
	how := w.rnd.IntN(3)
	w.fault("store down for %s, comes back %s", d, [...]string{"empty", "older", "as it was"}[how])
	w.after(d, func() {
		s.up, s.replid = true, w.tag()
		switch how {
		case 0:
			s.ledger = w.emptyLedger()
		case 1:
			s.ledger = s.snapshots[w.rnd.IntN(len(s.snapshots))].clone()
		}
	})
}

// failover replaces the master by a replica that is somewhat behind, while some
// hosts still talk to the old one for less than the lag.
func (w *world) failover() {
	if !w.store.up {
		return
	}
	w.fault("failover")
	w.old, w.oldTill = w.store, w.now+w.upTo(w.p.Lag)
	snap := w.store.snapshots[max(0, len(w.store.snapshots)-1-w.rnd.IntN(3))]
	w.store = &store{up: true, replid: w.tag(), ledger: snap.clone(), snapshots: w.store.snapshots}
}

// busy changes what clients want: one host hot, or all alike, or little.
func (w *world) busy() {
	for _, b := range sorted(w.limit) {
		hot := w.rnd.IntN(len(w.hosts))
		kind := w.rnd.IntN(4)
		for i, h := range w.hosts {
			n := w.rnd.IntN(3)
			switch {
			case kind == 0 && i == hot:
				n = 2 * w.limit[b]
			case kind == 1:
				n = w.rnd.IntN(w.limit[b])
			case kind == 2:
				n = w.limit[b]
			}
			h.demand(b, n)
		}
	}
	w.after(w.upTo(4*time.Second), w.busy)
}

// simulate runs one schedule and then, when all faults are over, looks whether
// the fleet comes to use everything again.
func simulate(seed uint64, length time.Duration, off rules, pauses bool) *world {
	setup := simSetup{hosts: 5, buckets: 1, limit: 12, witnesses: 3}
	switch seed % 8 {
	case 0:
		setup.witnesses = 0
	case 1:
		setup.buckets, setup.limit = 2, 3
	case 2:
		setup.hosts, setup.witnesses = 7, 5
	case 3:
		setup.hosts = 3
	}
	setup.p = simParams(setup.witnesses)
	w := newWorld(seed, setup, off)
	if *simSeed != 0 {
		w.steps = map[string]int{}
	}
	if from, to, ok := strings.Cut(*simTrace, "-"); ok {
		a, err := time.ParseDuration(from)
		b, err2 := time.ParseDuration(to)
		if err == nil && err2 == nil {
			w.trace = func(format string, args ...any) {
				if w.now >= a && w.now <= b {
					fmt.Printf("%8.3f %s\n", w.now.Seconds(), fmt.Sprintf(format, args...))
				}
			}
		}
	}
	w.after(w.upTo(time.Second), w.busy)
	w.after(12*time.Second, func() { w.chaos(length, pauses) })
	w.run(length)
	return w
}

// settle ends all faults and wants everything.
func (w *world) settle() {
	w.calm, w.loss, w.slowTo, w.old = true, 0, 0, nil
	clear(w.cut)
	clear(w.noStore)
	w.store.up = true
	for _, h := range w.hosts {
		h.start()
	}
	w.run(w.now + 8*w.p.Hold)
	w.events = nil
}

func (w *world) report(seed uint64) string {
	log := w.log
	if len(log) > 40 {
		log = log[len(log)-40:]
	}
	return fmt.Sprintf("seed %d:\n%s\n%s", seed, strings.Join(log, "\n"), strings.Join(w.violations[:min(len(w.violations), 5)], "\n"))
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
	if seeds == 0 {
		seeds = 200
	}
	start := time.Now()
	var next, excused atomic.Uint64
	var failed atomic.Pointer[string]
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= uint64(seeds) || failed.Load() != nil {
					return
				}
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
	t.Logf("%d schedules of %s in %s, 0 violations, %d openings above the limit while a process was stopped", seeds, *simLength, time.Since(start).Round(time.Second), excused.Load())
}
