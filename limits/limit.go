package limits

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

func (l *Ledger) declare(op Declare, replid string) Reply {
	switch {
	case op.Epoch != l.epoch:
		return l.reply(OtherEpoch, replid)
	case l.sessions[op.Session] == nil:
		return l.reply(NoSession, replid)
	}
	if a := l.sessions[op.Session]; op.No > a.told || l.off.has(RuleDeclareOrder) {
		a.told = op.No
		l.setDeclared(op.Session, op.Declared, op.Change)
	}
	r := l.reply(OK, replid)
	r.Buckets = l.shares(op.Session, sorted(op.Declared))
	return r
}

// setDeclared notes what a session's configuration says, below 0 that it does
// not serve the bucket any more. A bucket that is new gets its limit from the
// first who names it.
func (l *Ledger) setDeclared(s Session, declared Counts, change bool) {
	for b, n := range declared {
		p := l.pot(b)
		p.of(s).declared = n
		switch {
		case n == p.limit.Max, n < 0:
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
