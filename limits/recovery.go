package limits

import "slices"

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
	if l.off.has(RuleListAck) {
		a.ack = l.version
	}
	return r // the list counts as known when a Sync acknowledges it
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
