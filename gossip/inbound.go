package gossip

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// inbound is a connection that a peer sends on. done is closed when its
// goroutine hands on nothing more.
type inbound struct {
	conn net.Conn
	done chan struct{}
}

const acceptPause = 50 * time.Millisecond

func (l *Links) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			if l.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors, as a rule.
			l.log.Warn("gossip: links cannot accept", "err", err)
			t := time.NewTimer(acceptPause)
			select {
			case <-l.ctx.Done():
				t.Stop()
				return
			case <-t.C:
				continue
			}
		}
		select {
		case l.greets <- struct{}{}:
		default:
			conn.Close() // a peer dials again
			continue
		}
		l.wg.Go(func() { l.receive(conn) })
	}
}

// receive greets a connection and reads it to its end.
func (l *Links) receive(raw net.Conn) {
	end := context.AfterFunc(l.ctx, func() { raw.Close() })
	defer end()
	defer raw.Close()
	conn, from, err := l.welcome(raw)
	<-l.greets
	if err != nil {
		if l.ctx.Err() == nil {
			l.refuse(hostOf(raw), err)
		}
		return
	}
	p, in, err := l.attach(from, conn)
	if err != nil {
		l.log.Warn("gossip: link refused", "peer", from, "err", err)
		return
	}
	err = l.read(p, conn)
	close(in.done)
	l.mu.Lock()
	if p.in == in {
		p.in = nil
	}
	l.mu.Unlock()
	if l.ctx.Err() == nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		p.fail(fmt.Errorf("inbound: %w", err))
	}
}

func hostOf(c net.Conn) string {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return c.RemoteAddr().String()
	}
	return host
}

// welcome returns who dialled. Our own hello is sent before the other is
// judged, so that the other side sees what does not match as well.
func (l *Links) welcome(conn net.Conn) (_ net.Conn, from string, err error) {
	if err := conn.SetDeadline(time.Now().Add(greetTime)); err != nil {
		return nil, "", err
	}
	if l.tls != nil {
		c := tls.Server(conn, l.tls)
		if err := c.HandshakeContext(l.ctx); err != nil {
			return nil, "", handshakeError(err)
		}
		conn = c
	}
	theirs, err := readHello(conn)
	if err != nil {
		return nil, "", err
	}
	if _, err := conn.Write(l.hello.frame()); err != nil {
		return nil, "", fmt.Errorf("greet: %w", err)
	}
	if err := l.hello.check(theirs); err != nil {
		return nil, "", err
	}
	return conn, theirs.id, nil
}

// attach makes the connection the peer's. An older one is ended first: its
// messages must not be handled between those of the new one.
func (l *Links) attach(from string, conn net.Conn) (*peer, *inbound, error) {
	in := &inbound{conn: conn, done: make(chan struct{})}
	l.mu.Lock()
	p, err := l.peer(from)
	if err != nil {
		l.mu.Unlock()
		return nil, nil, err
	}
	old := p.in
	p.in = in
	l.mu.Unlock()
	if old != nil {
		old.conn.Close()
		<-old.done
	}
	return p, in, nil
}

// read hands on messages and answers pings.
func (l *Links) read(p *peer, conn net.Conn) error {
	r := bufio.NewReaderSize(conn, linkBuffer)
	pong := appendFrameHeader(nil, framePong, 0)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		kind, data, err := readFrame(r, MaxMessage)
		if err != nil {
			return err
		}
		switch kind {
		case frameMessage:
			p.received.Add(1)
			p.bytesReceived.Add(uint64(len(data)))
			p.used.Store(time.Now())
			l.cfg.Handle(p.id, data)
		case framePing:
			if err := conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
				return err
			}
			if _, err := conn.Write(pong); err != nil {
				return err
			}
		default:
			return fmt.Errorf("frame of kind %d: %w", kind, ErrNotPeer)
		}
	}
}
