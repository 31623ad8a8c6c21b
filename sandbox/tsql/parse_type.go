package tsql

import (
	"strconv"
	"strings"
)

var typeWords = map[string]kind{
	"BIT": kBit, "TINYINT": kTinyInt, "SMALLINT": kSmallInt, "INT": kInt, "INTEGER": kInt, "BIGINT": kBigInt,
	"DECIMAL": kDecimal, "DEC": kDecimal, "NUMERIC": kNumeric, "MONEY": kMoney, "SMALLMONEY": kSmallMoney,
	"REAL": kReal, "FLOAT": kFloat, "DATE": kDate, "TIME": kTime, "SMALLDATETIME": kSmallDateTime,
	"DATETIME": kDateTime, "DATETIME2": kDateTime2, "DATETIMEOFFSET": kDateTimeOffset, "CHAR": kChar,
	"CHARACTER": kChar, "VARCHAR": kVarChar, "TEXT": kText, "NCHAR": kNChar, "NVARCHAR": kNVarChar, "NTEXT": kNText,
	"BINARY": kBinary, "VARBINARY": kVarBinary, "IMAGE": kImage, "UNIQUEIDENTIFIER": kGUID, "XML": kXML,
	"SYSNAME": kNVarChar, "SQL_VARIANT": kNVarChar, "ROWVERSION": kBinary, "TIMESTAMP": kBinary,
}

// dataType parses a type; size is the length where none is given: 1 in
// declarations, 30 in CAST and CONVERT.
func (p *parser) dataType(size int) (typ, error) {
	line := p.line()
	name, err := p.anyIdent()
	if err != nil {
		return typ{}, err
	}
	for p.op(".") { // sys.int, dbo.mytype
		if name, err = p.anyIdent(); err != nil {
			return typ{}, err
		}
	}
	word := strings.ToUpper(name)
	if word == "NATIONAL" {
		word = "N" + strings.ToUpper(p.advance().text)
		if word == "NCHARACTER" {
			word = "NCHAR"
		}
	}
	if word == "DOUBLE" && p.word("PRECISION") {
		word = "FLOAT"
	}
	k, ok := typeWords[word]
	if !ok {
		return typ{}, abortf(2715, "Column, parameter, or variable #1: Cannot find data type %s.", name).state(6).line(line)
	}
	if p.word("VARYING") {
		switch k {
		case kChar:
			k = kVarChar
		case kNChar:
			k = kNVarChar
		case kBinary:
			k = kVarBinary
		}
	}
	switch word {
	case "SYSNAME":
		return tSysName, nil
	case "SQL_VARIANT":
		return nvarchar(4000), nil
	case "ROWVERSION", "TIMESTAMP":
		return typ{kind: kBinary, size: 8}, nil
	}
	args, isMax, err := p.typeArgs()
	if err != nil {
		return typ{}, err
	}
	return makeType(k, args, isMax, size, line)
}

func (p *parser) typeArgs() (args []int, isMax bool, err error) {
	if !p.isOp("(") {
		return nil, false, nil
	}
	p.advance()
	for {
		switch t := p.cur(); {
		case t.kind == tokInt:
			n, err := strconv.Atoi(t.text)
			if err != nil {
				return nil, false, p.unexpected()
			}
			args = append(args, n)
		case t.kind == tokIdent && t.upper == "MAX":
			isMax = true
		default:
			return nil, false, p.unexpected()
		}
		p.advance()
		if !p.op(",") {
			return args, isMax, p.expectOp(")")
		}
	}
}

// makeType applies the arguments of a type and checks their limits.
func makeType(k kind, args []int, isMax bool, size int, line int32) (typ, error) {
	t := typ{kind: k}
	arg := func(i, deflt int) int {
		if i < len(args) {
			return args[i]
		}
		return deflt
	}
	bad := func(number int32, format string, a ...any) (typ, error) {
		return typ{}, abortf(number, format, a...).class(15).line(line)
	}
	switch k {
	case kChar, kVarChar, kBinary, kVarBinary, kNChar, kNVarChar:
		limit := 8000
		if k == kNChar || k == kNVarChar {
			limit = 4000
		}
		t.size = arg(0, size)
		if isMax {
			if k == kChar || k == kNChar || k == kBinary {
				return bad(102, "Incorrect syntax near 'max'.")
			}
			t.size = maxSize
			break
		}
		if t.size < 1 {
			return bad(1001, "Line %d: Length or precision specification %d is invalid.", line, t.size)
		}
		if t.size > limit {
			return bad(131, "The size (%d) given to the type '%s' exceeds the maximum allowed for any data type (%d).", t.size, kindNames[k], limit)
		}
	case kText, kNText, kImage, kXML:
		t.size = maxSize
	case kDecimal, kNumeric:
		p, s := arg(0, 18), arg(1, 0)
		if p < 1 || p > 38 {
			return bad(1007, "The number '%d' is out of the range for numeric representation (maximum precision 38).", p)
		}
		if s > p {
			return bad(192, "The scale must be less than or equal to the precision.")
		}
		t.prec, t.scale = uint8(p), uint8(s)
	case kFloat:
		if arg(0, 53) < 25 {
			t.kind = kReal
		}
	case kTime, kDateTime2, kDateTimeOffset:
		s := arg(0, 7)
		if s > 7 {
			return bad(1002, "Line %d: Specified scale %d is invalid.", line, s)
		}
		t.scale = uint8(s)
	}
	return t, nil
}
