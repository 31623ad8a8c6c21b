package sandbox

import (
	"bytes"
	"maps"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// stateTeller is an EngineSession that tells its state, for session recovery.
type stateTeller interface{ States() []tsql.State }

// recovery is what a client that asked for session recovery has been told. The
// zero value is for one that has not.
type recovery struct {
	teller stateTeller
	login  map[byte]tsql.State // as the login left it
	told   map[byte]tsql.State
	seq    uint32
}

// begin takes the state after the login for told, and returns it as the data of
// the feature's acknowledgement.
func (r *recovery) begin() []byte {
	if r.teller == nil {
		return nil
	}
	r.login = map[byte]tsql.State{}
	var states []tds.SessionStateValue
	for _, s := range r.teller.States() {
		r.login[s.ID] = s
		states = append(states, tds.SessionStateValue{ID: s.ID, Value: s.Value})
	}
	r.reset()
	return tds.AppendSessionStates(nil, states)
}

// reset takes it that the client has the login's state in mind again. What a
// reset leaves, such as the isolation level, is told anew.
func (r *recovery) reset() { r.told = maps.Clone(r.login) }

// append appends what has changed, right before the DONE that ends a response.
// One token has one status: what can be recovered has to wait for the next
// response if something changed that cannot.
func (r *recovery) append(dst []byte) []byte {
	if r.teller == nil {
		return dst
	}
	token := tds.SessionState{SeqNo: r.seq, Recoverable: true}
	var changed []tsql.State
	for _, s := range r.teller.States() {
		was := r.told[s.ID]
		if s.Recoverable == was.Recoverable && bytes.Equal(s.Value, was.Value) {
			continue
		}
		changed = append(changed, s)
		token.Recoverable = token.Recoverable && s.Recoverable
	}
	for _, s := range changed {
		if s.Recoverable == token.Recoverable {
			token.States = append(token.States, tds.SessionStateValue{ID: s.ID, Value: s.Value})
			r.told[s.ID] = s
		}
	}
	if len(token.States) == 0 {
		return dst
	}
	r.seq++
	return token.Append(dst)
}
