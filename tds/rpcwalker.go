package tds

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// RPCHandler receives what an RPCWalker comes across. Slices are valid during
// the call only. end is the offset in the payload being fed behind the last
// byte of what is told; the first bytes may lie in payloads fed before.
type RPCHandler interface {
	// Call is told of the head of each call.
	Call(h RPCScan, end int)
	// First is told of the first parameter of a call, if its value is a short
	// one. Of p, offsets count from the parameter's start; value is the value
	// with its length.
	First(p ParamScan, value []byte, end int)
}

// maxRPCHead bounds the head of a call or a parameter that straddles packets,
// in bytes.
const maxRPCHead = 4 << 10

// RPCWalker follows the calls of an RPC message that is too long to be held,
// across packets. It steps over values by their length. Table-valued and
// encrypted parameters are where it loses its way. The zero RPCWalker is ready
// after Reset.
type RPCWalker struct {
	Handler RPCHandler

	version Version
	err     error
	state   rpcState
	skip    uint64
	param   int // index of the parameter in its call
	form    valueForm
	chunks  bool // PLP: past the total length
	scratch []byte
	fed     int // size of the payload being fed
}

type rpcState byte

const (
	rpcHeaders rpcState = iota // at ALL_HEADERS
	rpcCall                    // at the head of a call
	rpcParam                   // at a parameter or a separator
	rpcLength                  // at a length field of a value
)

// Reset makes the walker ready for a message of a connection that speaks
// version v.
func (w *RPCWalker) Reset(v Version) {
	*w = RPCWalker{Handler: w.Handler, version: v, scratch: w.scratch[:0]}
	if !v.AtLeast(V72) {
		w.state = rpcCall
	}
}

// Pending tells whether what was fed ends inside something that the Handler
// will be told of.
func (w *RPCWalker) Pending() bool {
	return w.err == nil && len(w.scratch) > 0 && (w.state == rpcCall || w.state == rpcParam && w.param == 0)
}

// Feed walks over the payload of the next packet. After the first error, which
// wraps ErrLostSync, it returns that error again until Reset.
func (w *RPCWalker) Feed(payload []byte) error {
	w.fed = len(payload)
	for b := payload; len(b) > 0 && w.err == nil; {
		if w.skip > 0 {
			n := min(w.skip, uint64(len(b)))
			w.skip -= n
			b = b[n:]
			continue
		}
		if w.state == rpcParam && len(w.scratch) == 0 && IsRPCSeparator(b[0], w.version) {
			w.state = rpcCall
			b = b[1:]
			continue
		}
		b = w.step(b)
	}
	return w.err
}

// step takes the next part of the message off b, or keeps b for the rest of
// the part to come.
func (w *RPCWalker) step(b []byte) []byte {
	view, before := b, len(w.scratch)
	if before > 0 {
		w.scratch = append(w.scratch, b[:min(len(b), maxRPCHead-before)]...)
		view = w.scratch
	}
	size, err := w.part(view, len(b)+before)
	switch {
	case err == nil:
		w.scratch = w.scratch[:0]
		return b[size-before:]
	case !errors.Is(err, ErrShort) || len(view) >= maxRPCHead:
		w.err = fmt.Errorf("%w of an RPC request: %w", ErrLostSync, err)
		return nil
	case before == 0:
		w.scratch = append(w.scratch, b...)
	}
	return nil
}

// part reads the part at the start of view and returns its size, or ErrShort.
// view begins so that its byte i is byte fed-left+i of the payload.
func (w *RPCWalker) part(view []byte, left int) (size int, err error) {
	end := func(n int) int { return w.fed - left + n }
	switch w.state {
	case rpcHeaders:
		if len(view) < 4 {
			return 0, ErrShort
		}
		n := binary.LittleEndian.Uint32(view)
		if n < 4 {
			return 0, fmt.Errorf("ALL_HEADERS of %d bytes", n)
		}
		w.state, w.skip = rpcCall, uint64(n-4)
		return 4, nil
	case rpcCall:
		h, err := ScanRPC(view)
		if err != nil {
			return 0, err
		}
		w.state, w.param = rpcParam, 0
		w.Handler.Call(h, end(h.Size))
		return h.Size, nil
	case rpcParam:
		return w.paramPart(view, end)
	}
	return w.lengthPart(view)
}

// paramPart reads the head of a parameter, and the value of a first one that
// is short.
func (w *RPCWalker) paramPart(view []byte, end func(int) int) (size int, err error) {
	p, err := ScanParam(view)
	if p.ValueAt == 0 {
		return 0, err
	}
	form := p.Type.form(true)
	if form == valueTVP || form == valueText || p.Status&ParamEncrypted != 0 {
		return 0, ErrUnknownType
	}
	if w.param == 0 && (form == valueLen8 || form == valueFixed) {
		if err != nil {
			return 0, err
		}
		w.param++
		w.Handler.First(p, view[p.ValueAt:p.Size], end(p.Size))
		return p.Size, nil
	}
	w.param++
	if w.form, w.chunks = form, false; form == valueFixed {
		w.skip = uint64(p.Type.Size)
		return p.ValueAt, nil
	}
	w.state = rpcLength
	return p.ValueAt, nil
}

// lengthPart reads a length field of a value.
func (w *RPCWalker) lengthPart(view []byte) (size int, err error) {
	c := cursor{b: view}
	done := true
	switch w.form {
	case valueLen8:
		w.skip = uint64(c.u8())
	case valueLen16:
		if n := c.u16(); n != 0xFFFF {
			w.skip = uint64(n)
		}
	case valuePLP:
		if !w.chunks {
			n := c.u64()
			done = c.err == nil && n == plpNull
			w.chunks = c.err == nil
			break
		}
		n := c.u32()
		w.skip, done = uint64(n), n == 0
	default:
		if n := c.u32(); w.form != valueTextRPC || n != 0xFFFFFFFF {
			w.skip = uint64(n)
		}
	}
	if c.err != nil {
		return 0, c.err
	}
	if done {
		w.state = rpcParam
	}
	return len(view) - len(c.b), nil
}
