package sandbox

import (
	"fmt"
	"strconv"
	"strings"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// parseKill reads a batch that is one KILL statement. The engine does not know
// the sessions, so the server runs it.
func parseKill(text string) (spid int, ok bool) {
	const longest = 40 // bytes
	rest, ok := cutWord(text, "kill")
	if !ok || len(rest) > longest {
		return 0, false
	}
	spid, err := strconv.Atoi(strings.Trim(rest, "; \t\r\n"))
	return spid, err == nil
}

// killStatement runs KILL.
func (s *session) killStatement(spid int) {
	switch {
	case spid == s.spid:
		s.sink.Message(tsql.Message{Number: 6104, State: 1, Class: 16, Line: 1, Text: "Cannot use KILL to kill your own process."})
	case !s.conn.srv.KillSession(spid):
		s.sink.Message(tsql.Message{Number: 6106, State: 2, Class: 16, Line: 1, Text: fmt.Sprintf("Process ID %d is not an active process ID.", spid)})
	default:
		s.sink.Done(tsql.Done{CurCmd: tds.CurCmdNone})
	}
}
