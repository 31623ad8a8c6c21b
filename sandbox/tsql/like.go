package tsql

import (
	"strings"
	"unicode/utf8"
)

// likeMatcher matches a LIKE pattern.
type likeMatcher struct {
	parts []likePart
}

type likePart struct {
	kind   byte // '%', '_', 'c' literal, '[' set
	r      rune
	not    bool
	ranges [][2]rune
}

// newLike compiles a pattern; escape is one character or empty.
func newLike(pattern, escape string) *likeMatcher {
	m := &likeMatcher{}
	rs := []rune(pattern)
	esc, _ := utf8.DecodeRuneInString(escape)
	for i := 0; i < len(rs); i++ {
		switch r := rs[i]; {
		case escape != "" && r == esc && i+1 < len(rs):
			i++
			m.parts = append(m.parts, likePart{kind: 'c', r: fold(rs[i])})
		case r == '%':
			if n := len(m.parts); n == 0 || m.parts[n-1].kind != '%' {
				m.parts = append(m.parts, likePart{kind: '%'})
			}
		case r == '_':
			m.parts = append(m.parts, likePart{kind: '_'})
		case r == '[':
			j := i + 1
			p := likePart{kind: '['}
			if j < len(rs) && rs[j] == '^' {
				p.not = true
				j++
			}
			for j < len(rs) && rs[j] != ']' {
				if j+2 < len(rs) && rs[j+1] == '-' && rs[j+2] != ']' {
					p.ranges = append(p.ranges, [2]rune{fold(rs[j]), fold(rs[j+2])})
					j += 3
					continue
				}
				p.ranges = append(p.ranges, [2]rune{fold(rs[j]), fold(rs[j])})
				j++
			}
			if j >= len(rs) {
				m.parts = append(m.parts, likePart{kind: 'c', r: '['})
				continue
			}
			i = j
			m.parts = append(m.parts, p)
		default:
			m.parts = append(m.parts, likePart{kind: 'c', r: fold(r)})
		}
	}
	return m
}

func fold(r rune) rune {
	if r < utf8.RuneSelf {
		if r >= 'A' && r <= 'Z' {
			return r + 32
		}
		return r
	}
	return []rune(strings.ToLower(string(r)))[0]
}

func (p likePart) one(r rune) bool {
	switch p.kind {
	case '_':
		return true
	case 'c':
		return p.r == r
	}
	for _, g := range p.ranges {
		if r >= g[0] && r <= g[1] {
			return !p.not
		}
	}
	return p.not
}

// match runs in time proportional to the product of the lengths.
func (m *likeMatcher) match(s string) bool {
	rs := []rune(s)
	i, p := 0, 0
	star, mark := -1, 0
	for i < len(rs) {
		switch {
		case p < len(m.parts) && m.parts[p].kind == '%':
			star, mark = p, i
			p++
		case p < len(m.parts) && m.parts[p].one(fold(rs[i])):
			i, p = i+1, p+1
		case star >= 0:
			mark++
			i, p = mark, star+1
		default:
			// Trailing blanks of the value do not matter.
			return p == len(m.parts) && strings.TrimRight(string(rs[i:]), " ") == ""
		}
	}
	for p < len(m.parts) && m.parts[p].kind == '%' {
		p++
	}
	return p == len(m.parts)
}

// prefix reports whether the pattern, taken without its end, matches at the
// beginning of rs; for PATINDEX.
func patIndex(pattern, s string) int64 {
	m := newLike(pattern, "")
	rs := []rune(s)
	anchored := len(m.parts) == 0 || m.parts[0].kind != '%'
	if anchored {
		if m.match(s) {
			return 1
		}
		return 0
	}
	rest := &likeMatcher{m.parts[1:]}
	if len(rest.parts) == 0 {
		return 1
	}
	for i := range rs {
		if rest.match(string(rs[i:])) {
			return int64(i + 1)
		}
	}
	return 0
}
