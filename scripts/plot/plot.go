// Package plot draws line charts as SVG that needs nothing else.
package plot

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Point is a point of a line.
type Point struct{ X, Y float64 }

// Line is one line of a chart. A NaN makes a gap.
type Line struct {
	Name   string
	Points []Point
}

// Mark is a moment that is drawn as a vertical line.
type Mark struct {
	X    float64
	Text string
}

// Chart is a chart of lines over time.
type Chart struct {
	Title string
	Unit  string // of the vertical axis
	Lines []Line
	Marks []Mark
	// Limit is drawn as a horizontal line; 0: none.
	Limit     float64
	LimitText string
}

// Size of a chart, and of the room around its lines.
const (
	width, height            = 760, 280
	left, right, top, bottom = 64, 12, 56, 52
	markRows, rowHeight      = 3, 11 // of the texts of marks, which take turns
)

// colours of the lines, in order; they repeat.
var colours = [...]string{"#1f6fb4", "#d1582a", "#3a8f4d", "#8a4fb0", "#a67a1e", "#4a4a4a"}

// SVG returns the chart as an SVG element.
func (c Chart) SVG() string {
	maxX, maxY := c.extent()
	stepX, stepY := step(maxX), step(maxY)
	maxY = math.Ceil(maxY/stepY) * stepY
	x := func(v float64) float64 { return left + v/maxX*(width-left-right) }
	y := func(v float64) float64 { return height - bottom - v/maxY*(height-top-bottom) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="11" role="img">`, width, height, width, height)
	fmt.Fprintf(&b, "\n<title>%s</title>\n"+`<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n", html.EscapeString(c.Title))
	text(&b, left, 16, "start", "#111111", c.Title+unit(c.Unit))
	for v := 0.0; v <= maxY*1.0001; v += stepY {
		line(&b, left, y(v), width-right, y(v), "#dddddd", "")
		text(&b, left-6, y(v)+4, "end", "#444444", number(v))
	}
	for v := 0.0; v <= maxX*1.0001; v += stepX {
		line(&b, x(v), height-bottom, x(v), height-bottom+4, "#444444", "")
		text(&b, x(v), height-bottom+16, "middle", "#444444", number(v)+" s")
	}
	for i, m := range c.Marks {
		y := float64(28 + rowHeight*(i%markRows))
		line(&b, x(m.X), y-8, x(m.X), height-bottom, "#999999", "3 3")
		text(&b, x(m.X)+3, y, "start", "#666666", m.Text)
	}
	if c.Limit > 0 {
		line(&b, left, y(c.Limit), width-right, y(c.Limit), "#c01515", "6 3")
		text(&b, width-right, y(c.Limit)-3, "end", "#c01515", c.LimitText)
	}
	for i, l := range c.Lines {
		colour := colours[i%len(colours)]
		for _, part := range l.parts() {
			var points []string
			for _, p := range part {
				points = append(points, fmt.Sprintf("%.1f,%.1f", x(p.X), y(p.Y)))
			}
			fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.4" points="%s"/>`+"\n", colour, strings.Join(points, " "))
		}
		at := float64(left + i*(width-left-right)/max(len(c.Lines), 1))
		line(&b, at, height-12, at+16, height-12, colour, "")
		text(&b, at+20, height-8, "start", "#222222", l.Name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// extent returns the largest values of both axes, which begin at 0.
func (c Chart) extent() (x, y float64) {
	y = c.Limit * 1.05
	for _, l := range c.Lines {
		for _, p := range l.Points {
			if !math.IsNaN(p.Y) {
				x, y = max(x, p.X), max(y, p.Y)
			}
		}
	}
	if x == 0 {
		x = 1
	}
	if y == 0 {
		y = 1
	}
	return x, y
}

// parts are the stretches of a line between its gaps.
func (l Line) parts() [][]Point {
	var all [][]Point
	var now []Point
	for _, p := range l.Points {
		if !math.IsNaN(p.Y) {
			now = append(now, p)
			continue
		}
		if len(now) > 0 {
			all = append(all, now)
		}
		now = nil
	}
	if len(now) > 0 {
		all = append(all, now)
	}
	return all
}

// Thin returns at most that many points of a line, in order: of each stretch of
// it the highest.
func Thin(points []Point, most int) []Point {
	per := (len(points) + most - 1) / most
	if per <= 1 {
		return points
	}
	var kept []Point
	for i := 0; i < len(points); i += per {
		best := points[i]
		for _, p := range points[i:min(i+per, len(points))] {
			if p.Y > best.Y {
				best = p
			}
		}
		kept = append(kept, best)
	}
	return kept
}

// step is a round distance that divides a range into four to ten parts.
func step(largest float64) float64 {
	s := math.Pow(10, math.Floor(math.Log10(largest)))
	for _, part := range []float64{1, 0.5, 0.2, 0.1} {
		if largest/(s*part) >= 4 {
			return s * part
		}
	}
	return s * 0.1
}

func number(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%.4g", v)
}

func unit(u string) string {
	if u == "" {
		return ""
	}
	return " (" + u + ")"
}

func text(b *strings.Builder, x, y float64, anchor, colour, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, anchor, colour, html.EscapeString(s))
}

func line(b *strings.Builder, x1, y1, x2, y2 float64, colour, dashes string) {
	if dashes != "" {
		dashes = ` stroke-dasharray="` + dashes + `"`
	}
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"%s/>`+"\n", x1, y1, x2, y2, colour, dashes)
}
