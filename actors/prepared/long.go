package prepared

import (
	"encoding/binary"
	"slices"

	"sluice/tds"
)

// long follows the rest of a request that is not whole in memory: the calls
// behind those that Inspect saw. Their handles become the connection's where it
// has the statement; what it lacks cannot be prepared any more, and stays
// unknown to the server.
type long struct {
	plan    *Plan
	walker  tds.RPCWalker
	pinned  *Cache
	skip    int // calls that Prepare has dealt with
	call    tds.ProcID
	calls   int
	current []byte
	held    []byte
	err     error
}

func newLong(p *Plan, r *Request) *long {
	l := &long{plan: p, pinned: r.pinned, skip: r.Len()}
	last := r.At(r.Len() - 1)
	if last.Cut && last.Handle.Kind == HandleNone && last.End == last.ValuesAt && rolesOf(last.Proc) != nil {
		l.skip-- // its handle is still to come
	}
	l.walker.Handler = l
	l.walker.Reset(r.version)
	return l
}

// FeedRequest is called with the payload of each packet of a request of which
// Inspect did not get the whole, from the first on and before it is sent; what
// Inspect got may be one payload. hold says that it must not be sent before the
// next has been fed. Of other requests it does nothing.
//
// An error says that the rest cannot be followed: it is to be relayed as it is,
// and the session pinned. Pin may have a reason when all has been fed.
func (p *Plan) FeedRequest(payload []byte) (hold bool, err error) {
	if p.long == nil || p.long.err != nil {
		return false, nil
	}
	l := p.long
	l.current = payload
	if err := l.walker.Feed(payload); err != nil && l.err == nil {
		l.err = err
	}
	l.current, l.held = nil, nil
	if hold = l.err == nil && l.walker.Pending(); hold {
		l.held = payload
	}
	return hold, l.err
}

// OneCall tells whether a request that was fed to its end is a single call.
func (p *Plan) OneCall() bool {
	return p.long != nil && p.long.err == nil && p.long.calls == 1
}

// Call implements tds.RPCHandler.
func (l *long) Call(h tds.RPCScan, end int) {
	l.calls++
	if l.call = h.ProcID; l.call == 0 {
		l.call = procOf(h.Name)
	}
	if o := h.Options &^ (tds.RPCNoMetadata | tds.RPCReuseMetadata); o != h.Options && l.calls > l.skip {
		l.overwrite(end-h.Size+h.OptionsAt, binary.LittleEndian.AppendUint16(nil, o))
	}
	if l.calls <= l.skip {
		return
	}
	switch {
	case l.call == tds.ProcPrepare || l.call == tds.ProcPrepExec:
		// The client gets the connection's own handle.
		l.pin(PinTooLong)
	case l.call == tds.ProcPrepExecRPC:
		l.pin(PinPrepExecRPC)
	case l.call != 0 && l.call <= tds.ProcCursorClose:
		l.pin(PinCursor)
	}
}

func (l *long) pin(p Pin) {
	if l.plan.pin == "" {
		l.plan.pin = p
	}
}

// First implements tds.RPCHandler.
func (l *long) First(p tds.ParamScan, value []byte, end int) {
	if l.calls <= l.skip {
		return
	}
	switch l.call {
	case tds.ProcExecute, tds.ProcUnprepare, tds.ProcPrepare, tds.ProcPrepExec:
	default:
		return
	}
	h := handleParam(p, value, 0)
	if h.Kind != HandleInt {
		return
	}
	at := end - len(value) + h.At
	st := l.plan.handles.statement(h.Value)
	switch {
	case l.call == tds.ProcExecute && st != nil:
		k := key{st, l.plan.scope}
		real, ok := l.plan.cache.use(k)
		if !ok {
			return
		}
		if !slices.Contains(l.plan.moreUsed, k) {
			l.plan.moreUsed = append(l.plan.moreUsed, k)
		}
		l.number(at, real)
	case st != nil:
		l.plan.drops = append(l.plan.drops, h.Value)
		l.number(at, l.nobodys())
	case h.Value > 0 && h.Value < firstHandle && !isForeign(h.Value, l.pinned):
		l.number(at, l.nobodys())
	}
}

// nobodys is a handle that the server has given to nobody; where an old one is
// dropped for a new one, none.
func (l *long) nobodys() int32 {
	if l.call == tds.ProcPrepare || l.call == tds.ProcPrepExec {
		return 0
	}
	return firstHandle
}

func (l *long) number(at int, n int32) {
	l.overwrite(at, binary.LittleEndian.AppendUint32(nil, uint32(n)))
}

// overwrite writes b at an offset of the payload being fed, or, where that is
// negative, of the one held.
func (l *long) overwrite(at int, b []byte) {
	for i, v := range b {
		switch n := at + i; {
		case n >= 0:
			l.current[n] = v
		case -n <= len(l.held):
			l.held[len(l.held)+n] = v
		default:
			l.err = ErrHeldTooLate
		}
	}
}
