package statement

import "sluice/tds"

// digestLength is that of a digest, in characters.
const digestLength = 60

// Digest returns the beginning of a statement with literals replaced by ?, and
// without comments: enough to find it in an application, and nothing secret.
func Digest(text []byte) string {
	const enough = 4 << 10
	l := lexer{b: text[:min(len(text), enough)&^1], final: true}
	out := make([]byte, 0, 2*digestLength+8)
	var t token
	for len(out) < 2*digestLength {
		before := l.pos
		if l.next(&t); t.kind == tokEnd {
			break
		}
		start := l.pos - tokenSize(&t)
		if len(out) > 0 && start > before {
			out = append(out, ' ', 0)
		}
		switch t.kind {
		case tokString, tokDouble, tokNumber, tokBinary:
			out = append(out, '?', 0)
		case tokPunct:
			out = append(out, t.punct, 0)
		case tokBracket:
			out = append(append(append(out, '[', 0), t.text...), ']', 0)
		default:
			out = append(out, t.text...)
		}
	}
	return clip(tds.DecodeUTF16(out))
}

// tokenSize is the size of a token in its text, in bytes, delimiters included.
func tokenSize(t *token) int {
	n := len(t.text)
	switch t.kind {
	case tokPunct:
		n = 2
	case tokBracket, tokDouble, tokString:
		n += 4
		if t.unicode {
			n += 2
		}
	}
	return n
}

// clip cuts a text to the length of a digest.
func clip(s string) string {
	n := 0
	for i := range s {
		if n == digestLength {
			return s[:i]
		}
		n++
	}
	return s
}
