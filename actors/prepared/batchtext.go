package prepared

import (
	"bytes"

	"sluice/tds"
)

// DecideText says what is to be done with a SQL batch, given its text in
// UTF-16LE. JDBC drivers drop handles by a batch that does nothing else:
//
//	EXEC sp_unprepare 1;EXEC sp_unprepare 2;EXEC sp_cursorunprepare 3;
//
// Handles of ours are dropped, and what is left of such a text is relayed.
// Elsewhere a handle in a text cannot be put right, and the session is pinned.
// A text that is not whole in memory cannot be decided on.
func DecideText(text []byte, h *Handles, pinned *Cache, v tds.Version) Verdict {
	drops, ok := unprepares(text)
	if !ok {
		if mentionsHandles(text) {
			return Verdict{Pin: PinText}
		}
		return Verdict{}
	}
	var d Verdict
	var answer []byte
	var rest []byte
	for _, x := range drops {
		switch {
		case x.proc == tds.ProcUnprepare && h.drop(x.handle):
			answer = appendCallEnd(answer, tds.DoneMore, v)
		case x.proc == tds.ProcUnprepare && !isForeign(x.handle, pinned):
			answer = appendUnknown(answer, x.handle, h.Server, tds.DoneMore, v)
		default:
			rest = append(append(rest, text[x.from:x.to]...), ';', 0)
		}
	}
	switch {
	case len(rest) > 0 && len(answer) > 0:
		d.Text = tds.DecodeUTF16(rest)
	case len(rest) == 0:
		d.Answer = endsHere(answer, v)
	}
	return d
}

// endsHere makes the DONEPROC at the end of a response say that nothing
// follows. The low byte of its status comes behind the token's type.
func endsHere(answer []byte, v tds.Version) []byte {
	size := len(tds.Done{Kind: tds.TokenDoneProc}.Append(nil, v))
	answer[len(answer)-size+1] &^= byte(tds.DoneMore)
	return answer
}

// drop is one EXEC of a text, at text[from:to].
type drop struct {
	proc     tds.ProcID
	handle   int32
	from, to int
}

// unprepares splits a text that consists of nothing but EXEC sp_unprepare and
// EXEC sp_cursorunprepare with one number each.
func unprepares(text []byte) (drops []drop, ok bool) {
	s := scanner{text: text}
	for {
		s.skip(func(ch byte) bool { return isBlank(ch) || ch == ';' })
		if s.at >= s.len() {
			return drops, len(drops) > 0 && len(text)%2 == 0
		}
		x := drop{from: 2 * s.at}
		if w := s.word(); !equalFold(w, "exec") && !equalFold(w, "execute") || !s.skip(isBlank) {
			return nil, false
		}
		x.proc = procOf(s.word())
		if x.proc != tds.ProcUnprepare && x.proc != tds.ProcCursorUnprepare || !s.skip(isBlank) {
			return nil, false
		}
		if x.handle, ok = number(s.word()); !ok {
			return nil, false
		}
		x.to = 2 * s.at
		drops = append(drops, x)
	}
}

// scanner goes over UTF-16LE text; at counts characters.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) len() int { return len(s.text) / 2 }

// skip passes over characters and tells whether there were any.
func (s *scanner) skip(over func(byte) bool) bool {
	from := s.at
	for s.at < s.len() && over(lower(s.text, s.at)) {
		s.at++
	}
	return s.at > from
}

// word returns what comes before the next blank or semicolon.
func (s *scanner) word() []byte {
	from := s.at
	s.skip(func(ch byte) bool { return !isBlank(ch) && ch != ';' })
	return s.text[2*from : 2*s.at]
}

func isBlank(ch byte) bool { return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r' }

// number reads a positive decimal number.
func number(word []byte) (int32, bool) {
	if len(word) == 0 || len(word) > 2*10 {
		return 0, false
	}
	n := int64(0)
	for i := range len(word) / 2 {
		ch := lower(word, i)
		if ch < '0' || ch > '9' {
			return 0, false
		}
		n = 10*n + int64(ch-'0')
	}
	return int32(n), n <= 1<<31-1
}

// mentionsHandles tells whether a text holds the name of a procedure that deals
// with handles, even in a comment or a string: dynamic SQL may run it.
func mentionsHandles(text []byte) bool {
	for at := 0; ; at++ {
		n := bytes.IndexByte(text[at:], '_')
		if n < 0 {
			return false
		}
		at += n
		i := at / 2
		if at%2 != 0 || i < 2 || 2*i+1 >= len(text) || lower(text, i-1) != 'p' || lower(text, i-2) != 's' {
			continue
		}
		end := i + 1
		for end < len(text)/2 && isNameChar(lower(text, end)) {
			end++
		}
		if p := procOf(text[2*(i-2) : 2*end]); p != 0 && p != tds.ProcExecuteSQL {
			return true
		}
	}
}

func isNameChar(ch byte) bool {
	return ch >= 'a' && ch <= 'z' || ch >= '0' && ch <= '9' || ch == '_' || ch == 0x7F
}
