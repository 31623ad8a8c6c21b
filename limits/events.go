package limits

import "time"

// Event is what a node is told.
type Event interface{ event() }

// Tick is the passing of time. A node wants one when [Node.Wake] says.
type Tick struct{}

// Answer is the end of a call to the ledger: its reply, or that none came in
// time. What was asked may then still be done, now or later.
type Answer struct {
	Call   uint64
	Reply  Reply
	Failed bool
}

// Received is a message from another process.
type Received struct {
	From Process
	Msg  Msg
}

// Usage is what a bucket's governor says of itself. Version is that of the last
// [Entitle] it has seen; from then on it had no more connections open than the
// larger of that one's Slots and Open.
type Usage struct {
	Bucket  string
	Version uint64
	Open    int // connections, from before their dial until they are closed
	InUse   int // of those, leased or being opened for a request
	Waiting int // requests in the queue
	Age     time.Duration
}

// Peers are the other processes that gossip believes to be alive. Nothing that
// must be right depends on it.
type Peers struct{ Processes []Process }

// Hint is what another process is said to have to spare, by bucket.
type Hint struct {
	From  Process
	Spare Counts
}

// Configure tells what this node's configuration says of max_connections;
// Change that an operator has just changed it.
type Configure struct {
	Declared Counts
	Change   bool
}

// Quit tells that all governors have closed all connections, for good.
type Quit struct{}

func (Tick) event()      {}
func (Answer) event()    {}
func (Received) event()  {}
func (Usage) event()     {}
func (Peers) event()     {}
func (Hint) event()      {}
func (Configure) event() {}
func (Quit) event()      {}

// Effect is what a node wants done.
type Effect interface{ effect() }

// CallLedger is a call to be made: directly, or by way of another process if
// Via is not empty. It is answered by one [Answer].
type CallLedger struct {
	Call uint64
	Op   Op
	Via  Process
}

// Send is a message for another process.
type Send struct {
	To  Process
	Msg Msg
}

// Entitle tells a bucket's governor how many connections it may have open.
// Without Force those in use above that number may stay until they come back;
// with it they are to be closed at once.
type Entitle struct {
	Bucket  string
	Version uint64
	Slots   int
	Force   bool
}

// Began tells that the process has a new session.
type Began struct{ Session Session }

// Note is something an operator should know.
type Note struct {
	Kind NoteKind
	Text string
}

// Left tells that the ledger knows that this process is gone. Nothing follows.
type Left struct{}

func (CallLedger) effect() {}
func (Send) effect()       {}
func (Entitle) effect()    {}
func (Began) effect()      {}
func (Note) effect()       {}
func (Left) effect()       {}

// NoteKind says what a Note is about.
type NoteKind string

// The kinds of notes.
const (
	NoteJoined    NoteKind = "joined"
	NoteSettled   NoteKind = "serving"
	NoteLost      NoteKind = "ledger unreachable"
	NoteFound     NoteKind = "ledger reached"
	NoteRecover   NoteKind = "ledger recovers"
	NoteOpen      NoteKind = "ledger open"
	NoteFence     NoteKind = "fenced"
	NoteReaped    NoteKind = "session reaped"
	NoteConflict  NoteKind = "configuration conflict"
	NoteLoanLost  NoteKind = "loan ended"
	NoteDuplicate NoteKind = "name taken"
)
