package limits

import (
	"maps"
	"slices"
	"time"
)

// beats is what a session knows of its witnesses.
type beats struct {
	seq   uint64
	next  time.Duration
	until time.Duration            // end of the right that a quorum of pinned witnesses vouches for
	sent  map[uint64]time.Duration // heartbeats that may still be answered
	acked map[string]time.Duration // by witness: when the last promise was asked for
	boots map[string]string        // as heard
	pins  map[string]string        // as the ledger knows them: only these count
	fresh map[Process]time.Duration
}

func newBeats() beats {
	return beats{
		sent: map[uint64]time.Duration{}, acked: map[string]time.Duration{}, boots: map[string]string{}, pins: map[string]string{},
		fresh: map[Process]time.Duration{},
	}
}

// vouch works out until anew.
func (b *beats) vouch(p Params) {
	b.until = 0
	q := p.Quorum()
	var at []time.Duration
	for w := range b.pins {
		if t, ok := b.acked[w]; ok {
			at = append(at, t)
		}
	}
	if q > 0 && len(at) >= q {
		slices.Sort(at)
		b.until = at[len(at)-q] + shorter(p.Hold)
	}
}

// beat tells all witnesses that the session lives, in outages of the ledger and
// out of them (R7).
func (n *Node) beat() {
	if n.phase != inside || n.now < n.beats.next || len(n.p.Witnesses) == 0 {
		return
	}
	n.beats.next = n.now + n.p.Heartbeat
	n.beats.seq++
	n.beats.sent[n.beats.seq] = n.now
	maps.DeleteFunc(n.beats.sent, func(_ uint64, at time.Duration) bool { return n.now-at > n.p.Hold })
	m := Beat{Session: n.session, Epoch: n.epoch, Seq: n.beats.seq, Config: n.p.Fingerprint(), Own: Counts{}}
	for name, b := range n.books {
		if own := b.reassertable(); own > 0 {
			m.Own[name] = own
		}
	}
	n.toWitnesses(m)
}

// toWitnesses sends m to every process that has the name of a witness: there
// may be an old one and a new one.
func (n *Node) toWitnesses(m Msg) {
	if n.witness != nil {
		n.received(Received{n.self, m})
	}
	for _, p := range n.peers {
		if n.p.isWitness(p.Name()) {
			n.emit(Send{p, m})
		}
	}
}

// reply sends an answer, or takes it at once if it is our own.
func (n *Node) reply(to Process, m Msg) {
	if to == n.self {
		n.received(Received{n.self, m})
		return
	}
	n.emit(Send{to, m})
}

func (n *Node) received(r Received) {
	switch m := r.Msg.(type) {
	case Beat:
		if n.witness == nil || n.mute {
			return
		}
		if ack, ok := n.witness.beat(m, n.now); ok {
			ack.Ledger = n.ledger.reached(n)
			n.reply(r.From, ack)
		}
	case BeatAck:
		n.acked(r.From, m)
	case AskConsent:
		if n.witness != nil && !n.mute {
			n.reply(r.From, n.witness.consent(m.Session, n.now))
		}
	case GiveConsent:
		n.consented(m)
	case AskReport:
		if n.witness != nil && !n.mute {
			n.reply(r.From, n.witness.report(m, n.now))
		}
	case Report:
		n.reported(m)
	case Borrow:
		n.askedBy(r.From, m)
	case Lend:
		n.lentTo(r.From, m)
	case Return:
		n.returned(m)
	case Nudge:
		for _, name := range m.Buckets {
			if b := n.books[name]; b != nil {
				b.urgent = true
				b.nextPoll, b.pollAfter = 0, 0
			}
		}
	}
}

// acked takes a witness's promise. It counts from when the heartbeat was sent,
// and only if it is from the boot of the witness that the ledger knows: a
// witness that was restarted has forgotten what it promised.
func (n *Node) acked(from Process, m BeatAck) {
	if m.Config != "" {
		n.conflictWith("witness %s has another configuration: %s, here %s", m.Witness, m.Config, n.p.Fingerprint())
		return
	}
	if m.Ledger {
		n.beats.fresh[from] = n.now
	}
	sent, ok := n.beats.sent[m.Seq]
	if m.Session != n.session || !ok || !n.p.isWitness(m.Witness) {
		return
	}
	if m.Dead {
		return // it will not promise this session anything any more
	}
	n.beats.boots[m.Witness] = m.Boot
	if n.beats.pins[m.Witness] == m.Boot || n.off.has(RuleBeatPin) && n.beats.pins[m.Witness] != "" {
		n.beats.acked[m.Witness] = max(n.beats.acked[m.Witness], sent)
		n.beats.vouch(n.p)
	}
}

// unpinned tells whether the ledger does not know of a boot that was heard.
func (b *beats) unpinned() bool { return !maps.Equal(b.boots, b.pins) }

// pinned takes the ledger's word on which boots of witnesses count.
func (b *beats) pinned(pins map[string]string, p Params) {
	for w := range b.acked {
		if pins[w] != b.pins[w] {
			delete(b.acked, w) // promised by another boot
		}
	}
	b.pins = maps.Clone(pins)
	b.vouch(p)
}
