package prepared

import "sluice/tds"

// Verdict is what is to be done with a request as far as prepared statements
// are concerned.
type Verdict struct {
	// Answer, if not nil, is the payload of the whole response: the request
	// goes to no server.
	Answer []byte
	// Pin, if not empty, says why the session must keep its connection from
	// this request on. The request is relayed all the same.
	Pin Pin
	// Text, if not empty, is to be sent in place of the text of the batch. Only
	// DecideText sets it.
	Text string
}

func (d *Verdict) pin(p Pin) {
	if d.Pin == "" {
		d.Pin = p
	}
}

// action is what Decide makes Prepare do with a call.
type action byte

const (
	actRelay   action = iota
	actRun            // sp_execute or sp_unprepare of a handle of ours
	actUnknown        // the same of a handle that nobody gave the client
	actLearn          // sp_prepare or sp_prepexec: its response brings a handle
)

// Decide says what can be said of a request before it has a connection, and
// notes in r what Prepare has to do. Handles that the request only drops are
// dropped. pinned is the cache of the connection that the session is pinned to:
// handles that only this connection knows are then relayed. It is nil for a
// session that is not pinned, even if a transaction holds a connection for it.
//
// Inside a transaction the server answers for unknown handles: with XACT_ABORT
// that error ends the transaction.
func Decide(r *Request, h *Handles, pinned *Cache) Verdict {
	var d Verdict
	r.pinned = pinned
	local, open := r.Whole, r.Open || r.Headers.Transaction != 0
	for i := range r.Len() {
		c := r.At(i)
		c.act, c.stmt, c.foreign = actRelay, nil, false
		switch c.Proc {
		case tds.ProcExecute, tds.ProcUnprepare:
			d.pin(c.decideRun(h, pinned))
		case tds.ProcPrepare, tds.ProcPrepExec:
			d.pin(c.decideLearn(h, pinned))
		case tds.ProcPrepExecRPC:
			d.pin(PinPrepExecRPC)
		case tds.ProcExecuteSQL, 0:
		default:
			if c.Proc <= tds.ProcCursorClose {
				d.pin(PinCursor)
			}
		}
		local = local && (c.act == actUnknown && !open || c.act == actRun && c.Proc == tds.ProcUnprepare)
	}
	if local {
		d.Answer = answerLocally(r, h)
	}
	return d
}

func (c *Call) decideRun(h *Handles, pinned *Cache) Pin {
	switch {
	case c.odd:
		return PinNotUnderstood
	case c.Handle.Kind != HandleInt:
		return "" // it is still to come, or the server says what is wrong
	}
	if c.stmt = h.statement(c.Handle.Value); c.stmt != nil {
		c.act = actRun
		return ""
	}
	if !isForeign(c.Handle.Value, pinned) {
		c.act = actUnknown
	}
	return ""
}

func (c *Call) decideLearn(h *Handles, pinned *Cache) Pin {
	c.foreign = c.Handle.Kind == HandleInt && isForeign(c.Handle.Value, pinned)
	switch {
	case !c.Stmt.Present && c.Cut:
		return PinTooLong
	case c.odd || c.Handle.Kind == HandleNone || !c.Params.Present || !c.Stmt.Present || c.Stmt.Null:
		return PinNotUnderstood
	case h.full():
		return PinTooMany
	}
	c.act = actLearn
	return ""
}

// isForeign tells whether a handle that is none of ours may be one that the
// connection to which the session is pinned gave the client.
func isForeign(handle int32, pinned *Cache) bool {
	return pinned != nil && handle > 0 && handle < firstHandle && !pinned.owns(handle)
}

// answerLocally drops the handles of calls of sp_unprepare and answers these
// and calls with unknown handles.
func answerLocally(r *Request, h *Handles) []byte {
	var out []byte
	for i := range r.Len() {
		status := tds.DoneMore | tds.DoneRPCInBatch
		if i == r.Len()-1 {
			status = tds.DoneFinal
		}
		c := r.At(i)
		// A batch may drop the same handle twice.
		if c.act == actRun && h.drop(c.Handle.Value) {
			out = appendCallEnd(out, status, r.version)
		} else {
			out = appendUnknown(out, c.Handle.Value, h.Server, status, r.version)
		}
	}
	return out
}
