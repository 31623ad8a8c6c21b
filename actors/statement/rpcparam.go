package statement

import (
	"encoding/binary"

	"sluice/tds"
)

// param reads the head of a parameter, or the mark after the last.
func (c *rpc) param(b []byte) int {
	if b[0] == tds.RPCBatchFlag || b[0] == tds.RPCBatchFlag71 || b[0] == tds.RPCNoExecFlag {
		c.call()
		c.state = rpcHead
		return 1
	}
	n := 2 * int(b[0])
	if len(b) < n+3 {
		return 0
	}
	typ, size, ok := paramType(b, n)
	if !ok {
		if len(b) < maxParamHead {
			return 0
		}
		c.lose()
		return len(b)
	}
	if b[n+1]&tds.ParamEncrypted != 0 {
		c.lose() // its value is followed by more
		return len(b)
	}
	c.typ, c.arg = typ, -1
	c.text = c.n == c.place || c.place >= 0 && is(b[1:1+n], "@STMT")
	if c.n < maxArgs && c.proc > procHandle && !c.text {
		c.arg = c.n
		if n > 0 {
			c.args[c.n].name = tds.DecodeUTF16(b[1 : 1+n])
		}
	}
	if c.proc == procText && c.read {
		if c.arg = c.inner.wanted(b[1 : 1+n]); c.arg >= 0 {
			c.args[c.arg].name = c.inner.later[c.arg].variable
		}
	}
	if c.text {
		c.inner = reader{params: c.proc == procText}
		c.outer.innerOf(&c.inner)
		c.read = true
	}
	c.long = c.long[:0]
	return c.valueHead(b, size)
}

// maxParamHead is longer than the head of any parameter, in bytes.
const maxParamHead = 4 << 10

// paramType reads the type of a parameter whose name takes n bytes: of the
// usual types without taking memory.
func paramType(b []byte, n int) (typ tds.TypeInfo, size int, ok bool) {
	t := b[n+2:]
	typ.ID = tds.TypeID(t[0])
	info := 0
	switch typ.ID {
	case tds.TypeIntN, tds.TypeBitN, tds.TypeFltN, tds.TypeMoneyN, tds.TypeDateTimN, tds.TypeGUID:
		info = 1
	case tds.TypeBigVarBinary, tds.TypeBigBinary:
		info = 2
	case tds.TypeNVarChar, tds.TypeNChar, tds.TypeBigVarChar, tds.TypeBigChar:
		info = 7
	}
	if info == 0 || len(t) < 1+info {
		h, err := tds.DecodeParamHeader(b)
		return h.Type, h.Size, err == nil
	}
	typ.Size = int(t[1])
	if info > 1 {
		typ.Size |= int(t[2]) << 8
	}
	return typ, n + 3 + info, true
}

// valueHead reads the length of a long value, after a head of size bytes.
func (c *rpc) valueHead(b []byte, size int) int {
	v := b[size:]
	switch {
	case c.typ.PLP():
		if len(v) < 8 {
			return 0
		}
		c.state = rpcChunk
		if binary.LittleEndian.Uint64(v) == 1<<64-1 {
			c.null()
		}
		return size + 8
	case c.typ.ID == tds.TypeText || c.typ.ID == tds.TypeNText || c.typ.ID == tds.TypeImage:
		if len(v) < 4 {
			return 0
		}
		n := binary.LittleEndian.Uint32(v)
		c.left, c.state = uint64(n), rpcBytes
		switch n {
		case 1<<32 - 1:
			c.null()
		case 0:
			c.endLong()
		}
		return size + 4
	}
	c.state = rpcValue
	return size
}
