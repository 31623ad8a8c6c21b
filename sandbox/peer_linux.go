package sandbox

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// peerWatch knows which TCP connections have been closed by their clients,
// without reading from them: an epoll set of its own that waits for FIN and RST
// only. The kernel takes a socket out of it when the socket is closed.
type peerWatch struct{ epoll int }

func newPeerWatch() (*peerWatch, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &peerWatch{fd}, nil
}

func (p *peerWatch) close() error { return unix.Close(p.epoll) }

// add begins to watch a connection. Numbers fit 32 bits.
func (p *peerWatch) add(c net.Conn, number uint32) error {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var added error
	err = raw.Control(func(fd uintptr) {
		e := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(number)}
		added = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, int(fd), &e)
	})
	return errors.Join(err, added)
}

// closed calls gone for every connection whose client has closed it since the
// last call, or has reset it.
func (p *peerWatch) closed(gone func(number uint32)) {
	var events [64]unix.EpollEvent
	for {
		n, err := unix.EpollWait(p.epoll, events[:], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		for _, e := range events[:max(n, 0)] {
			gone(uint32(e.Fd))
		}
		if n < len(events) {
			return
		}
	}
}
