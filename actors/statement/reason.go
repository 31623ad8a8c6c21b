package statement

// Reason is why a client must keep its backend.
type Reason uint8

// Reasons. The comment says what ends the pin; a reset of the connection ends
// all but ExecuteAs, AppRole and DTC, which need it closed.
const (
	NoReason               Reason = iota
	TempTable                     // #t, #procedure: DROP
	GlobalTemp                    // ##t, which goes with the session that made it: DROP
	Cursor                        // a global or API cursor: DEALLOCATE, sp_cursorclose
	AppLock                       // sp_getapplock for the session: sp_releaseapplock
	ExecuteAs                     // EXECUTE AS, SETUSER: REVERT
	AppRole                       // sp_setapprole: sp_unsetapprole
	BulkLoad                      // INSERT BULK: the end of the bulk load, which the session knows
	DTC                           // a distributed or bound transaction: never
	XMLDocument                   // sp_xml_preparedocument: sp_xml_removedocument
	TraceFlag                     // DBCC TRACEON for the session: DBCC TRACEOFF
	IdentityInsert                // SET IDENTITY_INSERT t ON: OFF for the same name
	SessionContext                // a value that is not a literal, or too much of them: never
	SessionContextReadOnly        // a key that cannot change any more: never
	SetOption                     // an option that is not followed or not known: the option set again
	OpenKey                       // OPEN SYMMETRIC KEY, OPEN MASTER KEY: CLOSE
	OLEObject                     // sp_OACreate: never
	Prepared                      // a statement prepared inside a batch: never
	UnseenCode                    // a procedure or dynamic text, where Policy asks for it: never
	TooLong                       // text that was not read to its end: never
	NotUnderstood                 // text that this package read in another way than the server: never
	OutOfStep                     // the session lost track of a response: never
	Transaction                   // one that the server does not announce: its end, which the server is asked for
	ServerState                   // the server says so (session recovery): until it says otherwise
	reasonCount
)

var reasonNames = [reasonCount]string{
	"none", "temp_table", "global_temp", "cursor", "app_lock", "execute_as", "app_role", "bulk_load", "dtc", "xml_document",
	"trace_flag", "identity_insert", "session_context", "session_context_readonly", "set_option", "open_key", "ole_object",
	"prepared_statement", "unseen_code", "too_long", "not_understood", "out_of_step",
	"transaction", "server_state",
}

// String is the value of the label pin_reason.
func (r Reason) String() string {
	if r < reasonCount {
		return reasonNames[r]
	}
	return "unknown"
}

// Reasons lists all reasons, for metrics and configuration.
func Reasons() []Reason {
	all := make([]Reason, 0, reasonCount-1)
	for r := NoReason + 1; r < reasonCount; r++ {
		all = append(all, r)
	}
	return all
}

// ParseReason finds a reason by its name.
func ParseReason(name string) (Reason, bool) {
	for r := NoReason + 1; r < reasonCount; r++ {
		if reasonNames[r] == name {
			return r, true
		}
	}
	return NoReason, false
}

// ReasonSet is a set of reasons.
type ReasonSet uint32

// SetOf makes a set.
func SetOf(rs ...Reason) (s ReasonSet) {
	for _, r := range rs {
		s |= 1 << r
	}
	return s
}

// Has tells whether r is in the set.
func (s ReasonSet) Has(r Reason) bool { return s>>r&1 != 0 }

// CanBeSilenced tells whether a client may be taken off its backend in spite of
// r. What it loses then must be its own alone, gone with a reset, and nothing
// that changes what its next statements do unseen: not a transaction, the rows
// of a bulk load, who the client is, options, or what nobody knows.
func (r Reason) CanBeSilenced() bool {
	switch r {
	case TempTable, GlobalTemp, Cursor, AppLock, XMLDocument, TraceFlag, IdentityInsert, OpenKey, OLEObject, Prepared, UnseenCode, ServerState:
		return true
	}
	return false
}

// CanBeRaised tells whether r can be made to pin where it would not: options
// that are replayed, statements prepared by calls, code that is not seen.
func (r Reason) CanBeRaised() bool { return r == SetOption || r == Prepared || r == UnseenCode }

// counted tells that ending it takes as many calls as making it did.
func (r Reason) counted() bool { return r == AppLock || r == ExecuteAs || r == XMLDocument }

// transactional tells that a rollback brings back what a DROP ended.
func (r Reason) transactional() bool { return r == TempTable || r == GlobalTemp }

// survivesReset tells that sp_reset_connection does not end it.
func (r Reason) survivesReset() bool { return r == ExecuteAs || r == AppRole || r == DTC }
