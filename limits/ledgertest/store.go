// Package ledgertest holds what every ledger of package limits must pass: the
// contract of each op as scenarios, and long random walks in step with the
// ledger in memory.
package ledgertest

import (
	"encoding/json"
	"fmt"
	"testing"

	"sluice/limits"
)

// Store is a ledger together with the store it lies in, which can be made to
// forget.
type Store interface {
	// Do carries out op. A ledger that does not answer fails the test.
	Do(t testing.TB, op limits.Op) limits.Reply
	// Replid names the store's present history.
	Replid(t testing.TB) string
	// Save remembers the present content for a later Restart, in place of the
	// one before.
	Save(t testing.TB)
	// Restart gives the store a new history, with the content that it says.
	Restart(t testing.TB, c Content)
	// Wipe removes all without a new history.
	Wipe(t testing.TB)
}

// Content is what a store remembers over a restart.
type Content int

// The contents a restarted store may have.
const (
	Kept  Content = iota // everything
	Empty                // nothing
	Saved                // what was there when it was saved; nothing if it never was
)

func (c Content) String() string { return [...]string{"kept", "empty", "saved"}[c] }

// Memory is the ledger in memory as a Store.
type Memory struct {
	replid string
	starts int
	ledger *limits.Ledger
	log    []call // all that made the present content
	saved  []call
}

type call struct {
	op     limits.Op
	replid string
}

// NewMemory returns an empty ledger.
func NewMemory() *Memory { return &Memory{replid: "memory-0", ledger: limits.NewLedger()} }

// Do implements Store.
func (m *Memory) Do(_ testing.TB, op limits.Op) limits.Reply {
	m.log = append(m.log, call{op, m.replid})
	return m.ledger.Do(op, m.replid)
}

// Replid implements Store.
func (m *Memory) Replid(testing.TB) string { return m.replid }

// Save implements Store.
func (m *Memory) Save(testing.TB) { m.saved = m.log[:len(m.log):len(m.log)] }

// Restart implements Store.
func (m *Memory) Restart(_ testing.TB, c Content) {
	m.starts++
	m.restart(c, fmt.Sprintf("memory-%d", m.starts))
}

func (m *Memory) restart(c Content, replid string) {
	m.replid = replid
	switch c {
	case Kept:
		return
	case Empty:
		m.log = nil
	case Saved:
		m.log = m.saved
	}
	m.ledger = limits.NewLedger()
	for _, c := range m.log {
		m.ledger.Do(c.op, c.replid)
	}
}

// Wipe implements Store.
func (m *Memory) Wipe(testing.TB) {
	m.log = nil
	m.ledger = limits.NewLedger()
}

// text writes a reply so that two that say the same are equal: no list and an
// empty list are.
func text(t testing.TB, r limits.Reply) string {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
