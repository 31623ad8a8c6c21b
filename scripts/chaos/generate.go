package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"sluice/scripts/rig"
)

// Plan is what random schedules are made from.
type Plan struct {
	Nodes, Limit, Buckets int
	Duration              time.Duration
	Hold                  time.Duration // limits.hold_time
	Faults                []Fault
	Pooling               string // session, transaction or mixed: each seed chooses
}

// poolMixed lets each schedule have either way of pooling.
const poolMixed = "mixed"

// Generate returns the schedule of a seed. It depends on nothing but its
// arguments.
func Generate(seed uint64, p Plan) Schedule {
	g := generator{
		Plan: p, rng: rand.New(rand.NewPCG(seed, 0x51)),
		busy: map[targetKey]time.Duration{},
		out:  Schedule{Seed: seed, Nodes: p.Nodes, Limit: p.Limit, Buckets: p.Buckets, Duration: p.Duration},
	}
	// From a source of its own: the ways of pooling share their faults.
	if g.out.Pooling = p.Pooling; p.Pooling == poolMixed {
		g.out.Pooling = []string{poolSession, poolTransaction}[rand.New(rand.NewPCG(seed, 0x52)).IntN(2)]
	}
	g.out.Persistence = []string{rig.PersistNone, rig.PersistRDB, rig.PersistAOF}[g.rng.IntN(3)]
	g.loads()
	for at := g.between(200*time.Millisecond, 2*time.Second); at < p.Duration; at += g.between(700*time.Millisecond, 3500*time.Millisecond) {
		g.add(at)
	}
	slices.SortStableFunc(g.out.Steps, func(a, b Step) int { return int(a.At - b.At) })
	return g.out
}

// targetKey is a node, a bucket's server, or Redis (neither).
type targetKey struct {
	target       target
	node, bucket int
}

type generator struct {
	Plan
	rng  *rand.Rand
	busy map[targetKey]time.Duration // until when a target has a fault
	out  Schedule
}

// grain is the resolution of times in schedules.
const grain = 10 * time.Millisecond

// between draws a time from low to high.
func (g *generator) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low.Truncate(grain)
	}
	return (low + time.Duration(g.rng.Int64N(int64(high-low)))).Truncate(grain)
}

// loads lets the clients change between all nodes and one.
func (g *generator) loads() {
	hot := g.rng.IntN(3) == 0
	for at := time.Duration(0); at < g.Duration; at += g.between(3*time.Second, 9*time.Second) {
		if hot {
			g.out.Steps = append(g.out.Steps, Step{At: at, Fault: LoadOn, Node: 1 + g.rng.IntN(g.Nodes)})
		} else if at > 0 {
			g.out.Steps = append(g.out.Steps, Step{At: at, Fault: LoadUniform})
		}
		hot = !hot
	}
}

// pick draws a fault by weight.
func (g *generator) pick() Fault {
	sum := 0
	for _, f := range g.Faults {
		sum += faults[f].weight
	}
	n := g.rng.IntN(sum)
	for _, f := range g.Faults {
		if n -= faults[f].weight; n < 0 {
			return f
		}
	}
	return g.Faults[0]
}

// add puts one fault at a time, unless what it would strike has one already.
func (g *generator) add(at time.Duration) {
	if len(g.Faults) == 0 {
		return
	}
	s := Step{At: at, Fault: g.pick()}
	// Everything is drawn before it is known whether the step fits, so that one
	// step more or less does not change those after it more than needed.
	node, way, late := 1+g.rng.IntN(g.Nodes), g.rng.IntN(4), g.rng.IntN(2) == 0
	s.For = g.length(s.Fault)
	switch {
	case s.Fault == Join:
		s.Node = g.Nodes + 1
	case s.Fault.ofNode():
		s.Node = node
	case s.Fault.ofServer():
		s.Bucket = 1 + g.rng.IntN(g.Buckets)
	}
	switch {
	case s.Fault == BackendKill && late:
		s.Count = 1 + g.rng.IntN(g.Limit)
	case s.Fault == SlowRedis:
		// From hardly noticed to later than redis.read_timeout.
		s.By = g.between(20*time.Millisecond, 400*time.Millisecond)
	case s.Fault == SlowServer:
		s.By = g.between(10*time.Millisecond, 120*time.Millisecond)
	}
	if s.Fault.cuts() {
		s.Way = []string{waysBoth, waysBoth, wayOut, wayIn}[way]
	}
	if s.Fault == RedisAway && (at < g.Duration*2/5 || !late) {
		return // it would leave little else to happen
	}
	if s.Fault == RedisOld {
		if s.For += time.Second; at < time.Second {
			return
		}
		// What comes back is as old as the copy.
		save := Step{At: max(0, at-g.between(time.Second, 3*time.Second)), Fault: RedisSave}
		if !g.free(save) {
			return
		}
		if !g.free(s) {
			return
		}
		g.out.Steps = append(g.out.Steps, save)
	}
	// Between two faults of one target it has a moment to come back.
	const rest = 500 * time.Millisecond
	end := s.end(g.Duration)
	if s.For > 0 && end+rest > g.Duration || !g.free(s) {
		return
	}
	g.busy[keyOf(s)] = end + rest
	g.out.Steps = append(g.out.Steps, s)
}

func keyOf(s Step) targetKey { return targetKey{faults[s.Fault].target, s.Node, s.Bucket} }

func (g *generator) free(s Step) bool { return g.busy[keyOf(s)] <= s.At }

// length draws how long a fault lasts.
func (g *generator) length(f Fault) time.Duration {
	switch f {
	case Kill, KillGuard, Leave:
		return g.between(500*time.Millisecond, 4*time.Second)
	case Pause:
		return g.between(200*time.Millisecond, g.Hold*7/10)
	case LongPause:
		return g.between(g.Hold*6/5, g.Hold*8/5)
	case Join:
		return g.between(3*time.Second, 8*time.Second)
	case RedisKill, RedisBack, RedisOld:
		return g.between(300*time.Millisecond, 4*time.Second)
	case RedisPause:
		return g.between(300*time.Millisecond, g.Hold*13/10)
	case RedisHang:
		return g.between(300*time.Millisecond, 3*time.Second)
	case CutRedis, CutGossip, CutBoth:
		return g.between(500*time.Millisecond, g.Hold*3/2)
	case Slow:
		return g.between(time.Second, 5*time.Second)
	case SlowRedis, SlowServer:
		return g.between(time.Second, g.Hold*3/2)
	case ServerAway:
		return g.between(500*time.Millisecond, 4*time.Second)
	}
	return 0
}
