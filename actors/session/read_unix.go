//go:build unix

package session

import (
	"errors"
	"syscall"
)

const canReadRaw = true

// readFD reads from a non-blocking descriptor. It returns 0, nil at the end of
// the stream and EAGAIN where there is nothing yet.
func readFD(fd uintptr, b []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), b)
		if !errors.Is(err, syscall.EINTR) {
			return max(n, 0), err
		}
	}
}
