package bucket

import "sluice/actors/refusal"

// Pause stops the handing out of backends: requests and transactions under way
// go on to their end, each backend is closed as soon as it is free, and
// requests wait in the queue for as long as they may. Logins that are under way
// for a request count as under way too. Answers to logins that take no backend
// are still given.
type Pause struct{}

// Resume undoes Pause.
type Resume struct{}

func (Pause) bucketMsg()  {}
func (Resume) bucketMsg() {}

// pause closes what is idle. What is in use is closed by release and rest.
func (s *state) pause() []effect {
	s.paused = true
	return s.closeIdle("paused")
}

func (s *state) resume() []effect {
	s.paused = false
	return s.offer()
}

// wanting is how many requests wait for a slot: with more slots a paused bucket
// could not serve one more, and other nodes have use for them.
func (s *state) wanting() int {
	if s.paused {
		return 0
	}
	return s.waiting
}

// whilePaused makes the refusal of a request that waited in vain say that the
// bucket is paused, if it is.
func (g *Governor) whilePaused(e *refusal.Error) {
	if !g.state.paused {
		return
	}
	switch e.Cause {
	case refusal.QueueTimeout, refusal.PoolExhausted:
		e.Cause, e.Detail = refusal.Paused, ""
	case refusal.QueueFull:
		e.Detail = "the bucket is paused"
	}
}
