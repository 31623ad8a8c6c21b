package statement

import "bytes"

// kind of a token.
type kind uint8

const (
	tokEnd     kind = iota
	tokCut          // the text ends inside a token that more text may complete
	tokWord         // a bare name or keyword
	tokBracket      // [name]
	tokDouble       // "name", or a string if QUOTED_IDENTIFIER is OFF
	tokString       // 'text' or N'text'
	tokVar          // @name, @@name
	tokNumber
	tokBinary // 0x...
	tokPunct  // one character
)

// token is one lexeme. Its text aliases the input: a name without delimiters,
// the inside of a string with its quotes still doubled.
type token struct {
	kind    kind
	kw      keyword // of words and of @@ROWCOUNT and its like
	punct   byte
	doubled bool // the delimiter occurs doubled inside text
	unicode bool // N'...'
	lost    bool // text is incomplete
	text    []byte
}

// mode is what the text is inside of where a part of it ends.
type mode uint8

const (
	modeNone mode = iota
	modeString
	modeDouble
	modeBracket
	modeLine
	modeComment
	modeWord
)

// lexer splits UTF-16LE text into tokens. Comments and what is too long to keep
// are stepped over in parts (mode), everything else is read again from its
// beginning when more text has come.
type lexer struct {
	b     []byte // even length
	pos   int
	final bool // no more text comes
	mode  mode
	depth int  // of comments
	cr    bool // a line comment had a carriage return
	// keep is how many bytes of an unfinished token wait for more text.
	keep int
	// broken: a string, name or comment has no end.
	broken bool
	// odd: something that servers may read in more than one way.
	odd bool
}

// next reads a token. On tokCut, pos is where it must be read again.
func (l *lexer) next(t *token) {
	*t = token{}
	if l.mode != modeNone && !l.resume(t) {
		return
	}
	b, i := l.b, l.pos
	for i+1 < len(b) {
		c := b[i]
		if b[i+1] != 0 || c >= 0x80 {
			if !wideName(unit(b, i)) {
				i += 2
				continue
			}
			l.pos = i
			l.word(t)
			return
		}
		switch classes[c] {
		case classSpace:
			i += 2
		case classLetter:
			l.pos = i
			if (c == 'N' || c == 'n') && i+3 < len(b) && b[i+2] == '\'' && b[i+3] == 0 {
				l.quoted(t, i+2)
				t.unicode = true
				return
			}
			l.word(t)
			return
		case classDigit:
			l.pos = i
			l.number(t)
			return
		case classSign:
			l.pos = i
			if c == '$' && i+3 < len(b) && b[i+3] == 0 && b[i+2] < 0x80 && classes[b[i+2]] == classDigit {
				l.pos += 2
				l.number(t)
				return
			}
			l.word(t)
			if c == '@' && t.kind == tokWord {
				t.kind = tokVar
			}
			return
		default:
			l.pos = i
			if !l.punct(t, c) {
				return
			}
			if l.mode != modeNone && !l.resume(t) {
				return
			}
			i = l.pos
		}
	}
	l.pos = i
	t.kind = tokEnd
}

// punct reads what begins with a punctuation mark. It returns true after the
// start of a comment.
func (l *lexer) punct(t *token, c byte) bool {
	b, i := l.b, l.pos
	switch c {
	case '\'', '"', '[':
		l.quoted(t, i)
		return false
	case '-', '/', '.':
		if i+3 >= len(b) {
			if !l.final {
				t.kind = tokCut
				return false
			}
			break
		}
		n := b[i+2]
		switch {
		case b[i+3] != 0:
		case c == '-' && n == '-':
			l.pos, l.mode = i+4, modeLine
			return true
		case c == '/' && n == '*':
			l.pos, l.mode, l.depth = i+4, modeComment, 1
			return true
		case c == '.' && n < 0x80 && classes[n] == classDigit:
			l.number(t)
			return false
		}
	}
	t.kind, t.punct = tokPunct, c
	l.pos = i + 2
	return false
}

// quoted reads a string or a delimited name whose opening mark is at i.
func (l *lexer) quoted(t *token, i int) {
	m, k, end := modeString, tokString, byte('\'')
	switch l.b[i] {
	case '"':
		m, k, end = modeDouble, tokDouble, '"'
	case '[':
		m, k, end = modeBracket, tokBracket, ']'
	}
	start := i + 2
	stop, after, doubled := closing(l.b, start, end, l.final)
	if after < 0 {
		if !l.final && len(l.b)-l.pos <= l.keep {
			t.kind = tokCut
			return
		}
		// The token is told at once, without its text; the rest of it is
		// stepped over when it comes.
		l.pos = stop
		if l.final {
			l.broken = true
		} else {
			l.mode = m
		}
		t.kind, t.lost = k, true
		return
	}
	t.kind, t.text, t.doubled = k, l.b[start:stop], doubled
	l.pos = after
}

// closing finds the mark that ends a string or name from i on: stop is where it
// is, after the byte behind it. Without one, after is -1 and stop is where
// to go on looking once more text has come.
func closing(b []byte, i int, end byte, final bool) (stop, after int, doubled bool) {
	for i < len(b) {
		n := bytes.IndexByte(b[i:], end)
		if n < 0 {
			return len(b), -1, doubled
		}
		i += n
		if i&1 != 0 || b[i+1] != 0 { // b begins at an even place
			i++
			continue
		}
		if i+3 >= len(b) {
			if final {
				return i, i + 2, doubled
			}
			return i, -1, doubled // it may be doubled
		}
		if b[i+2] != end || b[i+3] != 0 {
			return i, i + 2, doubled
		}
		doubled = true
		i += 4
	}
	return len(b), -1, doubled
}

// resume steps over the rest of what a mode says. It returns false if the text
// ends before that, and then t is the end or a cut.
func (l *lexer) resume(t *token) bool {
	switch l.mode {
	case modeLine:
		return l.line()
	case modeComment:
		return l.comment(t)
	case modeWord:
		for l.pos+1 < len(l.b) && partOfName(l.b, l.pos) {
			l.pos += 2
		}
		if l.pos+1 >= len(l.b) && !l.final {
			t.kind = tokEnd
			return false
		}
	default:
		end := byte('\'')
		if l.mode == modeDouble {
			end = '"'
		} else if l.mode == modeBracket {
			end = ']'
		}
		stop, after, _ := closing(l.b, l.pos, end, l.final)
		if after < 0 {
			l.pos = stop
			t.kind = tokCut
			if l.final {
				l.broken, l.mode, t.kind = true, modeNone, tokEnd
			}
			return false
		}
		l.pos = after
	}
	l.mode = modeNone
	return true
}

func partOfName(b []byte, i int) bool {
	if b[i+1] != 0 || b[i] >= 0x80 {
		return wideName(unit(b, i))
	}
	return upper[b[i]] != 0
}

// line steps over a comment up to the end of its line. What follows a lone
// carriage return may or may not be part of it for a server.
func (l *lexer) line() bool {
	b := l.b
	for i := l.pos; i+1 < len(b); i += 2 {
		c := b[i]
		switch {
		case b[i+1] == 0 && c == '\n':
			l.pos, l.mode, l.cr = i+2, modeNone, false
			return true
		case b[i+1] == 0 && c == '\r':
			l.cr = true
		case l.cr && (b[i+1] != 0 || c > ' '):
			l.odd = true
		}
	}
	l.pos = len(b)
	if l.final {
		l.mode = modeNone
	}
	return false
}

// comment steps over the rest of a comment; comments nest.
func (l *lexer) comment(t *token) bool {
	b := l.b
	i := l.pos
	for i+1 < len(b) {
		c := b[i]
		if b[i+1] != 0 || c != '*' && c != '/' {
			i += 2
			continue
		}
		if i+3 >= len(b) {
			break
		}
		n := b[i+2]
		switch {
		case b[i+3] != 0:
			i += 2
		case c == '*' && n == '/':
			i += 4
			if l.depth--; l.depth == 0 {
				l.pos, l.mode = i, modeNone
				return true
			}
		case c == '/' && n == '*':
			i += 4
			l.depth++
		default:
			i += 2
		}
	}
	l.pos = i
	if l.final {
		l.pos, l.broken, l.mode = len(b), true, modeNone
		return false
	}
	t.kind = tokCut
	return false
}

// word reads a name, a keyword or a variable.
func (l *lexer) word(t *token) {
	b, i := l.b, l.pos
	start := i
	h := uint32(hashSeed)
	plain := true
	for i+1 < len(b) {
		c := b[i]
		if b[i+1] != 0 || c >= 0x80 {
			if !wideName(unit(b, i)) {
				break
			}
			plain = false
			i += 2
			continue
		}
		u := upper[c]
		if u == 0 {
			break
		}
		h = (h ^ uint32(u)) * hashPrime
		i += 2
	}
	if i+1 >= len(b) && !l.final {
		if i-start <= l.keep {
			t.kind = tokCut
			return
		}
		l.mode, t.lost, plain = modeWord, true, false
	}
	l.pos = i
	t.kind, t.text = tokWord, b[start:i]
	if plain {
		t.kw = lookup(h, t.text)
	}
}
