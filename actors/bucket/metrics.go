package bucket

import (
	"sync/atomic"
	"time"
)

// Counter and Summary are what the governor needs of a metrics library.
type (
	Counter interface{ Inc() }
	Summary interface{ Update(v float64) }
)

// Metrics are a governor's instruments. All must be set.
type Metrics struct {
	Acquired, AcquiredAfterWait, Released Counter
	QueueTimeout, QueueFull, Cancelled    Counter
	DialFailed, CleanFailed               Counter
	QueueWait                             Summary // seconds, 0 for those who did not wait
	AcquireSeconds                        Summary // from the request to its grant
	LoginSeconds                          Summary // of backend logins
	Gauges                                Gauges
}

// Gauges are what a governor holds at the end of its last turn. They may be
// read at any time. Limit is the configured one; Slots is how many connections
// may be open, which is the same unless an Entitle says otherwise.
type Gauges struct {
	Limit, Slots, Open, Idle, Leased, Dialing, Cleaning, Waiting atomic.Int64
	// Failure is why the server could not be reached when it was last tried;
	// nil if it could, or was not tried yet.
	Failure atomic.Pointer[string]
}

func (g *Governor) publish() {
	s, m := g.state, &g.cfg.Metrics.Gauges
	m.Limit.Store(int64(s.set.Limit))
	m.Slots.Store(int64(s.limit()))
	m.Open.Store(int64(s.open))
	m.Idle.Store(int64(s.idle.len()))
	m.Leased.Store(int64(len(s.leases)))
	m.Dialing.Store(int64(s.dialing))
	m.Cleaning.Store(int64(len(s.busy)))
	m.Waiting.Store(int64(s.waiting))
}

// Info is what Inspect returns.
type Info struct {
	Bucket   string     `json:"bucket"`
	Address  string     `json:"address"`
	Limit    int        `json:"limit"` // as configured
	Slots    int        `json:"slots"` // how many may be open
	Open     int        `json:"open"`
	Leased   int        `json:"leased"`
	Idle     int        `json:"idle"`
	Dialing  int        `json:"dialing"`
	Cleaning int        `json:"cleaning"`
	Waiting  int        `json:"waiting"`
	Closed   bool       `json:"closed,omitempty"`
	Pools    []PoolInfo `json:"pools,omitempty"`
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

// maxPoolInfos bounds the pools that one inspection lists.
const maxPoolInfos = 50

// Inspect implements actor.Inspector.
func (g *Governor) Inspect() any {
	s := g.state
	info := Info{
		Bucket: g.cfg.ID, Address: g.cfg.Target.Address, Limit: s.set.Limit, Slots: s.limit(), Open: s.open, Leased: len(s.leases),
		Idle: s.idle.len(), Dialing: s.dialing, Cleaning: len(s.busy), Waiting: s.waiting, Closed: s.closed,
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
