package gossiptest

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// window is how many bytes of a stream may be under way.
const window = 256 << 10

// stream is one direction of a connection.
type stream struct {
	path *path
	from *Host

	mu     sync.Mutex
	chunks []chunk
	size   int
	wake   chan struct{} // closed and replaced at every change
	// The reader's side has called Close, the writer's side has.
	readerGone, writerGone bool
	readBy, writeBy        time.Time
	last                   time.Time // when the newest chunk arrives
}

// chunk is bytes, or the end of the stream if it has none, and when they
// arrive.
type chunk struct {
	data []byte
	at   time.Time
}

func newStream(p *path, from *Host) *stream {
	return &stream{path: p, from: from, wake: make(chan struct{})}
}

func (s *stream) wakeUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed()
}

func (s *stream) changed() {
	close(s.wake)
	s.wake = make(chan struct{})
}

// wait releases the lock until a change or one of the times that are set.
func (s *stream) wait(times ...time.Time) {
	wake := s.wake
	s.mu.Unlock()
	defer s.mu.Lock()
	var next time.Time
	for _, t := range times {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if next.IsZero() {
		<-wake
		return
	}
	t := time.NewTimer(max(time.Until(next), 0))
	defer t.Stop()
	select {
	case <-wake:
	case <-t.C:
	}
}

func past(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		var arrives time.Time
		switch {
		case s.readerGone:
			return 0, net.ErrClosed
		case past(s.readBy):
			return 0, os.ErrDeadlineExceeded
		case len(s.chunks) > 0 && !s.path.cut.Load():
			c := &s.chunks[0]
			if arrives = c.at; time.Now().Before(arrives) {
				break
			}
			if len(c.data) == 0 {
				return 0, io.EOF
			}
			n := copy(b, c.data)
			if c.data = c.data[n:]; len(c.data) == 0 {
				s.chunks = s.chunks[1:]
			}
			s.size -= n
			s.changed()
			return n, nil
		}
		s.wait(arrives, s.readBy)
	}
}

func (s *stream) write(b []byte) (int, error) {
	delay := s.from.net.travel()
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := 0
	for {
		switch {
		case s.writerGone:
			return sent, net.ErrClosed
		case past(s.writeBy):
			return sent, os.ErrDeadlineExceeded
		case s.readerGone && !s.path.cut.Load():
			return sent, syscall.EPIPE
		case len(b) == 0:
			return sent, nil
		}
		if room := window - s.size; room > 0 {
			part := b[:min(room, len(b))]
			s.append(chunk{data: slices.Clone(part)}, delay)
			s.size += len(part)
			s.from.streamBytes.Add(int64(len(part)))
			b, sent = b[len(part):], sent+len(part)
			continue
		}
		s.wait(s.writeBy)
	}
}

func (s *stream) append(c chunk, delay time.Duration) {
	// A stream keeps its order.
	if c.at = time.Now().Add(delay); c.at.Before(s.last) {
		c.at = s.last
	}
	s.last = c.at
	s.chunks = append(s.chunks, c)
	s.changed()
}

// conn is one end of a connection.
type conn struct {
	in, out       *stream
	local, remote net.Addr
	once          sync.Once
}

// newConns is called with the network's lock held.
func newConns(from, to *Host, local, remote net.Addr) (ours, theirs *conn) {
	n := from.net
	there, back := newStream(n.pathOf(from.ip, to.ip), from), newStream(n.pathOf(to.ip, from.ip), to)
	n.streams[there], n.streams[back] = struct{}{}, struct{}{}
	return &conn{in: back, out: there, local: local, remote: remote},
		&conn{in: there, out: back, local: remote, remote: local}
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	return n, c.wrap("read", err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	return n, c.wrap("write", err)
}

func (c *conn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Close ends both directions: the other side reads what was written before and
// then the end.
func (c *conn) Close() error {
	c.once.Do(func() {
		delay := c.out.from.net.travel()
		c.out.mu.Lock()
		c.out.writerGone = true
		c.out.append(chunk{}, delay)
		c.out.mu.Unlock()
		c.in.mu.Lock()
		c.in.readerGone = true
		c.in.changed()
		done := c.in.writerGone
		c.in.mu.Unlock()
		if done {
			c.in.from.net.forget(c.in)
			c.in.from.net.forget(c.out)
		}
	})
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.readBy = t
	c.in.changed()
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.writeBy = t
	c.out.changed()
	return nil
}
