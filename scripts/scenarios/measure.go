package main

import (
	"maps"
	"math"
	"slices"

	"sluice/scripts/load"
)

func (p Phase) has(at float64) bool { return at >= p.From && at <= p.To }

func (p Phase) seconds() float64 { return p.To - p.From }

// rate is the mean of the operations a second of a group of clients in a phase.
func (l Load) rate(p Phase) float64 {
	tick := l.Result.Config.Tick.Seconds()
	sum, ticks := 0.0, 0
	for _, x := range l.Result.Series {
		// A tick counts if all of it lies within the phase.
		if at := x.At + l.Offset; p.has(at) && p.has(at-tick) {
			sum += float64(x.Operations)
			ticks++
		}
	}
	if ticks == 0 || tick == 0 {
		return 0
	}
	return sum / (float64(ticks) * tick)
}

// failures sums up the errors that are of none of the kinds left out.
func (l Load) failures(except ...load.Class) int64 {
	sum := int64(0)
	for _, f := range l.Result.Failures {
		if !slices.Contains(except, f.Class) {
			sum += f.Count
		}
	}
	return sum
}

// line is a straight line through points: y = at + slope*x.
type line struct{ at, slope float64 }

// fit lays a line through points by least squares.
func fit(x, y []float64) line {
	n := float64(len(x))
	if n < 2 {
		return line{}
	}
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	d := n*sxx - sx*sx
	if d == 0 {
		return line{at: sy / n}
	}
	slope := (n*sxy - sx*sy) / d
	return line{(sy - slope*sx) / n, slope}
}

// floor returns the least value of each stretch of time: garbage collection
// makes a sawtooth of a heap that does not grow.
func floor(samples []NodeSample, value func(NodeSample) float64, stretch float64) (x, y []float64) {
	least := map[int]float64{}
	for _, s := range samples {
		k := int(s.At / stretch)
		if old, ok := least[k]; !ok || value(s) < old {
			least[k] = value(s)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(least)) {
		x, y = append(x, (float64(k)+0.5)*stretch), append(y, least[k])
	}
	return x, y
}

// growth is by how much a value of a node grew over a phase, by the line
// through its floor, and the value at the start of that line.
func (r Record) growth(node int, p Phase, value func(NodeSample) float64) (grown, start float64) {
	const stretches = 12
	var of []NodeSample
	for _, s := range r.Nodes {
		if s.Node == node && p.has(s.At) {
			of = append(of, s)
		}
	}
	x, y := floor(of, value, p.seconds()/stretches)
	l := fit(x, y)
	return l.slope * p.seconds(), l.at + l.slope*p.From
}

// fleetSums adds up a value over all nodes, for each round of samples in a
// phase. Rounds in which a node did not answer that did in others are left out.
func (r Record) fleetSums(p Phase, value func(NodeSample) float64) []float64 {
	sums, answered, most := map[float64]float64{}, map[float64]int{}, 0
	var rounds []float64
	for _, s := range r.Nodes {
		if !p.has(s.At) {
			continue
		}
		if answered[s.At] == 0 {
			rounds = append(rounds, s.At)
		}
		sums[s.At] += value(s)
		answered[s.At]++
		most = max(most, answered[s.At])
	}
	var list []float64
	for _, at := range rounds {
		if answered[at] == most {
			list = append(list, sums[at])
		}
	}
	return list
}

func mean(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}

func median(list []float64) float64 { return quantile(list, 0.5) }

// quantile is the value that a part q of the list is not above.
func quantile(list []float64, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func largest(list []float64) float64 {
	most := 0.0
	for _, v := range list {
		most = max(most, v)
	}
	return most
}

// back returns how long after a moment a bucket's sessions are enough again and
// stay so for a while; infinite if that never was.
func (r Record) back(bucket int, after float64, enough int, stay float64) float64 {
	since := math.Inf(1)
	for _, c := range r.Counts {
		switch {
		case c.At < after:
			continue
		case c.Sessions[bucket] < enough:
			since = math.Inf(1)
		case math.IsInf(since, 1):
			since = c.At
		}
		if c.At-since >= stay {
			return since - after
		}
	}
	return math.Inf(1)
}
