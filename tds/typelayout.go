package tds

// infoForm is what follows the type byte in a TYPE_INFO.
type infoForm byte

const (
	infoNone           infoForm = iota
	infoLen8                    // maximum length u8
	infoLen8PrecScale           // maximum length u8, precision u8, scale u8
	infoScale                   // scale u8
	infoLen16                   // maximum length u16
	infoLen16Collation          // maximum length u16, collation
	infoLen32                   // maximum length u32
	infoLen32Collation          // maximum length u32, collation
	infoXML                     // schema present u8, names
	infoUDT                     // maximum length u16 (results only), names
	infoVector                  // maximum length u16, element type u8
	infoTVP                     // names
)

// valueForm is how the length of a value is found: all that is needed to step
// over it.
type valueForm byte

const (
	valueFixed   valueForm = iota // by the type alone
	valueLen8                     // u8 length, 0 = NULL
	valueLen16                    // u16 length, 0xFFFF = NULL
	valueLen32                    // u32 length, 0 = NULL (sql_variant)
	valueText                     // results: text pointer, timestamp, u32 length
	valueTextRPC                  // requests: u32 length, 0xFFFFFFFF = NULL
	valuePLP                      // u64 length and chunks
	valueTVP                      // columns and rows
)

type typeLayout struct {
	info  infoForm
	value valueForm // of a 16-bit length with maximum length Max it becomes valuePLP
	size  int       // of fixed types and DATE in bytes
}

// layoutOf returns the layout of a data type (MS-TDS 2.2.5.4); ok is false for
// a byte that names none.
func layoutOf(id TypeID) (l typeLayout, ok bool) {
	switch id {
	case TypeNull:
		return typeLayout{infoNone, valueFixed, 0}, true
	case TypeInt1, TypeBit:
		return typeLayout{infoNone, valueFixed, 1}, true
	case TypeInt2:
		return typeLayout{infoNone, valueFixed, 2}, true
	case TypeInt4, TypeDateTim4, TypeFlt4, TypeMoney4:
		return typeLayout{infoNone, valueFixed, 4}, true
	case TypeMoney, TypeDateTime, TypeFlt8, TypeInt8:
		return typeLayout{infoNone, valueFixed, 8}, true
	case TypeGUID, TypeIntN, TypeBitN, TypeFltN, TypeMoneyN, TypeDateTimN,
		TypeChar, TypeVarChar, TypeBinary, TypeVarBinary:
		return typeLayout{infoLen8, valueLen8, 0}, true
	case TypeDecimal, TypeNumeric, TypeDecimalN, TypeNumericN:
		return typeLayout{infoLen8PrecScale, valueLen8, 0}, true
	case TypeDateN:
		return typeLayout{infoNone, valueLen8, 3}, true
	case TypeTimeN, TypeDateTime2N, TypeDateTimeOffset:
		return typeLayout{infoScale, valueLen8, 0}, true
	case TypeBigVarBinary, TypeBigBinary:
		return typeLayout{infoLen16, valueLen16, 0}, true
	case TypeBigVarChar, TypeBigChar, TypeNVarChar, TypeNChar:
		return typeLayout{infoLen16Collation, valueLen16, 0}, true
	case TypeImage:
		return typeLayout{infoLen32, valueText, 0}, true
	case TypeText, TypeNText:
		return typeLayout{infoLen32Collation, valueText, 0}, true
	case TypeVariant:
		return typeLayout{infoLen32, valueLen32, 0}, true
	case TypeXML:
		return typeLayout{infoXML, valuePLP, Max}, true
	case TypeUDT:
		return typeLayout{infoUDT, valuePLP, Max}, true
	case TypeJSON:
		return typeLayout{infoNone, valuePLP, Max}, true
	case TypeVector:
		return typeLayout{infoVector, valueLen16, 0}, true
	case TypeTVP:
		return typeLayout{infoTVP, valueTVP, 0}, true
	}
	return typeLayout{}, false
}

// form is how values of this type give their length, in a request's parameter
// if rpcInput is set and in a response otherwise.
func (t TypeInfo) form(rpcInput bool) valueForm {
	l, _ := layoutOf(t.ID)
	switch {
	case l.value == valueLen16 && t.Size == Max && l.info != infoVector:
		return valuePLP
	case l.value == valueText && rpcInput:
		return valueTextRPC
	}
	return l.value
}

// PLP tells whether values of this type are partially length-prefixed (MS-TDS
// 2.2.5.2.3): a 64-bit length and chunks.
func (t TypeInfo) PLP() bool { return t.form(false) == valuePLP }

// isLong tells whether a column of this type carries the name of its table.
func (t TypeInfo) isLong() bool { return t.ID == TypeText || t.ID == TypeNText || t.ID == TypeImage }

// DecimalSize is the width in bytes of a DECIMALN of the given precision, sign
// included (MS-TDS 2.2.5.5.1.6); precisions above 38 do not exist.
func DecimalSize(precision byte) int {
	switch {
	case precision <= 9:
		return 5
	case precision <= 19:
		return 9
	case precision <= 28:
		return 13
	}
	return 17
}

// TimeSize is the width in bytes of a TIME of the given scale (MS-TDS
// 2.2.5.5.1.8); scales above 7 do not exist.
func TimeSize(scale byte) int {
	switch {
	case scale <= 2:
		return 3
	case scale <= 4:
		return 4
	}
	return 5
}
