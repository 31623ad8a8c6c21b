package tsql

import (
	"math"
	"strings"
	"time"
)

var datePartFuncs = wordSet("DATEADD DATEDIFF DATEDIFF_BIG DATEPART DATENAME DATETRUNC")

var dateParts = map[string]string{
	"year": "year", "yy": "year", "yyyy": "year", "quarter": "quarter", "qq": "quarter", "q": "quarter",
	"month": "month", "mm": "month", "m": "month", "dayofyear": "dayofyear", "dy": "dayofyear", "y": "dayofyear",
	"day": "day", "dd": "day", "d": "day", "week": "week", "wk": "week", "ww": "week", "weekday": "weekday", "dw": "weekday", "w": "weekday",
	"hour": "hour", "hh": "hour", "minute": "minute", "mi": "minute", "n": "minute", "second": "second", "ss": "second", "s": "second",
	"millisecond": "millisecond", "ms": "millisecond", "microsecond": "microsecond", "mcs": "microsecond",
	"nanosecond": "nanosecond", "ns": "nanosecond", "tzoffset": "tzoffset", "tz": "tzoffset", "iso_week": "iso_week", "isowk": "iso_week", "isoww": "iso_week",
}

// bindDateFunc binds the functions whose first argument names a date part.
func (c *compiler) bindDateFunc(name string, x *funcExpr, sc *scope) (*bexpr, error) {
	want := 3
	if name == "DATEPART" || name == "DATENAME" || name == "DATETRUNC" {
		want = 2
	}
	if err := argCount(x, want, want); err != nil {
		return nil, err
	}
	col, ok := x.args[0].(*colExpr)
	if !ok || len(col.parts) != 1 {
		return nil, abortf(1023, "Invalid parameter 1 specified for %s.", strings.ToLower(name)).class(15)
	}
	part := dateParts[strings.ToLower(col.parts[0])]
	if part == "" {
		return nil, abortf(155, "'%s' is not a recognized %s option.", col.parts[0], strings.ToLower(name)).class(15)
	}
	args, err := c.bindAll(x.args[1:], sc)
	if err != nil {
		return nil, err
	}
	date := len(args) - 1
	for i := range args {
		if i == 0 && name == "DATEADD" {
			if args[0], err = c.coerce(args[0], tBigInt); err != nil {
				return nil, err
			}
			continue
		}
		if t := args[i].t; !t.isDateTime() {
			to := tDateTime
			if t.isString() && name != "DATEADD" {
				to = tDateTimeOffset
			}
			if args[i], err = c.coerce(args[i], to); err != nil {
				return nil, err
			}
		}
	}
	dt := args[date].t
	two := func(f func(a, b Value, x *ectx) (Value, error)) evalFn {
		return func(x *ectx) (Value, error) {
			a, err := args[0].eval(x)
			if err != nil || a == nil {
				return nil, err
			}
			b, err := args[date].eval(x)
			if err != nil || b == nil {
				return nil, err
			}
			return f(a, b, x)
		}
	}
	var e *bexpr
	switch name {
	case "DATEADD":
		e = compose(dt, args, two(func(a, b Value, _ *ectx) (Value, error) { return dateAdd(part, a.(int64), b.(time.Time), dt) }))
	case "DATEDIFF", "DATEDIFF_BIG":
		t := tInt
		if name == "DATEDIFF_BIG" {
			t = tBigInt
		}
		e = compose(t, args, two(func(a, b Value, _ *ectx) (Value, error) {
			n := dateDiff(part, a.(time.Time), b.(time.Time))
			if t == tInt && n != int64(int32(n)) {
				return nil, errf(535, "The datediff function resulted in an overflow. The number of dateparts separating two date/time instances is too large. Try to use datediff with a less precise datepart.").terminates()
			}
			return n, nil
		}))
	case "DATEPART":
		e = compose(tInt, args, two(func(_, b Value, x *ectx) (Value, error) {
			return datePart(part, b.(time.Time), x.s.opts.dateFirst), nil
		}))
	case "DATENAME":
		e = compose(nvarchar(30), args, two(func(_, b Value, x *ectx) (Value, error) {
			t := b.(time.Time)
			switch part {
			case "month":
				return t.Month().String(), nil
			case "weekday":
				return t.Weekday().String(), nil
			}
			return itoa(datePart(part, t, x.s.opts.dateFirst)), nil
		}))
	default:
		e = compose(dt, args, two(func(_, b Value, _ *ectx) (Value, error) { return dateTrunc(part, b.(time.Time)), nil }))
	}
	return e, nil
}

func dateAdd(part string, n int64, t time.Time, dt typ) (Value, error) {
	overflow := errf(517, "Adding a value to a '%s' column caused an overflow.", kindNames[dt.kind]).terminates()
	if n > math.MaxInt32 || n < math.MinInt32 {
		return nil, errOverflow(tInt)
	}
	var r time.Time
	months := 0
	switch part {
	case "year":
		months = int(n) * 12
	case "quarter":
		months = int(n) * 3
	case "month":
		months = int(n)
	case "day", "dayofyear", "weekday":
		r = t.AddDate(0, 0, int(n))
	case "week":
		r = t.AddDate(0, 0, 7*int(n))
	case "hour":
		r = addUnits(t, n, time.Hour)
	case "minute":
		r = addUnits(t, n, time.Minute)
	case "second":
		r = addUnits(t, n, time.Second)
	case "millisecond":
		r = addUnits(t, n, time.Millisecond)
	case "microsecond":
		r = addUnits(t, n, time.Microsecond)
	case "nanosecond":
		r = addUnits(t, n, time.Nanosecond)
	}
	if part == "year" || part == "quarter" || part == "month" {
		first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, t.Location()).AddDate(0, months, 0)
		last := first.AddDate(0, 1, -1).Day()
		h, m, s := t.Clock()
		r = time.Date(first.Year(), first.Month(), min(t.Day(), last), h, m, s, t.Nanosecond(), t.Location())
	}
	if dt.kind == kTime {
		return timeOfDay(r), nil
	}
	if r.Year() < 1 || r.Year() > 9999 {
		return nil, overflow
	}
	v, err := fitTime(r, dt, dt)
	if err != nil {
		return nil, overflow
	}
	return v, nil
}

// addUnits adds n units without overflow of a Duration.
func addUnits(t time.Time, n int64, unit time.Duration) time.Time {
	perDay := int64(24 * time.Hour / unit)
	return t.AddDate(0, 0, int(n/perDay)).Add(time.Duration(n%perDay) * unit)
}

// dateDiff counts the boundaries of a part between two times.
func dateDiff(part string, a, b time.Time) int64 {
	a, b = a.UTC(), b.UTC()
	months := func(t time.Time) int64 { return int64(t.Year())*12 + int64(t.Month()) - 1 }
	ticks := func(unit int64) int64 { return floorDiv(toTicks(b), unit) - floorDiv(toTicks(a), unit) }
	switch part {
	case "year":
		return int64(b.Year() - a.Year())
	case "quarter":
		return months(b)/3 - months(a)/3
	case "month":
		return months(b) - months(a)
	case "day", "dayofyear", "weekday":
		return ticks(ticksPerDay)
	case "week", "iso_week":
		return floorDiv(toTicks(b)/ticksPerDay+1, 7) - floorDiv(toTicks(a)/ticksPerDay+1, 7)
	case "hour":
		return ticks(3600 * ticksPerSecond)
	case "minute":
		return ticks(60 * ticksPerSecond)
	case "second":
		return ticks(ticksPerSecond)
	case "millisecond":
		return ticks(ticksPerSecond / 1000)
	case "microsecond":
		return ticks(10)
	case "nanosecond":
		return ticks(1) * 100
	}
	return 0
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func datePart(part string, t time.Time, first int) int64 {
	switch part {
	case "year":
		return int64(t.Year())
	case "quarter":
		return int64(t.Month()-1)/3 + 1
	case "month":
		return int64(t.Month())
	case "dayofyear":
		return int64(t.YearDay())
	case "day":
		return int64(t.Day())
	case "week":
		jan1 := time.Date(t.Year(), 1, 1, 0, 0, 0, 0, t.Location())
		off := (int(jan1.Weekday()) - first%7 + 7) % 7
		return int64((t.YearDay()-1+off)/7 + 1)
	case "weekday":
		return int64((int(t.Weekday())-first%7+7)%7 + 1)
	case "hour":
		return int64(t.Hour())
	case "minute":
		return int64(t.Minute())
	case "second":
		return int64(t.Second())
	case "millisecond":
		return int64(t.Nanosecond() / 1e6)
	case "microsecond":
		return int64(t.Nanosecond() / 1e3)
	case "nanosecond":
		return int64(t.Nanosecond())
	case "tzoffset":
		_, off := t.Zone()
		return int64(off / 60)
	case "iso_week":
		_, w := t.ISOWeek()
		return int64(w)
	}
	return 0
}

func dateTrunc(part string, t time.Time) time.Time {
	y, m, d := t.Date()
	loc := t.Location()
	switch part {
	case "year":
		return time.Date(y, 1, 1, 0, 0, 0, 0, loc)
	case "quarter":
		return time.Date(y, (m-1)/3*3+1, 1, 0, 0, 0, 0, loc)
	case "month":
		return time.Date(y, m, 1, 0, 0, 0, 0, loc)
	case "week":
		return time.Date(y, m, d-int(t.Weekday()), 0, 0, 0, 0, loc)
	case "hour":
		return t.Truncate(time.Hour)
	case "minute":
		return t.Truncate(time.Minute)
	case "second":
		return t.Truncate(time.Second)
	case "millisecond":
		return t.Truncate(time.Millisecond)
	case "microsecond":
		return t.Truncate(time.Microsecond)
	}
	return time.Date(y, m, d, 0, 0, 0, 0, loc)
}

func dateFuncs(m map[string]scalarFunc) {
	now := func(t typ) scalarFunc {
		return scalarFunc{0, 0, "a", fixed(t), false, true, false, func(x *ectx, _ []Value, _ []typ) (Value, error) {
			return fitTime(x.now, t, t)
		}}
	}
	m["GETDATE"], m["GETUTCDATE"] = now(tDateTime), now(tDateTime)
	m["SYSDATETIME"], m["SYSUTCDATETIME"], m["SYSDATETIMEOFFSET"] = now(tDateTime2), now(tDateTime2), now(tDateTimeOffset)
	for name, part := range map[string]string{"YEAR": "year", "MONTH": "month", "DAY": "day"} {
		m[name] = scalarFunc{1, 1, "a", fixed(tInt), false, false, false, func(x *ectx, v []Value, t []typ) (Value, error) {
			to := tDateTime
			if t[0].isDateTime() || t[0].isString() {
				to = tDate
			}
			d, err := convert(v[0], t[0], to, convOpts{dateFormat: x.dateFormat()})
			if err != nil {
				return nil, err
			}
			return datePart(part, d.(time.Time), 7), nil
		}}
	}
	m["EOMONTH"] = scalarFunc{1, 2, "ai", fixed(tDate), false, false, false, func(x *ectx, v []Value, t []typ) (Value, error) {
		d, err := convert(v[0], t[0], tDate, convOpts{dateFormat: x.dateFormat()})
		if err != nil {
			return nil, err
		}
		months := 1
		if len(v) > 1 {
			months += int(num(v[1]))
		}
		a := d.(time.Time)
		return time.Date(a.Year(), a.Month()+time.Month(months), 0, 0, 0, 0, 0, time.UTC), nil
	}}
	parts := func(t typ, n int) scalarFunc {
		return scalarFunc{n, n, "i", func(a []*bexpr) typ {
			if n == 8 && a[7].literal {
				if v, err := a[7].eval(nil); err == nil {
					t.scale = uint8(num(v))
				}
			}
			return t
		}, false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
			var k [8]int
			for i := range v {
				k[i] = int(num(v[i]))
			}
			ns := k[6] * int(time.Millisecond)
			if n == 8 {
				ns = k[6] * int(math.Pow10(9-k[7]))
			}
			d := time.Date(k[0], time.Month(k[1]), k[2], k[3], k[4], k[5], ns, time.UTC)
			if k[0] < 1 || k[0] > 9999 || int(d.Month()) != k[1] || d.Day() != k[2] || d.Hour() != k[3] || d.Minute() != k[4] || d.Second() != k[5] {
				return nil, abortf(289, "Cannot construct data type %s, some of the arguments have values which are not valid.", kindNames[t.kind])
			}
			return fitTime(d, t, t)
		}}
	}
	m["DATEFROMPARTS"], m["DATETIMEFROMPARTS"], m["DATETIME2FROMPARTS"] = parts(tDate, 3), parts(tDateTime, 7), parts(tDateTime2, 8)
	m["SWITCHOFFSET"] = scalarFunc{2, 2, "as", fixed(tDateTimeOffset), false, false, false, func(x *ectx, v []Value, t []typ) (Value, error) {
		d, err := convert(v[0], t[0], tDateTimeOffset, convOpts{dateFormat: x.dateFormat()})
		if err != nil {
			return nil, err
		}
		z, err := zone(str(v[1]))
		if err != nil {
			return nil, err
		}
		return d.(time.Time).In(z), nil
	}}
	m["TODATETIMEOFFSET"] = scalarFunc{2, 2, "as", fixed(tDateTimeOffset), false, false, false, func(x *ectx, v []Value, t []typ) (Value, error) {
		d, err := convert(v[0], t[0], tDateTime2, convOpts{dateFormat: x.dateFormat()})
		if err != nil {
			return nil, err
		}
		z, err := zone(str(v[1]))
		if err != nil {
			return nil, err
		}
		a := d.(time.Time)
		return time.Date(a.Year(), a.Month(), a.Day(), a.Hour(), a.Minute(), a.Second(), a.Nanosecond(), z), nil
	}}
}

// zone reads an offset like +02:00, or UTC.
func zone(s string) (*time.Location, error) {
	if strings.EqualFold(s, "UTC") {
		return time.FixedZone("", 0), nil
	}
	t, err := time.Parse("-07:00", s)
	if err != nil {
		return nil, abortf(9812, "The timezone provided to builtin function switchoffset is invalid.")
	}
	_, off := t.Zone()
	return time.FixedZone("", off), nil
}

// bindAtTimeZone binds AT TIME ZONE for UTC and plain offsets.
func bindAtTimeZone(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
	args, err := c.bindAll(x.args, sc)
	if err != nil {
		return nil, err
	}
	from := args[0].t
	return compose(tDateTimeOffset, args, func(x *ectx) (Value, error) {
		v, err := args[0].eval(x)
		if err != nil || v == nil {
			return nil, err
		}
		zv, err := args[1].eval(x)
		if err != nil {
			return nil, err
		}
		z, err := zone(str(zv))
		if err != nil {
			return nil, abortf(9820, "The time zone parameter '%s' provided to AT TIME ZONE clause is invalid.", str(zv))
		}
		d, err := convert(v, from, tDateTimeOffset, convOpts{dateFormat: x.dateFormat()})
		if err != nil {
			return nil, err
		}
		a := d.(time.Time)
		if from.kind == kDateTimeOffset {
			return a.In(z), nil
		}
		return time.Date(a.Year(), a.Month(), a.Day(), a.Hour(), a.Minute(), a.Second(), a.Nanosecond(), z), nil
	}), nil
}
