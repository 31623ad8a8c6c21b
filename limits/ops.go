package limits

// Op is a call to the ledger. Every op may arrive late, twice or never; none
// does harm by it.
type Op interface{ op() }

// Hello asks who the ledger is.
type Hello struct{}

// Join opens a session that owns nothing (R14: after a Hello, naming the epoch
// it showed). It is refused while the ledger recovers and remembers the
// session: a late Join must not stand in for a holder's Reassert.
type Join struct {
	Epoch    Epoch   `json:"epoch"`
	Session  Session `json:"session"`
	Config   string  `json:"config"`   // what must be alike in all nodes, see Params.Fingerprint
	Declared Counts  `json:"declared"` // max_connections by this node's configuration, below 0 where it serves the bucket no more
}

// Sync renews a session, returns slots, and asks for others. It carries the
// session's number for it; the number of the last one again gets the same
// answer, a lower one is stale (R4).
type Sync struct {
	Epoch   Epoch             `json:"epoch"`
	Session Session           `json:"session"`
	Seq     uint64            `json:"seq"`
	Ack     uint64            `json:"ack"`  // version of the member list that the node has
	Pins    map[string]string `json:"pins"` // boot ids of the witnesses whose promises it will count
	Items   []Item            `json:"items"`
}

// Item is what a Sync says of one bucket. Demand, Age and Ahead are absolute
// and replace what was said before.
type Item struct {
	Bucket string `json:"b"`
	Return int    `json:"ret,omitempty"`
	Demand int    `json:"dem,omitempty"` // connections in use, and requests waiting
	Age    int64  `json:"age,omitempty"` // milliseconds that the oldest of them has waited
	Ahead  int    `json:"ahead,omitempty"`
	Moves  []Move `json:"moves,omitempty"`
}

// Move makes a slot that is lent to another session that session's own.
type Move struct {
	Loan string  `json:"loan"`
	To   Session `json:"to"`
	N    int     `json:"n"`
}

// Reassert tells a recovering ledger what a session owns.
type Reassert struct {
	Epoch    Epoch             `json:"epoch"`
	Session  Session           `json:"session"`
	Config   string            `json:"config"`
	Seq      uint64            `json:"seq"`
	Pins     map[string]string `json:"pins"`
	Own      Counts            `json:"own"`
	Declared Counts            `json:"declared"`
	Limits   map[string]Limit  `json:"limits"` // as last heard from the ledger
	Memory   bool              `json:"memory"`
	Members  []Session         `json:"members"` // with Memory all holders, by R13
}

// Recover begins a new epoch on a ledger that is empty, was restarted or
// replaced since Replid was written into it, or is older than Have.
type Recover struct {
	Have    Epoch            `json:"have"`
	Memory  bool             `json:"memory"` // Members has every holder
	Replid  string           `json:"replid"` // of the store this is meant for
	Tag     string           `json:"tag"`    // of the new epoch
	Config  string           `json:"config"`
	Members []Session        `json:"members"`
	Limits  map[string]Limit `json:"limits"`
	Open    bool             `json:"open"` // an operator says that nobody holds anything
}

// Close ends a recovery though Missing did not come: each of them was declared
// dead by a quorum of witnesses, but for those in Booked, which are alive
// somewhere and own what their witnesses say (R12b).
type Close struct {
	Epoch   Epoch              `json:"epoch"`
	Missing []Session          `json:"missing"`
	Booked  map[Session]Counts `json:"booked"`
}

// Consent is a witness's word that a session may be declared dead.
type Consent struct {
	Boot string `json:"boot"`
	Old  bool   `json:"old"` // it has been up for longer than any promise lasts
}

// Reap declares a session dead that was not heard for the hold time (R10).
type Reap struct {
	Epoch    Epoch              `json:"epoch"`
	Session  Session            `json:"session"`
	Renewals uint64             `json:"renewals"` // as observed all that time
	Quorum   int                `json:"quorum"`
	Consents map[string]Consent `json:"consents"` // by witness
}

// Leave ends a session of which it is proven that it has no connection open
// any more, and no loan out.
type Leave struct {
	Session Session `json:"session"`
}

// Declare tells what a node's configuration says of max_connections. With
// Change the operator has just changed it, and it becomes the limit; else it
// does when all sessions say the same.
type Declare struct {
	Epoch    Epoch   `json:"epoch"`
	Session  Session `json:"session"`
	No       uint64  `json:"no"` // higher with each; one that comes late is not heard
	Declared Counts  `json:"declared"`
	Change   bool    `json:"change"`
}

// List asks who has a session.
type List struct{}

func (Hello) op()    {}
func (Join) op()     {}
func (Sync) op()     {}
func (Reassert) op() {}
func (Recover) op()  {}
func (Close) op()    {}
func (Reap) op()     {}
func (Leave) op()    {}
func (Declare) op()  {}
func (List) op()     {}

// Limit is a bucket's max_connections in the ledger, and how often it changed.
type Limit struct {
	Max int    `json:"max"`
	Ver uint64 `json:"ver"`
}

// Status is how a call ended.
type Status string

// The ends of calls. All but OK have changed nothing.
const (
	OK          Status = "OK"
	Empty       Status = "EMPTY"   // there is no ledger in the store
	Discont     Status = "DISCONT" // the store was restarted or replaced: it may have forgotten
	OtherEpoch  Status = "EPOCH"
	NoSession   Status = "NOSESS"
	Stale       Status = "STALE"
	Refused     Status = "REFUSED" // not now, or not this
	OtherConfig Status = "CONFIG"  // nodes of this fleet are configured differently; Config has theirs
	WrongType   Status = "WRONGTYPE"
)

// Reply answers any op. Replid, Epoch, Open and Version are always there
// unless the ledger is empty.
type Reply struct {
	Status   Status            `json:"status"`
	Replid   string            `json:"replid"`
	Epoch    Epoch             `json:"epoch"`
	Open     bool              `json:"open"`    // not recovering
	Version  uint64            `json:"version"` // of the member list
	Config   string            `json:"config,omitempty"`
	Clear    bool              `json:"clear,omitempty"`    // Sync: the session may get grants (R13)
	Members  []Session         `json:"members,omitempty"`  // Join, Sync if newer than Ack
	Buckets  map[string]Share  `json:"buckets,omitempty"`  // Sync, Declare, Join, Reassert
	Moved    []string          `json:"moved,omitempty"`    // Sync: loans that are the session's own now
	Sessions map[Session]State `json:"sessions,omitempty"` // List
	Missing  []Session         `json:"missing,omitempty"`  // List: known and not yet heard in this recovery
}

// Share is what a reply says of one bucket.
type Share struct {
	Held     int       `json:"held"` // absolute: what the session owns now
	Owe      int       `json:"owe,omitempty"`
	Limit    Limit     `json:"limit"`
	Free     int       `json:"free,omitempty"`
	Unmet    int       `json:"unmet,omitempty"`    // slots that others ought to get
	Peers    []Session `json:"peers,omitempty"`    // who should look: holders of spare slots, or who waits for the freed ones
	Moved    []string  `json:"moved,omitempty"`    // loans of this Sync's Moves that were moved
	Conflict bool      `json:"conflict,omitempty"` // sessions declare different limits
}

// State is what List says of a session.
type State struct {
	Renewals uint64            `json:"renewals"`
	Booked   bool              `json:"booked,omitempty"` // known by the word of witnesses only
	Pins     map[string]string `json:"pins,omitempty"`
	Held     Counts            `json:"held,omitempty"`
	Clear    bool              `json:"clear,omitempty"` // may get grants (R13)
}
