package tds

import (
	"encoding/binary"
	"fmt"
)

// LoginAck is a LOGINACK token (MS-TDS 2.2.7.14).
type LoginAck struct {
	Interface   byte // 1 = SQL_TSQL
	Version     Version
	ProgName    string
	ProgVersion [4]byte // major, minor, build high, build low
}

// Append appends the token with its type byte.
func (a LoginAck) Append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, byte(TokenLoginAck), 0, 0, a.Interface)
	dst = binary.BigEndian.AppendUint32(dst, uint32(a.Version))
	dst = appendBVarchar(dst, a.ProgName)
	dst = append(dst, a.ProgVersion[:]...)
	return patchLen16(dst, at)
}

// DecodeLoginAck reads the body of a LOGINACK token.
func DecodeLoginAck(body []byte) (LoginAck, error) {
	c := cursor{b: body}
	a := LoginAck{Interface: c.u8()}
	if v := c.take(4); v != nil {
		a.Version = Version(binary.BigEndian.Uint32(v))
	}
	a.ProgName = c.bVarchar()
	copy(a.ProgVersion[:], c.take(4))
	if c.err != nil {
		return a, fmt.Errorf("LOGINACK: %w", c.err)
	}
	return a, nil
}

// patchLen16 fills in the 16-bit length of the token that begins at dst[at].
func patchLen16(dst []byte, at int) []byte {
	binary.LittleEndian.PutUint16(dst[at+1:], uint16(len(dst)-at-3))
	return dst
}
