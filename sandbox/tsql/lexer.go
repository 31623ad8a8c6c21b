package tsql

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokKind classifies a token.
type tokKind uint8

const (
	tokEOF    tokKind = iota
	tokIdent          // bare identifier or keyword
	tokQuoted         // [x] or "x"
	tokVar            // @x or @@x
	tokInt
	tokDecimal
	tokFloat
	tokMoney
	tokString
	tokNString
	tokBinary // 0x...
	tokOp
)

// token is one lexeme. text is the value: unquoted, unescaped.
type token struct {
	kind       tokKind
	text       string
	upper      string // of identifiers and operators
	start, end int    // bytes in the source
	line       int32
}

// lexer splits T-SQL into tokens. With quoted identifiers off, "x" is a string.
type lexer struct {
	src       string
	pos       int
	line      int32
	quotedIDs bool
}

// tokenize returns the tokens of src, ended by a tokEOF.
func tokenize(src string, quotedIDs bool) ([]token, error) {
	l := &lexer{src: src, line: 1, quotedIDs: quotedIDs}
	toks := make([]token, 0, len(src)/4+2)
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		toks = append(toks, t)
		if t.kind == tokEOF {
			return toks, nil
		}
	}
}

func (l *lexer) skipSpace() error {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == '\n':
			l.line++
			l.pos++
		case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' || c == 0:
			l.pos++
		case c == '-' && strings.HasPrefix(l.src[l.pos:], "--"):
			i := strings.IndexByte(l.src[l.pos:], '\n')
			if i < 0 {
				i = len(l.src) - l.pos
			}
			l.pos += i
		case c == '/' && strings.HasPrefix(l.src[l.pos:], "/*"):
			if err := l.skipComment(); err != nil {
				return err
			}
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(l.src[l.pos:])
			if !unicode.IsSpace(r) && r != 0xFEFF {
				return nil
			}
			l.pos += n
		default:
			return nil
		}
	}
	return nil
}

// skipComment steps over a comment; they nest.
func (l *lexer) skipComment() error {
	depth := 0
	line := l.line
	for l.pos < len(l.src) {
		switch {
		case strings.HasPrefix(l.src[l.pos:], "/*"):
			depth++
			l.pos += 2
		case strings.HasPrefix(l.src[l.pos:], "*/"):
			depth--
			l.pos += 2
			if depth == 0 {
				return nil
			}
		default:
			if l.src[l.pos] == '\n' {
				l.line++
			}
			l.pos++
		}
	}
	return abortf(113, "Missing end comment mark '*/'.").class(15).line(line)
}

var (
	operators3 = []string{"!<=", "!>="}
	operators2 = []string{"<=", ">=", "<>", "!=", "!<", "!>", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "::", "||"}
)

func (l *lexer) next() (token, error) {
	if err := l.skipSpace(); err != nil {
		return token{}, err
	}
	t := token{start: l.pos, line: l.line}
	if l.pos >= len(l.src) {
		t.end = l.pos
		return t, nil
	}
	c := l.src[l.pos]
	var err error
	switch {
	case c == '\'':
		t.kind = tokString
		t.text, err = l.quoted('\'')
	case (c == 'N' || c == 'n') && l.pos+1 < len(l.src) && l.src[l.pos+1] == '\'':
		l.pos++
		t.kind = tokNString
		t.text, err = l.quoted('\'')
	case c == '"':
		t.kind = tokQuoted
		if !l.quotedIDs {
			t.kind = tokString
		}
		t.text, err = l.quoted('"')
	case c == '[':
		t.kind = tokQuoted
		t.text, err = l.quoted(']')
	case c == '0' && l.pos+1 < len(l.src) && (l.src[l.pos+1] == 'x' || l.src[l.pos+1] == 'X'):
		t.kind = tokBinary
		l.pos += 2
		s := l.pos
		for l.pos < len(l.src) && isHex(l.src[l.pos]) {
			l.pos++
		}
		t.text = l.src[s:l.pos]
	case isDigit(c) || c == '.' && l.pos+1 < len(l.src) && isDigit(l.src[l.pos+1]):
		t.kind = l.number()
		t.text = l.src[t.start:l.pos]
	case c == '$' && l.pos+1 < len(l.src) && (isDigit(l.src[l.pos+1]) || l.src[l.pos+1] == '.'):
		l.pos++
		l.number()
		t.kind = tokMoney
		t.text = l.src[t.start+1 : l.pos]
	case c == '@':
		t.kind = tokVar
		l.pos++
		l.word()
		t.text = l.src[t.start:l.pos]
		t.upper = strings.ToUpper(t.text)
	case l.atWord():
		t.kind = tokIdent
		l.word()
		t.text = l.src[t.start:l.pos]
		t.upper = strings.ToUpper(t.text)
	default:
		t.kind = tokOp
		t.text = l.operator()
		t.upper = t.text
	}
	t.end = l.pos
	return t, err
}

func (l *lexer) operator() string {
	rest := l.src[l.pos:]
	for _, list := range [][]string{operators3, operators2} {
		for _, op := range list {
			if strings.HasPrefix(rest, op) {
				l.pos += len(op)
				return op
			}
		}
	}
	_, n := utf8.DecodeRuneInString(rest)
	l.pos += n
	return rest[:n]
}

// quoted reads a string whose end is doubled inside it.
func (l *lexer) quoted(end byte) (string, error) {
	line := l.line
	l.pos++
	start := l.pos
	var b strings.Builder
	plain := true
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		if c == '\n' {
			l.line++
		}
		if c == end {
			if l.pos+1 < len(l.src) && l.src[l.pos+1] == end {
				if plain {
					b.WriteString(l.src[start:l.pos])
					plain = false
				}
				b.WriteByte(end)
				l.pos += 2
				continue
			}
			s := l.src[start:l.pos]
			l.pos++
			if !plain {
				s = b.String()
			}
			return s, nil
		}
		if !plain {
			b.WriteByte(c)
		}
		l.pos++
	}
	return "", abortf(105, "Unclosed quotation mark after the character string '%s'.", clip(l.src[start:], 200)).class(15).line(line)
}

func (l *lexer) number() tokKind {
	kind := tokInt
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.pos++
	}
	if l.pos < len(l.src) && l.src[l.pos] == '.' {
		kind = tokDecimal
		l.pos++
		for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
			l.pos++
		}
	}
	if l.pos < len(l.src) && (l.src[l.pos] == 'e' || l.src[l.pos] == 'E') {
		p := l.pos + 1
		if p < len(l.src) && (l.src[p] == '+' || l.src[p] == '-') {
			p++
		}
		// T-SQL takes "1e" for 1e0.
		if p >= len(l.src) || isDigit(l.src[p]) || !isWordByte(l.src[p]) {
			kind = tokFloat
			for p < len(l.src) && isDigit(l.src[p]) {
				p++
			}
			l.pos = p
		}
	}
	return kind
}

func (l *lexer) atWord() bool {
	c := l.src[l.pos]
	if c < utf8.RuneSelf {
		return c == '_' || c == '#' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	r, _ := utf8.DecodeRuneInString(l.src[l.pos:])
	return unicode.IsLetter(r)
}

func (l *lexer) word() {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		if c < utf8.RuneSelf {
			if !isWordByte(c) {
				return
			}
			l.pos++
			continue
		}
		r, n := utf8.DecodeRuneInString(l.src[l.pos:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			return
		}
		l.pos += n
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isWordByte(c byte) bool {
	return c == '_' || c == '#' || c == '$' || c == '@' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// clip returns at most n bytes of s, cut between runes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// reserved are the keywords that cannot be a bare alias.
var reserved = wordSet(`ADD ALL ALTER AND ANY AS ASC AUTHORIZATION BACKUP BEGIN BETWEEN BREAK BROWSE BULK BY CASCADE
CASE CHECK CHECKPOINT CLOSE CLUSTERED COALESCE COLLATE COLUMN COMMIT COMPUTE CONSTRAINT CONTAINS CONTINUE CONVERT CREATE
CROSS CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR DATABASE DBCC DEALLOCATE DECLARE DEFAULT
DELETE DENY DESC DISTINCT DROP ELSE END ERRLVL ESCAPE EXCEPT EXEC EXECUTE EXISTS EXIT EXTERNAL FETCH FOR FOREIGN
FROM FULL FUNCTION GOTO GRANT GROUP HAVING HOLDLOCK IDENTITY IDENTITY_INSERT IF IN INDEX INNER INSERT INTERSECT INTO IS
JOIN KEY KILL LEFT LIKE MERGE NATIONAL NOCHECK NONCLUSTERED NOT NULL NULLIF OF OFF OFFSETS ON OPEN OPTION OR ORDER OUTER
OVER PERCENT PIVOT PLAN PRIMARY PRINT PROC PROCEDURE PUBLIC RAISERROR READ RECONFIGURE REFERENCES RESTORE RETURN REVERT
REVOKE RIGHT ROLLBACK ROWCOUNT ROWGUIDCOL RULE SAVE SCHEMA SELECT SESSION_USER SET SHUTDOWN SOME STATISTICS SYSTEM_USER
TABLE TABLESAMPLE TEXTSIZE THEN TO TOP TRAN TRANSACTION TRIGGER TRUNCATE TRY_CONVERT UNION UNIQUE UNPIVOT UPDATE
USE USER VALUES VARYING VIEW WAITFOR WHEN WHERE WHILE WITH`)

func wordSet(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}
