package sandbox

import (
	"fmt"
	"time"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// fixedSizes are the widths of the types without a length, which an engine
// need not fill in.
var fixedSizes = map[tds.TypeID]int{
	tds.TypeInt1: 1, tds.TypeBit: 1, tds.TypeInt2: 2, tds.TypeInt4: 4, tds.TypeInt8: 8, tds.TypeDateTim4: 4,
	tds.TypeDateTime: 8, tds.TypeFlt4: 4, tds.TypeFlt8: 8, tds.TypeMoney: 8, tds.TypeMoney4: 4,
}

// wireColumns are the columns of a result as a client of version v sees them.
func wireColumns(dst []tds.Column, cols []tsql.Column, v tds.Version) []tds.Column {
	dst = dst[:0]
	for _, c := range cols {
		w := tds.Column{Name: c.Name, Type: wireType(c.Type, v), Flags: tds.ColUnknownUpdate}
		if c.Nullable {
			w.Flags |= tds.ColNullable
		}
		if c.Identity {
			w.Flags |= tds.ColIdentity
		}
		dst = append(dst, w)
	}
	return dst
}

// wireType is the type that stands for t in TDS version v: older versions lack
// some, and the server sends those clients the nearest older type.
func wireType(t tds.TypeInfo, v tds.Version) tds.TypeInfo {
	if n, ok := fixedSizes[t.ID]; ok {
		t.Size = n
	}
	if !v.AtLeast(tds.V73A) {
		if n := clockTextSize(t.ID, t.Scale); n > 0 {
			return tds.TypeInfo{ID: tds.TypeNVarChar, Size: 2 * n, Collation: latin1}
		}
	}
	if !v.AtLeast(tds.V72) {
		switch {
		case t.ID == tds.TypeXML || t.ID == tds.TypeNVarChar && t.PLP():
			return tds.TypeInfo{ID: tds.TypeNText, Size: 0x7FFFFFFE, Collation: latin1}
		case t.ID == tds.TypeBigVarChar && t.PLP():
			return tds.TypeInfo{ID: tds.TypeText, Size: 0x7FFFFFFF, Collation: t.Collation}
		case t.ID == tds.TypeBigVarBinary && t.PLP():
			return tds.TypeInfo{ID: tds.TypeImage, Size: 0x7FFFFFFF}
		}
	}
	return t
}

// clockTextSize is the length in characters of the text that stands for a type
// which came with TDS 7.3; 0 for other types.
func clockTextSize(id tds.TypeID, scale byte) int {
	fraction := 0
	if scale > 0 {
		fraction = int(scale) + 1
	}
	switch id {
	case tds.TypeDateN:
		return 10
	case tds.TypeTimeN:
		return 8 + fraction
	case tds.TypeDateTime2N:
		return 19 + fraction
	case tds.TypeDateTimeOffset:
		return 26 + fraction
	}
	return 0
}

// wireValue is v as a client sees it whose version lacks the type t.
func wireValue(t tds.TypeInfo, v tsql.Value) tsql.Value {
	w, ok := v.(time.Time)
	if !ok {
		return v
	}
	clock := "15:04:05"
	if t.Scale > 0 {
		clock += fmt.Sprintf(".%0*d", int(t.Scale), 0)
	}
	switch t.ID {
	case tds.TypeDateN:
		return w.Format(time.DateOnly)
	case tds.TypeTimeN:
		return w.Format(clock)
	case tds.TypeDateTime2N:
		return w.Format(time.DateOnly + " " + clock)
	case tds.TypeDateTimeOffset:
		return w.Format(time.DateOnly + " " + clock + " -07:00")
	}
	return v
}
