package statement

import (
	"strings"

	"sluice/tds"
)

// maxName is the longest name or resource that is told apart, in UTF-16 units:
// that of an application lock. Servers cut longer ones too.
const maxName = 255

// isName tells whether a token can be a name, or a part of one.
func (t *token) isName() bool {
	return t.kind == tokWord || t.kind == tokBracket || t.kind == tokDouble
}

// isText tells whether a token can be a string.
func (t *token) isText() bool { return t.kind == tokString || t.kind == tokDouble }

func (t *token) is(punct byte) bool { return t.kind == tokPunct && t.punct == punct }

// value is what a name or string stands for; "" if the text was not kept.
func (t *token) value() string {
	s := tds.DecodeUTF16(t.text)
	if !t.doubled {
		return s
	}
	switch t.kind {
	case tokBracket:
		return strings.ReplaceAll(s, "]]", "]")
	case tokDouble:
		return strings.ReplaceAll(s, `""`, `"`)
	}
	return strings.ReplaceAll(s, "''", "'")
}

// valueOr is value, or known without taking memory if they are the same.
func (t *token) valueOr(known string) string {
	if len(t.text) != 2*len(known) || t.doubled {
		return t.value()
	}
	for i := range len(known) {
		if t.text[2*i] != known[i] || t.text[2*i+1] != 0 || known[i] >= 0x80 {
			return t.value()
		}
	}
	return known
}

// begins tells whether a name or string begins with an ASCII text.
func (t *token) begins(s string) bool {
	if len(t.text) < 2*len(s) {
		return false
	}
	for i := range len(s) {
		if t.text[2*i] != s[i] || t.text[2*i+1] != 0 {
			return false
		}
	}
	return true
}

// known cuts a name to the length that counts.
func known(s string) string {
	if len(s) <= maxName {
		return s
	}
	n := 0
	for i, c := range s {
		if n++; c > 0xFFFF {
			n++
		}
		if n > maxName {
			return s[:i]
		}
	}
	return s
}

// name is a name of several parts at the start of some tokens.
type name struct {
	parts [4]*token // nil where a part is left out, as in tempdb..t
	n     int
	size  int // tokens read
}

// last is the last part, nil if there is no name.
func (n *name) last() *token {
	if n.n == 0 || n.n > 4 {
		return nil
	}
	return n.parts[n.n-1]
}

// parseName reads a name of one to four parts.
func parseName(toks []token) (n name) {
	part := true
	for i := range toks {
		t := &toks[i]
		switch {
		case t.is('.'):
			if part { // a part is left out
				n.n++
			}
			part = true
		case part && t.isName():
			if n.n < len(n.parts) {
				n.parts[n.n] = t
			}
			n.n++
			part = false
		default:
			return n
		}
		n.size = i + 1
	}
	return n
}

// lastPart is the last part of a procedure's name as RPC requests carry it:
// [db].dbo.[name];1.
func lastPart(s string) string {
	b := tds.AppendUTF16(make([]byte, 0, 2*len(s)), s)
	l := lexer{b: b, final: true}
	var toks [12]token
	n := 0
	for ; n < len(toks); n++ {
		if l.next(&toks[n]); toks[n].kind == tokEnd {
			break
		}
	}
	nm := parseName(toks[:n])
	if t := nm.last(); t != nil {
		return t.value()
	}
	return s
}

// CursorName is the name of the pin of an API cursor.
func CursorName(handle int32) string {
	if handle == 0 {
		return "API cursor"
	}
	return "API cursor " + itoa(int64(handle))
}
