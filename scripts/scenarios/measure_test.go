package main

import (
	"math"
	"slices"
	"testing"
	"time"

	"sluice/scripts/load"
	"sluice/scripts/rig"
)

func TestRateCountsWholeTicks(t *testing.T) {
	l := Load{Offset: 1, Result: load.Result{Config: load.Config{Tick: time.Second}}}
	for at := 1.0; at <= 10; at++ {
		l.Result.Series = append(l.Result.Series, load.Point{At: at, Operations: int64(at) * 10})
	}
	// Of the phase from 3.5 to 6.5 the ticks are those that end at 5 and 6, by
	// the group's own time at 4 and 5.
	if got := l.rate(Phase{From: 3.5, To: 6.5}); got != 45 {
		t.Error(got)
	}
	if got := l.rate(Phase{}); got != 0 {
		t.Error(got)
	}
}

func TestGrowthIsThatOfTheFloor(t *testing.T) {
	saw := func(per float64) Record {
		var r Record
		for at := 0.0; at < 120; at += 0.5 {
			r.Nodes = append(r.Nodes, NodeSample{At: at, Node: 1, Heap: 100 + per*at + float64(int(at*2)%9)})
		}
		return r
	}
	heap := func(s NodeSample) float64 { return s.Heap }
	p := Phase{From: 0, To: 120}
	if grown, start := saw(0).growth(1, p, heap); math.Abs(grown) > 0.5 || math.Abs(start-100) > 1 {
		t.Errorf("a sawtooth that does not rise grows by %g from %g", grown, start)
	}
	if grown, _ := saw(0.5).growth(1, p, heap); math.Abs(grown-60) > 2 {
		t.Errorf("grown by %g, want 60", grown)
	}
	if grown, start := saw(1).growth(2, p, heap); grown != 0 || start != 0 {
		t.Errorf("a node that is not there grows by %g from %g", grown, start)
	}
}

func TestFleetSumsLeaveOutRoundsWithGaps(t *testing.T) {
	r := Record{Nodes: []NodeSample{{At: 1, Node: 1, Clients: 2}, {At: 1, Node: 2, Clients: 3}, {At: 2, Node: 1, Clients: 2}, {At: 3, Node: 1, Clients: 4}, {At: 3, Node: 2, Clients: 4}}}
	got := r.fleetSums(Phase{To: 10}, func(s NodeSample) float64 { return s.Clients })
	if !slices.Equal(got, []float64{5, 8}) {
		t.Error(got)
	}
}

func TestBackMustStay(t *testing.T) {
	var r Record
	for i, n := range []int{20, 20, 5, 20, 5, 20, 20, 20, 20} {
		r.Counts = append(r.Counts, Count{float64(i), []int{n}})
	}
	if got := r.back(0, 1.5, 19, 2); got != 3.5 {
		t.Error(got)
	}
	if got := r.back(0, 1.5, 21, 2); !math.IsInf(got, 1) {
		t.Error(got)
	}
}

func TestSettled(t *testing.T) {
	var l Load
	for at, p50 := range []float64{1, 900, 900, 100, 900, 100, 100, 100, 100} {
		l.Result.Series = append(l.Result.Series, load.Point{At: float64(at), Operations: 1, P50: p50})
	}
	if got := l.settled(1, 400); got != 4 {
		t.Error(got)
	}
	l.Result.Series[7].Operations = 0 // nothing came through
	if got := l.settled(1, 400); !math.IsInf(got, 1) {
		t.Error(got)
	}
}

func TestQuantile(t *testing.T) {
	if median([]float64{3, 1, 2}) != 2 || quantile([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9) != 10 || median(nil) != 0 || mean(nil) != 0 || largest(nil) != 0 {
		t.Error("wrong")
	}
}

func TestSampleOf(t *testing.T) {
	m := rig.Metrics{
		"go_goroutines": 7, "process_resident_memory_bytes": 9, `proxy_connections_open{bucket_id="bucket-2"}`: 5,
		`proxy_connections_idle{bucket_id="bucket-2"}`: 2, `proxy_queue_length{bucket_id="bucket-1"}`: 4,
		`proxy_connections_pinned{bucket_id="bucket-1",pin_reason="temp_table"}`: 1, `proxy_connections_pinned{bucket_id="bucket-2",pin_reason="cursor"}`: 2,
	}
	s := sampleOf(1, 2, 2, m)
	if s.Goroutines != 7 || s.RSS != 9 || s.used(1) != 3 || s.waiting() != 4 || s.Pinned != 3 || s.Node != 2 {
		t.Errorf("%+v", s)
	}
}
