package tsql

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// formatFunc is FORMAT for the common .NET patterns.
func formatFunc(_ *ectx, v []Value, t []typ) (Value, error) {
	f := str(v[1])
	if d, ok := v[0].(time.Time); ok {
		switch f {
		case "d":
			return d.Format("1/2/2006"), nil
		case "D":
			return d.Format("Monday, January 2, 2006"), nil
		}
		return formatNet(d, f), nil
	}
	n, ok := toFloat(v[0])
	if !ok {
		return nil, abortf(8116, "Argument data type %s is invalid for argument 1 of format function.", kindNames[t[0].kind])
	}
	return formatNumber(n, f), nil
}

func formatNumber(n float64, f string) string {
	if f != "" && strings.ContainsRune("NnFfDdPpCcGgXx", rune(f[0])) {
		digits, err := strconv.Atoi(f[1:])
		if err != nil {
			digits = 2
		}
		digits = max(0, min(digits, 50))
		switch f[0] {
		case 'N', 'n':
			return thousands(strconv.FormatFloat(n, 'f', digits, 64))
		case 'F', 'f':
			return strconv.FormatFloat(n, 'f', digits, 64)
		case 'D', 'd':
			if len(f) == 1 {
				digits = 0
			}
			return fmt.Sprintf("%0*d", digits, int64(n))
		case 'P', 'p':
			return thousands(strconv.FormatFloat(n*100, 'f', digits, 64)) + "%"
		case 'C', 'c':
			return "$" + thousands(strconv.FormatFloat(n, 'f', digits, 64))
		case 'X', 'x':
			return strings.ToUpper(strconv.FormatInt(int64(n), 16))
		}
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	whole, frac, _ := strings.Cut(f, ".")
	s := strconv.FormatFloat(n, 'f', strings.Count(frac, "0")+strings.Count(frac, "#"), 64)
	i, fr, _ := strings.Cut(s, ".")
	for len(strings.TrimPrefix(i, "-")) < strings.Count(whole, "0") {
		i = strings.Replace("-0"+strings.TrimPrefix(i, "-"), "-", map[bool]string{true: "-", false: ""}[n < 0], 1)
	}
	if strings.Contains(whole, ",") {
		i = thousands(i)
	}
	for strings.HasSuffix(fr, "0") && len(fr) > strings.Count(frac, "0") {
		fr = fr[:len(fr)-1]
	}
	if fr != "" {
		return i + "." + fr
	}
	return i
}

func thousands(s string) string {
	i, f, dot := strings.Cut(s, ".")
	neg := strings.HasPrefix(i, "-")
	i = strings.TrimPrefix(i, "-")
	for k := len(i) - 3; k > 0; k -= 3 {
		i = i[:k] + "," + i[k:]
	}
	if neg {
		i = "-" + i
	}
	if dot {
		return i + "." + f
	}
	return i
}

// formatNet prints a time by a .NET pattern.
func formatNet(t time.Time, f string) string {
	var b strings.Builder
	for i := 0; i < len(f); {
		c := f[i]
		n := 1
		for i+n < len(f) && f[i+n] == c {
			n++
		}
		switch c {
		case 'y':
			if n <= 2 {
				b.WriteString(t.Format("06"))
			} else {
				fmt.Fprintf(&b, "%0*d", min(n, 9), t.Year())
			}
		case 'M':
			b.WriteString(t.Format([]string{"1", "01", "Jan", "January"}[min(n, 4)-1]))
		case 'd':
			b.WriteString(t.Format([]string{"2", "02", "Mon", "Monday"}[min(n, 4)-1]))
		case 'H':
			fmt.Fprintf(&b, "%0*d", min(n, 2), t.Hour())
		case 'h':
			fmt.Fprintf(&b, "%0*d", min(n, 2), (t.Hour()+11)%12+1)
		case 'm':
			fmt.Fprintf(&b, "%0*d", min(n, 2), t.Minute())
		case 's':
			fmt.Fprintf(&b, "%0*d", min(n, 2), t.Second())
		case 'f':
			b.WriteString(fmt.Sprintf("%09d", t.Nanosecond())[:min(n, 7)])
		case 't':
			b.WriteString(t.Format("PM")[:min(n, 2)])
		case 'z':
			b.WriteString(t.Format("-07:00"))
		default:
			b.WriteString(f[i : i+n])
		}
		i += n
	}
	return b.String()
}
