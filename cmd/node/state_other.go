//go:build !linux

package main

import "os"

const noFollow = 0

// lockFile keeps a second process from the file where the system has locks as
// Linux has them; elsewhere names are not guarded.
func lockFile(*os.File) error { return nil }

func startedAt(int) uint64 { return 0 }

// bootID is new with each start of the process: nothing is known of others.
func bootID() string { return processStart.String() }
