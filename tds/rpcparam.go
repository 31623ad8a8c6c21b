package tds

import "fmt"

// Status flags of an RPC parameter (MS-TDS 2.2.6.6) and of a RETURNVALUE.
const (
	ParamByRef     byte = 0x01 // an output parameter
	ParamDefault   byte = 0x02 // take the procedure's default
	ParamEncrypted byte = 0x08
)

// maxParamName is the longest parameter name in UTF-16 units. A longer length
// byte is a batch separator instead.
const maxParamName = 128

// ParamHeader is all that comes before the value of an RPC parameter.
type ParamHeader struct {
	Name   string // with its '@'; empty for a positional parameter
	Status byte
	Type   TypeInfo
	Size   int // bytes read
}

// DecodeParamHeader reads the head of the parameter at the start of b. A byte
// that separates requests of a batch (RPCBatchFlag and its like) is no
// parameter: see IsRPCSeparator.
func DecodeParamHeader(b []byte) (ParamHeader, error) {
	c := cursor{b: b}
	var p ParamHeader
	n := int(c.u8())
	if n > maxParamName {
		return p, fmt.Errorf("tds: parameter name of %d characters", n)
	}
	p.Name, p.Status = DecodeUTF16(c.take(2*n)), c.u8()
	if c.err != nil {
		return p, fmt.Errorf("parameter: %w", c.err)
	}
	var err error
	if p.Type, err = c.typeInfo(true); err != nil {
		return p, fmt.Errorf("parameter %q: %w", p.Name, err)
	}
	p.Size = len(b) - len(c.b)
	return p, nil
}

// Append appends the head; the value follows.
func (p ParamHeader) Append(dst []byte) []byte {
	name := truncateUTF16(p.Name, maxParamName)
	dst = append(appendBVarchar(dst, name), p.Status)
	return p.Type.AppendRPC(dst)
}

// IsRPCSeparator tells whether a byte where a parameter could begin separates
// requests of a batch instead. Parameter names have at most 128 characters, and
// 0x80 is a separator before TDS 7.2 only.
func IsRPCSeparator(b byte, v Version) bool {
	return b == RPCBatchFlag || b == RPCNoExecFlag || b == RPCBatchFlag71 && !v.AtLeast(V72)
}
