package tds

// TypeID is the first byte of a TYPE_INFO (MS-TDS 2.2.5.4).
type TypeID byte

// Data types of MS-TDS 2.2.5.4.1 (fixed length), 2.2.5.4.2 (variable length)
// and 2.2.5.4.3 (partially length-prefixed).
const (
	TypeNull           TypeID = 0x1F
	TypeInt1           TypeID = 0x30
	TypeBit            TypeID = 0x32
	TypeInt2           TypeID = 0x34
	TypeInt4           TypeID = 0x38
	TypeDateTim4       TypeID = 0x3A
	TypeFlt4           TypeID = 0x3B
	TypeMoney          TypeID = 0x3C
	TypeDateTime       TypeID = 0x3D
	TypeFlt8           TypeID = 0x3E
	TypeMoney4         TypeID = 0x7A
	TypeInt8           TypeID = 0x7F
	TypeGUID           TypeID = 0x24
	TypeIntN           TypeID = 0x26
	TypeDecimal        TypeID = 0x37
	TypeNumeric        TypeID = 0x3F
	TypeBitN           TypeID = 0x68
	TypeDecimalN       TypeID = 0x6A
	TypeNumericN       TypeID = 0x6C
	TypeFltN           TypeID = 0x6D
	TypeMoneyN         TypeID = 0x6E
	TypeDateTimN       TypeID = 0x6F
	TypeDateN          TypeID = 0x28
	TypeTimeN          TypeID = 0x29
	TypeDateTime2N     TypeID = 0x2A
	TypeDateTimeOffset TypeID = 0x2B
	TypeChar           TypeID = 0x2F // legacy, one-byte length
	TypeVarChar        TypeID = 0x27 // legacy, one-byte length
	TypeBinary         TypeID = 0x2D // legacy, one-byte length
	TypeVarBinary      TypeID = 0x25 // legacy, one-byte length
	TypeBigVarBinary   TypeID = 0xA5
	TypeBigVarChar     TypeID = 0xA7
	TypeBigBinary      TypeID = 0xAD
	TypeBigChar        TypeID = 0xAF
	TypeNVarChar       TypeID = 0xE7
	TypeNChar          TypeID = 0xEF
	TypeXML            TypeID = 0xF1
	TypeUDT            TypeID = 0xF0
	TypeTVP            TypeID = 0xF3
	TypeJSON           TypeID = 0xF4
	TypeVector         TypeID = 0xF5
	TypeText           TypeID = 0x23
	TypeImage          TypeID = 0x22
	TypeNText          TypeID = 0x63
	TypeVariant        TypeID = 0x62
)

// Max is the Size of a varchar(max), nvarchar(max) or varbinary(max); on the
// wire it is 0xFFFF and the value is partially length-prefixed (PLP).
const Max = 0xFFFF

// TypeInfo is a TYPE_INFO (MS-TDS 2.2.5.6): what a reader needs in order to
// step over, decode or encode a value of a column or parameter.
type TypeInfo struct {
	ID        TypeID
	Size      int      // maximum length in bytes; Max for PLP; of INTN, FLTN, ... the width; of TIME and DATETIME2 that of the scale
	Precision byte     // DECIMALN, NUMERICN
	Scale     byte     // DECIMALN, NUMERICN, TIME, DATETIME2, DATETIMEOFFSET
	Collation [5]byte  // character types only
	Element   byte     // VECTOR: type of the elements
	Name      TypeName // UDT, XML with a schema collection, TVP
}

// TypeName is the name a TYPE_INFO carries. For XML, Schema is the owning
// schema and Type the schema collection; a collection-less XML has none.
type TypeName struct {
	Database, Schema, Type string
	Assembly               string // UDT in results only
}
