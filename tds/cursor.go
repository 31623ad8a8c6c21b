package tds

import "encoding/binary"

// cursor reads little-endian fields off a slice. After the first read past the
// end every further read returns zero, err stays ErrShort and missing says how
// many bytes that first read lacked. It allocates nothing but the texts it
// returns, and with skipText set not even those.
type cursor struct {
	b        []byte
	err      error
	missing  int
	skipText bool
}

// take returns the next n bytes, which alias the input.
func (c *cursor) take(n int) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > len(c.b) {
		c.err, c.missing = ErrShort, n-len(c.b)
		return nil
	}
	t := c.b[:n:n]
	c.b = c.b[n:]
	return t
}

func (c *cursor) u8() byte {
	if t := c.take(1); t != nil {
		return t[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if t := c.take(2); t != nil {
		return binary.LittleEndian.Uint16(t)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if t := c.take(4); t != nil {
		return binary.LittleEndian.Uint32(t)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if t := c.take(8); t != nil {
		return binary.LittleEndian.Uint64(t)
	}
	return 0
}

func (c *cursor) text(units int) string {
	t := c.take(2 * units)
	if c.skipText {
		return ""
	}
	return DecodeUTF16(t)
}

func (c *cursor) bVarchar() string  { return c.text(int(c.u8())) }
func (c *cursor) usVarchar() string { return c.text(int(c.u16())) }
