package tds

import (
	"encoding/binary"
	"fmt"
)

// ReturnValue is a RETURNVALUE token (MS-TDS 2.2.7.19): an output parameter, or
// the result of a user-defined function.
type ReturnValue struct {
	Ordinal  uint16 // of the parameter
	Name     string
	Status   byte // 1 for an output parameter, 2 for a function
	UserType uint32
	Flags    uint16
	Type     TypeInfo
	// Value is the value as on the wire, its length included. Decoded it
	// aliases the body from offset ValueAt to its end; it is empty where a
	// Walker left out a long one.
	Value   []byte
	ValueAt int
}

// Append appends the token with its type byte, in the layout without column
// encryption.
func (r ReturnValue) Append(dst []byte, v Version) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint16(append(dst, byte(TokenReturnValue)), r.Ordinal)
	dst = append(appendBVarchar(dst, r.Name), r.Status)
	if v.AtLeast(V72) {
		dst = le.AppendUint32(dst, r.UserType)
	} else {
		dst = le.AppendUint16(dst, uint16(r.UserType))
	}
	dst = r.Type.Append(le.AppendUint16(dst, r.Flags))
	return append(dst, r.Value...)
}

// DecodeReturnValue reads the body of a RETURNVALUE token, which ends with the
// value. encryption says that the server acknowledged FeatureColumnEncryption.
func DecodeReturnValue(body []byte, v Version, encryption bool) (ReturnValue, error) {
	c := cursor{b: body}
	r := c.returnValueHead(v, encryption)
	if c.err != nil {
		return r, fmt.Errorf("RETURNVALUE: %w", c.err)
	}
	r.Value, r.ValueAt = c.b, len(body)-len(c.b)
	return r, nil
}

// Int returns the value of a 4-byte INTN, such as the handle of a prepared
// statement; ok is false for NULL and for other types.
func (r ReturnValue) Int() (n int32, ok bool) {
	n, _, ok = IntParam(r.Type, r.Value)
	return n, ok
}

// returnValueHead reads all that comes before the value.
func (c *cursor) returnValueHead(v Version, encryption bool) ReturnValue {
	r := ReturnValue{Ordinal: c.u16(), Name: c.bVarchar(), Status: c.u8(), UserType: c.userType(v), Flags: c.u16()}
	if c.err != nil {
		return r
	}
	r.Type, _ = c.typeInfo(false)
	if encryption && r.Flags&ColEncrypted != 0 {
		c.skipCryptoMetadata(v)
	}
	return r
}
