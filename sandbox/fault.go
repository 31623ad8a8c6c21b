package sandbox

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// FaultKind is a way to misbehave.
type FaultKind int

// Kinds of faults.
const (
	// RefuseConnect resets connections as soon as they are accepted.
	RefuseConnect FaultKind = iota + 1
	// StallLogin never answers LOGIN7.
	StallLogin
	// StallResponse takes requests, and attentions, and answers neither.
	StallResponse
	// CutMidRow closes the connection once Fault.Bytes bytes of a response
	// have been sent.
	CutMidRow
	// LateAnswer waits Fault.Delay before a request is run; an attention ends
	// the wait.
	LateAnswer
	// Garbage answers a request with bytes that are no TDS packet and closes.
	Garbage
	// GarbageTokens answers a request with a well-formed packet of unknown
	// tokens and closes.
	GarbageTokens
	// DieMidRow resets the connection in the middle of the first row sent.
	DieMidRow
	// RejectReset ignores RESETCONNECTION: the session is not reset, and no
	// ENVCHANGE 18 says it was.
	RejectReset
	// CloseOnReset closes the connection when asked to reset it.
	CloseOnReset
	// DropAttention reads attentions and does nothing about them.
	DropAttention
)

var faultNames = map[FaultKind]string{
	RefuseConnect: "refuse-connect", StallLogin: "stall-login", StallResponse: "stall-response", CutMidRow: "cut-mid-row",
	LateAnswer: "late-answer", Garbage: "garbage", GarbageTokens: "garbage-tokens", DieMidRow: "die-mid-row",
	RejectReset: "reject-reset", CloseOnReset: "close-on-reset", DropAttention: "drop-attention",
}

func (k FaultKind) String() string {
	if s, ok := faultNames[k]; ok {
		return s
	}
	return fmt.Sprintf("fault(%d)", int(k))
}

// ParseFaultKind reads a kind by its name, such as "stall-login".
func ParseFaultKind(s string) (FaultKind, error) {
	for k, name := range faultNames {
		if name == s {
			return k, nil
		}
	}
	return 0, fmt.Errorf("%w: fault %q", ErrOptions, s)
}

// Fault makes connections misbehave.
type Fault struct {
	Kind FaultKind
	// Connections is how many of the next accepted connections have the fault,
	// for as long as they live. 0 means all, those already open included,
	// until ClearFaults.
	Connections int
	Bytes       int           // CutMidRow
	Delay       time.Duration // LateAnswer
}

// faults is the server's list of faults. Requests look at it without a lock.
type faults struct {
	all atomic.Pointer[[]Fault]

	mu   sync.Mutex
	next []Fault // with Connections left to strike
}

func (f *faults) set(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault.Connections > 0 {
		f.next = append(f.next, fault)
		return
	}
	var list []Fault
	if old := f.all.Load(); old != nil {
		list = slices.DeleteFunc(slices.Clone(*old), func(o Fault) bool { return o.Kind == fault.Kind })
	}
	list = append(list, fault)
	f.all.Store(&list)
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = nil
	f.all.Store(nil)
}

// take returns the faults that a newly accepted connection has for itself.
func (f *faults) take() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var own []Fault
	for i := range f.next {
		own = append(own, f.next[i])
		f.next[i].Connections--
	}
	f.next = slices.DeleteFunc(f.next, func(o Fault) bool { return o.Connections == 0 })
	return own
}

// find looks a kind up among a connection's own faults and those of all.
func (f *faults) find(own []Fault, kind FaultKind) (Fault, bool) {
	for _, o := range own {
		if o.Kind == kind {
			return o, true
		}
	}
	if all := f.all.Load(); all != nil {
		for _, o := range *all {
			if o.Kind == kind {
				return o, true
			}
		}
	}
	return Fault{}, false
}
