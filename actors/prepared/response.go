package prepared

import (
	"encoding/binary"
	"fmt"

	"sluice/tds"
)

// invalidHandle is SQL Server's number for a handle that does not fit the
// database or settings any more.
const invalidHandle = 586

// Feed feeds the walker the payload of the next packet of the response. hold
// says that the packet must not be sent before the next has been fed: a handle
// begins in it that Token will yet change. Its memory must stay as it is until
// then.
func (p *Plan) Feed(w *tds.Walker, payload []byte) (hold bool, err error) {
	p.began = true
	if p.pending == 0 {
		return false, w.Feed(payload)
	}
	p.encrypted = w.ColumnEncryption
	p.gathered = 0
	if t, n, ok := w.Gathering(); ok && t == tds.TokenReturnValue {
		p.gathered = n
	}
	p.current = payload
	err = w.Feed(payload)
	p.current, p.held = nil, nil
	if p.pending == 0 || err != nil {
		return false, err
	}
	if t, n, ok := w.Gathering(); ok && t == tds.TokenReturnValue && n > 0 {
		p.held = payload
		return true, nil
	}
	return false, nil
}

// Token takes a token of the response, as a tds.Handler gets it from a walker
// fed by Feed. A handle is recorded as the connection's and replaced by the
// client's.
func (p *Plan) Token(t tds.Token, body []byte, at int) error {
	switch t {
	case tds.TokenReturnValue:
		if p.pending > 0 {
			return p.returnValue(body, at)
		}
	case tds.TokenDoneProc:
		if len(body) >= 2 && tds.DoneStatus(binary.LittleEndian.Uint16(body))&tds.DoneRPCInBatch != 0 {
			p.call++
		}
	case tds.TokenError:
		if len(body) >= 4 {
			n := binary.LittleEndian.Uint32(body)
			p.stale = p.stale || n == unknownHandle || n == invalidHandle
		}
	}
	return nil
}

// returnValue replaces a handle. Among the output parameters of a call it is
// the one with ordinal 0; others may come first.
func (p *Plan) returnValue(body []byte, at int) error {
	rv, err := tds.DecodeReturnValue(body, p.version, p.encrypted)
	if err != nil {
		return err
	}
	real, ok := rv.Int()
	if !ok || rv.Ordinal != 0 || real <= 0 {
		return nil
	}
	for i := range p.learns {
		l := &p.learns[i]
		if l.done || l.call != p.call && !p.single {
			continue
		}
		p.cache.put(l.key, real)
		l.done = true
		p.pending--
		number := p.handles.add(l.key.stmt)
		return p.overwrite(body, rv.ValueAt+1, at, number)
	}
	return nil
}

// overwrite writes a handle at offset off of a token's body, wherever in the
// packets that is.
func (p *Plan) overwrite(body []byte, off, at int, number int32) error {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], uint32(number))
	if at >= 0 {
		copy(body[off:], b[:])
		return nil
	}
	for i, v := range b {
		// Negative in the packet before: it ends where this one begins.
		n := off + i - p.gathered
		switch {
		case n >= 0 && n < len(p.current):
			p.current[n] = v
		case n < 0 && -n <= len(p.held):
			p.held[len(p.held)+n] = v
		default:
			return fmt.Errorf("%w: byte %d", ErrHeldTooLate, n)
		}
	}
	return nil
}
