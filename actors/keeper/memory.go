package keeper

import (
	"context"
	"sync"

	"sluice/limits"
)

// Memory is the ledger of a node that is alone.
type Memory struct {
	mu     sync.Mutex
	ledger *limits.Ledger
}

// NewMemory returns an empty ledger.
func NewMemory() *Memory { return &Memory{ledger: limits.NewLedger()} }

// Do implements Ledger.
func (m *Memory) Do(_ context.Context, op limits.Op) (limits.Reply, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ledger.Do(op, "memory"), nil
}
