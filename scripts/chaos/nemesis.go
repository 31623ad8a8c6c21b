package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"sluice/scripts/rig"
)

// nemesis does the steps of a schedule.
type nemesis struct {
	cluster  *rig.Cluster
	net      network
	load     *demand
	marks    *marks
	schedule Schedule
	zero     time.Time // when the part with faults began
	log      func(format string, args ...any)
}

// run does every step at its time, undoes those that have an end, and all that
// is left at the end of the schedule.
func (n *nemesis) run(ctx context.Context) {
	var steps sync.WaitGroup
	for _, s := range n.schedule.Steps {
		steps.Go(func() { n.step(ctx, s) })
	}
	rig.Sleep(ctx, time.Until(n.zero.Add(n.schedule.Duration)))
	steps.Wait()
	n.load.hot.Store(0)
	n.marks.endAll(time.Now())
}

func (n *nemesis) step(ctx context.Context, s Step) {
	if !rig.Sleep(ctx, time.Until(n.zero.Add(s.At))) {
		return
	}
	n.log("  %6.2fs %s", time.Since(n.zero).Seconds(), s.what())
	var borrowed []int
	if s.Fault == Pause || s.Fault == LongPause {
		borrowed = n.borrowed(ctx, n.cluster.Nodes[s.Node-1])
	}
	mark := n.marks.begin(s, time.Now())
	n.marks.lent(mark, borrowed)
	undo, err := n.do(ctx, s)
	if err != nil {
		n.log("  %6.2fs %s: %v", time.Since(n.zero).Seconds(), s.what(), err)
		n.marks.end(mark, time.Now(), err)
		return
	}
	end := s.end(n.schedule.Duration)
	if end <= s.At {
		n.marks.end(mark, time.Now(), nil)
		return
	}
	// Undone even when the run is broken off: what follows wants a whole fleet.
	rig.Sleep(ctx, time.Until(n.zero.Add(end)))
	err = undo()
	n.marks.end(mark, time.Now(), err)
	if err != nil {
		n.log("  %6.2fs end of %s: %v", time.Since(n.zero).Seconds(), s.what(), err)
	}
}

// borrowed asks a node how many slots of each bucket it has on loan; nil: it did
// not answer.
func (n *nemesis) borrowed(ctx context.Context, node *rig.Node) []int {
	m, err := n.cluster.Probe.Metrics(ctx, node)
	if err != nil {
		return nil
	}
	var all []int
	for i := range n.cluster.Servers {
		all = append(all, int(m.Bucket(slotsBorrowed, rig.BucketName(i))))
	}
	return all
}

// do does a step and returns how it is undone.
func (n *nemesis) do(ctx context.Context, s Step) (undo func() error, err error) {
	nothing := func() error { return nil }
	switch faults[s.Fault].target {
	case targetLoad:
		n.load.hot.Store(int64(s.Node))
		return nothing, nil
	case targetRedis:
		return n.doRedis(ctx, s)
	case targetServer, targetServerLink:
		return n.doServer(s)
	case targetRedisLink:
		n.cluster.Nodes[s.Node-1].SlowRedis(s.By)
		return func() error { n.cluster.Nodes[s.Node-1].SlowRedis(0); return nil }, nil
	}
	node := n.cluster.Nodes[s.Node-1]
	startAgain := func() error { return node.Start() }
	switch s.Fault {
	case Kill, KillGuard:
		return startAgain, node.End(syscall.SIGKILL, s.Fault == KillGuard)
	case Leave:
		return startAgain, node.End(syscall.SIGTERM, false)
	case Pause, LongPause:
		return func() error { return node.Signal(syscall.SIGCONT) }, node.Signal(syscall.SIGSTOP)
	case Join:
		return func() error { return node.End(syscall.SIGTERM, false) }, node.Start()
	case CutRedis, CutGossip, CutBoth, Slow:
		return n.net.cut(s)
	}
	return nil, fmt.Errorf("%w: %v", errSchedule, s)
}

func (n *nemesis) doRedis(ctx context.Context, s Step) (undo func() error, err error) {
	r := n.cluster.Redis
	start := func() error { return r.Start(context.WithoutCancel(ctx)) }
	switch s.Fault {
	case RedisKill:
		return func() error { return errors.Join(r.Empty(), start()) }, r.Kill()
	case RedisBack:
		if r.Persistence() != rig.PersistAOF {
			err = r.Save()
		}
		return start, errors.Join(err, r.Kill())
	case RedisOld:
		return func() error { return errors.Join(r.BringBackCopy(), start()) }, r.Kill()
	case RedisSave:
		return nil, r.KeepCopy()
	case RedisFlush:
		return nil, r.Command("FLUSHALL")
	case RedisPause:
		return r.Resume, r.Pause()
	case RedisHang:
		return func() error { return nil }, r.Hang(s.For)
	case RedisAway:
		return start, r.Kill()
	}
	return nil, fmt.Errorf("%w: %v", errSchedule, s)
}

func (n *nemesis) doServer(s Step) (undo func() error, err error) {
	srv := n.cluster.Servers[s.Bucket-1]
	switch s.Fault {
	case BackendKill:
		srv.KillSome(s.Count)
		return nil, nil
	case ServerAway:
		srv.GoAway()
		return func() error { srv.ComeBack(); return nil }, nil
	case SlowServer:
		srv.Slow(s.By)
		return func() error { srv.Slow(0); return nil }, nil
	}
	return nil, fmt.Errorf("%w: %v", errSchedule, s)
}
