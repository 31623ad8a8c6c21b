package tds

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrNotScalar says that a response does not hold one readable value.
var ErrNotScalar = errors.New("tds: no single value in the response")

// ScalarText returns the value of the one row of one column that a whole
// response holds, as text: of an integer or a character type, others are
// ErrNotScalar, as is NULL. Text that is not UTF-16 must be ASCII. An ERROR is
// returned as *ServerError. It is for short answers to questions of one's own;
// to follow responses of any kind use a Walker. It does not know the layout
// with column encryption.
func ScalarText(payload []byte, v Version) (text string, err error) {
	var column *TypeInfo
	found := false
	for b := payload; len(b) > 0; {
		switch t := Token(b[0]); {
		case t == TokenColMetadata && column == nil:
			cols, n, err := DecodeColMetadata(b[1:], v)
			if err != nil {
				return "", err
			}
			if len(cols) != 1 {
				return "", fmt.Errorf("%w: %d columns", ErrNotScalar, len(cols))
			}
			column, b = &cols[0].Type, b[1+n:]
		case t == TokenRow && column != nil:
			if found {
				return "", fmt.Errorf("%w: more than one row", ErrNotScalar)
			}
			c := cursor{b: b[1:]}
			if text, err = c.scalar(*column); err != nil {
				return "", err
			}
			found, b = true, c.b
		default:
			t, body, rest, err := NextToken(b, v)
			if err != nil {
				return "", err
			}
			if t == TokenError {
				e, err := DecodeServerError(body, v)
				if err != nil {
					return "", err
				}
				return "", e
			}
			b = rest
		}
	}
	if !found {
		return "", fmt.Errorf("%w: no row", ErrNotScalar)
	}
	return text, nil
}

func (c *cursor) scalar(t TypeInfo) (string, error) {
	var value []byte
	null := false
	switch {
	case t.ID == TypeInt1:
		value = c.take(1)
	case t.ID == TypeInt2:
		value = c.take(2)
	case t.ID == TypeInt4:
		value = c.take(4)
	case t.ID == TypeInt8:
		value = c.take(8)
	case t.ID == TypeIntN:
		n := int(c.u8())
		if n > 8 {
			return "", fmt.Errorf("%w: an integer of %d bytes", ErrNotScalar, n)
		}
		value, null = c.take(n), n == 0
	case t.ID == TypeNVarChar && t.Size == Max:
		value, null = c.plpText()
	case (t.ID == TypeNVarChar || t.ID == TypeBigVarChar) && t.Size != Max:
		n := c.u16()
		if null = n == 0xFFFF; !null {
			value = c.take(int(n))
		}
	default:
		return "", fmt.Errorf("%w: type 0x%02x", ErrNotScalar, byte(t.ID))
	}
	switch {
	case c.err != nil:
		return "", fmt.Errorf("value: %w", c.err)
	case null:
		return "", fmt.Errorf("%w: NULL", ErrNotScalar)
	case t.ID == TypeNVarChar:
		return DecodeUTF16(value), nil
	case t.ID == TypeBigVarChar:
		for _, b := range value {
			if b >= 0x80 {
				return "", fmt.Errorf("%w: text of a code page", ErrNotScalar)
			}
		}
		return string(value), nil
	}
	n := uint64(0)
	for i, b := range value {
		n |= uint64(b) << (8 * i)
	}
	if bits := 8 * len(value); bits > 8 && bits < 64 { // tinyint has no sign
		n = uint64(int64(n<<(64-bits)) >> (64 - bits))
	}
	return strconv.FormatInt(int64(n), 10), nil
}
