package sandbox

import (
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"
)

// Link is the network between the server and its clients, which can be made
// slow while connections are open. The zero value is as fast as it goes. Its
// methods may be called from any goroutine.
type Link struct{ shape atomic.Pointer[Shape] }

// Shape is how slow a link is.
type Shape struct {
	Delay  time.Duration // of what is sent, each way
	Jitter time.Duration // by how much the delay varies, up and down
	Rate   int           // bytes per second, each way of each connection; 0: any
}

// Set changes the link from now on.
func (l *Link) Set(s Shape) { l.shape.Store(&s) }

// Late is how much later than sent n bytes arrive.
func (l *Link) Late(n int) time.Duration {
	s := l.shape.Load()
	if s == nil {
		return 0
	}
	late := s.Delay
	if s.Jitter > 0 {
		late += time.Duration(rand.Int64N(2*int64(s.Jitter))) - s.Jitter
	}
	if s.Rate > 0 {
		late += time.Duration(n) * time.Second / time.Duration(s.Rate)
	}
	return max(late, 0)
}

// linked is a connection over a link. A close is not late: the witness counts
// who has closed, not whose last packet has arrived.
type linked struct {
	*net.TCPConn
	link *Link
	done <-chan struct{} // ends every wait
}

func (c linked) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if n > 0 {
		c.wait(n)
	}
	return n, err
}

func (c linked) Write(b []byte) (int, error) {
	c.wait(len(b))
	return c.TCPConn.Write(b)
}

// over puts a new connection on the link, if there is one.
func (s *Server) over(c net.Conn) net.Conn {
	if t, ok := c.(*net.TCPConn); ok && s.opts.Link != nil {
		return linked{t, s.opts.Link, s.ctx.Done()}
	}
	return c
}

func (c linked) wait(n int) {
	late := c.link.Late(n)
	if late <= 0 {
		return
	}
	t := time.NewTimer(late)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.done:
	}
}
