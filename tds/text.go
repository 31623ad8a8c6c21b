package tds

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendUTF16 appends s as UTF-16LE.
func appendUTF16(dst []byte, s string) []byte {
	for _, r := range s {
		if r1, r2 := utf16.EncodeRune(r); r1 != utf8.RuneError {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(r1))
			dst = binary.LittleEndian.AppendUint16(dst, uint16(r2))
			continue
		}
		dst = binary.LittleEndian.AppendUint16(dst, uint16(r))
	}
	return dst
}

// AppendUTF16 appends s as UTF-16LE, the encoding of all text in TDS 7 and later.
func AppendUTF16(dst []byte, s string) []byte { return appendUTF16(dst, s) }

// DecodeUTF16 returns the text of UTF-16LE bytes; an odd last byte is left out
// and unpaired surrogates become U+FFFD.
func DecodeUTF16(b []byte) string {
	if len(b) < 2 {
		return ""
	}
	var out strings.Builder
	out.Grow(len(b) / 2)
	for i := 0; i+1 < len(b); i += 2 {
		r := rune(binary.LittleEndian.Uint16(b[i:]))
		if utf16.IsSurrogate(r) {
			var r2 rune
			if i+3 < len(b) {
				r2 = rune(binary.LittleEndian.Uint16(b[i+2:]))
			}
			if d := utf16.DecodeRune(r, r2); d != utf8.RuneError {
				r, i = d, i+2
			} else {
				r = utf8.RuneError
			}
		}
		out.WriteRune(r)
	}
	return out.String()
}

// utf16Len is the length of s in UTF-16 units.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// truncateUTF16 cuts s to at most n UTF-16 units.
func truncateUTF16(s string, n int) string {
	for i, r := range s {
		w := 1
		if r > 0xFFFF {
			w = 2
		}
		if n < w {
			return s[:i]
		}
		n -= w
	}
	return s
}

// appendBVarchar appends a B_VARCHAR; text past 255 units is cut.
func appendBVarchar(dst []byte, s string) []byte {
	s = truncateUTF16(s, 255)
	return appendUTF16(append(dst, byte(utf16Len(s))), s)
}

// appendUSVarchar appends a US_VARCHAR; text past 65,535 units is cut.
func appendUSVarchar(dst []byte, s string) []byte {
	s = truncateUTF16(s, 0xFFFF)
	return appendUTF16(binary.LittleEndian.AppendUint16(dst, uint16(utf16Len(s))), s)
}
