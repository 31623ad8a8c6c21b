package sandbox

import (
	"errors"
	"fmt"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// rpcCall is one call of an RPC request.
type rpcCall struct {
	proc   string
	params []tsql.Param
}

// rpcDecoder decodes RPC requests. It keeps its slices from one request to the
// next: what decode returns is valid until it is called again.
type rpcDecoder struct {
	calls  []rpcCall
	params []tsql.Param
}

var errEncrypted = errors.New("encrypted parameters are not supported by this server")

// decode reads the calls of an RPC request, b beginning after ALL_HEADERS.
// Names and values do not alias b.
func (d *rpcDecoder) decode(b []byte, v tds.Version) ([]rpcCall, error) {
	d.calls = d.calls[:0]
	clear(d.params)
	d.params = d.params[:0]
	for len(b) > 0 {
		h, err := tds.DecodeRPCHeader(b)
		if err != nil {
			return nil, err
		}
		b = b[h.Size:]
		first := len(d.params)
		for len(b) > 0 && !tds.IsRPCSeparator(b[0], v) {
			if b, err = d.param(b); err != nil {
				return nil, fmt.Errorf("%s, parameter %d: %w", h.Proc(), len(d.params)-first+1, err)
			}
		}
		if len(b) > 0 {
			b = b[1:] // the separator; one at the end is allowed
		}
		// A later append may move params, which leaves this view intact.
		d.calls = append(d.calls, rpcCall{h.Proc(), d.params[first:len(d.params):len(d.params)]})
	}
	if len(d.calls) == 0 {
		return nil, fmt.Errorf("no call: %w", tds.ErrShort)
	}
	return d.calls, nil
}

// param reads one parameter and returns what follows it.
func (d *rpcDecoder) param(b []byte) ([]byte, error) {
	h, err := tds.DecodeParamHeader(b)
	if err != nil {
		return b, err
	}
	if h.Status&tds.ParamEncrypted != 0 {
		return b, errEncrypted
	}
	r := valueReader{b: b[h.Size:]}
	p := tsql.Param{Name: h.Name, Output: h.Status&tds.ParamByRef != 0}
	p.Type, p.Value = r.value(h.Type, false)
	if r.err != nil {
		return b, r.err
	}
	d.params = append(d.params, p)
	return r.b, nil
}
