package statement

import "sluice/tds"

// Recovery follows what a server that was asked for session recovery says of
// one of its sessions: whether a new login could be given the same state. What
// could not is state that this package may have missed, such as what a stored
// procedure left behind. The zero value is a session that just logged in.
//
// It is evidence against a session, never for it: servers need not tell, and
// are not known to tell of everything.
type Recovery struct {
	bad  [4]uint64 // states that cannot be recovered, by id
	last uint32    // SeqNo of the latest token
	off  bool      // the server tells no more, or told of no state in particular
}

// Apply takes over a SESSIONSTATE token. Tokens come in the order of their
// numbers; an older one, which no server should send, can only take away trust.
func (r *Recovery) Apply(s tds.SessionState) {
	if s.SeqNo == tds.RecoveryOff || len(s.States) == 0 && !s.Recoverable {
		r.off = true
		return
	}
	old := s.SeqNo < r.last
	r.last = max(r.last, s.SeqNo)
	for _, v := range s.States {
		word, bit := v.ID/64, uint64(1)<<(v.ID%64)
		switch {
		case !s.Recoverable:
			r.bad[word] |= bit
		case !old:
			r.bad[word] &^= bit
		}
	}
}

// Reset takes over an acknowledged RESETCONNECTION, from which on only what
// changes is told. A server that has given up does not begin again.
func (r *Recovery) Reset() { r.bad = [4]uint64{} }

// Off tells whether the server has given up, after which the connection should
// serve nobody else: what is left behind in it would go unnoticed, and no reset
// changes that.
func (r *Recovery) Off() bool { return r.off }

// Recoverable tells whether the server has said nothing to the contrary.
func (r *Recovery) Recoverable() bool { return !r.off && r.bad == [4]uint64{} }
