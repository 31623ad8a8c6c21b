package load

import (
	"math"

	"sluice/scripts/plot"
)

// Charts are the time series of a run as charts.
func Charts(res Result) []plot.Chart {
	tick := res.Config.Tick.Seconds()
	clients, waiting := plot.Line{Name: "connected"}, plot.Line{Name: "waiting for a connection"}
	p50, p99 := plot.Line{Name: "p50"}, plot.Line{Name: "p99"}
	failed, wrong := plot.Line{Name: "errors"}, plot.Line{Name: "wrong answers"}
	rates := make([]plot.Line, len(res.Buckets))
	for i, b := range res.Buckets {
		rates[i].Name = b.Database
	}
	const most = 6 // lines that can be told apart
	if len(rates) > most {
		rates = []plot.Line{{Name: "all"}}
	}
	for _, p := range res.Series {
		add := func(l *plot.Line, y float64) { l.Points = append(l.Points, plot.Point{X: p.At, Y: y}) }
		add(&clients, float64(p.Clients))
		add(&waiting, float64(p.Connecting))
		add(&failed, float64(p.Errors)/tick)
		add(&wrong, float64(p.Wrong)/tick)
		if p.Operations == 0 {
			add(&p50, math.NaN())
			add(&p99, math.NaN())
		} else {
			add(&p50, p.P50)
			add(&p99, p.P99)
		}
		for i := range rates {
			n := p.Operations
			if len(rates) > 1 {
				n = p.Buckets[i]
			}
			add(&rates[i], float64(n)/tick)
		}
	}
	return []plot.Chart{
		{Title: "Operations", Unit: "a second", Lines: rates},
		{Title: "Response time", Unit: "ms", Lines: []plot.Line{p50, p99}},
		{Title: "Clients", Lines: []plot.Line{clients, waiting}},
		{Title: "Errors", Unit: "a second", Lines: []plot.Line{failed, wrong}},
	}
}
