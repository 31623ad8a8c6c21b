package tds

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrUnknownType says that a TYPE_INFO begins with a byte that names no data
// type, or with one that cannot stand where it does.
var ErrUnknownType = errors.New("tds: unknown data type")

// DecodeTypeInfo reads the TYPE_INFO (MS-TDS 2.2.5.6) at the start of b and
// returns the number of bytes it takes. rpcInput says that it describes a
// parameter of a request: a UDT is laid out differently there, and a TVP is
// allowed. Of a TVP only the name is read; its columns are part of the value.
func DecodeTypeInfo(b []byte, rpcInput bool) (t TypeInfo, n int, err error) {
	c := cursor{b: b}
	t, err = c.typeInfo(rpcInput)
	return t, len(b) - len(c.b), err
}

// typeInfo reads a TYPE_INFO. Its errors are ErrShort or ErrUnknownType.
func (c *cursor) typeInfo(rpcInput bool) (TypeInfo, error) {
	t := TypeInfo{ID: TypeID(c.u8())}
	if c.err != nil {
		return t, fmtTypeErr(t.ID, c.err, c.skipText)
	}
	l, ok := layoutOf(t.ID)
	if !ok || l.info == infoTVP && !rpcInput {
		c.err = ErrUnknownType
		return t, fmtTypeErr(t.ID, c.err, c.skipText)
	}
	t.Size = l.size
	switch l.info {
	case infoNone:
	case infoLen8:
		t.Size = int(c.u8())
	case infoLen8PrecScale:
		t.Size, t.Precision, t.Scale = int(c.u8()), c.u8(), c.u8()
	case infoScale:
		t.Scale = c.u8()
		switch t.Size = TimeSize(t.Scale); t.ID {
		case TypeDateTime2N:
			t.Size += 3
		case TypeDateTimeOffset:
			t.Size += 5
		}
	case infoLen16:
		t.Size = int(c.u16())
	case infoLen16Collation:
		t.Size = int(c.u16())
		copy(t.Collation[:], c.take(5))
	case infoLen32:
		t.Size = int(c.u32())
	case infoLen32Collation:
		t.Size = int(c.u32())
		copy(t.Collation[:], c.take(5))
	case infoXML:
		if c.u8() != 0 {
			t.Name = TypeName{Database: c.bVarchar(), Schema: c.bVarchar(), Type: c.usVarchar()}
		}
	case infoUDT:
		if !rpcInput {
			t.Size = int(c.u16())
		}
		t.Name = TypeName{Database: c.bVarchar(), Schema: c.bVarchar(), Type: c.bVarchar()}
		if !rpcInput {
			t.Name.Assembly = c.usVarchar()
		}
	case infoVector:
		t.Size, t.Element = int(c.u16()), c.u8()
	case infoTVP:
		t.Name = TypeName{Database: c.bVarchar(), Schema: c.bVarchar(), Type: c.bVarchar()}
	}
	return t, fmtTypeErr(t.ID, c.err, c.skipText)
}

// fmtTypeErr names the type in an error. A walker, which sees ErrShort
// whenever metadata straddles packets, asks for the bare one.
func fmtTypeErr(id TypeID, err error, bare bool) error {
	if err == nil || bare {
		return err
	}
	return fmt.Errorf("TYPE_INFO 0x%02x: %w", byte(id), err)
}

// Append appends the TYPE_INFO as it stands in a response: in COLMETADATA and
// RETURNVALUE. Names past their limit are cut. A type that layouts do not know
// appends its type byte alone.
func (t TypeInfo) Append(dst []byte) []byte { return t.appendInfo(dst, false) }

// AppendRPC appends the TYPE_INFO as it stands before a parameter of an RPC
// request. It differs from Append for UDT only.
func (t TypeInfo) AppendRPC(dst []byte) []byte { return t.appendInfo(dst, true) }

func (t TypeInfo) appendInfo(dst []byte, rpcInput bool) []byte {
	le := binary.LittleEndian
	dst = append(dst, byte(t.ID))
	switch l, _ := layoutOf(t.ID); l.info {
	case infoNone:
	case infoLen8:
		dst = append(dst, byte(t.Size))
	case infoLen8PrecScale:
		dst = append(dst, byte(t.Size), t.Precision, t.Scale)
	case infoScale:
		dst = append(dst, t.Scale)
	case infoLen16:
		dst = le.AppendUint16(dst, uint16(t.Size))
	case infoLen16Collation:
		dst = append(le.AppendUint16(dst, uint16(t.Size)), t.Collation[:]...)
	case infoLen32:
		dst = le.AppendUint32(dst, uint32(t.Size))
	case infoLen32Collation:
		dst = append(le.AppendUint32(dst, uint32(t.Size)), t.Collation[:]...)
	case infoXML:
		if t.Name == (TypeName{}) {
			return append(dst, 0)
		}
		dst = appendBVarchar(appendBVarchar(append(dst, 1), t.Name.Database), t.Name.Schema)
		dst = appendUSVarchar(dst, t.Name.Type)
	case infoUDT:
		if !rpcInput {
			dst = le.AppendUint16(dst, uint16(t.Size))
		}
		dst = appendBVarchar(appendBVarchar(appendBVarchar(dst, t.Name.Database), t.Name.Schema), t.Name.Type)
		if !rpcInput {
			dst = appendUSVarchar(dst, t.Name.Assembly)
		}
	case infoVector:
		dst = append(le.AppendUint16(dst, uint16(t.Size)), t.Element)
	case infoTVP:
		dst = appendBVarchar(appendBVarchar(appendBVarchar(dst, t.Name.Database), t.Name.Schema), t.Name.Type)
	}
	return dst
}
