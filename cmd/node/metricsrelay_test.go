package main

import (
	"io"
	"net"
	"sync"
	"testing"
)

// gate passes connections on until it is shut.
type gate struct {
	l     net.Listener
	to    string
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{l: l, to: to}
	g.wg.Go(g.accept)
	t.Cleanup(g.shut)
	return g
}

func (g *gate) accept() {
	for {
		in, err := g.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", g.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		g.mu.Lock()
		g.conns = append(g.conns, in, out)
		g.mu.Unlock()
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			g.wg.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_ = pair[0].Close()
			})
		}
	}
}

func (g *gate) shut() {
	_ = g.l.Close()
	g.mu.Lock()
	for _, c := range g.conns {
		_ = c.Close()
	}
	g.mu.Unlock()
	g.wg.Wait()
}

// movesOfRelaying is what shows when one node alone is cut off from Redis.
func movesOfRelaying(t *testing.T, seen *account) {
	r := newFleetRig(t, 4, "node-1", "node-2", "node-3")
	r.hold, r.loan, r.heartbeat = borrowHold, borrowLoan, borrowBeat
	r.start(r.config("node-1"))
	first := movements{t, r.nodes[0].node, seen}
	c := r.config("node-2")
	way := newGate(t, c.Redis.Addr)
	c.Redis.Addr = way.l.Addr().String()
	r.start(c)
	first.shows("both are in the fleet", nil, moves{"proxy_ledger_members": "=2", "proxy_gossip_members": "=2"})
	first.expect("one is cut off", way.shut, moves{"proxy_ledger_relayed_total": "+"})
}
