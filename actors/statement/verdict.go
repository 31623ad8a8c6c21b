package statement

// Policy is how code that is not seen (procedures, dynamic text from variables)
// is taken.
type Policy uint8

// Policies: what the key pool.procedures may say.
const (
	// TrustUnseen takes it that unseen code leaves nothing behind but what the
	// wire shows (transactions). SET options are restored by the server when a
	// procedure ends; what would be missed is CONTEXT_INFO, session context,
	// application locks of the session, ##tables, global cursors, trace flags
	// and XML documents. They reach no other client as long as a backend is
	// reset before it changes hands after such a request (see Unseen); but the
	// client itself may not find them again.
	TrustUnseen Policy = iota
	// PinUnseen keeps the client on its backend after the first unseen code.
	PinUnseen
)

// Effects are what else a request does, beside settings and pins.
type Effects uint32

// Effects.
const (
	// Identity: rows may have been inserted, so the next request may ask for
	// SCOPE_IDENTITY() or @@IDENTITY.
	Identity Effects = 1 << iota
	// Writes: rows were changed, so the next request may ask for @@ROWCOUNT.
	Writes
	// ReadsLast: reads @@ROWCOUNT, @@ERROR, @@IDENTITY or SCOPE_IDENTITY() of
	// the request before.
	ReadsLast
	// Unseen: ran code that was not seen. Triggers are not counted.
	Unseen
	// Begins, Commits, RollsBack, Saves: transaction statements, for servers
	// that send no ENVCHANGE. They may be conditional.
	Begins
	Commits
	RollsBack
	Saves
	// Implicit: IMPLICIT_TRANSACTIONS may be ON and a statement may begin one.
	Implicit
	// Handles: the text names prepared statements by number (sp_execute,
	// sp_unprepare and their like inside a batch).
	Handles
	// Resets: sp_reset_connection.
	Resets
	// Bulk: INSERT BULK; rows follow in a message of their own.
	Bulk
	// OpensCursor: an RPC whose output parameter is the handle of a cursor. Its
	// pin is named CursorName(0) until State.NameCursor says better.
	OpensCursor
	// Cut: the text was not read to its end.
	Cut

	// Transactions is every effect on transactions that a text can have.
	Transactions = Begins | Commits | RollsBack | Saves | Implicit
)

// Verdict is what a request does. It holds good for the settings it was judged
// with.
type Verdict struct {
	// Settings are the client's after the request, if it had no error.
	Settings Settings
	Effects  Effects
	// Digest of the text; set if the request pins.
	Digest string

	varied  Options // took a value at some time that differs from before
	wire    Options // of Database and Language: the response says what they are
	events  []event
	firstly Settings // what it was judged with
}

// Harmless tells that the request leaves settings and pins as they were.
func (v *Verdict) Harmless() bool {
	return v.varied == 0 && len(v.events) == 0 && v.Effects&Resets == 0
}

// Changes returns the options the request sets, to other values than before.
func (v *Verdict) Changes() Options { return v.varied }

// Pins tells whether the request makes a pin or ends one.
func (v *Verdict) Pins() bool { return len(v.events) > 0 }

// Reasons returns the reasons for which the request pins, without those that it
// ends itself; for counting only.
func (v *Verdict) Reasons() []Reason {
	if v.varied == 0 && len(v.events) == 0 {
		return nil
	}
	st := State{Settings: v.firstly}
	st.Apply(v, Outcome{})
	var all []Reason
	for i := range st.pins {
		all = append(all, st.pins[i].Reason)
	}
	return all
}

type eventKind uint8

const (
	pinMade       eventKind = iota
	pinDoubted              // made unless the response has an error, which the judge foresaw
	pinEnded                // ended by name
	pinsAllEnded            // all of the reason ended
	pinWithStatus           // made unless the return status is negative
)

type event struct {
	kind   eventKind
	reason Reason
	exact  bool // the name must agree in case too
	name   string
}
