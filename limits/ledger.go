package limits

import "maps"

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
	if l.open && a.clear && mine.declared >= 0 {
		mine.held += al.grant(s, i.Ahead)
		al = p.allot()
	}
	out := p.answer(s, al, i.Return > 0)
	out.Moved = moved
	return out
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
