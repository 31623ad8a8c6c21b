//go:build unix

package main

import "syscall"

// raiseFileLimit asks for as many open files as the system lets this process
// have: each client takes one, and each backend another.
func raiseFileLimit() {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil && l.Cur < l.Max {
		l.Cur = l.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	}
}
