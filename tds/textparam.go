package tds

// TextParam returns the UTF-16LE bytes of an NVARCHAR, NCHAR or NTEXT value of
// an RPC parameter, b beginning with the value. The bytes alias b, but where a
// PLP value comes in several chunks: those are joined in a new slice. null says
// that the value is NULL. ok is false for other types and if b ends too soon.
func TextParam(t TypeInfo, b []byte) (text []byte, null, ok bool) {
	c := cursor{b: b}
	switch {
	case t.ID != TypeNVarChar && t.ID != TypeNChar && t.ID != TypeNText:
		return nil, false, false
	case t.PLP():
		text, null = c.plpText()
	case t.ID == TypeNText:
		n := c.u32()
		if null = n == 0xFFFFFFFF; !null {
			text = c.take(int(n))
		}
	default:
		n := c.u16()
		if null = n == 0xFFFF; !null {
			text = c.take(int(n))
		}
	}
	if c.err != nil {
		return nil, false, false
	}
	return text, null, true
}

// plpText reads a PLP value.
func (c *cursor) plpText() (text []byte, null bool) {
	if c.u64() == plpNull {
		return nil, true
	}
	for chunks := 0; c.err == nil; chunks++ {
		n := c.u32()
		if n == 0 {
			break
		}
		chunk := c.take(int(n))
		if chunks == 0 {
			text = chunk
			continue
		}
		text = append(text, chunk...) // take left no capacity behind the first chunk
	}
	return text, false
}
