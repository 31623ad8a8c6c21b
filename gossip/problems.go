package gossip

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Kind says what sort of problem one is.
type Kind string

// The kinds. Subject is a member's ID, or a host or address where no ID is
// known.
const (
	NameTaken      Kind = "name_taken"      // another live member has the same name
	IDTaken        Kind = "id_taken"        // two processes use one ID
	OtherProtocol  Kind = "other_protocol"  // other version of values and messages
	OtherWitnesses Kind = "other_witnesses" // witness set configured otherwise
	OtherConfig    Kind = "other_config"    // configuration differs
	OtherKey       Kind = "other_key"       // cannot be decrypted: other key or none
	OtherCluster   Kind = "other_cluster"   // other cluster name
	NotPeer        Kind = "not_a_peer"      // something else talks to our port, or answers at a peer's
	JoinFailed     Kind = "join_failed"     // a member to start with cannot be reached
	PacketsBlocked Kind = "packets_blocked" // TCP works, UDP does not
	Overloaded     Kind = "overloaded"      // messages were dropped unread
)

// Problem is something that an operator should see.
type Problem struct {
	Kind    Kind      `json:"kind"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	Since   time.Time `json:"since"`
	Last    time.Time `json:"last"`  // when it was last seen
	Count   int       `json:"count"` // how often it was seen
}

// What is seen only now and then counts as gone after forgetAfter. maxProblems
// bounds what strangers can make us remember.
const (
	forgetAfter = 3 * time.Minute
	maxProblems = 256
)

type problemKey struct {
	kind    Kind
	subject string
}

// book has the problems that exist now.
type book struct {
	mu    sync.Mutex
	m     map[problemKey]*Problem
	fresh []Problem // not yet logged
}

func newBook() *book { return &book{m: map[problemKey]*Problem{}} }

// note records that a problem was seen and says whether it is new.
func (b *book) note(kind Kind, subject, text string, now time.Time) (isNew bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.noteLocked(kind, subject, text, now)
}

func (b *book) noteLocked(kind Kind, subject, text string, now time.Time) (isNew bool) {
	k := problemKey{kind, subject}
	if p := b.m[k]; p != nil {
		p.Text, p.Last = text, now
		p.Count++
		return false
	}
	if len(b.m) >= maxProblems {
		return false
	}
	p := Problem{Kind: kind, Subject: subject, Text: text, Since: now, Last: now, Count: 1}
	b.m[k] = &p
	if len(b.fresh) < maxProblems {
		b.fresh = append(b.fresh, p)
	}
	return true
}

// takeFresh returns the problems that are new since the last call. They are
// logged by who calls it: who notes them may hold a lock that must not wait for
// a log.
func (b *book) takeFresh() []Problem {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.fresh
	b.fresh = nil
	return f
}

func (b *book) clear(kind Kind, subject string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.m, problemKey{kind, subject})
}

// replace makes those of some kinds the present ones.
func (b *book) replace(kinds []Kind, present []Problem, now time.Time) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	keep := map[problemKey]bool{}
	for _, p := range present {
		keep[problemKey{p.Kind, p.Subject}] = true
		changed = b.noteLocked(p.Kind, p.Subject, p.Text, now) || changed
	}
	for k := range b.m {
		if slices.Contains(kinds, k.kind) && !keep[k] {
			delete(b.m, k)
			changed = true
		}
	}
	return changed
}

// sweep forgets what was not seen for a while.
func (b *book) sweep(now time.Time) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, p := range b.m {
		if now.Sub(p.Last) >= forgetAfter {
			delete(b.m, k)
			changed = true
		}
	}
	return changed
}

// list returns the problems, oldest first.
func (b *book) list() []Problem {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Problem, 0, len(b.m))
	for _, p := range b.m {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b Problem) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(string(a.Kind)+a.Subject, string(b.Kind)+b.Subject)
	})
	return all
}

// shown makes text of a network fit for a log and a page.
func shown(s string) string {
	const most = 160
	if len(s) > most {
		s = s[:most]
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}
