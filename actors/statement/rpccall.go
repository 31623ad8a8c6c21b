package statement

import (
	"encoding/binary"

	"sluice/tds"
)

// call judges the request whose parameters have been read.
func (c *rpc) call() {
	r := &c.outer
	switch c.proc {
	case procUser, procHarmless:
	case procText:
		if !c.read {
			r.unseen(c.name)
		} else if c.inner.pendings > 0 {
			r.arrive(&c.inner, c.args[:])
		}
	case procPrepare:
		r.v.Effects |= Handles
		if c.name == "sp_cursorprepare" {
			r.event(event{kind: pinMade, reason: Prepared, name: c.name})
		}
	case procHandle:
		r.v.Effects |= Handles // what it runs is judged by who knows the text
	case procCursorOpen:
		r.v.Effects |= OpensCursor
		r.event(event{kind: pinMade, reason: Cursor, name: CursorName(0)})
		if c.name != "sp_cursoropen" {
			r.event(event{kind: pinMade, reason: Prepared, name: c.name})
		}
	default:
		args := c.args[:min(c.n, maxArgs)]
		r.call(c.name, args, c.state == rpcParam)
	}
	c.proc = procUser
	r.ran, r.inserted = true, true
}

// shortToken makes a token of a value with a length of one or two bytes.
func shortToken(t tds.TypeInfo, b []byte) token {
	null := token{kind: tokWord, kw: kwNull}
	switch t.ID {
	case tds.TypeIntN, tds.TypeBitN:
		if len(b) < 2 || b[0] == 0 {
			return null
		}
		return valueToken(t, b[1:])
	case tds.TypeInt4, tds.TypeBit:
		return valueToken(t, b)
	case tds.TypeNVarChar, tds.TypeNChar, tds.TypeBigVarChar, tds.TypeBigChar, tds.TypeBigVarBinary, tds.TypeBigBinary:
		if len(b) < 2 {
			return token{}
		}
		if b[0] == 0xFF && b[1] == 0xFF {
			return null
		}
		return valueToken(t, b[2:])
	}
	return token{}
}

// valueToken makes a token of a value that a literal can stand for, else one of
// no kind.
func valueToken(t tds.TypeInfo, b []byte) token {
	switch t.ID {
	case tds.TypeIntN, tds.TypeInt4:
		if len(b) == 4 {
			if n := int64(int32(binary.LittleEndian.Uint32(b))); n >= 0 {
				return token{kind: tokNumber, text: ascii(itoa(n))}
			}
		}
	case tds.TypeBitN, tds.TypeBit:
		if len(b) == 1 && b[0] <= 1 {
			return token{kind: tokNumber, text: ascii(itoa(int64(b[0])))}
		}
	case tds.TypeNVarChar, tds.TypeNChar, tds.TypeNText:
		return token{kind: tokString, unicode: true, text: append([]byte(nil), b[:len(b)&^1]...)}
	case tds.TypeBigVarChar, tds.TypeBigChar:
		for _, c := range b {
			if c >= 0x80 { // in a code page that is not looked up
				return token{}
			}
		}
		return token{kind: tokString, text: ascii(string(b))}
	case tds.TypeBigVarBinary, tds.TypeBigBinary:
		const hex = "0123456789ABCDEF"
		lit := []byte("0x")
		for _, c := range b[:min(len(b), maxKeys)] {
			lit = append(lit, hex[c>>4], hex[c&15])
		}
		return token{kind: tokBinary, text: ascii(string(lit)), lost: len(b) > maxKeys}
	}
	return token{}
}

// ascii is a text in UTF-16LE.
func ascii(s string) []byte { return tds.AppendUTF16(nil, s) }
