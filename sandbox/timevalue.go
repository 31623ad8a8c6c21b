package sandbox

import (
	"encoding/binary"
	"time"

	"sluice/tds"
)

// Day numbers of 1970-01-01 in the calendars of the date types.
const (
	epochDayFrom1    = 719_162 // days since 0001-01-01
	epochDayFrom1900 = 25_567  // days since 1900-01-01
	secondsPerDay    = 86_400
	ticksPerDay      = 300 * secondsPerDay // of datetime
)

// wall splits a time into the day number of its calendar date, counted from
// 1970-01-01, and the nanoseconds since midnight.
func wall(t time.Time) (day int64, ns int64) {
	_, offset := t.Zone()
	sec := t.Unix() + int64(offset)
	day = sec / secondsPerDay
	if sec %= secondsPerDay; sec < 0 {
		sec += secondsPerDay
		day--
	}
	return day, sec*1e9 + int64(t.Nanosecond())
}

// unwall is the inverse of wall, in UTC.
func unwall(day, ns int64) time.Time {
	return time.Unix(day*secondsPerDay, ns).UTC()
}

// scaleUnit is the length in ns of one unit of a time of a scale.
func scaleUnit(scale byte) int64 {
	u := int64(1e9)
	for range min(scale, 9) {
		u /= 10
	}
	return u
}

func appendUintN(dst []byte, v uint64, n int) []byte {
	for range n {
		dst = append(dst, byte(v))
		v >>= 8
	}
	return dst
}

func uintN(b []byte) (v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

func appendDate(dst []byte, day int64) []byte {
	return appendUintN(dst, uint64(day+epochDayFrom1), 3)
}

func appendClock(dst []byte, ns int64, scale byte) []byte {
	return appendUintN(dst, uint64(ns/scaleUnit(scale)), tds.TimeSize(scale))
}

// appendTime appends a value of one of the date and time types, without length.
// size tells DATETIME (8) and SMALLDATETIME (4) apart.
func appendTime(dst []byte, id tds.TypeID, size int, scale byte, t time.Time) []byte {
	le := binary.LittleEndian
	if id == tds.TypeDateTimeOffset {
		_, offset := t.Zone()
		day, ns := wall(t.UTC())
		dst = appendDate(appendClock(dst, ns, scale), day)
		return le.AppendUint16(dst, uint16(int16(offset/60)))
	}
	day, ns := wall(t)
	switch id {
	case tds.TypeDateN:
		return appendDate(dst, day)
	case tds.TypeTimeN:
		return appendClock(dst, ns, scale)
	case tds.TypeDateTime2N:
		return appendDate(appendClock(dst, ns, scale), day)
	}
	day += epochDayFrom1900
	if size == 4 {
		return le.AppendUint16(le.AppendUint16(dst, uint16(day)), uint16(ns/60e9))
	}
	ticks := (ns*3 + 5_000_000) / 10_000_000
	if ticks == ticksPerDay {
		day, ticks = day+1, 0
	}
	return le.AppendUint32(le.AppendUint32(dst, uint32(int32(day))), uint32(ticks))
}

// decodeTime reads a value of one of the date and time types.
func decodeTime(id tds.TypeID, scale byte, b []byte) (time.Time, bool) {
	le := binary.LittleEndian
	clock := tds.TimeSize(scale)
	need := map[tds.TypeID]int{
		tds.TypeDateN: 3, tds.TypeTimeN: clock, tds.TypeDateTime2N: clock + 3, tds.TypeDateTimeOffset: clock + 5,
	}[id]
	if need != 0 && len(b) != need {
		return time.Time{}, false
	}
	at := func() int64 { return int64(uintN(b[:clock])) * scaleUnit(scale) }
	date := func(b []byte) int64 { return int64(uintN(b[:3])) - epochDayFrom1 }
	switch id {
	case tds.TypeDateN:
		return unwall(date(b), 0), true
	case tds.TypeTimeN:
		return unwall(-epochDayFrom1, at()), true
	case tds.TypeDateTime2N:
		return unwall(date(b[clock:]), at()), true
	case tds.TypeDateTimeOffset:
		offset := int(int16(le.Uint16(b[clock+3:]))) * 60
		return unwall(date(b[clock:]), at()).In(time.FixedZone("", offset)), true
	}
	switch len(b) {
	case 4:
		return unwall(int64(le.Uint16(b))-epochDayFrom1900, int64(le.Uint16(b[2:]))*60e9), true
	case 8:
		// Ticks of 1/300 s are shown as thousandths ending in 0, 3 or 7.
		ms := (int64(le.Uint32(b[4:]))*10 + 1) / 3
		return unwall(int64(int32(le.Uint32(b)))-epochDayFrom1900, ms*1e6), true
	}
	return time.Time{}, false
}
