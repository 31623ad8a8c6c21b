package prepared

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// Limits bound what prepared statements may take. Zero fields take the
// defaults.
type Limits struct {
	// Handles is the largest number of handles of one session.
	Handles int
	// Cached is the number of statements that one connection keeps prepared.
	// One request may go beyond it for its own time.
	Cached int
	// Bytes bounds the texts of a Store, each counted once.
	Bytes int
}

// Defaults of Limits.
const (
	defaultHandles = 4096
	defaultCached  = 512
	defaultBytes   = 64 << 20
)

func (l Limits) withDefaults() Limits {
	if l.Handles <= 0 {
		l.Handles = defaultHandles
	}
	if l.Cached <= 0 {
		l.Cached = defaultCached
	}
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	return l
}

// overhead is about what a statement takes besides its text, in bytes.
const overhead = 160

// Statement is the text of a prepared statement, held once for all sessions
// and connections of a Store. It does not change.
type Statement struct {
	params, stmt []byte // UTF-16LE; share one piece of memory
	noParams     bool   // the declaration was NULL, not empty

	hash uint64
	refs int        // guarded by Store.mu
	next *Statement // with the same hash
}

func (s *Statement) size() int { return len(s.params) + len(s.stmt) + overhead }

func (s *Statement) is(params, stmt Text) bool {
	return s.noParams == params.Null && bytes.Equal(s.params, params.UTF16) && bytes.Equal(s.stmt, stmt.UTF16)
}

// Store holds the statements of the sessions and connections of a bucket. It
// may be used by several goroutines at once.
type Store struct {
	limits Limits
	seed   maphash.Seed

	hits, misses, evicted atomic.Uint64 // of caches

	mu    sync.Mutex
	byKey map[uint64]*Statement
	count int
	bytes int
}

// NewStore returns an empty store.
func NewStore(l Limits) *Store {
	return &Store{limits: l.withDefaults(), seed: maphash.MakeSeed(), byKey: map[uint64]*Statement{}}
}

// StoreStats is what a Store holds.
type StoreStats struct {
	Statements int `json:"statements"`
	Bytes      int `json:"bytes"`
}

// Stats returns what the store holds now.
func (s *Store) Stats() StoreStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return StoreStats{s.count, s.bytes}
}

// Counts are totals of the connections' caches: statements that a request found
// prepared, that it found not to be, and that were driven out by others.
func (s *Store) Counts() (hits, misses, evicted uint64) {
	return s.hits.Load(), s.misses.Load(), s.evicted.Load()
}

// intern returns the statement with these texts and counts one more user of
// it, who must release it. It returns nil if there is no room for a new one.
func (s *Store) intern(params, stmt Text) *Statement {
	key := s.hash(params, stmt)
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := s.byKey[key]; st != nil; st = st.next {
		if st.is(params, stmt) {
			st.refs++
			return st
		}
	}
	both := make([]byte, 0, len(params.UTF16)+len(stmt.UTF16))
	both = append(append(both, params.UTF16...), stmt.UTF16...)
	n := len(params.UTF16)
	st := &Statement{params: both[:n:n], stmt: both[n:], noParams: params.Null, hash: key, refs: 1, next: s.byKey[key]}
	if s.bytes+st.size() > s.limits.Bytes {
		return nil
	}
	s.byKey[key] = st
	s.count++
	s.bytes += st.size()
	return st
}

func (s *Store) hash(params, stmt Text) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	_, _ = h.Write(params.UTF16)
	_, _ = h.Write([]byte{1, 2, 3}) // odd length: in no text
	_, _ = h.Write(stmt.UTF16)
	return h.Sum64()
}

// retain counts one more user of a statement that has one.
func (s *Store) retain(st *Statement) *Statement {
	s.mu.Lock()
	st.refs++
	s.mu.Unlock()
	return st
}

// release counts one user less; without any the statement is dropped. A nil
// statement is none.
func (s *Store) release(st *Statement) {
	if st == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.refs--; st.refs > 0 {
		return
	}
	s.count--
	s.bytes -= st.size()
	for at := s.byKey[st.hash]; at != nil; at = at.next {
		if at.next == st {
			at.next = st.next
			return
		}
	}
	if st.next == nil {
		delete(s.byKey, st.hash)
		return
	}
	s.byKey[st.hash] = st.next
}
