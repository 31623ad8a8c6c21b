//go:build linux && !race

package session

import (
	"syscall"
	"unsafe"
)

const canReadRaw = true

// readFD and writeFD are for non-blocking descriptors, inside the calls of a
// syscall.RawConn. They do not tell the scheduler, as package syscall would:
// the calls return at once, and what telling costs is a fifth of all that a
// relayed request takes.

// readFD reads into b, which must not be empty. It returns 0, nil at the end of
// the stream and EAGAIN where there is nothing yet.
func readFD(fd uintptr, b []byte) (int, error) { return rawIO(syscall.SYS_READ, fd, b) }

// writeFD writes from b, which must not be empty, as much as there is room for,
// and EAGAIN where there is none.
func writeFD(fd uintptr, b []byte) (int, error) { return rawIO(syscall.SYS_WRITE, fd, b) }

func rawIO(call, fd uintptr, b []byte) (int, error) {
	for {
		n, _, e := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch e {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, e
		}
	}
}
