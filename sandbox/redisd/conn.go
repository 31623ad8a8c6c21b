package redisd

import (
	"net"
	"sync"
)

// gate is what every read and write of a paused server waits at. The zero value
// is open.
type gate struct {
	mu   sync.Mutex
	shut chan struct{} // nil: open; closed when the gate opens
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == nil {
		g.shut = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

// pass waits until the gate is open, and reports false when done came first.
func (g *gate) pass(done <-chan struct{}) bool {
	for {
		g.mu.Lock()
		shut := g.shut
		g.mu.Unlock()
		if shut == nil {
			return true
		}
		select {
		case <-shut:
		case <-done:
			return false
		}
	}
}

// conn is a client's connection as miniredis sees it.
type conn struct {
	net.Conn
	gate   *gate
	frames framing
	done   chan struct{} // closed by Close
	once   sync.Once
	gone   func(*conn) // told once, by Close
}

// Read holds back what arrived while the server is paused: a paused process
// would not have read it.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.gate.pass(c.done) {
		return 0, net.ErrClosed
	}
	if bad := c.frames.check(p[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	if !c.gate.pass(c.done) {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.gone(c)
	})
	return c.Conn.Close()
}
