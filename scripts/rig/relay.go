package rig

import (
	"context"
	"net"
	"sync"
	"time"

	"sluice/sandbox"
)

// Relay is a link between a node and Redis that can be made slow. What is under
// way when one end closes still arrives, as it does in a network: a command that
// its node has given up may be run late.
type Relay struct {
	Link sandbox.Link
	ln   net.Listener
	to   string
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
}

const (
	relayDialWithin = time.Second
	relayChunk      = 16 << 10 // bytes
	relayChunks     = 64       // under way, each way of a connection
)

// startRelay listens at a free port of host. Close must be called.
func startRelay(host, to string) (*Relay, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	r := &Relay{ln: ln, to: to}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.wg.Go(r.accept)
	return r, nil
}

// Address is where the relay listens.
func (r *Relay) Address() string { return r.ln.Addr().String() }

// Close ends the relay and all its connections.
func (r *Relay) Close() error {
	r.stop()
	err := r.ln.Close()
	r.wg.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		c, err := r.ln.Accept()
		if err != nil {
			return // closed
		}
		r.wg.Go(func() { r.join(c.(*net.TCPConn)) })
	}
}

// join connects one client with the server until both ways have ended.
func (r *Relay) join(near *net.TCPConn) {
	defer near.Close() //nolint:errcheck // both ways have ended
	if !Sleep(r.ctx, r.Link.Late(0)) {
		return
	}
	d := net.Dialer{Timeout: relayDialWithin}
	c, err := d.DialContext(r.ctx, "tcp", r.to)
	if err != nil {
		_ = near.SetLinger(0) // reset: the server cannot be reached
		return
	}
	far := c.(*net.TCPConn)
	defer far.Close() //nolint:errcheck // both ways have ended
	unhook := context.AfterFunc(r.ctx, func() { _, _ = near.Close(), far.Close() })
	defer unhook()
	var ways sync.WaitGroup
	ways.Go(func() { r.carry(near, far) })
	ways.Go(func() { r.carry(far, near) })
	ways.Wait()
}

// parcel is what was read at once, and when it is due at the other end.
type parcel struct {
	data []byte
	due  time.Time
}

// carry brings what from sends to to, late, and then its end.
func (r *Relay) carry(from, to *net.TCPConn) {
	road := make(chan parcel, relayChunks)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(road)
		var last time.Time
		for {
			buf := make([]byte, relayChunk)
			n, err := from.Read(buf)
			due := time.Now().Add(r.Link.Late(n))
			if due.Before(last) {
				due = last // nothing overtakes
			}
			last = due
			select {
			case road <- parcel{buf[:n], due}:
			case <-r.ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
	for p := range road {
		Sleep(r.ctx, time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			// Nobody takes it: its sender learns of that, and the rest is let go.
			_ = from.Close()
		}
	}
	_ = to.CloseWrite() // it may have gone already
	reading.Wait()
}
