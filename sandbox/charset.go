package sandbox

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// isUTF8 tells whether a collation is one of the UTF-8 ones: fUTF8 of MS-TDS
// 2.2.5.1.2. All others count as code page 1252.
func isUTF8(collation [5]byte) bool { return collation[3]&0x04 != 0 }

// appendChars appends s in the code page of a collation; characters it does
// not have become question marks.
func appendChars(dst []byte, s string, collation [5]byte) []byte {
	if isUTF8(collation) {
		return append(dst, s...)
	}
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			dst = append(dst, s[i])
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		b, ok := charmap.Windows1252.EncodeRune(r)
		if !ok {
			b = '?'
		}
		dst = append(dst, b)
	}
	return dst
}

// decodeChars is the text of bytes in the code page of a collation.
func decodeChars(b []byte, collation [5]byte) string {
	ascii := true
	for _, c := range b {
		if c >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii || isUTF8(collation) {
		return string(b)
	}
	out := make([]byte, 0, len(b)+len(b)/4)
	for _, c := range b {
		out = utf8.AppendRune(out, charmap.Windows1252.DecodeByte(c))
	}
	return string(out)
}
