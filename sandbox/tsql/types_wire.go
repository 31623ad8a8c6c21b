package tsql

import (
	"fmt"

	"sluice/tds"
)

// collation is SQL_Latin1_General_CP1_CI_AS as in TYPE_INFO.
var collation = [5]byte{0x09, 0x04, 0xD0, 0x00, 0x34}

// info is t as TYPE_INFO, always in the nullable variant.
func (t typ) info() tds.TypeInfo {
	n := t.maxLength()
	if t.isMax() {
		n = tds.Max
	}
	switch t.kind {
	case kBool, kBit:
		return tds.TypeInfo{ID: tds.TypeBitN, Size: 1}
	case kNull:
		return tds.TypeInfo{ID: tds.TypeIntN, Size: 4}
	case kTinyInt, kSmallInt, kInt, kBigInt:
		return tds.TypeInfo{ID: tds.TypeIntN, Size: n}
	case kSmallMoney, kMoney:
		return tds.TypeInfo{ID: tds.TypeMoneyN, Size: n}
	case kReal, kFloat:
		return tds.TypeInfo{ID: tds.TypeFltN, Size: n}
	case kSmallDateTime, kDateTime:
		return tds.TypeInfo{ID: tds.TypeDateTimN, Size: n}
	case kDate:
		return tds.TypeInfo{ID: tds.TypeDateN, Size: n}
	case kTime:
		return tds.TypeInfo{ID: tds.TypeTimeN, Size: n, Scale: t.scale}
	case kDateTime2:
		return tds.TypeInfo{ID: tds.TypeDateTime2N, Size: n, Scale: t.scale}
	case kDateTimeOffset:
		return tds.TypeInfo{ID: tds.TypeDateTimeOffset, Size: n, Scale: t.scale}
	case kDecimal:
		return tds.TypeInfo{ID: tds.TypeDecimalN, Size: n, Precision: t.prec, Scale: t.scale}
	case kNumeric:
		return tds.TypeInfo{ID: tds.TypeNumericN, Size: n, Precision: t.prec, Scale: t.scale}
	case kGUID:
		return tds.TypeInfo{ID: tds.TypeGUID, Size: 16}
	case kBinary:
		return tds.TypeInfo{ID: tds.TypeBigBinary, Size: n}
	case kVarBinary:
		return tds.TypeInfo{ID: tds.TypeBigVarBinary, Size: n}
	case kImage:
		return tds.TypeInfo{ID: tds.TypeImage, Size: 0x7FFFFFFF}
	case kText:
		return tds.TypeInfo{ID: tds.TypeText, Size: 0x7FFFFFFF, Collation: collation}
	case kNText:
		return tds.TypeInfo{ID: tds.TypeNText, Size: 0x7FFFFFFE, Collation: collation}
	case kXML:
		return tds.TypeInfo{ID: tds.TypeXML, Size: tds.Max}
	case kChar:
		return tds.TypeInfo{ID: tds.TypeBigChar, Size: n, Collation: collation}
	case kNChar:
		return tds.TypeInfo{ID: tds.TypeNChar, Size: n, Collation: collation}
	case kNVarChar:
		return tds.TypeInfo{ID: tds.TypeNVarChar, Size: n, Collation: collation}
	}
	return tds.TypeInfo{ID: tds.TypeBigVarChar, Size: n, Collation: collation}
}

// typeOf is the T-SQL type of a TYPE_INFO as a client declares it.
func typeOf(ti tds.TypeInfo) (typ, error) {
	size := ti.Size
	if size == tds.Max {
		size = maxSize
	}
	half := size
	if half != maxSize {
		half /= 2
	}
	switch ti.ID {
	case tds.TypeNull:
		return tNull, nil
	case tds.TypeBit, tds.TypeBitN:
		return tBit, nil
	case tds.TypeInt1:
		return tTinyInt, nil
	case tds.TypeInt2:
		return tSmallInt, nil
	case tds.TypeInt4:
		return tInt, nil
	case tds.TypeInt8:
		return tBigInt, nil
	case tds.TypeIntN:
		return map[int]typ{1: tTinyInt, 2: tSmallInt, 8: tBigInt, 4: tInt}[ti.Size], nil
	case tds.TypeFlt4:
		return tReal, nil
	case tds.TypeFlt8:
		return tFloat, nil
	case tds.TypeFltN:
		if ti.Size == 4 {
			return tReal, nil
		}
		return tFloat, nil
	case tds.TypeMoney:
		return tMoney, nil
	case tds.TypeMoney4:
		return typ{kind: kSmallMoney}, nil
	case tds.TypeMoneyN:
		if ti.Size == 4 {
			return typ{kind: kSmallMoney}, nil
		}
		return tMoney, nil
	case tds.TypeDateTime:
		return tDateTime, nil
	case tds.TypeDateTim4:
		return typ{kind: kSmallDateTime}, nil
	case tds.TypeDateTimN:
		if ti.Size == 4 {
			return typ{kind: kSmallDateTime}, nil
		}
		return tDateTime, nil
	case tds.TypeDateN:
		return tDate, nil
	case tds.TypeTimeN:
		return typ{kind: kTime, scale: ti.Scale}, nil
	case tds.TypeDateTime2N:
		return typ{kind: kDateTime2, scale: ti.Scale}, nil
	case tds.TypeDateTimeOffset:
		return typ{kind: kDateTimeOffset, scale: ti.Scale}, nil
	case tds.TypeDecimal, tds.TypeDecimalN:
		return decimalType(ti.Precision, ti.Scale), nil
	case tds.TypeNumeric, tds.TypeNumericN:
		return numericType(ti.Precision, ti.Scale), nil
	case tds.TypeGUID:
		return tGUID, nil
	case tds.TypeBinary, tds.TypeBigBinary:
		return typ{kind: kBinary, size: max(size, 1)}, nil
	case tds.TypeVarBinary, tds.TypeBigVarBinary:
		return varbinary(size), nil
	case tds.TypeChar, tds.TypeBigChar:
		return typ{kind: kChar, size: max(size, 1)}, nil
	case tds.TypeVarChar, tds.TypeBigVarChar:
		return varchar(size), nil
	case tds.TypeNChar:
		return typ{kind: kNChar, size: max(half, 1)}, nil
	case tds.TypeNVarChar:
		return nvarchar(half), nil
	case tds.TypeText:
		return typ{kind: kText, size: maxSize}, nil
	case tds.TypeNText:
		return typ{kind: kNText, size: maxSize}, nil
	case tds.TypeImage:
		return typ{kind: kImage, size: maxSize}, nil
	case tds.TypeXML:
		return typ{kind: kXML, size: maxSize}, nil
	}
	return typ{}, fmt.Errorf("tsql: type 0x%02X is not supported", byte(ti.ID))
}
