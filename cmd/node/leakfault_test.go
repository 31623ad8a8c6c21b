package main

import (
	"math/rand/v2"
	"sync"
	"time"

	"sluice/sandbox"
)

// inject makes the server misbehave at random until the returned function is
// called.
func (x *leakRun) inject() (stop func()) {
	if x.faults == 0 || x.behind == nil {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rand.New(rand.NewPCG(x.seed, 1<<32))
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for next := int64(0); ; {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if x.seen.Load() < next {
				continue
			}
			// By answers, not by time: a slow machine is to make progress too.
			next = x.seen.Load() + r.Int64N(2*x.faults) + 1
			name := x.fault(r, done)
			x.mu.Lock()
			x.hits[name]++
			x.mu.Unlock()
		}
	})
	return func() {
		close(done)
		wg.Wait()
		x.behind.ClearFaults()
		x.behind.KillAll() // those that have a fault for life
	}
}

// struckKinds are faults of a connection, for as long as it lives.
var struckKinds = []sandbox.FaultKind{
	sandbox.RefuseConnect, sandbox.StallLogin, sandbox.StallResponse, sandbox.CutMidRow, sandbox.LateAnswer, sandbox.Garbage,
	sandbox.GarbageTokens, sandbox.DieMidRow, sandbox.RejectReset, sandbox.CloseOnReset, sandbox.DropAttention,
}

// fault does one thing and returns its name.
func (x *leakRun) fault(r *rand.Rand, done <-chan struct{}) string {
	switch r.IntN(8) {
	case 0:
		x.behind.KillAll()
		return "kill-all"
	case 1, 2, 3:
		x.killOne(r)
		return "kill"
	}
	kind := struckKinds[r.IntN(len(struckKinds))]
	x.behind.SetFault(sandbox.Fault{
		Kind: kind, Connections: 1 + r.IntN(2), Bytes: r.IntN(9000), Delay: time.Duration(r.IntN(5000)) * time.Microsecond,
	})
	x.killOne(r) // so that there is a new connection to have it
	if kind == sandbox.StallResponse || kind == sandbox.DropAttention {
		// Who is stalled waits for ever.
		select {
		case <-done:
		case <-time.After(200 * time.Millisecond):
		}
		x.behind.ClearFaults()
		x.behind.KillAll()
	}
	return kind.String()
}

// killOne ends one of the sessions that there can be; their ids begin at 51.
func (x *leakRun) killOne(r *rand.Rand) { x.behind.KillSession(51 + r.IntN(x.backends)) }
