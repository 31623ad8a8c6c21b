package prepared

import (
	"cmp"
	"slices"
)

// firstHandle is the number before the first that a session gets. SQL Server
// counts prepared statements of a connection from 1, cursors from about 180
// million and prepared cursors from 1 << 30. So a number of ours that reaches a
// server unchanged, in the text of a batch or in a request that was not
// understood, is unknown there and does not run another statement; and in a
// pinned session numbers of ours and of the server are never the same.
const firstHandle = 1 << 29

// Handles are the prepared statements of one session by the numbers that its
// client knows them by. Numbers rise and are not used again, so that a stale
// one is unknown. It is used by one goroutine at a time and must not be copied
// once it has been used.
type Handles struct {
	// Server is the name in errors that are made here, as the server's own have it.
	Server string

	store *Store
	held  []heldHandle // by rising number
	last  int32        // given out, less firstHandle
}

type heldHandle struct {
	number int32
	stmt   *Statement
}

// NewHandles returns the handles of a new session, which has none. It
// allocates nothing.
func (s *Store) NewHandles() Handles { return Handles{store: s} }

// Len is the number of handles.
func (h *Handles) Len() int { return len(h.held) }

// Reset drops all handles, as a reset of the connection does. A plan that is
// under way must be ended first.
func (h *Handles) Reset() {
	for _, held := range h.held {
		h.store.release(held.stmt)
	}
	h.held = nil
}

// Close drops all handles at the end of the session.
func (h *Handles) Close() { h.Reset() }

// full tells whether the session may get no more.
func (h *Handles) full() bool {
	return len(h.held) >= h.store.limits.Handles || h.last >= firstHandle-1
}

// add gives a statement a number and takes over its reference.
func (h *Handles) add(st *Statement) int32 {
	h.last++
	n := firstHandle + h.last
	h.held = append(h.held, heldHandle{n, st})
	return n
}

func (h *Handles) find(n int32) (i int, ok bool) {
	if len(h.held) == 0 {
		return 0, false
	}
	return slices.BinarySearchFunc(h.held, n, func(a heldHandle, n int32) int { return cmp.Compare(a.number, n) })
}

// statement returns the statement of a number, nil if there is none.
func (h *Handles) statement(n int32) *Statement {
	if i, ok := h.find(n); ok {
		return h.held[i].stmt
	}
	return nil
}

// drop forgets a number and tells whether there was one.
func (h *Handles) drop(n int32) bool {
	i, ok := h.find(n)
	if !ok {
		return false
	}
	h.store.release(h.held[i].stmt)
	if h.held = slices.Delete(h.held, i, i+1); len(h.held) == 0 {
		h.held = nil
	}
	return true
}
