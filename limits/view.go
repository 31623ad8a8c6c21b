package limits

import "time"

// View is a node's own view of itself, for people. Durations ahead are from
// the moment it was taken.
type View struct {
	Session   Session       `json:"session"`
	Phase     string        `json:"phase"` // outside, inside, fencing, gone
	Epoch     string        `json:"epoch"`
	ValidFor  time.Duration `json:"valid_for_ns"`      // what is left of the right to the slots; below 0 without one
	Ledger    string        `json:"ledger"`            // open, recovering, unreachable, unknown
	HeardAgo  time.Duration `json:"ledger_heard_ns"`   // since the ledger's last answer, -1 if there was none
	Settled   bool          `json:"settled"`           // this session was granted slots, or could have been
	Granting  bool          `json:"granting"`          // the ledger may grant this session slots
	Members   int           `json:"members"`           // sessions that the ledger has
	Witnesses int           `json:"witnesses_heard"`   // that promised within the hold time
	Quorum    int           `json:"witnesses_quorum"`  // how many make a majority
	Witness   bool          `json:"witness,omitempty"` // this node is one
	Mute      bool          `json:"name_taken,omitempty"`
	Conflicts []string      `json:"conflicts,omitempty"`
	Buckets   []BucketView  `json:"buckets"`
}

// BucketView is what a node holds of one bucket.
type BucketView struct {
	Bucket   string        `json:"bucket"`
	Limit    int           `json:"limit"` // the fleet's, 0 while unknown
	Owned    int           `json:"owned"`
	Lent     int           `json:"lent"`
	Borrowed int           `json:"borrowed"`
	Entitled int           `json:"entitled"` // what may be open here
	Owes     int           `json:"owes"`     // what goes back to the ledger as it becomes free
	Open     int           `json:"open"`
	InUse    int           `json:"in_use"`
	Waiting  int           `json:"waiting"`
	Oldest   time.Duration `json:"oldest_wait_ns"`
	Spare    int           `json:"spare"` // what could be lent
	Conflict bool          `json:"conflict,omitempty"`
}

// View returns how the node stands at now.
func (n *Node) View(now time.Duration) View {
	v := View{
		Session: n.session, Phase: n.phase.String(), Epoch: n.epoch.String(), ValidFor: n.valid() - now, HeardAgo: -1,
		Settled: n.ledger.settled, Granting: n.ledger.helps(n), Members: len(n.members), Quorum: n.p.Quorum(), Witness: n.witness != nil, Mute: n.mute,
		Conflicts: sorted(n.conflicts), Ledger: n.ledger.state(),
	}
	if n.ledger.heard > 0 {
		v.HeardAgo = now - n.ledger.heard
	}
	for w := range n.beats.pins {
		if at, ok := n.beats.acked[w]; ok && now-at < n.p.Hold {
			v.Witnesses++
		}
	}
	for _, name := range n.names {
		v.Buckets = append(v.Buckets, n.bucketView(n.books[name]))
	}
	return v
}

func (n *Node) bucketView(b *book) BucketView {
	return BucketView{
		Bucket: b.name, Limit: b.limit.Max, Owned: b.own, Lent: b.out(), Borrowed: b.borrowed(), Entitled: max(b.entitled(), 0),
		Owes: max(b.owe, b.surplus), Open: b.use.Open, InUse: b.use.InUse, Waiting: b.use.Waiting, Oldest: b.use.Age,
		Spare: n.spareOf(b), Conflict: b.conflict,
	}
}

// spareOf is how many slots others may hope to borrow.
func (n *Node) spareOf(b *book) int {
	if n.phase != inside || n.quit || b.use.Waiting > 0 {
		return 0
	}
	return max(b.entitled()-b.borrowed()-b.use.InUse-b.asked(), 0)
}

// Bucket returns what the node holds of one bucket.
func (n *Node) Bucket(name string) (BucketView, bool) {
	b := n.books[name]
	if b == nil {
		return BucketView{}, false
	}
	return n.bucketView(b), true
}

func (l *ledgerView) state() string {
	switch {
	case l.lost:
		return "unreachable"
	case l.heard == 0:
		return "unknown"
	case l.open:
		return "open"
	}
	return "recovering"
}

// Sessions are those of this process that the ledger may still know: the
// present one and those that ended. When nothing of the process is left, and
// no loan of its slots, they may be ended by [Leave].
func (n *Node) Sessions() []Session {
	out := []Session{n.session}
	for _, f := range n.former {
		out = append(out, f.session)
	}
	return out
}
