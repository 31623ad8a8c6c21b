//go:build !unix

package session

import "syscall"

const canReadRaw = false

func readFD(uintptr, []byte) (int, error) { return 0, syscall.EINVAL }
