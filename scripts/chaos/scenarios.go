package main

import (
	"cmp"
	"slices"
	"time"

	"sluice/scripts/rig"
)

// scenario is a directed schedule: what happens is known beforehand, so that
// figures of it can be compared between versions.
type scenario struct {
	about   string
	network bool // needs --netns
	length  time.Duration
	steps   func(o *Options) []Step
}

// at is a step that many seconds after the warm-up.
func at(seconds float64, f Fault, node int, length time.Duration) Step {
	return Step{At: time.Duration(seconds * float64(time.Second)), Fault: f, Node: node, For: length}
}

// scenarios lists the directed schedules. Those called hot-node and fairness
// are measures (see measures.go).
func scenarios() map[string]scenario {
	const s = time.Second
	one := func(st ...Step) func(*Options) []Step { return func(*Options) []Step { return st } }
	return map[string]scenario{
		"join":       {about: "a node more joins a busy fleet and leaves again", length: 14 * s, steps: func(o *Options) []Step { return []Step{at(1, Join, o.Nodes+1, 8*s)} }},
		"leave":      {about: "a node is terminated and comes back", length: 14 * s, steps: one(at(1, Leave, 2, 8*s))},
		"kill":       {about: "a node is killed; its host still answers for it", length: 22 * s, steps: one(at(1, Kill, 2, 16*s))},
		"kill-guard": {about: "a node is killed together with its guard: only silence tells", length: 26 * s, steps: one(at(1, KillGuard, 2, 20*s))},
		"rejoin":     {about: "a node is killed and started again at once, twice", length: 16 * s, steps: one(at(1, Kill, 2, 300*time.Millisecond), at(8, Kill, 2, 300*time.Millisecond))},
		"pause":      {about: "a node is stopped for less than the hold time, then for longer", length: 34 * s, steps: func(o *Options) []Step { return []Step{at(1, Pause, 2, o.Hold*6/10), at(13, LongPause, 3, o.Hold*3/2)} }},
		"pause-loan": {about: "a node is stopped with borrowed slots for longer than the loan time: what it keeps is counted apart", length: 16 * s, steps: func(o *Options) []Step {
			return []Step{at(1, RedisAway, 0, 0), at(2, LoadOn, 2, 0), at(6.95, LoadOn, 1, 0), at(7.1, Pause, 2, o.Loan*2), at(13, LoadUniform, 0, 0)}
		}},
		"redis-kill":  {about: "Redis is killed and comes back empty", length: 18 * s, steps: one(at(1, RedisKill, 0, 8*s))},
		"redis-flush": {about: "Redis is emptied", length: 14 * s, steps: one(at(1, RedisFlush, 0, 0))},
		"redis-rdb":   {about: "Redis is restarted with its data", length: 14 * s, steps: one(at(1, RedisBack, 0, 4*s))},
		"redis-old": {about: "Redis comes back with older data, after a node joined", length: 20 * s, steps: func(o *Options) []Step {
			return []Step{at(0.5, RedisSave, 0, 0), at(1, Join, o.Nodes+1, 17*s), at(6, RedisOld, 0, 2*s)}
		}},
		"redis-pause": {about: "Redis is stopped for longer than the hold time", length: 22 * s, steps: func(o *Options) []Step { return []Step{at(1, RedisPause, 0, o.Hold*2)} }},
		"redis-hang":  {about: "Redis takes commands and answers late", length: 14 * s, steps: one(at(1, RedisHang, 0, 4*s))},
		"redis-away":  {about: "Redis goes for good, a node is killed, another is started again", length: 24 * s, steps: one(at(1, RedisAway, 0, 0), at(4, Kill, 2, 8*s))},
		"slow-redis": {about: "what a node and Redis say to each other is late, then later than it may be", length: 26 * s, steps: one(
			late(1, SlowRedis, 100*time.Millisecond, 8*s), late(13, SlowRedis, 400*time.Millisecond, 8*s))},
		"slow-server": {about: "what the server and the nodes say to each other is late", length: 16 * s, steps: one(late(1, SlowServer, 80*time.Millisecond, 8*s))},
		"backend-kill": {about: "the server kills five sessions, then all, while clients use them", length: 14 * s, steps: one(
			Step{At: s, Fault: BackendKill, Bucket: 1, Count: 5}, Step{At: 6 * s, Fault: BackendKill, Bucket: 1})},
		"server-away": {about: "the server goes, resets who connects and comes back", length: 16 * s, steps: one(Step{At: s, Fault: ServerAway, Bucket: 1, For: 4 * s})},
		"cut-redis":   {about: "a node and Redis do not hear each other, for longer than the hold time", network: true, length: 24 * s, steps: func(o *Options) []Step { return []Step{at(1, CutRedis, 2, o.Hold*2)} }},
		"cut-gossip":  {about: "a node and the others do not hear each other, for longer than the hold time", network: true, length: 24 * s, steps: func(o *Options) []Step { return []Step{at(1, CutGossip, 2, o.Hold*2)} }},
		"cut-both":    {about: "a node hears nobody but its clients and the server", network: true, length: 26 * s, steps: func(o *Options) []Step { return []Step{at(1, CutBoth, 2, o.Hold*2)} }},
		"cut-oneway":  {about: "what a node sends is lost, then what is sent to it", network: true, length: 36 * s, steps: oneWay},
		"redis-kill-2": {about: "Redis comes back empty while a node is stopped, another is killed", length: 24 * s, steps: func(o *Options) []Step {
			return []Step{at(1, RedisKill, 0, 3*s), at(2, Pause, 2, o.Hold/2), at(3, Kill, 3, 10*s)}
		}},
		hotNode:  {about: "all load on one node: with Redis up, with Redis down, and on another node with Redis down", length: 36 * s, steps: one(at(0, LoadOn, 1, 0), at(12, RedisAway, 0, 0), at(24, LoadOn, 2, 0))},
		fairness: {about: "equal demand on every node, together twice the capacity", length: 20 * s, steps: one()},
	}
}

// late is a step that makes a link slow, that many seconds after the warm-up.
func late(seconds float64, f Fault, by, length time.Duration) Step {
	st := at(seconds, f, 0, length)
	if st.By = by; f.ofNode() {
		st.Node = 2
	} else {
		st.Bucket = 1
	}
	return st
}

func oneWay(o *Options) []Step {
	out, in := at(1, CutBoth, 2, o.Hold*3/2), at(18, CutBoth, 3, o.Hold*3/2)
	out.Way, in.Way = wayOut, wayIn
	return []Step{out, in}
}

// Scenarios with figures of their own.
const (
	hotNode  = "hot-node"
	fairness = "fairness"
)

// scenarioNames lists what can be run; network says whether links can be cut.
func scenarioNames(network bool) []string {
	var names []string
	for name, s := range scenarios() {
		if network || !s.network {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// schedule makes a scenario into a schedule.
func (s scenario) schedule(name string, o *Options) Schedule {
	return Schedule{
		Name: name, Seed: o.Seed, Nodes: o.Nodes, Limit: o.Limit, Buckets: o.Buckets,
		Duration: s.length, Persistence: rig.PersistNone, Pooling: cmp.Or(o.Pooling, poolSession), Steps: s.steps(o),
	}
}
