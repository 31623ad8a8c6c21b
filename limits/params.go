package limits

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Params are the times of the protocol and who witnesses. All nodes of a fleet
// must have the same; the ledger refuses those that have not.
type Params struct {
	// Hold is how long a session lives after it was last heard (T). Durations
	// are taken from a monotonic clock that goes on while the machine sleeps.
	Hold time.Duration
	// Heartbeat is the time between two Syncs and between two Beats. It must
	// not be longer than a third of Hold.
	Heartbeat time.Duration
	// Loan is the longest loan of a slot without a refresh (D).
	Loan time.Duration
	// Closing is the longest that closing a connection takes, from when a
	// governor begins; 0 is for a second. Hold and Loan must be well above it.
	Closing time.Duration
	// Lag is how long a replaced master of the ledger's store may go on
	// answering: min-replicas-max-lag and a little, 0 if it has no replicas.
	Lag time.Duration
	// Witnesses are the instance ids that keep promises: none, 1, 3 or 5.
	Witnesses []string
	// Bootstrap makes the node create a ledger at once where it finds none when
	// it first looks. It is an operator's word that no other node holds
	// anything; once a ledger was seen it has no meaning any more.
	Bootstrap bool
}

// margin is by how much clocks may run at different rates, with room: 1 %.
const margin = 100

func longer(d time.Duration) time.Duration  { return d + d/margin }
func shorter(d time.Duration) time.Duration { return d - d/margin }

// Guard is how long before the end of its right a node begins to close (G). A
// close that has begun already is not hurried, so there must be time for one.
func (p Params) Guard() time.Duration {
	closing := p.Closing
	if closing == 0 {
		closing = time.Second
	}
	return max(p.Hold/20, closing+closing/4)
}

// Quorum is how many witnesses make a majority; 0 without witnesses.
func (p Params) Quorum() int {
	if len(p.Witnesses) == 0 {
		return 0
	}
	return len(p.Witnesses)/2 + 1
}

// Fingerprint is what must be alike in all nodes, as readable text.
func (p Params) Fingerprint() string {
	w := slices.Sorted(slices.Values(p.Witnesses))
	return fmt.Sprintf("hold=%s loan=%s witnesses=%s", p.Hold, p.Loan, strings.Join(w, ","))
}

func (p Params) isWitness(name string) bool { return slices.Contains(p.Witnesses, name) }
