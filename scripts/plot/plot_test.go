package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func TestSVG(t *testing.T) {
	c := Chart{
		Title: "Sessions <all> & more", Unit: "ms", Limit: 50, LimitText: "limit 50",
		Lines: []Line{
			{"first", []Point{{0, 1}, {1, 2}, {2, math.NaN()}, {3, 4}, {4, 45}}},
			{"second", []Point{{0, 0}}},
		},
		Marks: []Mark{{2, "kill"}},
	}
	for name, c := range map[string]Chart{"full": c, "empty": {}, "limit only": {Limit: 3}, "no time": {Lines: []Line{{"a", []Point{{0, 0}}}}}} {
		svg := c.SVG()
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, svg)
			}
		}
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: a value is no number:\n%s", name, svg)
		}
	}
	svg := c.SVG()
	if n := strings.Count(svg, "<polyline"); n != 3 {
		t.Errorf("%d lines, want 3: one of them has a gap", n)
	}
	if !strings.Contains(svg, "Sessions &lt;all&gt; &amp; more (ms)") {
		t.Error("the title is not escaped, or not there")
	}
}

func TestStep(t *testing.T) {
	for largest, want := range map[float64]float64{1: 0.2, 9: 1, 10: 2, 52.5: 10, 100: 20, 0.004: 0.001, 450: 100} {
		if got := step(largest); math.Abs(got-want) > want/1000 {
			t.Errorf("step of %g is %g, want %g", largest, got, want)
		}
	}
}

func TestThin(t *testing.T) {
	var points []Point
	for i := range 1000 {
		points = append(points, Point{float64(i), float64(i % 7)})
	}
	points[503].Y = 99
	kept := Thin(points, 300)
	found := false
	for i, p := range kept {
		found = found || p.Y == 99
		if i > 0 && p.X <= kept[i-1].X {
			t.Errorf("%v behind %v", p, kept[i-1])
		}
	}
	if len(kept) > 300 || len(kept) < 150 || !found {
		t.Errorf("%d points, the peak among them: %v", len(kept), found)
	}
	if len(Thin(points, 1000)) != 1000 || len(Thin(nil, 5)) != 0 {
		t.Error("points are missing")
	}
}
