package bucket

import (
	"slices"

	"sluice/actors/backend"
)

// idleSet holds idle connections: last in, first out for each key, and in the
// order of their idle time over all. Keys are large: they are passed by
// reference and looked up as seldom as can be.
type idleSet struct {
	byKey map[backend.Key]*idleStack
	n     int
	last  *idleStack // that was looked up, with its key: most often it is the next one too
	key   backend.Key
}

// idleStack holds the connections of one key. An empty one stays until purge:
// its next connection is likely to come back soon.
type idleStack struct{ conns []*backend.Conn }

func newIdleSet() idleSet { return idleSet{byKey: map[backend.Key]*idleStack{}} }

func (i *idleSet) len() int { return i.n }

// stack returns the stack of a key, nil if there is none.
func (i *idleSet) stack(k *backend.Key) *idleStack {
	if i.last != nil && i.key == *k {
		return i.last
	}
	s := i.byKey[*k]
	if s != nil {
		i.last, i.key = s, *k
	}
	return s
}

func (i *idleSet) has(k *backend.Key) bool {
	s := i.stack(k)
	return s != nil && len(s.conns) > 0
}

// put keeps each stack in the order of IdleSince: a connection that comes back
// from a health check goes where it was.
func (i *idleSet) put(c *backend.Conn) {
	s := i.stack(&c.Key)
	if s == nil {
		s = &idleStack{}
		i.byKey[c.Key] = s
	}
	at := len(s.conns)
	for at > 0 && s.conns[at-1].IdleSince.After(c.IdleSince) {
		at--
	}
	s.conns = slices.Insert(s.conns, at, c)
	i.n++
}

func (i *idleSet) take(k *backend.Key) *backend.Conn {
	s := i.stack(k)
	return i.takeAt(s, len(s.conns)-1)
}

func (i *idleSet) takeAt(s *idleStack, at int) *backend.Conn {
	c := s.conns[at]
	s.conns = slices.Delete(s.conns, at, at+1)
	i.n--
	return c
}

// searched bounds how many idle connections are looked at for the best one.
const searched = 32

// takeFor is take with a choice for requests that have one: the connection that
// the session had last, else the latest that has its settings, else the latest.
func (i *idleSet) takeFor(r *Request) *backend.Conn {
	s := i.stack(&r.Key)
	top := len(s.conns) - 1
	if !r.Trusted {
		return i.takeAt(s, top)
	}
	last := max(0, top-searched+1)
	if r.Own {
		last = 0
	}
	best := -1
	for at := top; at >= last; at-- {
		c := &s.conns[at].Session
		if c.Owner == uint64(r.Session) {
			best = at
			break
		}
		if best < 0 && c.Print == r.Print {
			best = at
		}
	}
	if best < 0 {
		best = top
	}
	return i.takeAt(s, best)
}

// takeOldest takes the connection that has been idle longest. Each stack has
// its oldest at the bottom, so only the bottoms are compared.
func (i *idleSet) takeOldest() *backend.Conn {
	var in *idleStack
	for _, s := range i.byKey {
		if len(s.conns) > 0 && (in == nil || s.conns[0].IdleSince.Before(in.conns[0].IdleSince)) {
			in = s
		}
	}
	return i.takeAt(in, 0)
}

func (i *idleSet) remove(c *backend.Conn) bool {
	s := i.stack(&c.Key)
	if s == nil {
		return false
	}
	at := slices.Index(s.conns, c)
	if at < 0 {
		return false
	}
	i.takeAt(s, at)
	return true
}

// purge drops the stacks that are empty.
func (i *idleSet) purge() {
	i.last = nil
	for k, s := range i.byKey {
		if len(s.conns) == 0 {
			delete(i.byKey, k)
		}
	}
}

func (i *idleSet) oldestFirst() []*backend.Conn {
	all := make([]*backend.Conn, 0, i.n)
	for _, s := range i.byKey {
		all = append(all, s.conns...)
	}
	slices.SortFunc(all, func(a, b *backend.Conn) int { return a.IdleSince.Compare(b.IdleSince) })
	return all
}
