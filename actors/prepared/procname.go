package prepared

import "sluice/tds"

// role is what a parameter is by its place.
type role byte

const (
	roleOther role = iota
	roleHandle
	roleParams
	roleStmt
	roleOptions
)

// Roles of the first parameters of the procedures with a number.
var (
	prepareRoles        = []role{roleHandle, roleParams, roleStmt, roleOptions}
	prepExecRoles       = prepareRoles[:3]
	handleRoles         = prepareRoles[:1]
	prepExecRPCRoles    = []role{roleHandle, roleStmt}
	executeSQLRoles     = []role{roleStmt, roleParams}
	cursorPrepExecRoles = []role{roleHandle, roleOther, roleParams, roleStmt}
)

func rolesOf(p tds.ProcID) []role {
	switch p {
	case tds.ProcPrepare, tds.ProcCursorPrepare:
		return prepareRoles
	case tds.ProcPrepExec:
		return prepExecRoles
	case tds.ProcExecute, tds.ProcUnprepare:
		return handleRoles
	case tds.ProcPrepExecRPC, tds.ProcCursorOpen:
		return prepExecRPCRoles
	case tds.ProcExecuteSQL:
		return executeSQLRoles
	case tds.ProcCursorPrepExec:
		return cursorPrepExecRoles
	case tds.ProcCursor, tds.ProcCursorExecute, tds.ProcCursorUnprepare, tds.ProcCursorFetch, tds.ProcCursorOption, tds.ProcCursorClose:
		return handleRoles
	}
	return nil
}

// named tells whether a parameter of this role may have the name: none, or the
// one that drivers give it. What a server makes of others, by place or by name,
// is not known.
func (r role) named(name []byte) bool {
	if len(name) == 0 {
		return true
	}
	switch r {
	case roleHandle:
		return equalFold(name, "@handle") || equalFold(name, "@cursor")
	case roleParams:
		return equalFold(name, "@params") || equalFold(name, "@paramdef")
	case roleStmt:
		return equalFold(name, "@stmt") || equalFold(name, "@statement")
	case roleOptions:
		return equalFold(name, "@options")
	}
	return true
}

// procOf returns the number of the procedure with a name, which may carry the
// names of a database and a schema, be quoted in parts and end in ";1"; 0 if it
// has none.
func procOf(name []byte) tds.ProcID {
	last := lastPart(name)
	// Numbered names are sp_execute at the shortest.
	if len(last) < 2*len("sp_cursor") || lower(last, 0) != 's' || lower(last, 1) != 'p' || lower(last, 2) != '_' {
		return 0
	}
	for p := tds.ProcCursor; p <= tds.ProcUnprepare; p++ {
		if equalFold(last, p.String()) {
			return p
		}
	}
	return 0
}

// lastPart returns the last part of a name of several parts, without quotes,
// the blanks around it and a number behind it.
func lastPart(name []byte) []byte {
	from, to := 0, len(name)/2
	var quote byte
	for i := range to {
		switch ch := lower(name, i); {
		case quote != 0:
			if ch == quote {
				quote = 0
			}
		case ch == '[':
			quote = ']'
		case ch == '"':
			quote = '"'
		case ch == '.':
			from = i + 1
		case ch == ';':
			to = i
		}
		if i >= to {
			break
		}
	}
	for from < to && outside(lower(name, from)) {
		from++
	}
	for from < to && outside(lower(name, to-1)) {
		to--
	}
	return name[2*from : 2*to]
}

func outside(ch byte) bool {
	return ch <= ' ' || ch == '[' || ch == ']' || ch == '"'
}

// lower is character i of UTF-16LE text in lower case; what is not ASCII gives
// 0x7F, which occurs in no name that matters here.
func lower(utf16 []byte, i int) byte {
	if utf16[2*i+1] != 0 || utf16[2*i] >= 0x7F {
		return 0x7F
	}
	ch := utf16[2*i]
	if ch >= 'A' && ch <= 'Z' {
		ch += 'a' - 'A'
	}
	return ch
}

// equalFold tells whether UTF-16LE text is the lower-case ASCII text s, letter
// case aside.
func equalFold(utf16 []byte, s string) bool {
	if len(utf16) != 2*len(s) {
		return false
	}
	for i := range len(s) {
		if lower(utf16, i) != s[i] {
			return false
		}
	}
	return true
}
