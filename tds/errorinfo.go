package tds

import (
	"encoding/binary"
	"fmt"
)

// ServerError is an ERROR or INFO token (MS-TDS 2.2.7.10, 2.2.7.13). Class
// 10 and below is information, 11 and above an error; from 20 on the server
// closes the connection.
type ServerError struct {
	Number int32
	State  byte
	Class  byte
	Text   string
	Server string
	Proc   string
	Line   uint32
}

// maxErrorText is the longest text in UTF-16 units that leaves room for the
// other fields in a token whose length is 16 bits.
const maxErrorText = (0xFFFF - 4 - 1 - 1 - 2 - (1 + 2*255) - (1 + 2*255) - 4) / 2

// Error makes a ServerError of class 11 and above usable as a Go error.
func (e *ServerError) Error() string {
	return fmt.Sprintf("SQL Server error %d, state %d, class %d: %s", e.Number, e.State, e.Class, e.Text)
}

// Append appends the token, ERROR for class 11 and above and INFO below. Texts
// too long for it are cut.
func (e *ServerError) Append(dst []byte, v Version) []byte {
	at := len(dst)
	t := TokenInfo
	if e.Class > 10 {
		t = TokenError
	}
	dst = append(dst, byte(t), 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(e.Number))
	dst = append(dst, e.State, e.Class)
	dst = appendUSVarchar(dst, truncateUTF16(e.Text, maxErrorText))
	dst = appendBVarchar(dst, e.Server)
	dst = appendBVarchar(dst, e.Proc)
	if v.AtLeast(V72) {
		dst = binary.LittleEndian.AppendUint32(dst, e.Line)
	} else {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(e.Line))
	}
	return patchLen16(dst, at)
}

// DecodeServerError reads the body of an ERROR or INFO token.
func DecodeServerError(body []byte, v Version) (*ServerError, error) {
	c := cursor{b: body}
	e := &ServerError{Number: int32(c.u32()), State: c.u8(), Class: c.u8(), Text: c.usVarchar(), Server: c.bVarchar(), Proc: c.bVarchar()}
	if v.AtLeast(V72) {
		e.Line = c.u32()
	} else {
		e.Line = uint32(c.u16())
	}
	if c.err != nil {
		return nil, fmt.Errorf("ERROR or INFO: %w", c.err)
	}
	return e, nil
}
