package prepared

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sluice/tds"
)

// ErrNotUnderstood says that a request's calls could not be told apart. The
// session must be pinned and the request relayed as it is.
var ErrNotUnderstood = errors.New("prepared: RPC request not understood")

// maxCalls bounds the calls of one message; a call takes five bytes at least.
const maxCalls = 16 << 10

// Inspect finds the calls of an RPC message and what Decide and Prepare need to
// know of them. whole says that payload is all of the message and not only its
// beginning. For one call it allocates nothing, unless a text comes in chunks.
//
// Messages in which enclave packages precede the parameters, or encrypted
// parameters are sent, give ErrNotUnderstood.
func Inspect(payload []byte, whole bool, v tds.Version) (Request, error) {
	r := Request{Whole: whole, version: v}
	var err error
	if r.Headers, err = tds.DecodeAllHeaders(payload, v); err != nil {
		return r, fmt.Errorf("%w: %w", ErrNotUnderstood, err)
	}
	at := r.Headers.Size
	for n := 0; n < maxCalls; n++ {
		c, next, err := inspectCall(payload, at, v)
		cut := errors.Is(err, tds.ErrShort) && !whole
		if err != nil && !cut || cut && n == 0 && c.OptionsAt == 0 {
			return r, fmt.Errorf("call %d: %w: %w", n, ErrNotUnderstood, err)
		}
		// Without a separator behind it a call may have more parameters.
		c.Cut = cut || !whole && c.End == len(payload)
		switch {
		case n == 0:
			r.First = c
		case c.OptionsAt > 0:
			r.More = append(r.More, c)
		}
		// A separator may end the message.
		if cut || next >= len(payload) {
			return r, nil
		}
		at = next
	}
	return r, fmt.Errorf("%w: more than %d calls", ErrNotUnderstood, maxCalls)
}

// inspectCall reads the call at offset at of a payload. next is the offset of
// the call behind the separator that follows, or len(payload).
func inspectCall(payload []byte, at int, v tds.Version) (c Call, next int, err error) {
	h, err := tds.ScanRPC(payload[at:])
	if err != nil {
		return c, 0, err
	}
	c.Proc, c.Name, c.Options, c.OptionsAt = h.ProcID, h.Name, h.Options, at+h.OptionsAt
	if c.Proc == 0 {
		c.Proc = procOf(h.Name)
	}
	roles := rolesOf(c.Proc)
	at += h.Size
	c.ValuesAt, c.End = at, at
	for i := 0; at < len(payload); i++ {
		if tds.IsRPCSeparator(payload[at], v) {
			return c, at + 1, nil
		}
		p, err := tds.ScanParam(payload[at:])
		if err != nil {
			return c, 0, err
		}
		if p.Status&tds.ParamEncrypted != 0 {
			return c, 0, fmt.Errorf("%w: encrypted parameter", ErrNotUnderstood)
		}
		if i < len(roles) {
			c.take(roles[i], p, payload, at)
			c.ValuesAt = at + p.Size
		}
		at += p.Size
		c.End = at
	}
	return c, at, nil
}

// take notes parameter p at offset at of a payload as what its place makes it.
func (c *Call) take(r role, p tds.ParamScan, payload []byte, at int) {
	if !r.named(p.Name) {
		c.odd = true
		return
	}
	value := payload[at+p.ValueAt : at+p.Size]
	switch r {
	case roleHandle:
		c.Handle = handleParam(p, value, at+p.ValueAt)
		c.odd = c.odd || c.Handle.Kind == HandleOther
	case roleParams, roleStmt:
		text, null, ok := tds.TextParam(p.Type, value)
		t := Text{UTF16: text, Null: null, Present: ok}
		c.odd = c.odd || !ok
		if r == roleStmt {
			c.Stmt = t
		} else {
			c.Params = t
		}
	}
}

// handleParam reads a handle, whose value begins at offset at of the payload.
func handleParam(p tds.ParamScan, value []byte, at int) Handle {
	switch {
	case p.Status&tds.ParamDefault != 0:
		return Handle{Kind: HandleNull}
	case p.Type.ID == tds.TypeInt4 && len(value) == 4:
		return Handle{HandleInt, int32(binary.LittleEndian.Uint32(value)), at}
	case p.Type.ID == tds.TypeIntN && len(value) == 1:
		return Handle{Kind: HandleNull}
	}
	if n, off, ok := tds.IntParam(p.Type, value); ok {
		return Handle{HandleInt, n, at + off}
	}
	return Handle{Kind: HandleOther}
}
