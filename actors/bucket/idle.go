package bucket

import (
	"slices"

	"sluice/actors/backend"
)

// idleSet holds idle connections: last in, first out for each key, and in the
// order of their idle time over all.
type idleSet struct {
	byKey map[backend.Key][]*backend.Conn
	n     int
}

func newIdleSet() idleSet { return idleSet{byKey: map[backend.Key][]*backend.Conn{}} }

func (i *idleSet) len() int               { return i.n }
func (i *idleSet) has(k backend.Key) bool { return len(i.byKey[k]) > 0 }

// put keeps each stack in the order of IdleSince: a connection that comes back
// from a health check goes where it was.
func (i *idleSet) put(c *backend.Conn) {
	stack := i.byKey[c.Key]
	at := len(stack)
	for at > 0 && stack[at-1].IdleSince.After(c.IdleSince) {
		at--
	}
	i.byKey[c.Key] = slices.Insert(stack, at, c)
	i.n++
}

func (i *idleSet) take(k backend.Key) *backend.Conn {
	stack := i.byKey[k]
	c := stack[len(stack)-1]
	i.remove(c)
	return c
}

// searched bounds how many idle connections are looked at for the best one.
const searched = 32

// takeFor is take with a choice for requests that have one: the connection that
// the session had last, else the latest that has its settings, else the latest.
func (i *idleSet) takeFor(r *Request) *backend.Conn {
	stack := i.byKey[r.Key]
	top := len(stack) - 1
	best := -1
	if r.Trusted {
		for at := top; at >= max(0, top-searched+1); at-- {
			c := &stack[at].Session
			if c.Owner == uint64(r.Session) {
				best = at
				break
			}
			if best < 0 && c.Print == r.Print {
				best = at
			}
		}
	}
	if best < 0 {
		best = top
	}
	c := stack[best]
	i.remove(c)
	return c
}

// takeOldest takes the connection that has been idle longest. Each stack has
// its oldest at the bottom, so only the bottoms are compared.
func (i *idleSet) takeOldest() *backend.Conn {
	var oldest *backend.Conn
	for _, stack := range i.byKey {
		if c := stack[0]; oldest == nil || c.IdleSince.Before(oldest.IdleSince) {
			oldest = c
		}
	}
	i.remove(oldest)
	return oldest
}

func (i *idleSet) remove(c *backend.Conn) bool {
	stack := i.byKey[c.Key]
	// Taken from the top mostly.
	for at := len(stack) - 1; at >= 0; at-- {
		if stack[at] == c {
			stack = slices.Delete(stack, at, at+1)
			if len(stack) == 0 {
				delete(i.byKey, c.Key)
			} else {
				i.byKey[c.Key] = stack
			}
			i.n--
			return true
		}
	}
	return false
}

func (i *idleSet) oldestFirst() []*backend.Conn {
	all := make([]*backend.Conn, 0, i.n)
	for _, stack := range i.byKey {
		all = append(all, stack...)
	}
	slices.SortFunc(all, func(a, b *backend.Conn) int { return a.IdleSince.Compare(b.IdleSince) })
	return all
}
