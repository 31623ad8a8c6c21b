package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"sluice/scripts/rig"
)

// demand is all clients of a run.
type demand struct {
	cluster   *rig.Cluster
	pooling   string
	lingerMax int // longest time that a session keeps its connection busy, in ms
	handles   map[[2]int]*sql.DB
	hot       atomic.Int64 // node that all clients use; 0: any
	held      [][]atomic.Int64
	clients   sync.WaitGroup

	mu       sync.Mutex
	ok       int
	refused  map[string]int
	failures []failure
	lost     int // failures that are not kept
	wrong    []failure
	waits    map[int][]wait // by node
}

// wait is how long one client waited for its login.
type wait struct {
	at   time.Time // when it got it
	took time.Duration
}

// maxFailures bounds what is kept of a run in which everything fails.
const maxFailures = 20000

func newDemand(c *rig.Cluster, pooling string, linger int) (*demand, error) {
	l := &demand{cluster: c, pooling: pooling, lingerMax: linger, handles: map[[2]int]*sql.DB{}, refused: map[string]int{}, waits: map[int][]wait{}}
	for b := range c.Servers {
		l.held = append(l.held, make([]atomic.Int64, len(c.Nodes)+1))
		for _, n := range c.Nodes {
			if err := l.handle(b, n.Index, n.Addr(n.Ports.TDS)); err != nil {
				return nil, errors.Join(err, l.close())
			}
		}
		if c.Balance != nil {
			if err := l.handle(b, 0, c.Balance.Addr); err != nil {
				return nil, errors.Join(err, l.close())
			}
		}
	}
	return l, nil
}

// handle makes the way to a bucket through a node, or through the balancer (0).
func (l *demand) handle(bucket, node int, addr string) error {
	h, err := open(addr, rig.Database(bucket))
	if err == nil {
		l.handles[[2]int{bucket, node}] = h
	}
	return err
}

// close waits for the clients, whose context must have ended.
func (l *demand) close() error {
	l.clients.Wait()
	var failed []error
	for _, h := range l.handles {
		failed = append(failed, h.Close())
	}
	return errors.Join(failed...)
}

// start runs that many clients for each bucket until ctx ends; home, if not
// nil, gives the i-th its node.
func (l *demand) start(ctx context.Context, count int, home func(i int) int) {
	for b := range l.held {
		for i := range min(count, maxClients) {
			c := &client{load: l, bucket: b, row: i, rng: rand.New(rand.NewPCG(uint64(b), uint64(i))), values: []int64{0}}
			if home != nil {
				c.home = home(i)
			}
			l.clients.Go(func() { l.run(ctx, c) })
		}
	}
}

// run is the life of one client.
func (l *demand) run(ctx context.Context, c *client) {
	for ctx.Err() == nil {
		node := l.choose(c)
		think := time.Duration(c.rng.IntN(40)) * time.Millisecond
		if node < 0 {
			if !rig.Sleep(ctx, 2*rig.ProbeEvery) {
				return
			}
			continue
		}
		// A session that has begun is not cut short by the end of the load.
		waited, err := c.session(context.WithoutCancel(ctx), l.handles[[2]int{c.bucket, node}], node)
		if errors.Is(err, errLeaves) {
			err = nil
		}
		if err != nil {
			think += 50 * time.Millisecond
		}
		l.note(node, waited, err)
		if !rig.Sleep(ctx, think) {
			return
		}
	}
}

// choose picks the node for a client's next session: 0 is the balancer, -1
// means that none takes clients now.
func (l *demand) choose(c *client) int {
	if l.cluster.Balance != nil && c.home == 0 && l.hot.Load() == 0 {
		return 0
	}
	for _, want := range []int{c.home, int(l.hot.Load())} {
		if want > 0 && (want == c.home || l.cluster.Probe.IsUp(want)) {
			return want
		}
	}
	var up []int
	for _, n := range l.cluster.Nodes {
		if l.cluster.Probe.IsUp(n.Index) {
			up = append(up, n.Index)
		}
	}
	if len(up) == 0 {
		return -1
	}
	return up[c.rng.IntN(len(up))]
}

// hold counts the connections that clients have.
func (l *demand) hold(bucket, node, change int) { l.held[bucket][node].Add(int64(change)) }

// sample adds to a sample what clients hold.
func (l *demand) sample(s *Sample) {
	s.ByNode = make([]int, len(l.cluster.Nodes))
	for b := range l.held {
		sum := 0
		for node := range l.held[b] {
			n := int(l.held[b][node].Load())
			sum += n
			if node > 0 {
				s.ByNode[node-1] += n
			}
		}
		s.Held = append(s.Held, sum)
	}
}

// note counts how a session went.
func (l *demand) note(node int, waited time.Duration, err error) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if waited > 0 {
		l.waits[node] = append(l.waits[node], wait{now, waited})
	}
	if err == nil {
		l.ok++
		return
	}
	if errors.Is(err, errWrongAnswer) || isOthersTable(err) {
		l.wrong = append(l.wrong, failure{now, node, failedOdd, err.Error()})
		return
	}
	kind, text := classify(err)
	if kind == failedBusy {
		l.refused[text]++
		return
	}
	if kind == failedOdd {
		text = fmt.Sprintf("%v", err)
	}
	if len(l.failures) == maxFailures {
		l.lost++
		return
	}
	l.failures = append(l.failures, failure{now, node, kind, text})
}
