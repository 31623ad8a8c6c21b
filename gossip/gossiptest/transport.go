package gossiptest

import (
	"context"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/hashicorp/memberlist"
)

// Transport is a memberlist.NodeAwareTransport.
type Transport struct {
	host     *Host
	listener *Listener
	packets  chan *memberlist.Packet
}

var _ memberlist.NodeAwareTransport = (*Transport)(nil)

// Port is the port of packets and streams.
func (t *Transport) Port() int { return t.listener.port }

// FinalAdvertiseAddr implements memberlist.Transport.
func (t *Transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.ParseIP(t.host.ip).To4(), t.listener.port, nil
}

// WriteTo implements memberlist.Transport.
func (t *Transport) WriteTo(b []byte, addr string) (time.Time, error) {
	now := time.Now()
	to, port, err := split(addr)
	if err != nil {
		return now, err
	}
	h, n := t.host, t.host.net
	h.packets.Add(1)
	h.packetBytes.Add(int64(len(b)))
	n.mu.Lock()
	lost := n.isCut(route{h.ip, to}) || n.loss > 0 && rand.Float64() < n.loss
	delay := n.travelLocked()
	n.mu.Unlock()
	if lost {
		return now, nil
	}
	p := &memberlist.Packet{Buf: slices.Clone(b), From: &net.UDPAddr{IP: net.ParseIP(h.ip), Port: t.listener.port}}
	if delay == 0 {
		n.deliver(p, to, port)
	} else {
		time.AfterFunc(delay, func() { n.deliver(p, to, port) })
	}
	return now, nil
}

func (n *Network) deliver(p *memberlist.Packet, to string, port int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[to]
	if h == nil || n.isolated[to] {
		return
	}
	t := h.transports[port]
	if t == nil {
		return
	}
	p.Timestamp = time.Now()
	select {
	case t.packets <- p:
	default: // the receive buffer is full
	}
}

// WriteToAddress implements memberlist.NodeAwareTransport.
func (t *Transport) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, addr.Addr)
}

// DialTimeout implements memberlist.Transport.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return t.host.Dial(ctx, addr)
}

// DialAddressTimeout implements memberlist.NodeAwareTransport.
func (t *Transport) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(addr.Addr, timeout)
}

// DialContext is DialTimeout that ends with ctx.
func (t *Transport) DialContext(ctx context.Context, addr string) (net.Conn, error) {
	return t.host.Dial(ctx, addr)
}

// PacketCh implements memberlist.Transport.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh implements memberlist.Transport.
func (t *Transport) StreamCh() <-chan net.Conn { return t.listener.backlog }

// Shutdown implements memberlist.Transport.
func (t *Transport) Shutdown() error {
	n := t.host.net
	n.mu.Lock()
	if t.host.transports[t.listener.port] == t {
		delete(t.host.transports, t.listener.port)
	}
	n.mu.Unlock()
	return t.listener.Close()
}
