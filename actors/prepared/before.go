package prepared

import (
	"encoding/binary"
	"fmt"

	"sluice/tds"
)

// freeAlong is how many handles that are not wanted any more are freed by a
// message that prepares statements.
const freeAlong = 8

// maxKept bounds the tokens kept of a response, in bytes.
const maxKept = 64 << 10

// buildBefore makes the message that prepares what the connection lacks. In a
// transaction it frees nothing besides: an error there could end it.
func (p *Plan) buildBefore(transaction uint64) {
	b := tds.AppendAllHeaders(nil, transaction, p.version)
	for i, m := range p.missing {
		b = appendPrepare(appendSeparator(b, i == 0, p.version), m.key.stmt, p.version)
	}
	if transaction == 0 {
		p.freed = p.cache.takeGarbage(freeAlong)
		b = appendUnprepares(appendSeparator(b, len(p.freed) == 0, p.version), p.freed, p.version)
	}
	p.before = b
}

// Before returns the payload of the RPC message that must run on the connection
// before the request, nil if there is none. If the connection is to be reset,
// this message carries the reset, and the cache has been told (Cache.Forget).
func (p *Plan) Before() []byte { return p.before }

// BeforeToken takes a token of the response to Before, as a tds.Handler gets it.
func (p *Plan) BeforeToken(t tds.Token, body []byte) error {
	switch t {
	case tds.TokenReturnValue:
		rv, err := tds.DecodeReturnValue(body, p.version, p.encrypted)
		if err != nil {
			return err
		}
		if n, ok := rv.Int(); ok && p.answered < len(p.missing) {
			p.missing[p.answered].real, p.missing[p.answered].got = n, true
		}
	case tds.TokenDoneProc:
		p.answered++
	case tds.TokenError:
		p.keep(t, body)
	case tds.TokenEnvChange:
		if len(body) > 0 && isTransactionChange(tds.EnvType(body[0])) {
			p.changed = true
			p.keep(t, body)
		}
	}
	return nil
}

func isTransactionChange(t tds.EnvType) bool {
	switch t {
	case tds.EnvBeginTransaction, tds.EnvCommitTransaction, tds.EnvRollbackTransaction,
		tds.EnvEnlistDTC, tds.EnvDefectDTC, tds.EnvTransactionEnded:
		return true
	}
	return false
}

// keep stores a token whose length field has 16 bits.
func (p *Plan) keep(t tds.Token, body []byte) {
	if len(p.kept)+len(body) > maxKept || len(body) > 0xFFFF {
		return
	}
	p.kept = binary.LittleEndian.AppendUint16(append(p.kept, byte(t)), uint16(len(body)))
	p.kept = append(p.kept, body...)
}

// BeforeEnd is called when the response to Before has been read to its end,
// with the payload and request that Prepare got. With answer nil and no error
// the payload is ready to be sent. Otherwise answer is the payload of the
// response to the client's request, which could not be run: what the server
// said of the statement. An error says that the connection is of no use.
func (p *Plan) BeforeEnd(payload []byte, r *Request) (answer []byte, err error) {
	p.before = nil
	if undone := len(p.missing) + len(p.freed) - p.answered; undone > 0 {
		p.cache.garbage = append(p.cache.garbage, p.freed[max(len(p.freed)-undone, 0):]...)
	}
	all := true
	for _, m := range p.missing {
		switch {
		case !m.got:
			all = false
		case !m.once:
			p.cache.put(m.key, m.real)
		}
	}
	for _, m := range p.missing {
		switch {
		case !m.got || !m.once:
		case all:
			setHandle(payload, Handle{At: m.at}, m.real)
		default:
			p.cache.garbage = append(p.cache.garbage, m.real)
		}
	}
	switch {
	case all && p.changed:
		return nil, ErrTransaction
	case all && p.writeHandles(payload, r):
		return nil, nil
	case !all && len(p.kept) > 0:
		return p.failure(r.Len()), nil
	}
	return nil, fmt.Errorf("%w: %d of %d calls answered", ErrNoHandle, p.answered, len(p.missing)+len(p.freed))
}

// failure answers each call of a request with the errors of the response to
// Before; what they did to the transaction is told once.
func (p *Plan) failure(calls int) []byte {
	out := p.kept
	for i := range calls {
		status := tds.DoneError
		if i < calls-1 {
			status |= tds.DoneMore | tds.DoneRPCInBatch
		}
		out = tds.Done{Kind: tds.TokenDoneProc, Status: status, CurCmd: tds.CurCmdExecute}.Append(out, p.version)
	}
	return out
}
