package session

import "sluice/actors/bucket"

// mux decides, for a session in transaction pooling, when a backend is taken,
// kept and given back, and what becomes of an attention or of a client that
// leaves, wherever the request is by then. It has no sockets, goroutines or
// clock: what happened goes in, the one thing to be done comes out.
type mux struct {
	stage  muxStage
	held   bool   // a backend is the session's
	kept   bool   // it was before the request that is being served
	tran   uint64 // descriptor of the open transaction, 0 if there is none
	quiet  bool   // one is open that the server does not announce
	pinned bool   // state of the client's own is left in the backend
	linger bool   // the last request left something that the next may ask for
	cancel bool   // an attention waits for its answer
	left   bool   // the client is gone
	failed int    // backends that could not be made ready for this request
}

// muxStage is where a request is.
type muxStage uint8

const (
	atRest    muxStage = iota // there is none
	waiting                   // a backend was asked for
	preparing                 // the backend is being made ready
	running                   // the server has the request, or is being sent it
	asking                    // the response is over, and the server is asked what it left behind
	closing                   // the response is over, its end on the way to the client
	over                      // the session has ended
)

func (s muxStage) String() string {
	return [...]string{"at rest", "waiting", "preparing", "running", "asking", "closing", "over"}[s]
}

// happening is what happened.
type happening uint8

const (
	hapRequest   happening = iota // the client sent a request
	hapGranted                    // the bucket gave a backend
	hapRefused                    // the bucket gave none
	hapReady                      // the backend is ready for the request
	hapUnready                    // it could not be made so, and must be closed
	hapAnswered                   // the request was answered before it was sent; the backend is in step
	hapBegan                      // a transaction began
	hapEnded                      // the transaction ended
	hapAsk                        // the response was read to its end, and leaves a doubt
	hapDone                       // the response, and an attention's, was read to its end
	hapWritten                    // the client was sent the end of it
	hapAttention                  // the client sent an attention
	hapLeft                       // the client is gone
	hapDied                       // the server has hung up
	hapLingered                   // the time for the next request to ask is over
)

// event is a happening with its circumstances.
type event struct {
	what happening

	tran    uint64 // hapRequest, hapBegan: descriptor of a transaction
	bulk    bool   // hapRequest: it is the rows of a bulk load
	ignored bool   // hapRequest: the client took it back before its end
	quiet   bool   // hapDone: a transaction is open that the server does not announce
	pinned  bool   // hapDone, hapAnswered: state of the client's own is in the backend
	linger  bool   // hapDone: the next request may ask for what this one left
	unsure  bool   // hapDone: the server said more than was asked, or not all
	drain   bool   // hapDone: the session is to end when the client is idle
}

// act is what is to be done.
type act uint8

const (
	actNone     act = iota
	actAcquire      // ask the bucket for a backend
	actWithdraw     // take that back
	actAttach       // make the backend ready for the request
	actSend         // send the request
	actForward      // pass the attention on
	actAck          // acknowledge the attention, which found nothing to cancel
	actDropped      // answer a request that was given up, and the attention that did it
	actIgnored      // answer a request that the client took back by itself
	actStray        // refuse a request of a transaction that this session has not open
	actRefuse       // answer the request with the error that came
	actDiscard      // cancel the request and read its response to the end for nobody
	actProtocol     // end the session: the client broke the protocol
	actEnd          // end the session
	actCut          // end the session: the server is gone, and with it state of the client's
)

// deed is what to do: give back a backend first, then act.
type deed struct {
	act  act
	back bool
	how  bucket.GiveBack // with back
}

// step is the whole of what is decided.
func (m *mux) step(e event) deed {
	switch e.what {
	case hapRequest:
		return m.request(e)
	case hapGranted:
		return m.granted()
	case hapRefused:
		return m.refused()
	case hapReady:
		return m.ready()
	case hapUnready:
		return m.unready()
	case hapAnswered, hapDone:
		return m.done(e)
	case hapAsk:
		if m.stage == running {
			m.stage = asking
		}
	case hapBegan:
		m.tran = e.tran
	case hapEnded:
		m.tran = 0
	case hapWritten:
		return m.written()
	case hapAttention:
		return m.attention()
	case hapLeft:
		return m.gone()
	case hapDied:
		return m.died()
	case hapLingered:
		if m.stage == atRest && m.held && m.linger && m.free() {
			return m.back(bucket.Known, actNone)
		}
	}
	return deed{}
}

// open tells that a transaction is.
func (m *mux) open() bool { return m.tran != 0 || m.quiet }

// free tells that nothing of the client's is in its backend.
func (m *mux) free() bool { return !m.open() && !m.pinned }

// back gives the backend back.
func (m *mux) back(how bucket.GiveBack, then act) deed {
	had := m.held
	m.held, m.linger = false, false
	return deed{act: then, back: had, how: how}
}

// end ends the session.
func (m *mux) end(how bucket.GiveBack, then act) deed {
	m.stage = over
	return m.back(how, then)
}

func (m *mux) request(e event) deed {
	switch {
	case m.stage != atRest:
		return deed{}
	case e.ignored:
		return deed{act: actIgnored}
	case e.tran != 0 && e.tran != m.tran:
		return deed{act: actStray}
	case e.bulk && !m.held:
		return m.end(bucket.Used, actProtocol)
	}
	m.failed, m.cancel, m.kept = 0, false, m.held
	if m.held {
		m.stage = preparing
		return deed{act: actAttach}
	}
	m.stage = waiting
	return deed{act: actAcquire}
}

func (m *mux) granted() deed {
	if m.stage != waiting {
		return deed{back: true, how: bucket.Unused}
	}
	m.held = true
	switch {
	case m.left:
		return m.end(bucket.Unused, actEnd)
	case m.cancel:
		return m.drop(bucket.Unused)
	}
	m.stage = preparing
	return deed{act: actAttach}
}

func (m *mux) refused() deed {
	switch {
	case m.stage != waiting:
		return deed{}
	case m.left:
		return m.end(bucket.Unused, actEnd)
	case m.cancel:
		return m.drop(bucket.Unused)
	}
	m.stage = closing
	return deed{act: actRefuse}
}

// drop gives up the request because of an attention.
func (m *mux) drop(how bucket.GiveBack) deed {
	m.stage, m.cancel = closing, false
	if m.kept && m.held {
		return deed{act: actDropped}
	}
	return m.back(how, actDropped)
}

func (m *mux) ready() deed {
	switch {
	case m.stage != preparing:
		return deed{}
	case m.left && m.kept:
		return m.end(bucket.Used, actEnd)
	case m.left:
		return m.end(bucket.Known, actEnd)
	case m.cancel:
		return m.drop(bucket.Known)
	}
	m.stage, m.linger = running, false
	return deed{act: actSend}
}

// maxFailed is how many backends may fail to be made ready for one request.
const maxFailed = 2

func (m *mux) unready() deed {
	switch {
	case m.stage != preparing:
		return deed{}
	case m.left:
		return m.end(bucket.Broken, actEnd)
	case m.kept && !m.free():
		return m.end(bucket.Broken, actCut)
	case m.cancel:
		m.kept = false
		return m.drop(bucket.Broken)
	}
	m.kept = false
	if m.failed++; m.failed < maxFailed {
		m.stage = waiting
		return m.back(bucket.Broken, actAcquire)
	}
	m.stage = closing
	return m.back(bucket.Broken, actRefuse)
}

func (m *mux) done(e event) deed {
	switch {
	case e.what == hapDone && m.stage != running && m.stage != asking, e.what == hapAnswered && m.stage != preparing:
		return deed{}
	case e.unsure:
		return m.end(bucket.Broken, actEnd)
	case m.left:
		return m.end(bucket.Used, actEnd)
	}
	m.pinned, m.linger = e.pinned, e.linger
	if e.what == hapDone {
		m.quiet = e.quiet
	}
	if e.drain && !m.open() {
		return m.end(bucket.Used, actEnd)
	}
	m.stage = closing
	if m.linger || !m.free() {
		return deed{}
	}
	return m.back(bucket.Known, actNone)
}

func (m *mux) written() deed {
	switch {
	case m.stage != closing:
		return deed{}
	case m.left:
		return m.end(bucket.Used, actEnd)
	case m.cancel: // it comes back here once that is written
		m.cancel = false
		return deed{act: actAck}
	}
	m.stage = atRest
	return deed{}
}

func (m *mux) attention() deed {
	switch m.stage {
	case atRest:
		return deed{act: actAck}
	case running:
		return deed{act: actForward}
	case waiting:
		if !m.cancel && !m.left {
			m.cancel = true
			return deed{act: actWithdraw}
		}
	case preparing, asking, closing:
		m.cancel = true
	}
	return deed{}
}

func (m *mux) gone() deed {
	if m.left || m.stage == over {
		return deed{}
	}
	m.left = true
	switch m.stage {
	case atRest:
		return m.end(bucket.Used, actEnd)
	case waiting:
		if !m.cancel { // else it is withdrawn already
			return deed{act: actWithdraw}
		}
	case running:
		return deed{act: actDiscard}
	}
	return deed{}
}

// died is for a backend that nobody reads; whoever reads it notices.
func (m *mux) died() deed {
	switch {
	case m.stage != atRest || !m.held:
		return deed{}
	case m.free() && !m.linger: // what the next request may ask for is gone
		return m.back(bucket.Broken, actNone)
	}
	return m.end(bucket.Broken, actCut)
}
