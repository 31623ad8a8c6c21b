package tds

import "fmt"

// RPCScan is the head of one RPC request as DecodeRPCHeader reads it, but with
// the name left in the message: reading it allocates nothing.
type RPCScan struct {
	ProcID    ProcID
	Name      []byte // UTF-16LE, aliases the input; nil when ProcID is set
	Options   uint16
	OptionsAt int // offset of the option flags' two bytes
	Size      int // bytes read
}

// ScanRPC reads the head of an RPC request, b beginning after ALL_HEADERS or
// after a batch separator.
func ScanRPC(b []byte) (RPCScan, error) {
	c := cursor{b: b}
	var r RPCScan
	if n := c.u16(); n == 0xFFFF {
		r.ProcID = ProcID(c.u16())
	} else {
		r.Name = c.take(2 * int(n))
	}
	r.OptionsAt = len(b) - len(c.b)
	r.Options = c.u16()
	if c.err != nil {
		return r, fmt.Errorf("RPC: %w", c.err)
	}
	r.Size = len(b) - len(c.b)
	return r, nil
}

// ParamScan is one parameter of an RPC request, located but not decoded.
type ParamScan struct {
	Name    []byte // UTF-16LE with its '@', aliases the input; empty for a positional parameter
	Status  byte
	Type    TypeInfo // without its Name
	ValueAt int      // offset of the value, which begins with its length if it has one
	Size    int      // of the whole parameter in bytes; 0 while its value is not whole
}

// ScanParam locates the parameter at the start of b, which must not be a
// separator (IsRPCSeparator). Of a parameter that b ends within it returns what
// there is and an error that wraps ErrShort: with ValueAt above 0 all but the
// value was there. Only table-valued parameters make it allocate. The cipher
// information behind the value of an encrypted parameter is not counted.
func ScanParam(b []byte) (ParamScan, error) {
	c := cursor{b: b, skipText: true}
	var p ParamScan
	n := int(c.u8())
	if n > maxParamName {
		return p, fmt.Errorf("tds: parameter name of %d characters", n)
	}
	p.Name, p.Status = c.take(2*n), c.u8()
	if p.Type, _ = c.typeInfo(true); c.err != nil {
		return p, fmt.Errorf("parameter: %w", c.err)
	}
	p.ValueAt = len(b) - len(c.b)
	c.skipValue(p.Type, true)
	if c.err != nil {
		return p, fmt.Errorf("value of type 0x%02x: %w", byte(p.Type.ID), c.err)
	}
	p.Size = len(b) - len(c.b)
	return p, nil
}
