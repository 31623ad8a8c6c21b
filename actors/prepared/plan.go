package prepared

import (
	"encoding/binary"
	"errors"

	"sluice/tds"
)

// Plan carries one RPC request of a session to one connection and its response
// back. The zero Plan is ready, and one Plan serves request after request.
type Plan struct {
	handles *Handles
	cache   *Cache
	scope   Scope
	version tds.Version
	pin     Pin

	missing   []missing // to be prepared before the request
	before    []byte
	freed     []int32 // handles whose sp_unprepare is part of before
	answered  int     // calls of before
	kept      []byte  // errors of its response, and what they did to the transaction
	changed   bool    // its response began or ended a transaction
	learns    []learn
	pending   int // learns whose handle has not come
	used      key // what the only call runs
	moreUsed  []key
	drops     []int32 // handles of the client that end with the request
	lent      lent
	single    bool // one call
	began     bool // the response has begun
	stale     bool // the server did not know a handle
	call      int  // the one whose response is read
	encrypted bool
	long      *long

	// The packet being fed, the one before it if it was held, and the bytes of
	// the current token that came before it.
	current, held []byte
	gathered      int
}

// missing is a statement that the connection lacks.
type missing struct {
	key  key
	real int32
	got  bool
	// once: the handle is for one call of the request alone, an sp_unprepare
	// among other calls, and goes to offset at of the payload.
	once bool
	at   int
}

// learn is a call whose response brings a handle. The statement's reference is
// the plan's until done.
type learn struct {
	key  key
	call int
	done bool
}

// lent is a handle that the request asks the server to drop for the new one.
type lent struct {
	key  key
	real int32
}

// Prepare makes a request ready for a connection: handles in payload become
// those of the connection, in place, and the option that leaves out metadata is
// cleared. Decide must have been called. If Before then returns a message, the
// payload is not ready until BeforeEnd. scope is what the connection's settings
// are when the request runs, transaction the session's descriptor.
//
// Prepare may be called again with the cache of another connection, if the
// request did not get as far as being sent. For a call of sp_execute with a
// statement that the connection has, it allocates nothing.
func (p *Plan) Prepare(payload []byte, r *Request, h *Handles, c *Cache, scope Scope, transaction uint64) {
	p.End()
	p.handles, p.cache, p.scope, p.version, p.single = h, c, scope, r.version, r.Whole && r.Len() == 1
	c.request++
	for i := range r.Len() {
		call := r.At(i)
		clearOptions(payload, call)
		switch call.act {
		case actLearn:
			p.learn(call, i)
		case actRun:
			p.run(call)
		case actUnknown:
			if call.Handle.Value <= firstHandle {
				// It may be a number of the connection's own. This one is
				// nobody's.
				setHandle(payload, call.Handle, firstHandle)
			}
		}
		if call.Proc == tds.ProcPrepare || call.Proc == tds.ProcPrepExec {
			p.oldHandle(payload, call)
		}
	}
	if len(p.learns)+len(p.missing) > 0 {
		c.trim(len(p.learns) + len(p.missing))
	}
	if !r.Whole {
		p.long = newLong(p, r)
	}
	if len(p.missing) > 0 {
		p.buildBefore(transaction)
		return
	}
	p.writeHandles(payload, r)
}

// Pin returns why the session must stay on this connection though Decide did
// not say so.
func (p *Plan) Pin() Pin { return p.pin }

// learn expects a handle from the response to a call.
func (p *Plan) learn(c *Call, i int) {
	st := p.handles.store.intern(c.Params, c.Stmt)
	if st == nil {
		p.pin = PinStoreFull
		return
	}
	p.learns = append(p.learns, learn{key: key{st, p.scope}, call: i})
	p.pending++
}

// run finds what a call with a handle of ours needs.
func (p *Plan) run(c *Call) {
	k := key{c.stmt, p.scope}
	if c.Proc == tds.ProcUnprepare {
		// Other calls may use the connection's handle of the same statement.
		p.drops = append(p.drops, c.Handle.Value)
		p.missing = append(p.missing, missing{key: k, once: true, at: c.Handle.At})
		return
	}
	if p.single {
		p.used = k
	} else {
		p.moreUsed = append(p.moreUsed, k)
	}
	if _, ok := p.cache.use(k); ok {
		p.cache.store.hits.Add(1)
		return
	}
	for _, m := range p.missing {
		if m.key == k && !m.once {
			return
		}
	}
	p.cache.store.misses.Add(1)
	p.missing = append(p.missing, missing{key: k})
}

// writeHandles puts the connection's handles into the calls that run.
func (p *Plan) writeHandles(payload []byte, r *Request) bool {
	all := true
	for i := range r.Len() {
		c := r.At(i)
		if c.act != actRun || c.Proc == tds.ProcUnprepare {
			continue
		}
		real, ok := p.cache.use(key{c.stmt, p.scope})
		if all = all && ok; ok {
			setHandle(payload, c.Handle, real)
		}
	}
	return all
}

// oldHandle deals with the handle that a call which prepares brings along. The
// server drops it, so it must be one of the connection's, and one that nobody
// needs: where the connection has the statement already, its handle goes in
// exchange for the new one.
func (p *Plan) oldHandle(payload []byte, c *Call) {
	if c.Handle.Kind != HandleInt {
		return
	}
	old := c.Handle.Value
	if c.Proc == tds.ProcPrepExec && p.handles.statement(old) != nil {
		p.drops = append(p.drops, old)
	}
	if c.foreign {
		return
	}
	now := int32(0)
	if p.single && c.act == actLearn && len(p.learns) == 1 && c.Proc == tds.ProcPrepExec {
		k := p.learns[0].key
		if real, ok := p.cache.remove(k); ok {
			p.lent, now = lent{k, real}, real
		}
	}
	if old > 0 || now > 0 {
		setHandle(payload, c.Handle, now)
	}
}

// clearOptions asks for metadata with every result: a client that wants none
// has seen it on another connection, and rows cannot be followed without.
func clearOptions(payload []byte, c *Call) {
	if o := c.Options &^ (tds.RPCNoMetadata | tds.RPCReuseMetadata); o != c.Options {
		binary.LittleEndian.PutUint16(payload[c.OptionsAt:], o)
	}
}

func setHandle(payload []byte, h Handle, value int32) {
	binary.LittleEndian.PutUint32(payload[h.At:], uint32(value))
}

// End ends the request: its response has been read, or will not be. Handles
// that the request dropped are dropped if it was sent.
func (p *Plan) End() {
	if p.handles == nil {
		return
	}
	switch {
	case p.lent.real == 0 || p.learns[0].done:
	case p.began:
		// Whether a call that failed has dropped it is not known.
		p.cache.garbage = append(p.cache.garbage, p.lent.real)
	default:
		p.cache.put(p.lent.key, p.lent.real)
	}
	for _, l := range p.learns {
		if !l.done {
			p.cache.store.release(l.key.stmt)
		}
	}
	if p.stale {
		p.distrust(p.used)
		for _, k := range p.moreUsed {
			p.distrust(k)
		}
	}
	if p.began {
		for _, n := range p.drops {
			p.handles.drop(n)
		}
	}
	*p = Plan{}
}

// distrust forgets a handle that the server said it does not know. It may have
// meant another, which the statement itself uses, so this one is freed.
func (p *Plan) distrust(k key) {
	if real, ok := p.cache.remove(k); ok {
		p.cache.garbage = append(p.cache.garbage, real)
	}
}

// Errors of a connection that does not answer as it must: it is to be closed.
var (
	// ErrNoHandle says that sp_prepare neither failed nor gave a handle.
	ErrNoHandle = errors.New("prepared: no handle in the response to sp_prepare")
	// ErrTransaction says that sp_prepare began or ended a transaction.
	ErrTransaction = errors.New("prepared: sp_prepare changed the transaction")
	// ErrHeldTooLate says that a handle began in a packet that had been sent.
	ErrHeldTooLate = errors.New("prepared: handle spread over packets that were not held")
)
