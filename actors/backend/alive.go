package backend

import (
	"errors"
	"syscall"
)

// Alive tells, without waiting, whether an idle connection can still be used:
// its socket is open and the server has said nothing unasked. What a server
// says unasked is that it is about to hang up.
func (c *Conn) Alive() bool {
	if c.tcp == nil {
		return true
	}
	raw, err := c.tcp.SyscallConn()
	if err != nil {
		return false
	}
	alive := false
	var one [1]byte
	err = raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		alive = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK)
	})
	return err == nil && alive
}
