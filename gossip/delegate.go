package gossip

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/memberlist"
)

// byeKey is the key under which a member that leaves says so: the library's own
// message looks the same to its callers as the one about a dead member.
const byeKey = ""

// delegate is what memberlist calls. NotifyMsg and GetBroadcasts run on
// goroutines that also answer probes, the Notify methods with its lock held:
// none of them waits, and none calls memberlist.
type delegate struct{ g *Gossip }

var (
	_ memberlist.Delegate         = delegate{}
	_ memberlist.EventDelegate    = delegate{}
	_ memberlist.AliveDelegate    = delegate{}
	_ memberlist.ConflictDelegate = delegate{}
)

// NodeMeta returns what was checked to fit when it was set.
func (d delegate) NodeMeta(int) []byte { return *d.g.meta.Load() }

// NotifyMsg takes in values from a packet.
func (d delegate) NotifyMsg(b []byte) { d.g.takeIn(b, true) }

// GetBroadcasts fills the rest of a packet.
func (d delegate) GetBroadcasts(overhead, limit int) [][]byte {
	g := d.g
	b := g.queue.take(limit-overhead, g.transmits(), g.cfg.Protocol, time.Now())
	if b == nil {
		return nil
	}
	return [][]byte{b}
}

// maxState bounds the full state; the library refuses 20 MiB.
const maxState = 16 << 20

// LocalState has our own values and those of the live members. Of others it
// says nothing, or members long dead would be handed round for ever.
func (d delegate) LocalState(bool) []byte {
	g := d.g
	b := appendHeader(nil, g.cfg.Protocol)
	var buf []keyed
	add := func(id string) {
		o := g.store.get(id)
		if o == nil {
			return
		}
		now := time.Now()
		if buf = g.store.of(o, buf[:0]); len(buf) == 0 {
			return
		}
		b = appendGroup(b, id, len(buf))
		for _, e := range buf {
			b = appendEntry(b, e.key, e.entry, now)
		}
	}
	for _, m := range g.members.list() {
		if m.State == Alive && len(b) < maxState {
			add(m.ID)
		}
	}
	return b
}

// MergeRemoteState takes in a full state.
func (d delegate) MergeRemoteState(b []byte, _ bool) { d.g.takeIn(b, false) }

// NotifyJoin implements memberlist.EventDelegate.
func (d delegate) NotifyJoin(n *memberlist.Node) {
	g := d.g
	m, err := decodeMeta(n.Meta, g.cfg.Protocol)
	if err != nil {
		return // NotifyAlive has refused it
	}
	if g.members.alive(n, m, time.Now()) {
		g.offerOwn()
	}
	g.membersChanged()
}

// NotifyUpdate implements memberlist.EventDelegate.
func (d delegate) NotifyUpdate(n *memberlist.Node) { d.NotifyJoin(n) }

// NotifyLeave implements memberlist.EventDelegate.
func (d delegate) NotifyLeave(n *memberlist.Node) {
	d.g.members.failed(n, time.Now())
	d.g.membersChanged()
}

// NotifyAlive refuses members that speak another version, whoever tells of
// them.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	g := d.g
	m, err := decodeMeta(n.Meta, g.cfg.Protocol)
	switch {
	case err != nil:
		g.note(OtherProtocol, shown(n.Name), fmt.Sprintf("%s at %s describes itself in a way this version cannot read", shown(n.Name), nodeAddr(n)))
		return err
	case m.protocol != g.cfg.Protocol:
		g.note(OtherProtocol, shown(n.Name), fmt.Sprintf("%s at %s speaks protocol version %d, this node %d: it is ignored", shown(n.Name), nodeAddr(n), m.protocol, g.cfg.Protocol))
		return fmt.Errorf("protocol version %d: %w", m.protocol, ErrOtherProtocol)
	}
	return nil
}

// NotifyConflict implements memberlist.ConflictDelegate.
func (d delegate) NotifyConflict(existing, other *memberlist.Node) {
	d.g.note(IDTaken, shown(existing.Name), fmt.Sprintf("ID %s is used at %s and at %s", shown(existing.Name), nodeAddr(existing), nodeAddr(other)))
}

// takeIn stores values that are news. Those from a packet are sent on: the
// library does not do it for messages that are not its own. Those from a full
// state are not: a member that has just joined would send on everything.
func (g *Gossip) takeIn(b []byte, sendOn bool) {
	now := time.Now()
	news := false
	err := decodeEntries(b, g.cfg.Protocol, func(id, key []byte, version uint64, age time.Duration, value []byte) {
		if string(id) == g.cfg.ID {
			return
		}
		o, k, e, ok := g.store.merge(id, key, version, age, value, now, g.members.known)
		if !ok {
			return
		}
		news = true
		if k == byeKey {
			g.members.bye(o.id, now)
			g.compareAgain.Store(true)
		}
		if sendOn {
			g.queue.add(o.id, k, e, 0)
		}
	})
	if err != nil && !errors.Is(err, ErrOtherProtocol) {
		g.malformed.Add(1)
	}
	if news {
		g.changed()
	}
}

// offerTimes is how often our own values are offered again when somebody has
// come: one who was here before knows them and does not send them on, so the
// price is small, and what was on the other side of a partition gets them
// sooner than by the exchange of full state.
const offerTimes = 3

// offerOwn is called with the library's lock held.
func (g *Gossip) offerOwn() {
	o := g.store.get(g.cfg.ID)
	if o == nil {
		return
	}
	tier := max(0, g.transmits()-offerTimes)
	for _, e := range g.store.of(o, nil) {
		g.queue.add(g.cfg.ID, e.key, e.entry, tier)
	}
}
