package gossip

import (
	"context"
	"fmt"
	"log"
	"net"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// transport ends dials and what was dialled when it is shut down, which the
// library's does not, and counts what is sent.
type transport struct {
	memberlist.NodeAwareTransport
	ctx    context.Context
	cancel context.CancelFunc
	// addr and port are those of the last FinalAdvertiseAddr.
	addr atomic.Pointer[net.TCPAddr]

	packets, bytes atomic.Uint64
}

// contextDialer is a transport whose dials can be ended, such as the one in
// memory.
type contextDialer interface {
	DialContext(ctx context.Context, addr string) (net.Conn, error)
}

func wrapTransport(inner memberlist.NodeAwareTransport) *transport {
	t := &transport{NodeAwareTransport: inner}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// listenNet opens the port for UDP and TCP. An arbitrary port may be free for
// one of the two only, so it tries some.
func listenNet(bind string, port int, l *log.Logger) (*memberlist.NetTransport, error) {
	if bind == "" {
		bind = "0.0.0.0"
	}
	tries := 1
	if port == 0 {
		tries = 10
	}
	var err error
	for range tries {
		var t *memberlist.NetTransport
		t, err = memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{bind}, BindPort: port, Logger: l})
		if err == nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("gossip: listen on %s port %d: %w", bind, port, err)
}

func (t *transport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	a, p, err := t.NodeAwareTransport.FinalAdvertiseAddr(ip, port)
	if err == nil {
		t.addr.Store(&net.TCPAddr{IP: a, Port: p})
	}
	return a, p, err
}

func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	t.packets.Add(1)
	t.bytes.Add(uint64(len(b)))
	return t.NodeAwareTransport.WriteToAddress(b, a)
}

func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	var (
		conn net.Conn
		err  error
	)
	if d, ok := t.NodeAwareTransport.(contextDialer); ok {
		conn, err = d.DialContext(ctx, addr)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}
	if err != nil {
		return nil, err
	}
	return &dialled{conn, context.AfterFunc(t.ctx, func() { conn.Close() })}, nil
}

// dialled is a connection that is closed when the transport is shut down.
type dialled struct {
	net.Conn
	stop func() bool
}

func (d *dialled) Close() error {
	d.stop()
	return d.Conn.Close()
}

func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(a.Addr, timeout)
}

func (t *transport) Shutdown() error {
	t.cancel()
	return t.NodeAwareTransport.Shutdown()
}
