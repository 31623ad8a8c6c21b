package statement

import (
	"unicode"
	"unicode/utf16"
)

// class of a character below 0x80.
type class uint8

const (
	classSpace  class = iota // and control characters
	classLetter              // begins and continues a name; _ and # too
	classDigit
	classSign // @ and $, which continue a name
	classPunct
)

var classes = func() (t [128]class) {
	for c := range t {
		switch {
		case c <= ' ':
			t[c] = classSpace
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '#':
			t[c] = classLetter
		case c >= '0' && c <= '9':
			t[c] = classDigit
		case c == '@' || c == '$':
			t[c] = classSign
		default:
			t[c] = classPunct
		}
	}
	return t
}()

// upper folds ASCII letters; it is 0 for characters that cannot be part of a
// name.
var upper = func() (t [128]byte) {
	for c := range t {
		switch classes[c] {
		case classLetter, classDigit, classSign:
			t[c] = byte(c)
			if c >= 'a' && c <= 'z' {
				t[c] = byte(c) - 'a' + 'A'
			}
		}
	}
	return t
}()

// wideName tells whether a UTF-16 unit of 0x80 or more can be part of a name.
// Whatever else is there separates tokens, as space does.
func wideName(u uint16) bool {
	r := rune(u)
	if utf16.IsSurrogate(r) {
		return true
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Pc, unicode.Nl)
}

// unit reads the UTF-16 unit at byte i.
func unit(b []byte, i int) uint16 { return uint16(b[i]) | uint16(b[i+1])<<8 }

// equalFold compares two names without regard to case.
func equalFold(a, b string) bool {
	if len(a) == len(b) {
		same := true
		for i := 0; i < len(a) && same; i++ {
			x, y := a[i], b[i]
			same = x == y || x < 0x80 && y < 0x80 && upper[x] != 0 && upper[x] == upper[y]
		}
		if same {
			return true
		}
	}
	ra, rb := []rune(a), []rune(b)
	if len(ra) != len(rb) {
		return false
	}
	for i := range ra {
		if unicode.ToUpper(ra[i]) != unicode.ToUpper(rb[i]) {
			return false
		}
	}
	return true
}
