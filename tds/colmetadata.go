package tds

import (
	"encoding/binary"
	"fmt"
)

// Flags of a column (MS-TDS 2.2.7.4) and of a RETURNVALUE.
const (
	ColNullable      uint16 = 0x0001
	ColCaseSensitive uint16 = 0x0002
	ColUpdatable     uint16 = 0x0004 // read-write
	ColUnknownUpdate uint16 = 0x0008 // not known whether read-write
	ColIdentity      uint16 = 0x0010
	ColComputed      uint16 = 0x0020
	ColSparse        uint16 = 0x0400
	ColEncrypted     uint16 = 0x0800
	ColHidden        uint16 = 0x2000
	ColKey           uint16 = 0x4000
)

// noMetadata is the column count of a COLMETADATA that describes nothing: its
// rows have the columns of an earlier one.
const noMetadata = 0xFFFF

// Column describes one column of a result set or of a bulk load.
type Column struct {
	Name     string
	UserType uint32 // 16 bits before TDS 7.2
	Flags    uint16
	Type     TypeInfo
	Table    []string // of TEXT, NTEXT and IMAGE: the parts of the table's name
}

// AppendColMetadata appends a COLMETADATA token with its type byte. Without
// columns it is the one that announces no metadata. More than 65,534 columns
// cannot be said and are cut.
func AppendColMetadata(dst []byte, cols []Column, v Version) []byte {
	dst = append(dst, byte(TokenColMetadata))
	if len(cols) == 0 {
		return append(dst, 0xFF, 0xFF)
	}
	cols = cols[:min(len(cols), noMetadata-1)]
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(cols)))
	for i := range cols {
		dst = cols[i].append(dst, v)
	}
	return dst
}

func (c *Column) append(dst []byte, v Version) []byte {
	le := binary.LittleEndian
	if v.AtLeast(V72) {
		dst = le.AppendUint32(dst, c.UserType)
	} else {
		dst = le.AppendUint16(dst, uint16(c.UserType))
	}
	dst = c.Type.Append(le.AppendUint16(dst, c.Flags))
	if c.Type.isLong() {
		parts := c.Table[:min(len(c.Table), 255)]
		if v.AtLeast(V72) {
			dst = append(dst, byte(len(parts)))
			for _, p := range parts {
				dst = appendUSVarchar(dst, p)
			}
		} else if len(parts) > 0 {
			dst = appendUSVarchar(dst, parts[len(parts)-1])
		} else {
			dst = append(dst, 0, 0)
		}
	}
	return appendBVarchar(dst, c.Name)
}

// DecodeColMetadata reads the COLMETADATA whose body begins b, as NextToken or
// a bulk load message gives it after the type byte, and returns the bytes it
// takes. No columns are returned where the token announces no metadata. It
// reads the layout without column encryption. To follow rows use a Walker.
func DecodeColMetadata(b []byte, v Version) (cols []Column, n int, err error) {
	c := cursor{b: b}
	count := int(c.u16())
	if c.err != nil {
		return nil, 0, fmt.Errorf("COLMETADATA: %w", c.err)
	}
	if count == noMetadata {
		return nil, 2, nil
	}
	// The count is the sender's word; a column takes at least this many bytes.
	const least = 2 + 2 + 1 + 1
	if count*least > len(c.b) {
		return nil, 0, fmt.Errorf("COLMETADATA of %d columns: %w", count, ErrShort)
	}
	cols = make([]Column, count)
	for i := range cols {
		if err := c.column(&cols[i], v); err != nil {
			return nil, 0, fmt.Errorf("COLMETADATA column %d: %w", i, err)
		}
	}
	return cols, len(b) - len(c.b), nil
}

func (c *cursor) userType(v Version) uint32 {
	if v.AtLeast(V72) {
		return c.u32()
	}
	return uint32(c.u16())
}

// column reads one column of a COLMETADATA without column encryption.
func (c *cursor) column(col *Column, v Version) (err error) {
	col.UserType, col.Flags = c.userType(v), c.u16()
	if c.err != nil {
		return c.err
	}
	if col.Type, err = c.typeInfo(false); err != nil {
		return err
	}
	if col.Type.isLong() {
		col.Table = c.tableName(v)
	}
	col.Name = c.bVarchar()
	return c.err
}

// tableName reads the parts of a table's name; before TDS 7.2 it is one text.
func (c *cursor) tableName(v Version) (parts []string) {
	n := 1
	if v.AtLeast(V72) {
		n = int(c.u8())
	}
	for ; n > 0 && c.err == nil; n-- {
		p := c.usVarchar()
		if !c.skipText {
			parts = append(parts, p)
		}
	}
	return parts
}
