package tsql

import (
	"crypto/md5"  //nolint:gosec // HASHBYTES offers it
	"crypto/sha1" //nolint:gosec // HASHBYTES offers it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

func jsonStrings(list []string) string {
	b, err := json.Marshal(list)
	if err != nil {
		return "[]"
	}
	return string(b)
}

// subString is SUBSTRING in the units of t.
func subString(s string, start, length int, t typ) string {
	if start < 1 {
		length += start - 1
		start = 1
	}
	if length <= 0 {
		return ""
	}
	rest := s[len(cutString(s, start-1, t)):]
	return cutString(rest, length, t)
}

// charIndex is the position of a in s from start on, without case.
func charIndex(a, s string, start int) int64 {
	ra, rs := []rune(strings.ToLower(a)), []rune(strings.ToLower(s))
	if len(ra) == 0 {
		return 0
	}
	for i := max(start-1, 0); i+len(ra) <= len(rs); i++ {
		if string(rs[i:i+len(ra)]) == string(ra) {
			return int64(i + 1)
		}
	}
	return 0
}

// replaceFold replaces all occurrences without regard to case.
func replaceFold(s, old, repl string) string {
	if old == "" {
		return s
	}
	low, lowOld := strings.ToLower(s), strings.ToLower(old)
	if len(low) != len(s) || len(lowOld) != len(old) {
		return strings.ReplaceAll(s, old, repl)
	}
	var b strings.Builder
	for {
		i := strings.Index(low, lowOld)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i] + repl)
		s, low = s[i+len(old):], low[i+len(old):]
	}
}

func sameType(args []*bexpr) typ { return variable(args[0].t) }

// anyType is the type of the first argument, at its largest.
func maxOf(args []*bexpr) typ {
	t := variable(args[0].t)
	for _, a := range args[1:] {
		if a.t.isString() {
			t = variable(commonType(t, a.t))
		}
	}
	if t.isMax() || t.kind == kText || t.kind == kXML {
		return t
	}
	t.size = 8000
	if t.isNational() {
		t.size = 4000
	}
	return t
}

func str(v Value) string { s, _ := v.(string); return s }

func num(v Value) int64 { n, _ := toInt(v); return n }

func stringFuncs(m map[string]scalarFunc) {
	each := func(f func(string) string) func(*ectx, []Value, []typ) (Value, error) {
		return func(_ *ectx, v []Value, _ []typ) (Value, error) { return f(str(v[0])), nil }
	}
	m["UPPER"] = scalarFunc{1, 1, "s", sameType, false, false, false, each(strings.ToUpper)}
	m["LOWER"] = scalarFunc{1, 1, "s", sameType, false, false, false, each(strings.ToLower)}
	m["LTRIM"] = scalarFunc{1, 1, "s", sameType, false, false, false, each(func(s string) string { return strings.TrimLeft(s, " ") })}
	m["RTRIM"] = scalarFunc{1, 1, "s", sameType, false, false, false, each(func(s string) string { return strings.TrimRight(s, " ") })}
	m["TRIM"] = scalarFunc{1, 1, "s", sameType, false, false, false, each(func(s string) string { return strings.Trim(s, " ") })}
	m["REVERSE"] = scalarFunc{1, 1, "s", sameType, false, false, false, each(func(s string) string {
		r := []rune(s)
		for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
			r[i], r[j] = r[j], r[i]
		}
		return string(r)
	})}
	m["LEN"] = scalarFunc{1, 1, "s", func(a []*bexpr) typ {
		if a[0].t.isMax() {
			return tBigInt
		}
		return tInt
	}, false, false, false, func(_ *ectx, v []Value, t []typ) (Value, error) {
		return int64(strLen(strings.TrimRight(str(v[0]), " "), t[0])), nil
	}}
	m["DATALENGTH"] = scalarFunc{1, 1, "a", func(a []*bexpr) typ {
		if a[0].t.isMax() {
			return tBigInt
		}
		return tInt
	}, false, false, false, func(_ *ectx, v []Value, t []typ) (Value, error) { return dataLength(v[0], t[0]), nil }}
	m["SUBSTRING"] = scalarFunc{3, 3, "abb", sameType, false, false, false, func(_ *ectx, v []Value, t []typ) (Value, error) {
		start, n := int(num(v[1])), int(num(v[2]))
		if n < 0 {
			return nil, abortf(537, "Invalid length parameter passed to the LEFT or SUBSTRING function.").state(3)
		}
		if b, ok := v[0].([]byte); ok {
			if start < 1 {
				n, start = n+start-1, 1
			}
			lo := min(start-1, len(b))
			return append([]byte{}, b[lo:min(len(b), lo+max(n, 0))]...), nil
		}
		s, err := toText(v[0], t[0], convOpts{})
		return subString(s, start, n, t[0]), err
	}}
	m["CHARINDEX"] = scalarFunc{2, 3, "nni", fixed(tInt), false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		start := 1
		if len(v) > 2 {
			start = int(num(v[2]))
		}
		return charIndex(str(v[0]), str(v[1]), start), nil
	}}
	m["PATINDEX"] = scalarFunc{2, 2, "n", fixed(tInt), false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		return patIndex(str(v[0]), str(v[1])), nil
	}}
	m["REPLACE"] = scalarFunc{3, 3, "s", maxOf, false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		return replaceFold(str(v[0]), str(v[1]), str(v[2])), nil
	}}
	m["STUFF"] = scalarFunc{4, 4, "siis", maxOf, false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		r := []rune(str(v[0]))
		at, n := int(num(v[1])), int(num(v[2]))
		if at < 1 || at > len(r) || n < 0 {
			return nil, nil
		}
		return string(r[:at-1]) + str(v[3]) + string(r[min(len(r), at-1+n):]), nil
	}}
	m["CONCAT"] = scalarFunc{2, -1, "s", maxOf, true, true, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		var b strings.Builder
		for _, x := range v {
			b.WriteString(str(x))
		}
		return b.String(), nil
	}}
	m["CONCAT_WS"] = scalarFunc{3, -1, "s", maxOf, true, true, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		var parts []string
		for _, x := range v[1:] {
			if x != nil {
				parts = append(parts, str(x))
			}
		}
		return strings.Join(parts, str(v[0])), nil
	}}
	m["ASCII"] = scalarFunc{1, 1, "s", fixed(tInt), false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		for _, r := range str(v[0]) {
			b, _ := code1252(r)
			return int64(b), nil
		}
		return nil, nil
	}}
	m["UNICODE"] = scalarFunc{1, 1, "n", fixed(tInt), false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		u := utf16.Encode([]rune(str(v[0])))
		if len(u) == 0 {
			return nil, nil
		}
		return int64(u[0]), nil
	}}
	m["CHAR"] = scalarFunc{1, 1, "i", fixed(typ{kind: kChar, size: 1}), false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		if n := num(v[0]); n >= 0 && n <= 255 {
			return decode1252([]byte{byte(n)}), nil
		}
		return nil, nil
	}}
	m["NCHAR"] = scalarFunc{1, 1, "i", fixed(typ{kind: kNChar, size: 1}), false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		if n := num(v[0]); n >= 0 && n <= 0x10FFFF {
			return string(rune(n)), nil
		}
		return nil, nil
	}}
	m["QUOTENAME"] = scalarFunc{1, 2, "n", fixed(nvarchar(258)), false, false, false, quoteName}
	m["STR"] = scalarFunc{1, 3, "fii", fixed(varchar(8000)), false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		width, dec := 10, 0
		if len(v) > 1 {
			width = int(num(v[1]))
		}
		if len(v) > 2 {
			dec = int(num(v[2]))
		}
		f, _ := toFloat(v[0])
		s := fmt.Sprintf("%*.*f", min(width, 8000), max(0, min(dec, 16)), f)
		if len(s) > width {
			s = strings.Repeat("*", max(0, width))
		}
		return s, nil
	}}
	m["TRANSLATE"] = scalarFunc{3, 3, "s", sameType, false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		from, to := []rune(str(v[1])), []rune(str(v[2]))
		if len(from) != len(to) {
			return nil, abortf(9828, "The second and third arguments of the TRANSLATE built-in function must contain an equal number of characters.")
		}
		return strings.Map(func(r rune) rune {
			for i, f := range from {
				if f == r {
					return to[i]
				}
			}
			return r
		}, str(v[0])), nil
	}}
	m["HASHBYTES"] = scalarFunc{2, 2, "na", fixed(varbinary(8000)), false, false, false, hashBytes}
	checksum := func(_ *ectx, v []Value, t []typ) (Value, error) {
		h := crc32.NewIEEE()
		for i, x := range v {
			s, err := toText(x, t[i], convOpts{})
			if x == nil || err != nil {
				s = "\x00"
			}
			h.Write([]byte(strings.ToLower(strings.TrimRight(s, " ")) + "\x01"))
		}
		return int64(int32(h.Sum32())), nil
	}
	m["CHECKSUM"] = scalarFunc{1, -1, "a", fixed(tInt), true, true, false, checksum}
	m["BINARY_CHECKSUM"] = m["CHECKSUM"]
	m["ISNUMERIC"] = scalarFunc{1, 1, "a", fixed(tInt), true, true, false, func(_ *ectx, v []Value, t []typ) (Value, error) {
		if v[0] == nil {
			return int64(0), nil
		}
		if t[0].isNumeric() {
			return int64(1), nil
		}
		if s, ok := v[0].(string); ok {
			if _, err := parseNumber(s, t[0], tFloat); err == nil && strings.TrimSpace(s) != "" {
				return int64(1), nil
			}
			if _, err := parseNumber(s, t[0], tMoney); err == nil && strings.TrimSpace(s) != "" {
				return int64(1), nil
			}
		}
		return int64(0), nil
	}}
	m["ISDATE"] = scalarFunc{1, 1, "n", fixed(tInt), true, true, false, func(x *ectx, v []Value, _ []typ) (Value, error) {
		if s, ok := v[0].(string); ok && strings.TrimSpace(s) != "" {
			if t, ok := parseTime(s, x.dateFormat(), 0); ok && !t.Before(minDateTime) {
				return int64(1), nil
			}
		}
		return int64(0), nil
	}}
	m["FORMAT"] = scalarFunc{2, 3, "an", fixed(nvarchar(4000)), false, false, false, formatFunc}
}

func quoteName(_ *ectx, v []Value, _ []typ) (Value, error) {
	open, shut := "[", "]"
	if len(v) > 1 {
		switch q := str(v[1]); q {
		case "'", `"`:
			open, shut = q, q
		case "(", ")":
			open, shut = "(", ")"
		case "[", "]":
		default:
			return nil, nil
		}
	}
	if utf16Len(str(v[0])) > 128 {
		return nil, nil
	}
	return open + strings.ReplaceAll(str(v[0]), shut, shut+shut) + shut, nil
}

func hashBytes(_ *ectx, v []Value, t []typ) (Value, error) {
	b, err := convert(v[1], t[1], tVarBinaryMax, convOpts{})
	if err != nil {
		return nil, err
	}
	data, _ := b.([]byte)
	switch strings.ToUpper(str(v[0])) {
	case "MD5":
		s := md5.Sum(data)
		return s[:], nil
	case "SHA", "SHA1":
		s := sha1.Sum(data)
		return s[:], nil
	case "SHA2_256":
		s := sha256.Sum256(data)
		return s[:], nil
	case "SHA2_512":
		s := sha512.Sum512(data)
		return s[:], nil
	}
	return nil, nil
}

// dataLength is DATALENGTH: the bytes a value takes.
func dataLength(v Value, t typ) Value {
	switch x := v.(type) {
	case string:
		if t.isNational() {
			return int64(2 * utf16Len(x))
		}
		return int64(utf8.RuneCountInString(x))
	case []byte:
		return int64(len(x))
	}
	return int64(t.maxLength())
}
