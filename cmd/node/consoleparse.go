package main

import (
	"slices"
	"strings"
)

// This file reads what is sent to the console. It is no T-SQL: commands are
// words, and what drivers and tools send by themselves is told from them.

// piece is one statement of a batch.
type piece struct {
	// verb is the command in capitals; "" if the piece is to be passed over, as
	// the SET statements that drivers send at login, and SELECT for a query.
	verb string
	args []token // behind the verb
}

// token is a word, a quoted text, or a sign.
type token struct {
	text   string
	quoted bool // by '', "" or []
	first  bool // on its line
}

func (t token) is(word string) bool { return !t.quoted && strings.EqualFold(t.text, word) }

// commands are the verbs of the console.
var commandWords = []string{"SHOW", "PAUSE", "RESUME", "KILL", "RELOAD", "DRAIN"}

// passedOver begin statements that have no meaning here.
var passedOver = []string{"SET", "USE", "DECLARE", "IF", "BEGIN", "COMMIT", "ROLLBACK", "SAVE", "PRINT", "GO", "END", "ELSE"}

func wordIn(t token, words []string) bool {
	return !t.quoted && slices.Contains(words, strings.ToUpper(t.text))
}

// parseBatch splits a batch at semicolons, at lines that begin a new statement,
// and at commands behind what is passed over.
func parseBatch(text string) []piece {
	var (
		all []piece
		cur []token
	)
	flush := func() {
		if len(cur) > 0 {
			all = append(all, newPiece(cur))
			cur = nil
		}
	}
	for _, t := range tokens(text) {
		command := wordIn(t, commandWords)
		begins := command || wordIn(t, passedOver) || t.is("SELECT") || t.is("EXEC")
		switch {
		case !t.quoted && t.text == ";":
			flush()
			continue
		case begins && t.first, command && len(cur) > 0 && wordIn(cur[0], passedOver):
			flush()
		}
		cur = append(cur, t)
	}
	flush()
	return all
}

func newPiece(ts []token) piece {
	if wordIn(ts[0], passedOver) {
		return piece{}
	}
	return piece{verb: strings.ToUpper(ts[0].text), args: ts[1:]}
}

// tokens splits a text; comments are left out.
func tokens(text string) []token {
	var out []token
	first := true
	add := func(s string, quoted bool) {
		out = append(out, token{s, quoted, first})
		first = false
	}
	for i := 0; i < len(text); {
		rest := text[i:]
		switch c := text[i]; {
		case c == '\n':
			first = true
			i++
		case c == ' ' || c == '\t' || c == '\r' || c == 0:
			i++
		case strings.HasPrefix(rest, "--"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				return out
			}
			i += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 0 {
				return out
			}
			i += n + 2
		case c == '\'' || c == '"' || c == '[':
			s, n := quotedText(rest)
			add(s, true)
			i += n
		case isWordByte(c):
			n := 1
			for n < len(rest) && isWordByte(rest[n]) {
				n++
			}
			if n == 1 && (c == 'N' || c == 'n') && len(rest) > 1 && rest[1] == '\'' {
				i++ // N'text'
				continue
			}
			add(rest[:n], false)
			i += n
		default:
			add(rest[:1], false)
			i++
		}
	}
	return out
}

// quotedText reads the quoted text that s begins with, in which the closing
// quote is doubled, and returns how many bytes it takes.
func quotedText(s string) (text string, n int) {
	end := s[0]
	if end == '[' {
		end = ']'
	}
	var b strings.Builder
	for n = 1; n < len(s); n++ {
		if s[n] == end {
			if n+1 >= len(s) || s[n+1] != end {
				return b.String(), n + 1
			}
			n++
		}
		b.WriteByte(s[n])
	}
	return b.String(), n
}

// isWordByte: names of buckets may have dots and dashes, variables of a server
// begin with @@.
func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80 || strings.IndexByte("_.-@#$*", c) >= 0
}
