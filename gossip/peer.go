package gossip

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// peer is what is known of one peer. Its goroutine dials, sends and dials
// again.
type peer struct {
	links *Links
	id    string
	queue *outbox
	used  atomic.Value // time.Time of the last message in either direction

	// stop ends the goroutine that sends, nil if there is none; in is the
	// connection the peer sends on. Links.mu guards both.
	stop context.CancelFunc
	in   *inbound

	connected                atomic.Bool
	sent, received, dropped  atomic.Uint64
	bytesSent, bytesReceived atomic.Uint64

	errMu   sync.Mutex
	lastErr error
	errAt   time.Time
}

// errGone ends the goroutine of a peer that Resolve no longer knows.
var errGone = fmt.Errorf("address is gone: %w", ErrUnknownPeer)

// enqueue is called with Links.mu held: nothing is added to the queue of a
// peer that retires.
func (p *peer) enqueue(msg []byte, now time.Time) error {
	if !p.queue.push(outgoing{msg, now}) {
		p.dropped.Add(1)
		return fmt.Errorf("%s: %w", p.id, ErrFull)
	}
	p.used.Store(now)
	return nil
}

// worth says whether a message is still to be sent, and counts it if not.
func (p *peer) worth(m outgoing) bool {
	if time.Since(m.at) > MaxWait {
		p.dropped.Add(1)
		return false
	}
	return true
}

func (p *peer) fail(err error) {
	p.errMu.Lock()
	p.lastErr, p.errAt = err, time.Now()
	p.errMu.Unlock()
	p.links.refuse(p.id, err)
}

// stats is called with Links.mu held.
func (p *peer) stats() PeerStats {
	s := PeerStats{
		ID: p.id, Connected: p.connected.Load(), Inbound: p.in != nil, Queued: p.queue.len(),
		Sent: p.sent.Load(), Received: p.received.Load(), Dropped: p.dropped.Load(),
		BytesSent: p.bytesSent.Load(), BytesReceived: p.bytesReceived.Load(),
	}
	p.errMu.Lock()
	defer p.errMu.Unlock()
	if p.lastErr != nil {
		s.LastError, s.LastErrorAt = p.lastErr.Error(), p.errAt
	}
	return s
}

// run sends what is queued, over a connection that it makes when there is
// something to send.
func (p *peer) run(ctx context.Context) {
	backoff := firstBackoff
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.queue.ready:
		}
		m, _ := p.queue.pop()
		for !m.at.IsZero() && p.worth(m) {
			conn, err := p.connect(ctx)
			if err == nil {
				began := time.Now()
				m, err = p.serve(ctx, conn, m)
				if time.Since(began) > lastBackoff {
					backoff = firstBackoff
				}
			}
			if ctx.Err() != nil {
				return
			}
			p.fail(err)
			if errors.Is(err, errGone) {
				p.dropped.Add(1)
				p.retire()
				return
			}
			t := time.NewTimer(backoff + rand.N(backoff/2))
			backoff = min(2*backoff, lastBackoff)
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-t.C:
			}
		}
	}
}

// retire drops the queue and lets the next Send start anew.
func (p *peer) retire() {
	p.links.mu.Lock()
	defer p.links.mu.Unlock()
	for {
		if _, ok := p.queue.pop(); !ok {
			break
		}
		p.dropped.Add(1)
	}
	p.stop = nil
}

// connect dials and greets.
func (p *peer) connect(ctx context.Context) (net.Conn, error) {
	l := p.links
	addr, ok := l.cfg.Resolve(p.id)
	if !ok {
		return nil, errGone
	}
	dialCtx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := l.cfg.Dial(dialCtx, addr)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	end := context.AfterFunc(ctx, func() { conn.Close() })
	defer end()
	err = conn.SetDeadline(time.Now().Add(greetTime))
	c := conn
	if err == nil {
		c, err = p.greet(ctx, conn)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	return c, nil
}

func (p *peer) greet(ctx context.Context, conn net.Conn) (net.Conn, error) {
	l := p.links
	if l.tls != nil {
		c := tls.Client(conn, l.tls)
		if err := c.HandshakeContext(ctx); err != nil {
			return nil, handshakeError(err)
		}
		conn = c
	}
	if _, err := conn.Write(l.hello.frame()); err != nil {
		return nil, fmt.Errorf("greet: %w", alertError(err))
	}
	theirs, err := readHello(conn)
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("closed without a greeting, it may have a secret key or be no peer: %w", err)
	}
	if err != nil {
		return nil, alertError(err)
	}
	if err := l.hello.check(theirs); err != nil {
		return nil, err
	}
	if theirs.id != p.id {
		return nil, fmt.Errorf("it is %s: %w", shown(theirs.id), ErrOtherPeer)
	}
	return conn, nil
}

// serve sends m and what follows until the connection breaks. A lost
// connection is noticed by what the peer answers to pings: TCP itself may take
// minutes. It returns a message that was not handed to the connection.
func (p *peer) serve(ctx context.Context, conn net.Conn, m outgoing) (unsent outgoing, err error) {
	end := context.AfterFunc(ctx, func() { conn.Close() })
	p.connected.Store(true)
	broken := make(chan error, 1)
	var reads sync.WaitGroup
	reads.Go(func() { broken <- readPongs(conn) })
	defer func() {
		end()
		p.connected.Store(false)
		conn.Close()
		reads.Wait()
	}()
	w := bufio.NewWriterSize(conn, linkBuffer)
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for ping := false; ; {
		select {
		case err := <-broken:
			return m, err
		default:
		}
		if ping || !m.at.IsZero() {
			if err := p.write(conn, w, m); err != nil {
				return outgoing{}, err
			}
		}
		m, ping = outgoing{}, false
		select {
		case <-ctx.Done():
			return outgoing{}, ctx.Err()
		case err := <-broken:
			return outgoing{}, err
		case <-p.queue.ready:
			m, _ = p.queue.pop()
		case <-tick.C:
			ping = true
		}
	}
}

// flushAfter bounds how many messages share a deadline.
const flushAfter = 64

// write sends m, or a ping if there is none, and all that is queued already.
func (p *peer) write(conn net.Conn, w *bufio.Writer, m outgoing) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		if !m.at.IsZero() {
			p.dropped.Add(1)
		}
		return fmt.Errorf("write: %w", err)
	}
	var h [frameHeader]byte // a writer keeps its error for Flush
	if m.at.IsZero() {
		_, _ = w.Write(appendFrameHeader(h[:0], framePing, 0))
		return flush(w)
	}
	for n := 0; ; n++ {
		if p.worth(m) {
			_, _ = w.Write(appendFrameHeader(h[:0], frameMessage, len(m.msg)))
			if _, err := w.Write(m.msg); err != nil {
				p.dropped.Add(1)
				return fmt.Errorf("write: %w", err)
			}
			p.sent.Add(1)
			p.bytesSent.Add(uint64(len(m.msg)))
		}
		if n == flushAfter {
			return flush(w)
		}
		var ok bool
		if m, ok = p.queue.pop(); !ok {
			return flush(w)
		}
	}
}

func flush(w *bufio.Writer) error {
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// readPongs reads until the connection breaks or is silent.
func readPongs(conn net.Conn) error {
	for {
		if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		kind, _, err := readFrame(conn, 0)
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("peer closed the connection: %w", err)
		case err != nil:
			return fmt.Errorf("read: %w", err)
		case kind != framePong:
			return fmt.Errorf("frame of kind %d instead of a pong: %w", kind, ErrNotPeer)
		}
	}
}
