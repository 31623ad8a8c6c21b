package limits

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Process names one start of a process: "name#random". The name is the
// instance id and is used again after a restart, the rest is not.
type Process string

// NewProcess returns the name of a process that starts now; random must be 64
// bits that no other start has.
func NewProcess(name string, random uint64) Process {
	return Process(fmt.Sprintf("%s#%016x", name, random))
}

// Name is the instance id.
func (p Process) Name() string {
	name, _, _ := strings.Cut(string(p), "#")
	return name
}

// Session names one session of a process with the ledger: "name#random/n".
// Slots, promises and loans belong to a session, never to a name (R1), and a
// process that had to give up its session begins another.
type Session string

func (p Process) session(n int) Session { return Session(fmt.Sprintf("%s/%d", p, n)) }

// Process is the process a session belongs to.
func (s Session) Process() Process {
	p, _, _ := strings.Cut(string(s), "/")
	return Process(p)
}

// Name is the instance id of the session's process.
func (s Session) Name() string { return s.Process().Name() }

// Epoch names one memory of the ledger. A ledger that lost its memory, or may
// have, goes on under a higher number; two ledgers that come to the same number
// by themselves differ in their tag.
type Epoch struct {
	N   uint64 `json:"n"`
	Tag string `json:"tag"`
}

func (e Epoch) String() string { return fmt.Sprintf("%d.%s", e.N, e.Tag) }

// Counts are numbers of slots by bucket.
type Counts map[string]int

// Clone returns a copy without zeroes.
func (c Counts) clone() Counts {
	out := make(Counts, len(c))
	for b, n := range c {
		if n != 0 {
			out[b] = n
		}
	}
	return out
}

// sorted returns the keys of m in order: nothing here may depend on the order
// of a map, or a simulated schedule could not be replayed.
func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	keys := slices.AppendSeq(make([]K, 0, len(m)), maps.Keys(m))
	slices.Sort(keys)
	return keys
}
