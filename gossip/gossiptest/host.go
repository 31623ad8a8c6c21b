package gossiptest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// Host is one address of a Network. What it listens with is closed by its
// owner; the host itself needs no closing.
type Host struct {
	net        *Network
	ip         string
	listeners  map[int]*Listener
	transports map[int]*Transport
	nextPort   int

	packets, packetBytes, streamBytes atomic.Int64
}

// Sent tells what left the host so far: packets, their bytes, and the bytes of
// streams (both without headers of IP, UDP and TCP).
func (h *Host) Sent() (packets, packetBytes, streamBytes int64) {
	return h.packets.Load(), h.packetBytes.Load(), h.streamBytes.Load()
}

// Listen opens a port for streams; 0 is any port.
func (h *Host) Listen(port int) (*Listener, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.listen(port)
}

func (h *Host) listen(port int) (*Listener, error) {
	if port == 0 {
		port = h.port()
	}
	if h.listeners[port] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: syscall.EADDRINUSE}
	}
	l := &Listener{host: h, port: port, backlog: make(chan net.Conn, 128), done: make(chan struct{})}
	h.listeners[port] = l
	return l, nil
}

func (h *Host) port() int {
	h.nextPort++
	return h.nextPort
}

// Transport opens a port for memberlist: packets and streams.
func (h *Host) Transport(port int) (*Transport, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	l, err := h.listen(port)
	if err != nil {
		return nil, err
	}
	t := &Transport{host: h, listener: l, packets: make(chan *memberlist.Packet, 4096)}
	h.transports[l.port] = t
	return t, nil
}

// Dial opens a stream to host:port. It waits for ctx where a SYN would be
// lost.
func (h *Host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	to, port, err := split(addr)
	if err != nil {
		return nil, err
	}
	c, err := h.dial(ctx, to, port)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: tcpAddr(to, port), Err: err}
	}
	return c, nil
}

func (h *Host) dial(ctx context.Context, to string, port int) (net.Conn, error) {
	n := h.net
	if d := 2 * n.travel(); d > 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(d):
		}
	}
	n.mu.Lock()
	target := n.hosts[to]
	if target == nil || n.isCut(route{h.ip, to}) || n.isCut(route{to, h.ip}) {
		n.mu.Unlock()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	defer n.mu.Unlock()
	l := target.listeners[port]
	if l == nil {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := newConns(h, target, tcpAddr(h.ip, h.port()), tcpAddr(to, port))
	select {
	case l.backlog <- theirs:
		return ours, nil
	default:
		return nil, syscall.ECONNREFUSED
	}
}

// Listener is a net.Listener.
type Listener struct {
	host    *Host
	port    int
	backlog chan net.Conn
	done    chan struct{}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, net.ErrClosed
	case c := <-l.backlog:
		return c, nil
	}
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return tcpAddr(l.host.ip, l.port) }

// Close implements net.Listener. Streams nobody accepted are closed.
func (l *Listener) Close() error {
	n := l.host.net
	n.mu.Lock()
	if l.host.listeners[l.port] != l {
		n.mu.Unlock()
		return net.ErrClosed
	}
	delete(l.host.listeners, l.port)
	n.mu.Unlock()
	close(l.done)
	for {
		select {
		case c := <-l.backlog:
			c.Close()
		default:
			return nil
		}
	}
}

func tcpAddr(ip string, port int) *net.TCPAddr {
	return &net.TCPAddr{IP: net.ParseIP(ip), Port: port}
}

func split(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(text); err != nil {
		return "", 0, fmt.Errorf("port of %q: %w", addr, err)
	}
	return host, port, nil
}
