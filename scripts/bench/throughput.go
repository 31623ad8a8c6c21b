package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	measureThroughput = "closed loop, 32 connections"
	loopClients       = 32
)

// throughput measures SELECT 1 in a closed loop: every client asks again as
// soon as it has its answer.
func throughput(ctx context.Context, r *report, targets []target, s sizes) error {
	conns := make([][]*conn, len(targets))
	for i, t := range targets {
		defer func() { closeAll(conns[i]) }()
		for range loopClients {
			c, err := dial(ctx, t.address, t.login, t.encrypt, idleReadSize)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			conns[i] = append(conns[i], c)
		}
	}
	rates, cost := make([][]float64, len(targets)), make([][]float64, len(targets))
	err := rounds(ctx, s.loopBlocks, len(targets), func(i int) error {
		t := targets[i]
		for _, c := range conns[i] {
			c.within(s.loopTime + patience)
		}
		before := usedBy(t.pid)
		n, took, err := closedLoop(s.loopTime, loopClients, func(client int) error {
			_, err := conns[i][client].exec(selectOne)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		rates[i] = append(rates[i], float64(n)/took.Seconds())
		if t.pid != 0 {
			cost[i] = append(cost[i], micros([]time.Duration{usedBy(t.pid) - before})[0]/float64(n))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, t := range targets {
		r.add(measureThroughput, t.name, "rate", "1/s", rates[i]...)
		compare(r, measureThroughput, targets, rates, i)
		if t.pid != 0 {
			r.add(measureThroughput, t.name, "its CPU", "us each", cost[i]...)
		}
	}
	return nil
}

// compare adds what target i's values are as a share of a direct connection's,
// of HAProxy's and of a node's that pools by session, block by block.
func compare(r *report, measure string, targets []target, values [][]float64, i int) {
	for _, name := range []string{targetDirect, targetHAProxy, targetSession} {
		if base := indexOf(targets, baseOf(targets[i], name)); base >= 0 && base != i {
			r.add(measure, targets[i].name, "of "+name, "", pairwise(values[i], values[base], ratio)...)
		}
	}
}

// usedBy is the processor time of a process, 0 if it is not known.
func usedBy(pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	d, err := cpuTime(pid)
	if err != nil {
		return 0
	}
	return d
}

// closedLoop has clients call f over and over for a while. It returns the
// number of calls and how long they took in all.
func closedLoop(length time.Duration, clients int, f func(client int) error) (calls int64, took time.Duration, err error) {
	var (
		wait   sync.WaitGroup
		over   atomic.Bool
		total  atomic.Int64
		mu     sync.Mutex
		failed []error
	)
	start := time.Now()
	timer := time.AfterFunc(length, func() { over.Store(true) })
	defer timer.Stop()
	for i := range clients {
		wait.Go(func() {
			var n int64
			defer func() { total.Add(n) }()
			for !over.Load() {
				if err := f(i); err != nil {
					over.Store(true)
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
					return
				}
				n++
			}
		})
	}
	wait.Wait()
	return total.Load(), time.Since(start), errors.Join(failed...)
}
