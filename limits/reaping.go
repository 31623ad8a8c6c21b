package limits

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
// quorum by which the session could still be alive (R10). A witness that was
// restarted since the session named it counts when it is old: what its
// predecessor promised has run out.
func (a *account) deathAgreed(op Reap, off rules) bool {
	agreed := 0
	for w, c := range op.Consents {
		pin, pinned := a.pins[w]
		switch {
		case a.booked && !off.has(RuleBooked):
			if c.Old {
				agreed++
			}
		case pinned && (pin == c.Boot || c.Old) || off.has(RulePins):
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
