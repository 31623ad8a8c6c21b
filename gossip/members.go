package gossip

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// State is what a member is thought to be. The library does not tell which
// members it suspects; they count as alive until it calls them failed.
type State string

// The states. A failed member may be alive and cut off.
const (
	Alive  State = "alive"
	Left   State = "left"
	Failed State = "failed"
)

// Member is one process of the cluster.
type Member struct {
	ID, Name string
	Self     bool
	State    State
	// Addr is host:port for gossip. Info.PeerAddr has a host always.
	Addr   string
	Info   Info
	Joined time.Time // when this process first heard of it
	Since  time.Time // when its state last changed
}

// keepGone is how long a member that left or failed is listed, and what it
// published kept. lostFor is how long the address of a failed one is tried, to
// find the other side of a partition again; maxLost bounds how many.
const (
	keepGone = time.Minute
	lostFor  = 24 * time.Hour
	maxLost  = 128
)

// members is our own copy of the library's list: its own may be read only
// while nothing changes it, and it does not say who left.
type members struct {
	mu   sync.Mutex
	self Member
	byID map[string]*Member
	// byes has those who said goodbye. The library's news of them may come
	// before or after it.
	byes map[string]time.Time
	lost map[string]time.Time // addresses of failed members
	live atomic.Int32         // live members with this one
}

func newMembers(self Member) *members {
	t := &members{self: self, byID: map[string]*Member{}, byes: map[string]time.Time{}, lost: map[string]time.Time{}}
	t.live.Store(1)
	return t
}

// setState is called with the lock held.
func (t *members) setState(m *Member, s State, now time.Time) {
	if s == Alive {
		t.live.Add(1)
	} else if m.State == Alive {
		t.live.Add(-1)
	}
	m.State, m.Since = s, now
}

func nodeAddr(n *memberlist.Node) string {
	return net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
}

// alive records news of a live member. fresh says that it was not alive
// before. It is called with the library's lock held, like failed.
func (t *members) alive(n *memberlist.Node, m meta, now time.Time) (fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n.Name == t.self.ID {
		return false
	}
	e := t.byID[n.Name]
	if e == nil {
		e = &Member{ID: n.Name, Joined: now}
		t.byID[n.Name] = e
	}
	e.Name, e.Addr, e.Info = m.name, nodeAddr(n), m.info
	e.Info.PeerAddr = withHost(m.info.PeerAddr, n.Addr)
	delete(t.lost, e.Addr)
	state := Alive
	if _, said := t.byes[n.Name]; said {
		state = Left
	}
	if e.State != state {
		fresh = state == Alive
		t.setState(e, state, now)
	}
	return fresh
}

// failed records that the library gave a member up or was told that it left.
func (t *members) failed(n *memberlist.Node, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byID[n.Name]
	if e == nil || e.State != Alive {
		return
	}
	t.setState(e, Failed, now)
	if len(t.lost) < maxLost {
		t.lost[e.Addr] = now
	}
}

// bye records that a member said that it leaves.
func (t *members) bye(id string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id == t.self.ID {
		return
	}
	t.byes[id] = now
	if e := t.byID[id]; e != nil && e.State != Left {
		t.setState(e, Left, now)
		delete(t.lost, e.Addr)
	}
}

// sweep forgets who is gone for long, and returns their IDs.
func (t *members) sweep(now time.Time) (gone []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, e := range t.byID {
		if e.State != Alive && now.Sub(e.Since) >= keepGone {
			delete(t.byID, id)
			gone = append(gone, id)
		}
	}
	for id, at := range t.byes {
		if t.byID[id] == nil && now.Sub(at) >= keepGone {
			delete(t.byes, id)
		}
	}
	for addr, at := range t.lost {
		if now.Sub(at) >= lostFor {
			delete(t.lost, addr)
		}
	}
	return gone
}

// list returns copies, self first, then by ID.
func (t *members) list() []Member {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Member, 1, 1+len(t.byID))
	all[0] = t.self
	for _, e := range t.byID {
		all = append(all, *e)
	}
	slices.SortFunc(all[1:], func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func (t *members) get(id string) (Member, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id == t.self.ID {
		return t.self, true
	}
	if e := t.byID[id]; e != nil {
		return *e, true
	}
	return Member{}, false
}

func (t *members) known(id string) bool {
	_, ok := t.get(id)
	return ok
}

// lostAddrs returns the addresses of failed members.
func (t *members) lostAddrs() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]string, 0, len(t.lost))
	for a := range t.lost {
		all = append(all, a)
	}
	slices.Sort(all)
	return all
}

// liveAddrs returns the addresses of the live members and our own.
func (t *members) liveAddrs() map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[string]bool{t.self.Addr: true}
	for _, e := range t.byID {
		if e.State == Alive {
			all[e.Addr] = true
		}
	}
	return all
}

// setSelf changes what we tell about ourselves.
func (t *members) setSelf(change func(*Member)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.self)
}

// withHost gives an address without a host, or with one that means "all", the
// host of its member.
func withHost(addr string, ip net.IP) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if h := net.ParseIP(host); host == "" || h != nil && h.IsUnspecified() {
		return net.JoinHostPort(ip.String(), port)
	}
	return addr
}

// compare returns the problems that a list of members shows: names that two
// have, and settings that differ from ours.
func compare(all []Member, predecessor time.Duration, now time.Time) (found []Problem) {
	self := all[0]
	add := func(k Kind, subject string, text string) {
		found = append(found, Problem{Kind: k, Subject: subject, Text: text})
	}
	byName := map[string][]Member{}
	for _, m := range all {
		if m.State != Alive {
			continue
		}
		byName[m.Name] = append(byName[m.Name], m)
		if m.Self {
			continue
		}
		if m.Info.Witnesses != self.Info.Witnesses {
			add(OtherWitnesses, m.ID, shown(m.ID)+" has another witness set configured than this node")
		}
		if m.Info.Config != self.Info.Config {
			add(OtherConfig, m.ID, shown(m.ID)+" has another configuration than this node")
		}
	}
	for name, ms := range byName {
		if len(ms) < 2 {
			continue
		}
		// A process that was restarted is listed beside what it was before
		// until that is found dead. At the same address it is no more than
		// that.
		slices.SortFunc(ms, func(a, b Member) int { return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID)) })
		second := ms[1]
		if now.Sub(second.Since) < predecessor || ms[0].Addr == second.Addr {
			continue
		}
		add(NameTaken, shown(name), "name "+shown(name)+" is used by "+shown(ms[0].ID)+" at "+ms[0].Addr+" and by "+shown(second.ID)+" at "+second.Addr)
	}
	slices.SortFunc(found, func(a, b Problem) int { return strings.Compare(string(a.Kind)+a.Subject, string(b.Kind)+b.Subject) })
	return found
}
