package session

import (
	"sync"

	"sluice/actors/actor"
	"sluice/actors/refusal"
)

// registry knows the sessions of a node, for draining and ending them.
type registry struct {
	mu   sync.Mutex
	refs map[actor.ID]member
}

type member struct {
	ref  Ref
	port *port
}

func (r *registry) add(s Ref, p *port) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refs == nil {
		r.refs = map[actor.ID]member{}
	}
	r.refs[s.ID()] = member{s, p}
}

func (r *registry) remove(id actor.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.refs, id)
}

func (r *registry) all() []Ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	refs := make([]Ref, 0, len(r.refs))
	for _, s := range r.refs {
		refs = append(refs, s.ref)
	}
	return refs
}

func (r *registry) ports() []*port {
	r.mu.Lock()
	defer r.mu.Unlock()
	ports := make([]*port, 0, len(r.refs))
	for _, s := range r.refs {
		ports = append(ports, s.port)
	}
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
	e.sessions.mu.Lock()
	s, ok := e.sessions.refs[id]
	e.sessions.mu.Unlock()
	if ok && s.ref.Tell(Kill{cause}) != nil {
		s.ref.Stop(&refusal.Error{Cause: cause, Node: e.Node})
	}
	return ok
}
