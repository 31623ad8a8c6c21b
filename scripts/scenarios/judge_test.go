package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/scripts/load"
)

// good is a record of a run in which all was well, for each scenario.
func good(name string) Record {
	r := Record{Scenario: name, Limit: 20, Hold: 0.2, Clients: 60, Seconds: 40, Witness: "this test"}
	buckets := map[string]int{"baseline": 2, "steady": 2, "uneven": 5}[name]
	buckets = max(buckets, 1)
	for range buckets {
		r.Buckets = append(r.Buckets, BucketCount{Name: "bucket", Peak: 20, Sessions: 20})
	}
	for at := 0.0; at < r.Seconds; at += 0.1 {
		r.Counts = append(r.Counts, Count{at, slices.Repeat([]int{20}, buckets)})
	}
	for at := 0.5; at < r.Seconds; at += 0.5 {
		for node := 1; node <= 3; node++ {
			r.Nodes = append(r.Nodes, nodeSample(at, node, buckets))
		}
	}
	r.Loads = []Load{steadyLoad(clientsName, load.Transaction, 320, r.Seconds)}
	r.Phases = []Phase{{steadyPhase, 10, 40}, {beforePhase, 3, 9}, {afterPhase, 32, 40}}
	shape(name, &r)
	return r
}

// shape adds what only one scenario has.
func shape(name string, r *Record) {
	switch name {
	case "burst":
		r.Phases = append(r.Phases, Phase{rampPhase, 0, 5})
		for i := range r.Nodes {
			if r.Nodes[i].At < 6 {
				r.Nodes[i].Waiting = []float64{30}
			}
		}
		for i := range r.Loads[0].Result.Series {
			if x := &r.Loads[0].Result.Series[i]; x.At < 7 {
				x.P50 = 2000
			}
		}
	case "instance":
		r.Marks = []Mark{{10, killMark}}
		r.Loads[0].Result.Failures = []load.FailureResult{{Failure: load.Failure{Class: load.Network, Text: "connection closed"}, Count: 20, First: 10.1, Last: 10.5}}
		for i := range r.Counts {
			if at := r.Counts[i].At; at > 10 && at < 12 {
				r.Counts[i].Sessions = []int{14}
			}
		}
	case "redis":
		r.Phases = append(r.Phases, Phase{outagePhase, 9, 31})
	case "uneven":
		l := &r.Loads[0].Result
		l.Buckets = nil
		for range 5 {
			l.Buckets = append(l.Buckets, load.BucketResult{PerClient: load.Spread{Clients: 8, Min: 180, Median: 190, Max: 195}})
		}
	case "scale-out":
		r.Phases = append(r.Phases, Phase{fourPhase, 14, 20})
		r.Nodes = nil
		for at := 0.5; at < r.Seconds; at += 0.5 {
			nodes := 2
			if at > 12 && at < 28 {
				nodes = 4
			}
			for node := 1; node <= nodes; node++ {
				s := nodeSample(at, node, 1)
				s.Open = []float64{float64(20 / nodes)}
				r.Nodes = append(r.Nodes, s)
			}
		}
	case "long-transactions":
		r.Limit = 20
		r.Phases = append(r.Phases, Phase{longPhase, 14, 24})
		long := steadyLoad(longName, load.Transaction, 1, 24)
		long.Offset = 12
		long.Result.Config.Hold = 10 * time.Second
		long.Result.Kinds[1].Count, long.Result.Kinds[1].Service.P50 = 24, 10050
		for i := range r.Loads[0].Result.Series {
			if x := &r.Loads[0].Result.Series[i]; x.At > 12 {
				x.Operations = x.Operations * 8 / 20
			}
		}
		r.Loads = append(r.Loads, long)
	case "prepared":
		r.Loads, r.Phases = nil, nil
		for i := range rounds {
			for j, k := range []load.Kind{load.ExecuteSQL, load.Prepared} {
				l := steadyLoad(groupName(k, i), k, 1000-100*j, 6)
				l.Offset = float64(12*i + 6*j)
				r.Loads = append(r.Loads, l)
				r.Phases = append(r.Phases, Phase{l.Name, l.Offset + 1, l.Offset + 6})
			}
		}
	}
}

func nodeSample(at float64, node, buckets int) NodeSample {
	full := slices.Repeat([]float64{20.0 / 3}, buckets)
	none := slices.Repeat([]float64{0}, buckets)
	saw := float64(int(at*2)%5) * (1 << 20) // as a garbage collector makes it
	return NodeSample{At: at, Node: node, Heap: 20<<20 + saw, RSS: 60 << 20, Goroutines: 300, Clients: 20, Open: full, Idle: none, Waiting: slices.Clone(none), Slots: full}
}

// steadyLoad is a group of clients that is served evenly.
func steadyLoad(name string, kind load.Kind, perSecond int, seconds float64) Load {
	res := load.Result{
		Config: load.Config{Tick: 250 * time.Millisecond, Interval: 200 * time.Millisecond}, Seconds: seconds,
		Operations: int64(float64(perSecond) * seconds),
		Kinds: []load.KindResult{
			{Kind: load.Connect, Count: 1000},
			{Kind: kind, Count: int64(float64(perSecond) * seconds), Response: load.Percentiles{P50: 500, P99: 900}, Service: load.Percentiles{P50: 500}},
		},
		PerClient: load.Spread{Clients: 60, Min: 90, Median: 100, Max: 110},
	}
	for at := 0.25; at <= seconds; at += 0.25 {
		res.Series = append(res.Series, load.Point{At: at, Operations: int64(perSecond / 4), P50: 300, P99: 900})
	}
	return Load{Name: name, Result: res}
}

// each changes every sample of a record's nodes.
func each(r *Record, change func(*NodeSample)) {
	for i := range r.Nodes {
		change(&r.Nodes[i])
	}
}

// slowed multiplies the operations of a group from a moment on.
func slowed(r *Record, group int, from, by float64) {
	for i := range r.Loads[group].Result.Series {
		if x := &r.Loads[group].Result.Series[i]; x.At >= from {
			x.Operations = int64(float64(x.Operations) * by)
		}
	}
}

func fail(r *Record, group int, f load.FailureResult) {
	res := &r.Loads[group].Result
	res.Failures = append(res.Failures, f)
	res.Errors += f.Count
}

var (
	lostConnection = load.FailureResult{Failure: load.Failure{Class: load.Network, Text: "connection closed", Kind: load.Transaction}, Count: 1, First: 20, Last: 20}
	queueFull      = load.FailureResult{Failure: load.Failure{Class: load.Busy, Number: 50005, Text: "queue_full", Kind: load.Transaction}, Count: 3, First: 3, Last: 4}
	slotLost       = load.FailureResult{Failure: load.Failure{Class: load.Refused, Number: 50016, Text: "slot_lost", Kind: load.Transaction}, Count: 3, First: 12, Last: 14}
	badHandle      = load.FailureResult{Failure: load.Failure{Class: load.SQL, Number: handleUnknown, Text: "Could not find prepared statement", Kind: load.Prepared}, Count: 1}
)

// breaks lists what can be wrong with the record of each scenario and the
// condition that must not hold then.
func breaks() map[string]map[string]func(*Record) {
	type by = map[string]func(*Record)
	return map[string]by{
		"baseline": {
			"sessions that were reached": func(r *Record) { r.Buckets[1].Sessions = 10 },
			"errors":                     func(r *Record) { fail(r, 0, lostConnection) },
			"clients never served":       func(r *Record) { r.Loads[0].Result.PerClient.Unserved = 1 },
			"p99 of a transaction":       func(r *Record) { r.Loads[0].Result.Kinds[1].Response.P99 = 30_000 },
		},
		"burst": {
			"errors":                    func(r *Record) { fail(r, 0, queueFull) },
			"clients never served":      func(r *Record) { r.Loads[0].Result.PerClient.Unserved = 1 },
			"connections made":          func(r *Record) { r.Loads[0].Result.Kinds[0].Count = 59 },
			"most requests that waited": func(r *Record) { each(r, func(s *NodeSample) { s.Waiting = []float64{0} }) },
			"time to settle": func(r *Record) {
				for i := range r.Loads[0].Result.Series {
					if x := &r.Loads[0].Result.Series[i]; x.At < 16 || i%10 == 0 {
						x.P50 = 5000
					}
				}
			},
		},
		"steady": {
			"errors":                    func(r *Record) { fail(r, 0, lostConnection) },
			"clients never served":      func(r *Record) { r.Loads[0].Result.PerClient.Unserved = 1 },
			"operations a second":       func(r *Record) { slowed(r, 0, 10, 0.5) },
			"growth of heap":            func(r *Record) { each(r, func(s *NodeSample) { s.Heap += s.At * 3e5 }) },
			"growth of resident memory": func(r *Record) { each(r, func(s *NodeSample) { s.RSS += s.At * 1e6 }) },
			"growth of goroutines":      func(r *Record) { each(r, func(s *NodeSample) { s.Goroutines += s.At * 3 }) },
			"nodes measured":            func(r *Record) { r.Nodes = nil },
		},
		"instance": {
			"sessions that were reached": func(r *Record) { r.Buckets[0].Sessions = 10 },
			"clients never served":       func(r *Record) { r.Loads[0].Result.PerClient.Unserved = 1 },
			"errors other than network":  func(r *Record) { fail(r, 0, slotLost) },
			"errors before the kill":     func(r *Record) { fail(r, 0, lostConnection) },
			"connections that the kill":  func(r *Record) { r.Loads[0].Result.Failures = nil },
			"until all of the limit": func(r *Record) {
				for i := range r.Counts {
					if r.Counts[i].At > 10 {
						r.Counts[i].Sessions = []int{14}
					}
				}
			},
			"operations a second with two nodes": func(r *Record) { slowed(r, 0, 10, 0.5) },
		},
		"redis": {
			"sessions that were reached":             func(r *Record) { r.Buckets[0].Sessions = 10 },
			"clients never served":                   func(r *Record) { r.Loads[0].Result.PerClient.Unserved = 1 },
			"errors":                                 func(r *Record) { fail(r, 0, slotLost) },
			"time without Redis":                     func(r *Record) { r.Phases[3].To = 15 },
			"operations a second without Redis":      func(r *Record) { slowed(r, 0, 9, 0.5) },
			"operations a second after it came back": func(r *Record) { slowed(r, 0, 31, 0.5) },
		},
		"uneven": {
			"errors":               func(r *Record) { fail(r, 0, queueFull) },
			"clients never served": func(r *Record) { r.Loads[0].Result.PerClient.Unserved = 1 },
			"sessions of the hot bucket": func(r *Record) {
				for i := range r.Counts {
					r.Counts[i].Sessions = []int{18, 8, 8, 8, 8}
				}
			},
			"connections of the hot bucket":   func(r *Record) { each(r, func(s *NodeSample) { s.Idle = []float64{1, 0, 0, 0, 0} }) },
			"transactions of the last client": func(r *Record) { r.Loads[0].Result.Buckets[3].PerClient.Min = 20 },
			"buckets with clients":            func(r *Record) { r.Loads[0].Result.Buckets = nil },
		},
		"scale-out": {
			"sessions that were reached":   func(r *Record) { r.Buckets[0].Sessions = 10 },
			"clients never served":         func(r *Record) { r.Loads[0].Result.PerClient.Unserved = 1 },
			"errors":                       func(r *Record) { fail(r, 0, lostConnection) },
			"connections made, and failed": func(r *Record) { r.Loads[0].Result.Kinds[0].Errors = 1 },
			"nodes that serve (four)":      func(r *Record) { r.Nodes = slices.DeleteFunc(r.Nodes, func(s NodeSample) bool { return s.Node > 2 }) },
			"smallest share of a node, of a fair one (four)": func(r *Record) {
				each(r, func(s *NodeSample) {
					if s.Node == 4 {
						s.Open = []float64{1}
					}
				})
			},
			"operations a second with four": func(r *Record) { slowed(r, 0, 12, 0.5) },
		},
		"long-transactions": {
			"sessions that were reached":            func(r *Record) { r.Buckets[0].Sessions = 10 },
			"clients never served":                  func(r *Record) { r.Loads[0].Result.PerClient.Unserved = 1 },
			"errors":                                func(r *Record) { fail(r, 0, queueFull) },
			"long transactions that were cut":       func(r *Record) { fail(r, 1, slotLost) },
			"long transactions that were committed": func(r *Record) { r.Loads[1].Result.Kinds[1].Count = 11 },
			"their median length":                   func(r *Record) { r.Loads[1].Result.Kinds[1].Service.P50 = 300 },
			"operations of the others":              func(r *Record) { slowed(r, 0, 12, 0.5) },
			"p99 of the others": func(r *Record) {
				for i := range r.Loads[0].Result.Series {
					r.Loads[0].Result.Series[i].P99 = 20_000
				}
			},
			"operations of the client with fewest": func(r *Record) { r.Loads[0].Result.PerClient.Min = 20 },
		},
		"prepared": {
			"errors":                        func(r *Record) { fail(r, 1, lostConnection) },
			"errors 8179":                   func(r *Record) { fail(r, 1, badHandle) },
			"most clients that were pinned": func(r *Record) { r.Nodes[7].Pinned = 1 },
			"operations a second with handles": func(r *Record) {
				for i := range rounds {
					slowed(r, 2*i+1, 0, 0.5)
				}
			},
		},
	}
}

// inEvery are the breaks of the conditions that every scenario has.
func inEvery() map[string]func(*Record) {
	return map[string]func(*Record){
		"connections of a bucket, counted": func(r *Record) { r.Buckets[0].Over, r.Buckets[0].Peak = 1, r.Limit+1 },
		"connections of a bucket":          func(r *Record) { r.Missed = 1 },
		"wrong answers":                    func(r *Record) { r.Loads[0].Result.Wrong = 1 },
		"nodes that ended by themselves":   func(r *Record) { r.Deaths = []string{"node-1"} },
	}
}

func TestEachConditionFailsWhenItIsBroken(t *testing.T) {
	all := breaks()
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			for _, c := range s.judge(good(s.name)) {
				if !c.OK {
					t.Errorf("all is well, but %+v", c)
				}
			}
			own := all[s.name]
			maps.Copy(own, inEvery())
			covered := map[string]bool{}
			for what, change := range own {
				r := good(s.name)
				change(&r)
				failed := slices.DeleteFunc(s.judge(r), func(c Check) bool { return c.OK })
				if !slices.ContainsFunc(failed, func(c Check) bool { return strings.HasPrefix(c.What, what) }) {
					t.Errorf("%s: not noticed; failed: %+v", what, failed)
				}
				for _, c := range failed {
					covered[c.What] = true
				}
			}
			for _, c := range s.judge(good(s.name)) {
				if !covered[c.What] && !strings.HasPrefix(c.What, "nodes that serve") && !strings.HasPrefix(c.What, "smallest share") {
					t.Errorf("no test breaks %q", c.What)
				}
			}
		})
	}
}

// A run that measured nothing passes nowhere.
func TestNothingMeasuredIsNoPass(t *testing.T) {
	for _, s := range scenarios() {
		if passed(s.judge(Record{Scenario: s.name, Limit: 20, Hold: 0.2, Clients: 1})) {
			t.Errorf("%s: an empty record passes", s.name)
		}
	}
	if passed(nil) {
		t.Error("no conditions at all pass")
	}
}
