package tsql

import (
	"strconv"
	"strings"
	"time"
)

// parseTime reads a date and time literal. order is DATEFORMAT (mdy, dmy, ...).
func parseTime(s, order string, style int) (time.Time, bool) {
	switch style {
	case 1, 101, 10, 110:
		order = "mdy"
	case 3, 103, 4, 104, 5, 105:
		order = "dmy"
	case 2, 102, 11, 111:
		order = "ymd"
	}
	p := timeParser{s: strings.TrimSpace(s), order: order}
	return p.parse()
}

// timeParser reads date parts, a clock and a zone in the forms that T-SQL takes.
type timeParser struct {
	s       string
	order   string
	y, m, d int
	hasDate bool
	iso     bool
	ns      int64
	zone    *time.Location
}

func (p *timeParser) parse() (time.Time, bool) {
	if p.s == "" {
		return baseDate, true
	}
	date, clock := p.s, ""
	if i := strings.IndexByte(p.s, ':'); i >= 0 {
		j := i - 1
		for j >= 0 && isDigit(p.s[j]) {
			j--
		}
		date, clock = p.s[:j+1], p.s[j+1:]
	} else if u := strings.ToUpper(p.s); strings.HasSuffix(u, "AM") || strings.HasSuffix(u, "PM") {
		i := strings.LastIndexByte(strings.TrimSpace(p.s[:len(p.s)-2]), ' ')
		date, clock = p.s[:i+1], p.s[i+1:]
	}
	date = strings.TrimSpace(date)
	if strings.HasSuffix(date, "T") || strings.HasSuffix(date, "t") {
		date = date[:len(date)-1]
		p.iso = true
	}
	if clock != "" && !p.clock(clock) {
		return time.Time{}, false
	}
	if date != "" && !p.date(date) {
		return time.Time{}, false
	}
	if !p.hasDate {
		p.y, p.m, p.d = 1900, 1, 1
	}
	if p.y < 1 || p.y > 9999 || p.m < 1 || p.m > 12 || p.d < 1 {
		return time.Time{}, false
	}
	zone := time.UTC
	if p.zone != nil {
		zone = p.zone
	}
	t := time.Date(p.y, time.Month(p.m), p.d, 0, 0, 0, 0, zone)
	if t.Day() != p.d {
		return time.Time{}, false
	}
	return t.Add(time.Duration(p.ns)), true
}

func (p *timeParser) date(s string) bool {
	p.hasDate = true
	digits := true
	for i := range len(s) {
		digits = digits && isDigit(s[i])
	}
	if digits {
		n, err := strconv.Atoi(s)
		switch {
		case err != nil:
			return false
		case len(s) == 8:
			p.y, p.m, p.d = n/10000, n/100%100, n%100
		case len(s) == 6:
			p.y, p.m, p.d = century(n/10000), n/100%100, n%100
		case len(s) == 4:
			p.y, p.m, p.d = n, 1, 1
		default:
			return false
		}
		return true
	}
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == '/' || r == '.' || r == ' ' || r == ',' })
	if len(parts) != 3 {
		return false
	}
	month := -1
	for i, f := range parts {
		for j, name := range monthNames {
			if len(f) >= 3 && strings.EqualFold(f[:3], name) && strings.HasPrefix(strings.ToLower(time.Month(j+1).String()), strings.ToLower(f)) {
				month, p.m = i, j+1
			}
		}
	}
	if month >= 0 {
		rest := append(append([]string{}, parts[:month]...), parts[month+1:]...)
		a, b := atoi(rest[0]), atoi(rest[1])
		if len(rest[0]) == 4 {
			p.y, p.d = a, b
		} else {
			p.y, p.d = year(rest[1], b), a
		}
		return a >= 0 && b >= 0
	}
	n := [3]int{atoi(parts[0]), atoi(parts[1]), atoi(parts[2])}
	if n[0] < 0 || n[1] < 0 || n[2] < 0 {
		return false
	}
	if len(parts[0]) == 4 {
		p.y, p.m, p.d = n[0], n[1], n[2]
		return true
	}
	for i := range 3 {
		switch p.order[i] {
		case 'y':
			p.y = year(parts[i], n[i])
		case 'm':
			p.m = n[i]
		case 'd':
			p.d = n[i]
		}
	}
	if len(parts[2]) == 4 && p.order[2] != 'y' { // ymd order with the year last
		p.y, p.m, p.d = n[2], n[0], n[1]
	}
	return true
}

func year(s string, n int) int {
	if len(s) <= 2 {
		return century(n)
	}
	return n
}

// century completes a two-digit year with the cut-off 2049.
func century(y int) int {
	if y < 50 {
		return 2000 + y
	}
	return 1900 + y
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || len(s) > 4 {
		return -1
	}
	return n
}

func (p *timeParser) clock(s string) bool {
	s = strings.TrimSpace(s)
	if strings.HasSuffix(s, "Z") || strings.HasSuffix(s, "z") {
		p.zone = time.UTC
		s = strings.TrimSpace(s[:len(s)-1])
	} else if i := strings.LastIndexAny(s, "+-"); i > 0 {
		h, m, ok := strings.Cut(s[i+1:], ":")
		hh, mm := atoi(h), atoi(m)
		if !ok || hh < 0 || hh > 14 || mm < 0 || mm > 59 {
			return false
		}
		off := (hh*60 + mm) * 60
		if s[i] == '-' {
			off = -off
		}
		p.zone = time.FixedZone("", off)
		s = strings.TrimSpace(s[:i])
	}
	half := -1
	if u := strings.ToUpper(s); strings.HasSuffix(u, "AM") || strings.HasSuffix(u, "PM") {
		half = 0
		if u[len(u)-2] == 'P' {
			half = 12
		}
		s = strings.TrimSpace(s[:len(s)-2])
	}
	parts := strings.Split(s, ":")
	frac := ""
	last := len(parts) - 1
	if i := strings.IndexByte(parts[last], '.'); i >= 0 {
		parts[last], frac = parts[last][:i], parts[last][i+1:]
	} else if len(parts) == 4 {
		frac, parts = (parts[3] + "000")[:3], parts[:3]
	}
	n := [3]int{}
	for i, f := range parts {
		if i > 2 {
			return false
		}
		if n[i] = atoi(f); n[i] < 0 {
			return false
		}
	}
	if len(parts) == 1 && half < 0 {
		return false
	}
	if half >= 0 {
		if n[0] > 12 || n[0] == 0 {
			return false
		}
		n[0] = n[0]%12 + half
	}
	if n[0] > 23 || n[1] > 59 || n[2] > 59 || len(frac) > 9 {
		return false
	}
	p.ns = int64(n[0]*3600+n[1]*60+n[2]) * 1e9
	if frac != "" {
		f, err := strconv.Atoi((frac + "000000000")[:9])
		if err != nil {
			return false
		}
		p.ns += int64(f)
	}
	return true
}
