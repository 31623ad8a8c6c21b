package tsql

import (
	"fmt"
	"strings"
	"time"
)

const (
	ticksPerSecond = 10_000_000
	ticksPerDay    = 24 * 3600 * ticksPerSecond
)

// toTicks is the time since 0001-01-01 in units of 100 ns, in the time's own
// zone.
func toTicks(t time.Time) int64 {
	days := daysOf(t.Year(), t.Month(), t.Day())
	h, m, s := t.Clock()
	return days*ticksPerDay + int64(h*3600+m*60+s)*ticksPerSecond + int64(t.Nanosecond()/100)
}

// daysOf counts days since 0001-01-01.
func daysOf(y int, m time.Month, d int) int64 {
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()/86400 + 719162
}

func fromTicks(n int64) time.Time {
	days, rest := n/ticksPerDay, n%ticksPerDay
	return time.Unix((days-719162)*86400+rest/ticksPerSecond, rest%ticksPerSecond*100).UTC()
}

// timeOfDay is t on 0001-01-01.
func timeOfDay(t time.Time) time.Time {
	h, m, s := t.Clock()
	return time.Date(1, 1, 1, h, m, s, t.Nanosecond(), time.UTC)
}

func dateOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

var (
	minDateTime      = time.Date(1753, 1, 1, 0, 0, 0, 0, time.UTC)
	minSmallDateTime = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	maxSmallDateTime = time.Date(2079, 6, 6, 23, 59, 30, 0, time.UTC)
	baseDate         = minSmallDateTime
)

// fitTime rounds t to what type to holds. from is for the message.
func fitTime(t time.Time, from, to typ) (Value, error) {
	switch to.kind {
	case kDate:
		return dateOf(t), nil
	case kTime:
		return timeOfDay(roundTime(timeOfDay(t), to.scale)), nil
	case kDateTime:
		t = wall(t)
		ms := int64(t.Nanosecond()) / 1000
		third := (ms*3 + 5000) / 10000 // units of 1/300 s
		sec := t.Truncate(time.Second)
		t = sec.Add(time.Duration((third*10+1)/3) * time.Millisecond)
		if t.Before(minDateTime) || t.Year() > 9999 {
			return nil, errDateRange(from, to)
		}
		return t, nil
	case kSmallDateTime:
		t = wall(t)
		if t.Before(minSmallDateTime) || !t.Before(maxSmallDateTime) {
			return nil, errDateRange(from, to)
		}
		return t.Add(30 * time.Second).Truncate(time.Minute), nil
	case kDateTime2:
		return roundTime(wall(t), to.scale), nil
	}
	return roundTime(t, to.scale), nil // datetimeoffset
}

// wall drops the zone and keeps the clock.
func wall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// roundTime rounds to a number of fractional digits.
func roundTime(t time.Time, scale uint8) time.Time {
	unit := time.Second
	for range scale {
		unit /= 10
	}
	r := t.Round(unit)
	if r.Year() > 9999 || t.Year() == 1 && r.Day() != t.Day() && r.Year() == 1 && r.YearDay() == 2 {
		return t.Truncate(unit)
	}
	return r
}

var monthNames = []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

func fraction(t time.Time, digits uint8) string {
	if digits == 0 {
		return ""
	}
	return "." + fmt.Sprintf("%09d", t.Nanosecond())[:digits]
}

// formatTime prints a date or time as CONVERT with a style does.
func formatTime(v time.Time, t typ, style int) (string, error) {
	if style == 0 && t.kind != kDateTime && t.kind != kSmallDateTime {
		style = 121
	}
	date := fmt.Sprintf("%04d-%02d-%02d", v.Year(), v.Month(), v.Day())
	clock := v.Format("15:04:05")
	frac := ""
	switch t.kind {
	case kDateTime:
		frac = fraction(v, 3)
	case kTime, kDateTime2, kDateTimeOffset:
		frac = fraction(v, t.scale)
	}
	zone := ""
	if t.kind == kDateTimeOffset {
		zone = v.Format(" -07:00")
	}
	switch style {
	case 20, 21, 25, 120, 121:
		if style == 20 || style == 120 {
			frac = ""
		}
		switch t.kind {
		case kDate:
			return date, nil
		case kTime:
			return clock + frac, nil
		}
		return date + " " + clock + frac + zone, nil
	case 126, 127:
		switch t.kind {
		case kDate:
			return date, nil
		case kTime:
			return clock + frac, nil
		}
		if style == 127 && zone != "" {
			return v.UTC().Format("2006-01-02T15:04:05") + frac + "Z", nil
		}
		if t.kind == kDateTime && v.Nanosecond() == 0 {
			frac = ""
		}
		return date + "T" + clock + frac + strings.TrimSpace(zone), nil
	}
	layout, ok := dateStyles[style]
	if !ok {
		return "", errf(281, "%d is not a valid style number when converting from %s to a character string.", style, kindNames[t.kind])
	}
	switch style {
	case 0, 100:
		switch t.kind {
		case kDate:
			return fmt.Sprintf("%s %2d %04d", monthNames[v.Month()-1], v.Day(), v.Year()), nil
		case kTime:
			return strings.TrimSpace(clock12(v)), nil
		}
		return fmt.Sprintf("%s %2d %04d %s", monthNames[v.Month()-1], v.Day(), v.Year(), clock12(v)), nil
	case 9, 109:
		return fmt.Sprintf("%s %2d %04d %s", monthNames[v.Month()-1], v.Day(), v.Year(), v.Format("3:04:05")) + strings.Replace(frac, ".", ":", 1) + v.Format("PM"), nil
	case 14, 114:
		return v.Format("15:04:05") + strings.Replace(frac, ".", ":", 1), nil
	case 13, 113:
		return v.Format("02 Jan 2006 15:04:05") + strings.Replace(frac, ".", ":", 1), nil
	}
	return v.Format(layout), nil
}

// clock12 is " 1:02PM" in seven places.
func clock12(v time.Time) string { return fmt.Sprintf("%7s", v.Format("3:04PM")) }

var dateStyles = map[int]string{
	0: "-", 100: "-", 9: "-", 109: "-", 13: "-", 113: "-", 14: "-", 114: "-",
	1: "01/02/06", 101: "01/02/2006", 2: "06.01.02", 102: "2006.01.02", 3: "02/01/06", 103: "02/01/2006",
	4: "02.01.06", 104: "02.01.2006", 5: "02-01-06", 105: "02-01-2006", 6: "02 Jan 06", 106: "02 Jan 2006",
	7: "Jan 02, 06", 107: "Jan 02, 2006", 8: "15:04:05", 24: "15:04:05", 108: "15:04:05",
	10: "01-02-06", 110: "01-02-2006", 11: "06/01/02", 111: "2006/01/02", 12: "060102", 112: "20060102",
	22: "01/02/06  3:04:05 PM", 23: "2006-01-02",
}
