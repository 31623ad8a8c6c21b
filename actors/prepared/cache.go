package prepared

import (
	"slices"

	"sluice/tds"
)

// Scope is all that a statement's meaning depends on besides its text.
type Scope struct {
	Database string
	Settings uint64 // fingerprint of the SET options in force
}

// key is what a connection remembers a handle by.
type key struct {
	stmt  *Statement
	scope Scope
}

// entry is a statement that a connection has prepared.
type entry struct {
	real int32
	used uint64 // the request that used it last
}

// Handles that a connection could free are collected: one request frees up to
// freeAtOnce of them, and Due says when there are dueAt.
const (
	freeAtOnce = 64
	dueAt      = 32
)

// Cache is what is prepared on one connection. Whoever holds the connection
// may use it, one goroutine at a time.
type Cache struct {
	store   *Store
	entries map[key]*entry
	request uint64  // counts requests
	garbage []int32 // prepared, but not wanted any more
}

// NewCache returns the cache of a new connection.
func (s *Store) NewCache() *Cache { return &Cache{store: s} }

// Len is the number of statements.
func (c *Cache) Len() int { return len(c.entries) }

// Garbage is the number of handles that wait for their sp_unprepare.
func (c *Cache) Garbage() int { return len(c.garbage) }

// Forget empties the cache, because the connection is about to be reset or has
// been closed. It must be called before Prepare looks at the cache for a
// request that goes out with the reset or after it, not when the server
// confirms the reset: by then new statements may be in the cache.
func (c *Cache) Forget() {
	for k := range c.entries {
		c.store.release(k.stmt)
	}
	c.entries, c.garbage = nil, nil
}

// use returns the connection's handle of a statement and keeps it from being
// evicted while the current request runs.
func (c *Cache) use(k key) (real int32, ok bool) {
	e := c.entries[k]
	if e == nil {
		return 0, false
	}
	e.used = c.request
	return e.real, true
}

// put records a handle that the connection gave out. One that it had for the
// same key becomes garbage.
func (c *Cache) put(k key, real int32) {
	if c.entries == nil {
		c.entries = map[key]*entry{}
	}
	e := c.entries[k]
	switch {
	case e == nil:
		c.store.retain(k.stmt)
		c.entries[k] = &entry{real, c.request}
	case e.real != real:
		c.garbage = append(c.garbage, e.real)
		e.real, e.used = real, c.request
	}
}

// remove takes a statement out; what becomes of its handle is up to the caller.
func (c *Cache) remove(k key) (real int32, ok bool) {
	e := c.entries[k]
	if e == nil {
		return 0, false
	}
	delete(c.entries, k)
	c.store.release(k.stmt)
	return e.real, true
}

// owns tells whether a number is one of the handles recorded here.
func (c *Cache) owns(real int32) bool {
	for _, e := range c.entries {
		if e.real == real {
			return true
		}
	}
	return slices.Contains(c.garbage, real)
}

// trim evicts the statements used longest ago until there is room for more,
// but none that the current request uses.
func (c *Cache) trim(more int) {
	for len(c.entries)+more > c.store.limits.Cached {
		var oldest key
		at := c.request
		for k, e := range c.entries {
			if e.used < at {
				oldest, at = k, e.used
			}
		}
		if at == c.request {
			return
		}
		real, _ := c.remove(oldest)
		c.store.evicted.Add(1)
		c.garbage = append(c.garbage, real)
	}
}

// Due tells whether so many handles wait for their sp_unprepare that Cleanup
// should be sent when the connection is next handed back.
func (c *Cache) Due() bool {
	c.trim(0)
	return len(c.garbage) >= dueAt
}

// Cleanup appends the payload of an RPC message that frees handles of the
// connection, outside of a transaction; nil if there is none to free. Its
// response must be read to the end of the message, and errors in it do not
// matter. The handles count as freed at once.
func (c *Cache) Cleanup(dst []byte, v tds.Version) []byte {
	free := c.takeGarbage(freeAtOnce)
	if len(free) == 0 {
		return nil
	}
	return appendUnprepares(tds.AppendAllHeaders(dst, 0, v), free, v)
}

// takeGarbage takes up to n handles out of the garbage.
func (c *Cache) takeGarbage(n int) []int32 {
	n = min(n, len(c.garbage))
	if n == 0 {
		return nil
	}
	free := slices.Clone(c.garbage[:n])
	if c.garbage = slices.Delete(c.garbage, 0, n); len(c.garbage) == 0 {
		c.garbage = nil
	}
	return free
}
