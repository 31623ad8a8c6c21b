package limits

import (
	"maps"
	"slices"
)

// Ledger is the authority on who owns which slots, in memory: what a single
// node uses, and what the ledger on Redis must equal.
//
// It keeps no time. A session ends when somebody says so who can know: its own
// process, or one that saw it silent for the hold time and has the consent of
// a quorum of witnesses.
type Ledger struct {
	replid   string // of the store when the epoch began; "" while empty
	epoch    Epoch
	open     bool
	complete bool // recovering: known has every holder
	version  uint64
	config   string
	sessions map[Session]*account
	known    map[Session]bool // recovering: who may own something
	buckets  map[string]*pot

	off rules
}

// account is a session in the ledger.
type account struct {
	seq      uint64
	reply    Reply // to seq
	renewals uint64
	ack      uint64 // version of the member list it has
	joined   uint64 // version of the first list it is in
	told     uint64 // number of the last Declare
	clear    bool   // R13: everybody has a list it is in
	booked   bool
	pins     map[string]string
	moved    []string // to be told with the next reply
}

// pot is a bucket in the ledger.
type pot struct {
	limit  Limit
	shares map[Session]*share
}

type share struct {
	held     int
	demand   int
	age      int64
	declared int
}

func (p *pot) used() int {
	n := 0
	for _, s := range p.shares {
		n += s.held
	}
	return n
}

func (p *pot) of(s Session) *share {
	if p.shares[s] == nil {
		p.shares[s] = &share{}
	}
	return p.shares[s]
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{sessions: map[Session]*account{}, known: map[Session]bool{}, buckets: map[string]*pot{}}
}

// Do carries out op. Replid names the store's present history: it changes
// whenever the store may have forgotten something (R6).
func (l *Ledger) Do(op Op, replid string) Reply {
	if r, isRecover := op.(Recover); isRecover {
		return l.recover(r, replid)
	}
	switch {
	case l.replid == "":
		return Reply{Status: Empty, Replid: replid}
	case l.replid != replid && !l.off.has(RuleReplid):
		return l.reply(Discont, replid)
	}
	switch op := op.(type) {
	case Hello:
		return l.reply(OK, replid)
	case List:
		return l.list(replid)
	case Leave:
		return l.leave(op, replid)
	case Join:
		return l.join(op, replid)
	case Sync:
		return l.sync(op, replid)
	case Reassert:
		return l.reassert(op, replid)
	case Close:
		return l.close(op, replid)
	case Reap:
		return l.reap(op, replid)
	case Declare:
		return l.declare(op, replid)
	}
	return l.reply(Refused, replid)
}

func (l *Ledger) reply(s Status, replid string) Reply {
	return Reply{Status: s, Replid: replid, Epoch: l.epoch, Open: l.open, Version: l.version, Config: l.config}
}

func (l *Ledger) members() []Session { return sorted(l.sessions) }

func (l *Ledger) join(op Join, replid string) Reply {
	switch {
	case op.Epoch != l.epoch:
		return l.reply(OtherEpoch, replid)
	case op.Config != l.config && len(l.sessions)+len(l.known) > 0:
		return l.reply(OtherConfig, replid)
	case !l.open && l.known[op.Session] && l.sessions[op.Session] == nil && !l.off.has(RuleJoin):
		return l.reply(Refused, replid)
	}
	l.config = op.Config
	a := l.sessions[op.Session]
	if a == nil {
		l.version++
		a = &account{joined: l.version, ack: l.version}
		l.sessions[op.Session] = a
		if !l.open {
			l.known[op.Session] = true
		}
		l.setDeclared(op.Session, op.Declared, false)
	}
	r := l.reply(OK, replid)
	r.Members = l.members()
	r.Buckets = l.shares(op.Session, sorted(op.Declared))
	return r
}

// shares answers for buckets without changing anything.
func (l *Ledger) shares(s Session, names []string) map[string]Share {
	out := map[string]Share{}
	for _, b := range names {
		p := l.buckets[b]
		if p == nil {
			continue
		}
		out[b] = p.answer(s, p.allot(), false)
	}
	return out
}

func (l *Ledger) sync(op Sync, replid string) Reply {
	if op.Epoch != l.epoch && !l.off.has(RuleEpoch) {
		return l.reply(OtherEpoch, replid)
	}
	a := l.sessions[op.Session]
	switch {
	case a == nil:
		return l.reply(NoSession, replid)
	case op.Seq < a.seq:
		return l.reply(Stale, replid)
	case op.Seq == a.seq && !l.off.has(RuleSeq):
		a.renewals++
		return a.reply
	}
	a.seq, a.pins = op.Seq, op.Pins
	a.renewals++
	a.ack = max(a.ack, min(op.Ack, l.version))
	l.settle(a)
	out := map[string]Share{}
	for _, i := range op.Items {
		if p := l.buckets[i.Bucket]; p != nil {
			out[i.Bucket] = l.item(p, op.Session, a, i)
		}
	}
	r := l.reply(OK, replid)
	r.Buckets = out
	r.Moved, a.moved = a.moved, nil
	r.Clear = a.clear
	if op.Ack < l.version {
		r.Members = l.members()
	}
	a.reply = r
	return r
}

// settle notes that every session knows of a: from then on any survivor can
// name it when the ledger has to be rebuilt, so it may own something (R13).
func (l *Ledger) settle(a *account) {
	if a.clear {
		return
	}
	for _, other := range l.sessions {
		if other.ack < a.joined && !l.off.has(RuleKnown) {
			return
		}
	}
	a.clear = true
}

func (l *Ledger) item(p *pot, s Session, a *account, i Item) Share {
	mine := p.of(s)
	mine.held = max(mine.held-max(i.Return, 0), 0)
	mine.demand, mine.age = max(i.Demand, 0), i.Age
	var moved []string
	for _, m := range i.Moves {
		to := l.sessions[m.To]
		if to == nil || !to.clear && !l.off.has(RuleKnown) || m.To == s || m.N <= 0 || m.N > mine.held {
			continue // not moved: the loan goes on as it was
		}
		mine.held -= m.N
		p.of(m.To).held += m.N
		to.moved = append(to.moved, m.Loan)
		moved = append(moved, m.Loan)
	}
	al := p.allot()
	if l.open && a.clear {
		mine.held += al.grant(s, i.Ahead)
		al = p.allot()
	}
	out := p.answer(s, al, i.Return > 0)
	out.Moved = moved
	return out
}

func (l *Ledger) reassert(op Reassert, replid string) Reply {
	switch {
	case op.Epoch != l.epoch:
		return l.reply(OtherEpoch, replid)
	case op.Config != l.config:
		return l.reply(OtherConfig, replid)
	}
	a := l.sessions[op.Session]
	switch {
	case a != nil && !a.booked && op.Seq <= a.seq && a.seq > 0:
		return l.reply(Stale, replid)
	case l.open && a == nil:
		return l.reply(NoSession, replid)
	case l.open && !a.booked:
		return l.reply(Stale, replid)
	}
	if l.open { // booked: the witnesses' word was an upper bound
		for _, b := range sorted(l.buckets) {
			if op.Own[b] > l.buckets[b].of(op.Session).held {
				return l.reply(NoSession, replid)
			}
		}
	}
	if a == nil {
		l.version++
		a = &account{joined: l.version}
		l.sessions[op.Session] = a
	}
	a.seq, a.pins, a.booked = op.Seq, op.Pins, false
	a.renewals++
	a.reply = Reply{Status: Stale}
	for b, lim := range op.Limits {
		l.keepLimit(b, lim)
	}
	for _, b := range sorted(l.buckets) {
		l.buckets[b].of(op.Session).held = 0
	}
	for b, n := range op.Own {
		l.pot(b).of(op.Session).held = n
	}
	l.setDeclared(op.Session, op.Declared, false)
	if !l.open {
		l.known[op.Session] = true
		for _, m := range op.Members {
			l.known[m] = true
		}
		l.complete = l.complete || op.Memory
		l.openIfAllCame()
	}
	r := l.reply(OK, replid)
	r.Members = l.members()
	r.Buckets = l.shares(op.Session, sorted(l.buckets))
	return r // the list counts as known when a Sync acknowledges it
}

func (l *Ledger) pot(b string) *pot {
	if l.buckets[b] == nil {
		l.buckets[b] = &pot{shares: map[Session]*share{}}
	}
	return l.buckets[b]
}

// keepLimit takes a limit that somebody remembers, if it is newer.
func (l *Ledger) keepLimit(b string, lim Limit) {
	if p := l.pot(b); lim.Ver > p.limit.Ver {
		p.limit = lim
	}
}

// openIfAllCame ends a recovery when everybody who may own something has said
// what (R12a).
func (l *Ledger) openIfAllCame() {
	if l.open || !l.complete && !l.off.has(RuleComplete) {
		return
	}
	for s := range l.known {
		if l.sessions[s] == nil && !l.off.has(RuleAllKnown) {
			return
		}
	}
	l.opened()
}

func (l *Ledger) opened() {
	l.open = true
	l.version++
	clear(l.known)
}

func (l *Ledger) recover(op Recover, replid string) Reply {
	older := op.Have != l.epoch && l.epoch.N <= op.Have.N
	switch {
	case op.Replid != replid: // meant for another store
		return l.reply(Discont, replid)
	case l.replid != "" && l.replid == replid && !older:
		return l.reply(OtherEpoch, replid) // somebody did it already
	}
	for s := range l.sessions {
		l.known[s] = true
	}
	for _, s := range op.Members {
		l.known[s] = true
	}
	clear(l.sessions)
	l.complete = op.Memory || l.complete && !l.open && l.replid == replid && op.Have.N <= l.epoch.N
	for _, p := range l.buckets {
		clear(p.shares)
	}
	for b, lim := range op.Limits {
		l.keepLimit(b, lim)
	}
	l.replid = replid
	l.epoch = Epoch{max(l.epoch.N, op.Have.N) + 1, op.Tag}
	l.open = false
	l.version++
	l.config = op.Config
	if op.Open {
		clear(l.known)
		l.opened()
	}
	return l.reply(OK, replid)
}

func (l *Ledger) close(op Close, replid string) Reply {
	switch {
	case op.Epoch != l.epoch:
		return l.reply(OtherEpoch, replid)
	case l.open:
		return l.reply(OK, replid)
	}
	for s := range l.known {
		if _, booked := op.Booked[s]; l.sessions[s] == nil && !booked && !slices.Contains(op.Missing, s) {
			return l.reply(Refused, replid) // it became known after the witnesses were asked
		}
	}
	for _, s := range sorted(op.Booked) {
		if l.sessions[s] != nil {
			continue
		}
		l.version++
		l.sessions[s] = &account{joined: l.version, booked: true}
		for b, n := range op.Booked[s] {
			l.pot(b).of(s).held = n
		}
	}
	l.opened()
	return l.reply(OK, replid)
}

func (l *Ledger) reap(op Reap, replid string) Reply {
	if op.Epoch != l.epoch && !l.off.has(RuleReapEpoch) {
		return l.reply(OtherEpoch, replid)
	}
	a := l.sessions[op.Session]
	switch {
	case a == nil:
		return l.reply(OK, replid)
	case !l.open, a.renewals != op.Renewals && !l.off.has(RuleRenewals), !l.off.has(RuleConsent) && !a.deathAgreed(op, l.off):
		return l.reply(Refused, replid)
	}
	l.drop(op.Session)
	return l.reply(OK, replid)
}

// deathAgreed tells whether so many witnesses agree that the others are no
// quorum by which the session could still be alive (R10).
func (a *account) deathAgreed(op Reap, off rules) bool {
	agreed := 0
	for w, c := range op.Consents {
		switch {
		case a.booked && !off.has(RuleBooked):
			if c.Old {
				agreed++
			}
		case a.pins[w] == c.Boot && c.Boot != "" || off.has(RulePins):
			agreed++
		}
	}
	switch {
	case a.booked && !off.has(RuleBooked):
		return agreed >= op.Quorum
	case len(a.pins) < op.Quorum, op.Quorum == 0:
		return true // it never counts on witnesses
	}
	return agreed >= len(a.pins)-op.Quorum+1
}

func (l *Ledger) drop(s Session) {
	delete(l.sessions, s)
	for _, p := range l.buckets {
		delete(p.shares, s)
	}
	l.version++
}

func (l *Ledger) leave(op Leave, replid string) Reply {
	if l.sessions[op.Session] != nil {
		l.drop(op.Session)
	}
	delete(l.known, op.Session)
	l.openIfAllCame()
	return l.reply(OK, replid)
}

func (l *Ledger) declare(op Declare, replid string) Reply {
	switch {
	case op.Epoch != l.epoch:
		return l.reply(OtherEpoch, replid)
	case l.sessions[op.Session] == nil:
		return l.reply(NoSession, replid)
	}
	if a := l.sessions[op.Session]; op.No > a.told {
		a.told = op.No
		l.setDeclared(op.Session, op.Declared, op.Change)
	}
	r := l.reply(OK, replid)
	r.Buckets = l.shares(op.Session, sorted(op.Declared))
	return r
}

// setDeclared notes what a session's configuration says. A bucket that is new
// gets its limit from the first who names it.
func (l *Ledger) setDeclared(s Session, declared Counts, change bool) {
	for b, n := range declared {
		p := l.pot(b)
		p.of(s).declared = n
		switch {
		case n == p.limit.Max:
		case p.limit.Ver == 0, change, p.agreed(n):
			p.limit = Limit{n, p.limit.Ver + 1}
		}
	}
}

// agreed tells whether all who declare something declare n.
func (p *pot) agreed(n int) bool {
	for _, s := range p.shares {
		if s.declared > 0 && s.declared != n {
			return false
		}
	}
	return true
}

func (p *pot) conflict() bool {
	for _, s := range p.shares {
		if s.declared > 0 && s.declared != p.limit.Max {
			return true
		}
	}
	return false
}

func (l *Ledger) list(replid string) Reply {
	r := l.reply(OK, replid)
	r.Sessions = map[Session]State{}
	for s, a := range l.sessions {
		st := State{Renewals: a.renewals, Booked: a.booked, Pins: maps.Clone(a.pins), Held: Counts{}, Clear: a.clear}
		for b, p := range l.buckets {
			if sh := p.shares[s]; sh != nil && sh.held > 0 {
				st.Held[b] = sh.held
			}
		}
		r.Sessions[s] = st
	}
	for _, s := range sorted(l.known) {
		if l.sessions[s] == nil {
			r.Missing = append(r.Missing, s)
		}
	}
	return r
}
