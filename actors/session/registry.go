package session

import (
	"sync"

	"sluice/actors/actor"
	"sluice/actors/refusal"
)

// registry knows the sessions of a node, for draining, ending and counting
// them. It is in parts, so that a look at all of 300,000 sessions does not keep
// others from coming and going.
type registry struct{ parts [64]registryPart }

type registryPart struct {
	mu   sync.Mutex
	refs map[actor.ID]member
}

func (g *registry) part(id actor.ID) *registryPart { return &g.parts[uint64(id)%uint64(len(g.parts))] }

type member struct {
	ref  Ref
	port *port
}

func (g *registry) add(s Ref, p *port) {
	r := g.part(s.ID())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refs == nil {
		r.refs = map[actor.ID]member{}
	}
	r.refs[s.ID()] = member{s, p}
}

func (g *registry) remove(id actor.ID) {
	r := g.part(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.refs, id)
}

// each calls f with every session, without a lock.
func (g *registry) each(f func(member)) {
	var some []member
	for i := range g.parts {
		r := &g.parts[i]
		r.mu.Lock()
		for _, m := range r.refs {
			some = append(some, m)
		}
		r.mu.Unlock()
		for _, m := range some {
			f(m)
		}
		some = some[:0]
	}
}

func (g *registry) all() []Ref {
	var refs []Ref
	g.each(func(m member) { refs = append(refs, m.ref) })
	return refs
}

func (g *registry) ports() []*port {
	var ports []*port
	g.each(func(m member) { ports = append(ports, m.port) })
	return ports
}

// DrainAll lets every session end when its client is idle.
func DrainAll(e *Env) {
	for _, s := range e.sessions.all() {
		_ = s.Tell(Drain{}) // one that cannot take it has other messages to end by
	}
}

// KillAll ends every session now.
func KillAll(e *Env, cause refusal.Cause) {
	for _, s := range e.sessions.all() {
		if s.Tell(Kill{cause}) != nil {
			s.Stop(&refusal.Error{Cause: cause, Node: e.Node})
		}
	}
}

// KillOne ends the session with the given id, ok false if there is none.
func KillOne(e *Env, id actor.ID, cause refusal.Cause) (ok bool) {
	part := e.sessions.part(id)
	part.mu.Lock()
	s, ok := part.refs[id]
	part.mu.Unlock()
	if ok && s.ref.Tell(Kill{cause}) != nil {
		s.ref.Stop(&refusal.Error{Cause: cause, Node: e.Node})
	}
	return ok
}
