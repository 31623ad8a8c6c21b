//go:build race

package session

// raceEnabled says that allocations are not those of a normal build.
const raceEnabled = true
