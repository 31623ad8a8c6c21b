package limits

import "time"

// book is what a node knows of one bucket's slots.
type book struct {
	name     string
	limit    Limit
	conflict bool

	own   int              // as the ledger has it, less what was returned since
	lent  map[string]*lent // own slots in another's hand
	loans map[string]*loan // another's slots in ours
	burnt int              // own slots that may be somebody else's too: only to be returned

	// What the governor was told, and what it may have open at most.
	version uint64
	target  int
	forced  bool
	commit  int
	use     Usage

	owe     int // slots the ledger wants back
	surplus int // slots above what is needed for some time
	retire  int // slots of loans that are not needed any more
	asks    []*ask

	urgent    bool // the next Sync should not wait for its time
	said      int  // demand, as told last
	pollAfter time.Duration
	nextPoll  time.Duration
	roomSince time.Duration // since when there is a surplus; 0 if there is none
	growth    float64       // slots granted lately, decaying

	borrowing *borrowing
	nextAsk   time.Duration
	refusals  map[Process]refusal
}

// lent is a loan that this node gave.
type lent struct {
	n       int
	until   time.Duration
	to      Process
	session Session // of the borrower, "" if it has none
	state   lentState
}

type lentState int

const (
	lentOut    lentState = iota // in own, not to be used before until
	lentMoving                  // the ledger was asked to make it the borrower's
	lentMoved                   // it did: not in own; until then the borrower may not know
	lentHeld                    // in own, but the ledger may have made it the borrower's: never to be used
)

// loan is a loan that this node took.
type loan struct {
	n     int
	until time.Duration
	from  Process
	// session is ours that the lender was told. It may have made the loan that
	// session's own, so the loan is not used for longer than the session.
	session Session
	try     int
	sent    map[int]time.Duration // tries without an answer yet
	next    time.Duration         // when to refresh
	idle    time.Duration         // since when it is not needed, 0 if it is
}

// ask is a request for a loan that waits until the governor has let go of slots.
type ask struct {
	msg  Borrow
	from Process
	end  time.Duration
}

// borrowing is a request of ours that was not answered yet.
type borrowing struct {
	loan string
	from Process
	sent time.Duration
	// session is ours that the lender is told, see loan.
	session Session
}

type refusal struct {
	until time.Duration
	pause time.Duration
}

func newBook(name string) *book {
	return &book{name: name, lent: map[string]*lent{}, loans: map[string]*loan{}, refusals: map[Process]refusal{}}
}

// out is how many own slots are in others' hands.
func (b *book) out() int {
	n := 0
	for _, l := range b.lent {
		if l.state != lentMoved {
			n += l.n
		}
	}
	return n
}

// borrowed is how many slots of others are in ours.
func (b *book) borrowed() int {
	n := 0
	for _, l := range b.loans {
		n += l.n
	}
	return n
}

// entitled is how many connections may be open (R2).
func (b *book) entitled() int { return b.own - b.out() - b.burnt + b.borrowed() }

// spare is how many slots the governor has let go of.
func (b *book) spare() int { return b.entitled() - b.commit }

// need is how many slots would serve everybody.
func (b *book) need() int { return b.use.InUse + b.use.Waiting }

// reassertable is what the ledger is to count for this node, or a witness to
// remember: what it owns, and what it moved to a borrower that may not know it.
func (b *book) reassertable() int {
	n := b.own
	for _, l := range b.lent {
		if l.state == lentMoved {
			n += l.n
		}
	}
	return n
}

// asked is how many slots others wait to borrow.
func (b *book) asked() int {
	n := 0
	for _, a := range b.asks {
		n += a.msg.N
	}
	return n
}
