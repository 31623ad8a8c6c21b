package tds

import (
	"encoding/binary"
	"fmt"
)

// plpNull is the length of a NULL in PLP form.
const plpNull = 0xFFFFFFFF_FFFFFFFF

// tvp tokens (MS-TDS 2.2.5.5.5).
const (
	tvpEnd         = 0x00
	tvpRow         = 0x01
	tvpOrderUnique = 0x10
	tvpColumnOrder = 0x11

	tvpNoColumns     = 0xFFFF // column count of a NULL table
	tvpColumnDefault = 0x0200 // column flag: rows carry no value for it
)

// ParamValueSize returns the size in bytes of the RPC parameter value of type
// t at the start of b, its length included. The cipher information that
// follows the value of an encrypted parameter is not counted.
func ParamValueSize(t TypeInfo, b []byte) (int, error) {
	c := cursor{b: b}
	c.skipValue(t, true)
	if c.err != nil {
		return 0, fmt.Errorf("value of type 0x%02x: %w", byte(t.ID), c.err)
	}
	return len(b) - len(c.b), nil
}

// skipValue steps over a value that is whole in memory.
func (c *cursor) skipValue(t TypeInfo, rpcInput bool) {
	switch t.form(rpcInput) {
	case valueFixed:
		c.take(t.Size)
	case valueLen8:
		c.take(int(c.u8()))
	case valueLen16:
		if n := c.u16(); n != 0xFFFF {
			c.take(int(n))
		}
	case valueLen32:
		c.take(int(c.u32()))
	case valueTextRPC:
		if n := c.u32(); n != 0xFFFFFFFF {
			c.take(int(n))
		}
	case valueText:
		if n := int(c.u8()); n > 0 {
			c.take(n + 8) // text pointer, timestamp
			c.take(int(c.u32()))
		}
	case valuePLP:
		if c.u64() == plpNull {
			return
		}
		for c.err == nil {
			n := c.u32()
			if n == 0 {
				return
			}
			c.take(int(n))
		}
	case valueTVP:
		c.skipTable()
	}
}

// skipTable steps over the columns and rows of a table-valued parameter.
func (c *cursor) skipTable() {
	count := c.u16()
	var cols []TypeInfo
	if count != tvpNoColumns {
		for range count {
			c.u32() // user type
			flags := c.u16()
			t, err := c.typeInfo(true)
			if err != nil || c.err != nil {
				return
			}
			if t.ID == TypeTVP { // tables do not nest
				c.err = ErrUnknownType
				return
			}
			c.take(2 * int(c.u8())) // name
			if flags&tvpColumnDefault == 0 {
				cols = append(cols, t)
			}
		}
	}
	for c.err == nil {
		switch tok := c.u8(); tok {
		case tvpOrderUnique:
			c.take(3 * int(c.u16()))
		case tvpColumnOrder:
			c.take(2 * int(c.u16()))
		case tvpEnd:
			c.skipTableRows(cols)
			return
		default:
			c.err = fmt.Errorf("%w 0x%02x in a table-valued parameter", ErrUnknownToken, tok)
		}
	}
}

func (c *cursor) skipTableRows(cols []TypeInfo) {
	for c.err == nil {
		switch tok := c.u8(); tok {
		case tvpEnd:
			return
		case tvpRow:
			for _, t := range cols {
				c.skipValue(t, true)
			}
		default:
			c.err = fmt.Errorf("%w 0x%02x in a table-valued parameter", ErrUnknownToken, tok)
		}
	}
}

// IntParam returns the value of a 4-byte INTN parameter, such as the handle of
// sp_execute, and the offset of its four bytes in b, where b begins with the
// value. ok is false for NULL, other widths and other types.
func IntParam(t TypeInfo, b []byte) (value int32, at int, ok bool) {
	if t.ID != TypeIntN || len(b) < 5 || b[0] != 4 {
		return 0, 0, false
	}
	return int32(binary.LittleEndian.Uint32(b[1:])), 1, true
}
