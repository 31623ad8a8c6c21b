//go:build linux && race

package session

import (
	"errors"
	"syscall"
)

const canReadRaw = true

// Package syscall tells the race detector what is ordered by a write on one
// socket and a read on another; the calls without it do not.

func readFD(fd uintptr, b []byte) (int, error) {
	return again(func() (int, error) { return syscall.Read(int(fd), b) })
}

func writeFD(fd uintptr, b []byte) (int, error) {
	return again(func() (int, error) { return syscall.Write(int(fd), b) })
}

func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return max(n, 0), err
		}
	}
}
