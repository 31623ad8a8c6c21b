package bucket

import (
	"cmp"
	"container/heap"
	"fmt"
	"time"

	"sluice/actors/actor"
)

// Bounds of what one inspection lists; it runs in the governor's time.
const (
	maxPoolInfos   = 50
	maxWaiterInfos = 100
	maxLeaseInfos  = 200
)

// Info is what Inspect returns.
type Info struct {
	Bucket   string `json:"bucket"`
	Address  string `json:"address"`
	Limit    int    `json:"limit"` // as configured
	Slots    int    `json:"slots"` // how many may be open
	Open     int    `json:"open"`
	Leased   int    `json:"leased"`
	Idle     int    `json:"idle"`
	Dialing  int    `json:"dialing"`
	Cleaning int    `json:"cleaning"`
	Closing  int    `json:"closing"`
	Waiting  int    `json:"waiting"`
	Closed   bool   `json:"closed,omitempty"`
	Paused   bool   `json:"paused,omitempty"`
	// Why is why requests wait, "" if none does.
	Why     string       `json:"why,omitempty"`
	Pools   []PoolInfo   `json:"pools,omitempty"`
	Waiters []WaiterInfo `json:"waiters,omitempty"` // first in line first; at most 100
	Leases  []LeaseInfo  `json:"leases,omitempty"`  // oldest first; at most 200
}

// PoolInfo describes the idle connections of one pool key.
type PoolInfo struct {
	User     string        `json:"user"`
	Database string        `json:"database"`
	App      string        `json:"app,omitempty"`
	TDS      string        `json:"tds"`
	Idle     int           `json:"idle"`
	Oldest   time.Duration `json:"oldest_idle_ns"`
}

// WaiterInfo describes a request that waits.
type WaiterInfo struct {
	Session actor.ID      `json:"session"`
	User    string        `json:"user"`
	Waited  time.Duration `json:"waited_ns"`
	Left    time.Duration `json:"left_ns"` // until it times out
}

// LeaseInfo describes a connection that is leased.
type LeaseInfo struct {
	Session actor.ID      `json:"session"`
	SPID    uint16        `json:"spid,omitempty"` // 0 of one that the session opened itself
	Held    time.Duration `json:"held_ns"`
}

// Inspect implements actor.Inspector.
func (g *Governor) Inspect() any {
	s := g.state
	info := Info{
		Bucket: g.cfg.ID, Address: g.cfg.Target.Address, Limit: s.set.Limit, Slots: s.limit(), Open: s.open, Leased: len(s.leases),
		Idle: s.idle.len(), Dialing: s.dialing, Cleaning: len(s.busy), Closing: s.closing, Waiting: s.waiting, Closed: s.closed, Paused: s.paused,
		Why: g.why(), Leases: s.oldestLeases(), Waiters: s.firstWaiters(time.Now()),
	}
	for k, stack := range s.idle.byKey {
		if len(info.Pools) == maxPoolInfos {
			break
		}
		if len(stack.conns) == 0 {
			continue
		}
		info.Pools = append(info.Pools, PoolInfo{k.User, k.Database, k.AppName, k.Version.String(), len(stack.conns), time.Since(stack.conns[0].IdleSince)})
	}
	return info
}

// why is what those who wait wait for.
func (g *Governor) why() string {
	s := g.state
	fewer := ""
	if g.cfg.Why != nil && s.limit() < s.set.Limit {
		if fewer = g.cfg.Why(); fewer != "" {
			fewer = ": " + fewer
		}
	}
	switch {
	case s.waiting == 0:
		return ""
	case s.paused:
		return "the bucket is paused"
	case s.closed:
		return "the bucket is being removed"
	case s.limit() == 0:
		return fmt.Sprintf("this node holds none of the bucket's %d slots%s", s.set.Limit, fewer)
	case s.dialing >= s.set.MaxParallelLogins:
		return fmt.Sprintf("%d logins at the server are under way, more are not begun at a time", s.dialing)
	case s.open >= s.limit() && s.limit() < s.set.Limit:
		return fmt.Sprintf("all %d connections that this node may have are taken, of %d for all nodes%s", s.limit(), s.set.Limit, fewer)
	case s.open >= s.limit():
		return fmt.Sprintf("all %d connections are taken", s.limit())
	}
	return "it is about to be served"
}

func (s *state) firstWaiters(now time.Time) []WaiterInfo {
	var out []WaiterInfo
	for _, r := range s.waiters {
		if len(out) == maxWaiterInfos {
			break
		}
		if r != nil && r.queued && !r.gone {
			out = append(out, WaiterInfo{r.Session, r.Key.User, now.Sub(r.arrived), r.deadline.Sub(now)})
		}
	}
	return out
}

// oldestLeases keeps no more than it returns, however many there are.
func (s *state) oldestLeases() []LeaseInfo {
	h := make(leaseHeap, 0, min(len(s.leases), maxLeaseInfos))
	for _, l := range s.leases {
		switch {
		case len(h) < maxLeaseInfos:
			heap.Push(&h, l)
		case l.ID < h[0].ID:
			h[0] = l
			heap.Fix(&h, 0)
		}
	}
	out := make([]LeaseInfo, len(h))
	for i := len(h) - 1; i >= 0; i-- {
		l := heap.Pop(&h).(*Lease)
		out[i] = LeaseInfo{Session: l.session, Held: time.Since(l.Granted)}
		if l.Conn != nil {
			out[i].SPID = l.Conn.SPID
		}
	}
	return out
}

// leaseHeap has the youngest lease on top.
type leaseHeap []*Lease

func (h leaseHeap) Len() int           { return len(h) }
func (h leaseHeap) Less(i, j int) bool { return cmp.Compare(h[i].ID, h[j].ID) > 0 }
func (h leaseHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *leaseHeap) Push(x any)        { *h = append(*h, x.(*Lease)) }
func (h *leaseHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	*h = old[:len(old)-1]
	return l
}
