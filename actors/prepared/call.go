package prepared

import "sluice/tds"

// Request is what Inspect found in an RPC message.
type Request struct {
	// First is the first call, More are those behind batch separators.
	First Call
	More  []Call
	// Whole is false if the message goes on after what was inspected. The last
	// call may then be Cut and others may follow unseen.
	Whole   bool
	Headers tds.AllHeaders
	// Open says that a transaction is open, though Headers may not name it.
	Open bool

	version tds.Version
	pinned  *Cache // as Decide got it
}

// Len is the number of calls.
func (r *Request) Len() int { return 1 + len(r.More) }

// At returns call i.
func (r *Request) At(i int) *Call {
	if i == 0 {
		return &r.First
	}
	return &r.More[i-1]
}

// Call is one procedure call of an RPC message. Slices alias the message;
// offsets count from the start of its payload.
type Call struct {
	// Proc is the procedure if it has a number, also where the message names
	// it; 0 for all others.
	Proc tds.ProcID
	// Name is the name in UTF-16LE as sent, nil if a number was sent.
	Name []byte
	// Options are the option flags, at OptionsAt.
	Options   uint16
	OptionsAt int
	// Handle is the handle that sp_execute, sp_unprepare, sp_prepare and
	// sp_prepexec begin with; of a cursor procedure it is the first parameter.
	Handle Handle
	// Params is the declaration of parameters and Stmt the statement's text, of
	// sp_prepare, sp_prepexec, sp_executesql and the cursor procedures with
	// texts; of sp_prepexecrpc Stmt is the call.
	Params, Stmt Text
	// ValuesAt is the offset of the first parameter behind those above.
	ValuesAt int
	// End is the offset behind the call's last parameter.
	End int
	// Cut says that the call may go on after what was inspected.
	Cut bool

	odd     bool // a parameter above is not of the kind or name that drivers send
	foreign bool // Handle may be one that only the connection knows
	act     action
	stmt    *Statement // that Handle stands for, with actRun
}

// HandleKind says what was found where a handle belongs.
type HandleKind byte

// Kinds of handles.
const (
	HandleNone  HandleKind = iota // no such parameter
	HandleInt                     // four bytes, which can be overwritten
	HandleNull                    // NULL or left to its default
	HandleOther                   // of another type
)

// Handle is a parameter with a handle.
type Handle struct {
	Kind  HandleKind
	Value int32
	At    int // offset of the four bytes, with HandleInt only
}

// Text is a parameter with text.
type Text struct {
	UTF16   []byte
	Present bool // it is there, as text or NULL
	Null    bool
}
