package load

import (
	"fmt"
	"strings"
)

// Progress is one line about how a run is going.
func (r *Run) Progress(p Point) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%5.0fs  clients %d/%d  ops/s %.0f  p50 %s  p99 %s", p.At, p.Clients, r.config.Clients,
		float64(p.Operations)/r.config.Tick.Seconds(), inMillis(p.P50), inMillis(p.P99))
	const most = 3
	for i, f := range r.record.errorsByText() {
		switch {
		case i == 0:
			b.WriteString("  errors")
		case i == most:
			b.WriteString(" ...")
		}
		if i >= most {
			break
		}
		fmt.Fprintf(&b, " %s %dx", f.Failure.name(), f.count)
	}
	if p.Wrong > 0 {
		fmt.Fprintf(&b, "  WRONG %d", p.Wrong)
	}
	return b.String()
}

// name is a short form of a failure.
func (f Failure) name() string {
	if f.Number != 0 {
		return fmt.Sprintf("%s %d", f.Class, f.Number)
	}
	const most = 40
	if text := []rune(f.Text); len(text) > most {
		return fmt.Sprintf("%s %s...", f.Class, string(text[:most]))
	}
	return fmt.Sprintf("%s %s", f.Class, f.Text)
}

func inMillis(ms float64) string {
	switch {
	case ms >= 1000:
		return fmt.Sprintf("%.1fs", ms/1000)
	case ms >= 10:
		return fmt.Sprintf("%.0fms", ms)
	}
	return fmt.Sprintf("%.2fms", ms)
}
