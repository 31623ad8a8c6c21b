package tsql

import (
	"strings"
	"unicode/utf8"
)

// cp1252High are the characters of code page 1252 from 0x80 to 0x9F.
var cp1252High = [32]rune{
	0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D, 0x8F,
	0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178,
}

// code1252 is the byte of r in code page 1252.
func code1252(r rune) (byte, bool) {
	if r < 0x80 || r >= 0xA0 && r <= 0xFF {
		return byte(r), true
	}
	for i, h := range cp1252High {
		if h == r {
			return byte(0x80 + i), true
		}
	}
	return '?', false
}

// to1252 replaces what code page 1252 cannot hold by question marks.
func to1252(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return s
	}
	return strings.Map(func(r rune) rune {
		if _, ok := code1252(r); !ok {
			return '?'
		}
		return r
	}, s)
}

func encode1252(s string) []byte {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		c, _ := code1252(r)
		b = append(b, c)
	}
	return b
}

func decode1252(b []byte) string {
	var s strings.Builder
	s.Grow(len(b))
	for _, c := range b {
		if c >= 0x80 && c < 0xA0 {
			s.WriteRune(cp1252High[c-0x80])
		} else {
			s.WriteRune(rune(c))
		}
	}
	return s.String()
}
