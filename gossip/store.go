package gossip

import (
	"sync"
	"time"
)

// entry is a published value. It is never changed once stored, so that its
// value may be read without the lock.
type entry struct {
	version uint64
	value   []byte
	at      time.Time // when it was published, as far as ages tell
}

// origin is what one member published.
type origin struct {
	id      string
	entries map[string]entry
	// since is when the first entry came. A packet about values may overtake
	// the one about their writer, so it counts for an ID that is no member.
	since time.Time
}

// maxStrangers bounds the IDs with values that are no members.
const maxStrangers = 256

// store has the values of all members. The lock is never held for more than
// one member's values, so that a snapshot of thousands does not hold up the
// goroutine that takes in packets.
type store struct {
	mu      sync.Mutex
	origins map[string]*origin
}

func newStore() *store { return &store{origins: map[string]*origin{}} }

// put stores a value of our own under the next version.
func (s *store) put(id, key string, value []byte, now time.Time) (entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.origin(id, now)
	old, known := o.entries[key]
	if !known && len(o.entries) >= MaxKeys {
		return entry{}, ErrTooMany
	}
	e := entry{version: old.version + 1, value: value, at: now}
	o.entries[key] = e
	return e, nil
}

// merge takes in a value of somebody else and copies it if it is news.
// isMember says whether a writer that has no values yet is a member.
func (s *store) merge(id, key []byte, version uint64, age time.Duration, value []byte, now time.Time, isMember func(string) bool) (*origin, string, entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.origins[string(id)]
	if o == nil {
		if len(s.origins) >= maxStrangers && !isMember(string(id)) {
			return nil, "", entry{}, false
		}
		o = s.origin(string(id), now)
	}
	old, known := o.entries[string(key)]
	if known && version <= old.version || !known && len(o.entries) >= MaxKeys {
		return nil, "", entry{}, false
	}
	e := entry{version: version, value: append([]byte(nil), value...), at: now.Add(-age)}
	k := string(key)
	o.entries[k] = e
	return o, k, e, true
}

func (s *store) origin(id string, now time.Time) *origin {
	o := s.origins[id]
	if o == nil {
		o = &origin{id: id, entries: map[string]entry{}, since: now}
		s.origins[id] = o
	}
	return o
}

// drop forgets what a member published.
func (s *store) drop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.origins, id)
}

// dropStrangers forgets IDs that did not become members in time.
func (s *store) dropStrangers(before time.Time, isMember func(string) bool) (dropped []string) {
	for _, o := range s.list() {
		if o.since.Before(before) && !isMember(o.id) {
			s.drop(o.id)
			dropped = append(dropped, o.id)
		}
	}
	return dropped
}

func (s *store) list() []*origin {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*origin, 0, len(s.origins))
	for _, o := range s.origins {
		all = append(all, o)
	}
	return all
}

// keyed is an entry with its key.
type keyed struct {
	key string
	entry
}

// of appends the values of one member to buf.
func (s *store) of(o *origin, buf []keyed) []keyed {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, e := range o.entries {
		buf = append(buf, keyed{k, e})
	}
	return buf
}

func (s *store) get(id string) *origin {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.origins[id]
}
