// Package gossiptest is a network in memory for tests of gossip and of what is
// built on it: packets and streams between hosts, with loss, delay and cuts in
// one direction or both. It works inside a testing/synctest bubble: nothing in
// it makes a system call, and whoever waits, waits for a channel or a timer.
package gossiptest

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Network joins hosts by their addresses.
type Network struct {
	mu       sync.Mutex
	hosts    map[string]*Host
	paths    map[route]*path
	cut      map[route]bool
	isolated map[string]bool
	streams  map[*stream]struct{}
	loss     float64
	delay    time.Duration
	jitter   time.Duration
}

// route is a direction between two hosts; path is its present state, which
// every stream that uses it looks at.
type route struct{ from, to string }

type path struct{ cut atomic.Bool }

// New returns a network without loss and without delay.
func New() *Network {
	return &Network{
		hosts:    map[string]*Host{},
		paths:    map[route]*path{},
		cut:      map[route]bool{},
		isolated: map[string]bool{},
		streams:  map[*stream]struct{}{},
	}
}

// Host returns the host with an address, for example 10.0.0.1.
func (n *Network) Host(ip string) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[ip]
	if h == nil {
		h = &Host{net: n, ip: ip, listeners: map[int]*Listener{}, transports: map[int]*Transport{}, nextPort: 30000}
		n.hosts[ip] = h
	}
	return h
}

// SetLoss makes packets vanish with probability p. Streams lose nothing, they
// are late.
func (n *Network) SetLoss(p float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss = p
}

// SetDelay makes everything take delay and up to jitter more. Packets overtake
// each other then, bytes of a stream do not.
func (n *Network) SetDelay(delay, jitter time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay, n.jitter = delay, jitter
}

// Cut stops what goes from one host to another. Packets vanish; bytes of
// streams wait for Heal, as with TCP.
func (n *Network) Cut(from, to string) {
	n.change(func() { n.cut[route{from, to}] = true })
}

// CutBoth cuts both directions.
func (n *Network) CutBoth(a, b string) {
	n.change(func() { n.cut[route{a, b}], n.cut[route{b, a}] = true, true })
}

// Partition cuts every host of one group from every host of another group.
func (n *Network) Partition(groups ...[]string) {
	n.change(func() {
		for i, as := range groups {
			for j, bs := range groups {
				for _, a := range as {
					for _, b := range bs {
						if i != j {
							n.cut[route{a, b}] = true
						}
					}
				}
			}
		}
	})
}

// Heal undoes all cuts, but not Isolate.
func (n *Network) Heal() {
	n.change(func() { clear(n.cut) })
}

// Isolate makes a host vanish as if it had lost its power: nothing reaches it,
// nothing leaves it, and nobody is told.
func (n *Network) Isolate(ip string) {
	n.change(func() { n.isolated[ip] = true })
}

// Restore undoes Isolate.
func (n *Network) Restore(ip string) {
	n.change(func() { delete(n.isolated, ip) })
}

func (n *Network) change(f func()) {
	n.mu.Lock()
	f()
	for r, p := range n.paths {
		p.cut.Store(n.isCut(r))
	}
	streams := make([]*stream, 0, len(n.streams))
	for s := range n.streams {
		streams = append(streams, s)
	}
	n.mu.Unlock()
	for _, s := range streams {
		s.wakeUp()
	}
}

func (n *Network) isCut(r route) bool {
	return n.cut[r] || n.isolated[r.from] || n.isolated[r.to]
}

// pathOf is called with the lock held.
func (n *Network) pathOf(from, to string) *path {
	r := route{from, to}
	p := n.paths[r]
	if p == nil {
		p = &path{}
		p.cut.Store(n.isCut(r))
		n.paths[r] = p
	}
	return p
}

// travel returns how long something takes now.
func (n *Network) travel() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.travelLocked()
}

func (n *Network) travelLocked() time.Duration {
	d := n.delay
	if n.jitter > 0 {
		d += rand.N(n.jitter)
	}
	return d
}

func (n *Network) forget(s *stream) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.streams, s)
}
