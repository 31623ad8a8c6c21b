package tds

import "strings"

// walkValues has for every data type a value, a NULL and an empty value where
// there are such, as they stand in a ROW (MS-TDS 2.2.5.4, 2.2.5.5).
var walkValues = []struct {
	name   string
	typ    TypeInfo
	values []string
}{
	{"null", TypeInfo{ID: TypeNull}, []string{""}},
	{"tinyint", TypeInfo{ID: TypeInt1, Size: 1}, []string{"\xAA"}},
	{"bit", TypeInfo{ID: TypeBit, Size: 1}, []string{"\x01"}},
	{"smallint", TypeInfo{ID: TypeInt2, Size: 2}, []string{"\xD1\xD1"}},
	{"int", TypeInfo{ID: TypeInt4, Size: 4}, []string{"\xFD\xFD\xFD\xFD"}},
	{"smalldatetime", TypeInfo{ID: TypeDateTim4, Size: 4}, []string{"1234"}},
	{"real", TypeInfo{ID: TypeFlt4, Size: 4}, []string{"1234"}},
	{"smallmoney", TypeInfo{ID: TypeMoney4, Size: 4}, []string{"1234"}},
	{"money", TypeInfo{ID: TypeMoney, Size: 8}, []string{"12345678"}},
	{"datetime", TypeInfo{ID: TypeDateTime, Size: 8}, []string{"12345678"}},
	{"float", TypeInfo{ID: TypeFlt8, Size: 8}, []string{"12345678"}},
	{"bigint", TypeInfo{ID: TypeInt8, Size: 8}, []string{"12345678"}},
	{"uniqueidentifier", TypeInfo{ID: TypeGUID, Size: 16}, []string{"\x100123456789abcdef", "\x00"}},
	{"intn", TypeInfo{ID: TypeIntN, Size: 8}, []string{"\x0812345678", "\x00"}},
	{"bitn", TypeInfo{ID: TypeBitN, Size: 1}, []string{"\x01\x01", "\x00"}},
	{"fltn", TypeInfo{ID: TypeFltN, Size: 8}, []string{"\x0812345678", "\x00"}},
	{"moneyn", TypeInfo{ID: TypeMoneyN, Size: 4}, []string{"\x041234", "\x00"}},
	{"datetimn", TypeInfo{ID: TypeDateTimN, Size: 4}, []string{"\x041234", "\x00"}},
	{"decimaln", TypeInfo{ID: TypeDecimalN, Size: 17, Precision: 38, Scale: 4}, []string{"\x0512345", "\x00"}},
	{"numericn", TypeInfo{ID: TypeNumericN, Size: 5, Precision: 9, Scale: 2}, []string{"\x0512345", "\x00"}},
	{"decimal", TypeInfo{ID: TypeDecimal, Size: 5, Precision: 9, Scale: 2}, []string{"\x0512345", "\x00"}},
	{"numeric", TypeInfo{ID: TypeNumeric, Size: 5, Precision: 9, Scale: 2}, []string{"\x0512345", "\x00"}},
	{"date", TypeInfo{ID: TypeDateN, Size: 3}, []string{"\x03123", "\x00"}},
	{"time(2)", TypeInfo{ID: TypeTimeN, Size: 3, Scale: 2}, []string{"\x03123", "\x00"}},
	{"datetime2(4)", TypeInfo{ID: TypeDateTime2N, Size: 7, Scale: 4}, []string{"\x071234567", "\x00"}},
	{"datetimeoffset(7)", TypeInfo{ID: TypeDateTimeOffset, Size: 10, Scale: 7}, []string{"\x0a0123456789", "\x00"}},
	{"legacy char", TypeInfo{ID: TypeChar, Size: 10}, []string{"\x03abc", "\x00"}},
	{"legacy varchar", TypeInfo{ID: TypeVarChar, Size: 10}, []string{"\x03abc", "\x00"}},
	{"legacy binary", TypeInfo{ID: TypeBinary, Size: 10}, []string{"\x03abc", "\x00"}},
	{"legacy varbinary", TypeInfo{ID: TypeVarBinary, Size: 10}, []string{"\x03abc", "\x00"}},
	{"varbinary(500)", TypeInfo{ID: TypeBigVarBinary, Size: 500}, []string{string(le16(400)) + strings.Repeat("\xE3", 400), "\x00\x00", "\xFF\xFF"}},
	{"binary(3)", TypeInfo{ID: TypeBigBinary, Size: 3}, []string{"\x03\x00abc", "\xFF\xFF"}},
	{"varchar(20)", TypeInfo{ID: TypeBigVarChar, Size: 20, Collation: [5]byte{9, 4, 0xD0, 0, 52}}, []string{"\x03\x00abc", "\x00\x00", "\xFF\xFF"}},
	{"char(3)", TypeInfo{ID: TypeBigChar, Size: 3, Collation: [5]byte{1, 2, 3, 4, 5}}, []string{"\x03\x00abc", "\xFF\xFF"}},
	{"nvarchar(20)", TypeInfo{ID: TypeNVarChar, Size: 40}, []string{"\x04\x00a\x00b\x00", "\x00\x00", "\xFF\xFF"}},
	{"nchar(2)", TypeInfo{ID: TypeNChar, Size: 4}, []string{"\x04\x00a\x00b\x00", "\xFF\xFF"}},
	{"varchar(max)", TypeInfo{ID: TypeBigVarChar, Size: Max}, []string{plp("abc", strings.Repeat("\xFD", 300)), plp(), string(le64(plpNull))}},
	{"nvarchar(max)", TypeInfo{ID: TypeNVarChar, Size: Max}, []string{plp("ab"), string(le64(plpNull))}},
	{"varbinary(max), length unknown", TypeInfo{ID: TypeBigVarBinary, Size: Max}, []string{string(le64(plpNull-1)) + plp("ab")[8:]}},
	{"xml", TypeInfo{ID: TypeXML, Size: Max}, []string{plp("<a/>"), string(le64(plpNull))}},
	{"xml with schema", TypeInfo{ID: TypeXML, Size: Max, Name: TypeName{Database: "db", Schema: "dbo", Type: "coll"}}, []string{plp("<a/>")}},
	{"udt", TypeInfo{ID: TypeUDT, Size: 8000, Name: TypeName{Database: "db", Schema: "sys", Type: "geometry", Assembly: "Types, Version=11.0"}}, []string{plp("12345"), string(le64(plpNull))}},
	{"json", TypeInfo{ID: TypeJSON, Size: Max}, []string{plp("{}"), string(le64(plpNull))}},
	{"vector", TypeInfo{ID: TypeVector, Size: 20, Element: 1}, []string{"\x04\x001234", "\xFF\xFF"}},
	{"text", TypeInfo{ID: TypeText, Size: 0x7FFFFFFF}, []string{"\x10" + strings.Repeat("p", 16) + "timestmp" + "\x03\x00\x00\x00abc", "\x00"}},
	{"ntext", TypeInfo{ID: TypeNText, Size: 0x7FFFFFFE}, []string{"\x10" + strings.Repeat("p", 16) + "timestmp" + "\x00\x00\x00\x00", "\x00"}},
	{"image", TypeInfo{ID: TypeImage, Size: 0x7FFFFFFF}, []string{"\x10" + strings.Repeat("p", 16) + "timestmp" + "\x03\x00\x00\x00abc", "\x00"}},
	{"sql_variant", TypeInfo{ID: TypeVariant, Size: 8009}, []string{"\x06\x00\x00\x00\x38\x001234", "\x00\x00\x00\x00"}},
}

// plp lays out a value in partially length-prefixed form (MS-TDS 2.2.5.2.3).
func plp(chunks ...string) string {
	n := 0
	for _, c := range chunks {
		n += len(c)
	}
	b := le64(uint64(n))
	for _, c := range chunks {
		b = append(append(b, le32(len(c))...), c...)
	}
	return string(append(b, 0, 0, 0, 0))
}

// allTypesColumns has one column of each type in walkValues.
func allTypesColumns() (cols []Column) {
	for _, tv := range walkValues {
		c := Column{Name: tv.name, UserType: 7, Flags: ColNullable, Type: tv.typ}
		if tv.typ.isLong() {
			c.Table = []string{"db", "dbo", "tab"}
		}
		cols = append(cols, c)
	}
	return cols
}

// allTypesRow is a ROW with the pick-th value of each column.
func allTypesRow(pick int) []byte {
	row := []byte{byte(TokenRow)}
	for _, tv := range walkValues {
		row = append(row, tv.values[min(pick, len(tv.values)-1)]...)
	}
	return row
}

// nbcRow is an NBCROW in which every third column is NULL and left out.
func nbcRow() []byte {
	row := append([]byte{byte(TokenNBCRow)}, make([]byte, (len(walkValues)+7)/8)...)
	for i, tv := range walkValues {
		if i%3 == 0 {
			row[1+i/8] |= 1 << (i % 8)
			continue
		}
		row = append(row, tv.values[0]...)
	}
	return row
}

// bigStream is a response with every token, and all it should give.
func bigStream(v Version) (stream []byte, want []event) {
	add := func(t Token, head int, token []byte) {
		stream = append(stream, token...)
		want = append(want, event{t, string(token[1+head:])})
	}
	cols := allTypesColumns()
	add(TokenEnvChange, 2, EnvChange{Type: EnvResetConnection}.Append(nil))
	add(TokenEnvChange, 2, EnvChange{Type: EnvBeginTransaction, NewBytes: TransactionBytes(77)}.Append(nil))
	add(TokenColMetadata, 0, AppendColMetadata(nil, cols, v))
	add(TokenTabName, 2, cat(TokenTabName, 3, 0, "abc"))
	add(TokenColInfo, 2, cat(TokenColInfo, 3, 0, 1, 1, 0))
	add(TokenOrder, 2, cat(TokenOrder, 2, 0, 1, 0))
	for pick := range 3 {
		stream = append(stream, allTypesRow(pick)...)
	}
	stream = append(stream, nbcRow()...)
	add(TokenInfo, 2, (&ServerError{Number: 50000, Class: 10, Text: "between rows", Line: 3}).Append(nil, v))
	stream = append(stream, allTypesRow(0)...)
	add(TokenDoneInProc, 0, Done{Kind: TokenDoneInProc, Status: DoneMore | DoneCount, CurCmd: CurCmdSelect, Count: 5}.Append(nil, v))
	add(TokenColMetadata, 0, AppendColMetadata(nil, nil, v)) // the same columns again
	stream = append(stream, allTypesRow(1)...)
	add(TokenDoneInProc, 0, Done{Kind: TokenDoneInProc, Status: DoneMore | DoneCount, CurCmd: CurCmdSelect, Count: 1}.Append(nil, v))
	add(TokenEnvChange, 2, EnvChange{Type: EnvPromoteTransaction, NewBytes: []byte(strings.Repeat("dtc", 50))}.Append(nil))
	add(TokenError, 2, (&ServerError{Number: 8134, Class: 16, Text: "Divide by zero error encountered.", Server: "srv", Proc: "p"}).Append(nil, v))
	add(TokenReturnStatus, 0, cat(TokenReturnStatus, le32(0)))
	for i, tv := range walkValues {
		for _, val := range tv.values {
			rv := ReturnValue{Ordinal: uint16(i), Name: "@" + tv.name, Status: 1, Type: tv.typ, Value: []byte(val)}
			token := rv.Append(nil, v)
			stream = append(stream, token...)
			if long := len(val) > MaxReturnValue+4; long || tv.typ.form(false) == valuePLP || tv.typ.form(false) == valueText {
				token = token[:len(token)-len(val)]
			}
			want = append(want, event{TokenReturnValue, string(token[1:])})
		}
	}
	add(TokenLoginAck, 2, LoginAck{Interface: 1, Version: v, ProgName: "Microsoft SQL Server\x00\x00"}.Append(nil))
	add(TokenFeatureExtAck, 0, FeatureExtAck{[]Feature{{FeatureUTF8Support, []byte{1}}, {FeatureSessionRecovery, []byte("state")}}}.Append(nil))
	add(TokenSSPI, 2, AppendSSPI(nil, []byte("challenge")))
	add(TokenFedAuthInfo, 4, cat(TokenFedAuthInfo, le32(5), "hello"))
	add(TokenSessionState, 4, cat(TokenSessionState, le32(8), le32(1), 1, 9, 1, 0))
	add(TokenDoneProc, 0, Done{Kind: TokenDoneProc, CurCmd: CurCmdExecute}.Append(nil, v))
	return stream, want
}
