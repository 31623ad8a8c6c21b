package tsql

import (
	"sort"
	"strings"
)

func anyInt(v any) Value {
	if n, ok := v.(int); ok {
		return int64(n)
	}
	return v
}

func dataTypeInfo(r *runner, args []procArg) (int64, error) {
	a := want(args, 2, "@data_type", "@ODBCVer")
	only, _ := toInt(a[0].val)
	cols := colList("TYPE_NAME:n DATA_TYPE:s PRECISION:i LITERAL_PREFIX:v LITERAL_SUFFIX:v CREATE_PARAMS:v NULLABLE:s CASE_SENSITIVE:s SEARCHABLE:s UNSIGNED_ATTRIBUTE:s MONEY:s AUTO_INCREMENT:s LOCAL_TYPE_NAME:n MINIMUM_SCALE:s MAXIMUM_SCALE:s SQL_DATA_TYPE:s SQL_DATETIME_SUB:s NUM_PREC_RADIX:i INTERVAL_PRECISION:s USERTYPE:s")
	list := append([]sysType(nil), sysTypes...)
	sort.SliceStable(list, func(i, j int) bool { return list[i].odbc < list[j].odbc })
	var rows [][]Value
	for _, t := range list {
		if only != 0 && int64(t.odbc) != only {
			continue
		}
		var unsigned, auto, radix, minScale, maxScale Value
		if k := (typ{kind: t.kind}); k.isNumeric() && t.kind != kBit {
			unsigned, auto, radix = boolInt(t.kind == kTinyInt), int64(0), int64(10)
		}
		switch t.kind {
		case kDecimal, kNumeric:
			minScale, maxScale = int64(0), int64(38)
		case kTime, kDateTime2, kDateTimeOffset:
			minScale, maxScale = int64(0), int64(7)
		}
		rows = append(rows, []Value{
			t.name, int64(t.odbc), int64(t.precision), anyInt(t.prefix), anyInt(t.suffix), anyInt(t.params), int64(1), int64(0),
			int64(t.searchable), unsigned, boolInt((typ{kind: t.kind}).isMoney()), auto, t.name, minScale, maxScale, int64(t.sqlType), anyInt(t.dtSub), radix, nil, int64(0),
		})
	}
	return 0, r.result(cols, rows)
}

// pattern is a LIKE filter where NULL and % mean all.
func pattern(v Value) *likeMatcher {
	s, ok := v.(string)
	if !ok {
		s = "%"
	}
	return newLike(s, "\\")
}

// objects lists tables and views that match name and schema patterns, sorted.
func (r *runner) objects(name, schema Value) []any {
	var list []any
	n, sc := pattern(name), pattern(schema)
	r.s.eng.cat.each(r.s.db, func(o any) {
		schema, name, _ := describe(o)
		if name != "" && n.match(name) && sc.match(schema) {
			list = append(list, o)
		}
	})
	sort.Slice(list, func(i, j int) bool {
		_, a, _ := describe(list[i])
		_, b, _ := describe(list[j])
		return a < b
	})
	return list
}

func describe(o any) (schema, name, kind string) {
	switch x := o.(type) {
	case *table:
		return x.schema, x.name, "TABLE"
	case *view:
		return x.schema, x.name, "VIEW"
	}
	return "", "", ""
}

func spTables(r *runner, args []procArg) (int64, error) {
	a := want(args, 5, "@table_name", "@table_owner", "@table_qualifier", "@table_type", "@fUsePattern")
	types := strings.ToUpper(str(a[3].val))
	var rows [][]Value
	for _, o := range r.objects(a[0].val, a[1].val) {
		schema, name, kind := describe(o)
		if types == "" || strings.Contains(types, "'"+kind+"'") || types == kind {
			rows = append(rows, []Value{r.s.db.name, schema, name, kind, nil})
		}
	}
	return 0, r.result(colList("TABLE_QUALIFIER:n TABLE_OWNER:n TABLE_NAME:n TABLE_TYPE:v REMARKS:v"), rows)
}

func spColumns(r *runner, args []procArg) (int64, error) {
	a := want(args, 6, "@table_name", "@table_owner", "@table_qualifier", "@column_name", "@ODBCVer", "@fUsePattern")
	match := pattern(a[3].val)
	var rows [][]Value
	for _, o := range r.objects(a[0].val, a[1].val) {
		schema, name, _ := describe(o)
		for i, c := range r.s.columnsOfObject(o) {
			if !match.match(c.name) {
				continue
			}
			st := sysTypeOf(c.t)
			length := c.t.maxLength()
			precision := st.precision
			var scale, radix, octets Value
			switch {
			case c.t.isDecimal():
				precision, scale, radix = int(c.t.prec), int64(c.t.scale), int64(10)
				length = precision + 2
			case c.t.isNumeric() && c.t.kind != kBit:
				scale, radix = int64(0), int64(10)
				if c.t.isMoney() {
					scale = int64(4)
				}
			case c.t.isString() || c.t.isBinary():
				if c.t.size > 0 {
					precision = c.t.size
				}
				if length < 0 {
					precision, length = 0, 0
				}
				octets = int64(length)
			case c.t.isDateTime():
				length = 16
				scale = int64(c.t.scale)
			}
			null, yes := int64(0), "NO"
			if c.nullable {
				null, yes = 1, "YES"
			}
			typeName := st.name
			if c.identity {
				typeName += " identity"
			}
			rows = append(rows, []Value{
				r.s.db.name, schema, name, c.name, int64(st.odbc), typeName, int64(precision), int64(length), scale, radix, null,
				nil, nil, int64(st.sqlType), anyInt(st.dtSub), octets, int64(i + 1), yes, int64(st.ssType),
			})
		}
	}
	return 0, r.result(colList("TABLE_QUALIFIER:n TABLE_OWNER:n TABLE_NAME:n COLUMN_NAME:n DATA_TYPE:s TYPE_NAME:n PRECISION:i LENGTH:i SCALE:s RADIX:s NULLABLE:s REMARKS:v COLUMN_DEF:m SQL_DATA_TYPE:s SQL_DATETIME_SUB:s CHAR_OCTET_LENGTH:i ORDINAL_POSITION:i IS_NULLABLE:v SS_DATA_TYPE:t"), rows)
}

func spPKeys(r *runner, args []procArg) (int64, error) {
	a := want(args, 3, "@table_name", "@table_owner", "@table_qualifier")
	var rows [][]Value
	t, _, err := r.s.lookup(r.f, tableName{schema: str(a[1].val), name: str(a[0].val)})
	if err != nil {
		return 0, err
	}
	if t != nil {
		for _, k := range t.keys {
			if !k.primary {
				continue
			}
			for i, c := range k.cols {
				rows = append(rows, []Value{r.s.db.name, t.schema, t.name, t.cols[c].name, int64(i + 1), k.name})
			}
		}
	}
	return 0, r.result(colList("TABLE_QUALIFIER:n TABLE_OWNER:n TABLE_NAME:n COLUMN_NAME:n KEY_SEQ:s PK_NAME:n"), rows)
}

func spStatistics(r *runner, args []procArg) (int64, error) {
	a := want(args, 3, "@table_name", "@table_owner", "@table_qualifier")
	var rows [][]Value
	t, _, err := r.s.lookup(r.f, tableName{schema: str(a[1].val), name: str(a[0].val)})
	if err != nil {
		return 0, err
	}
	if t != nil {
		rows = append(rows, []Value{r.s.db.name, t.schema, t.name, nil, nil, nil, int64(0), nil, nil, nil, int64(0), int64(0), nil})
		for _, k := range t.keys {
			for i, c := range k.cols {
				rows = append(rows, []Value{r.s.db.name, t.schema, t.name, boolInt(!k.unique), t.name, k.name, int64(3), int64(i + 1), t.cols[c].name, "A", nil, nil, nil})
			}
		}
	}
	return 0, r.result(colList("TABLE_QUALIFIER:n TABLE_OWNER:n TABLE_NAME:n NON_UNIQUE:s INDEX_QUALIFIER:n INDEX_NAME:n TYPE:s SEQ_IN_INDEX:s COLUMN_NAME:n COLLATION:c CARDINALITY:i PAGES:i FILTER_CONDITION:v"), rows)
}

// describeFirst is sp_describe_first_result_set for a single SELECT.
func describeFirst(r *runner, args []procArg) (int64, error) {
	a := want(args, 3, "@tsql", "@params", "@browse_information_mode")
	params, err := r.parseParams(str(a[1].val))
	if err != nil {
		return 0, err
	}
	f := &frame{s: r.s, vars: map[string]*localVar{}}
	var names []string
	for _, p := range params {
		f.vars[strings.ToLower(p.name)] = &localVar{t: p.t}
		names = append(names, p.name)
	}
	list, err := parseBatch(str(a[0].val), true, names)
	if err != nil {
		return 0, err
	}
	var rows [][]Value
	for _, st := range list {
		x, ok := st.(*queryStmt)
		if !ok {
			continue
		}
		q, err := r.s.newCompiler(f).statementSQL(x.sel, false)
		if err != nil {
			return 0, err
		}
		for i, o := range q.cols {
			st := sysTypeOf(o.t)
			rows = append(rows, []Value{false, int64(i + 1), o.name, o.nullable, int64(st.id), o.t.String(), int64(o.t.maxLength()), int64(o.t.prec), int64(o.t.scale), o.identity})
		}
		break
	}
	return 0, r.result(colList("is_hidden:b column_ordinal:i name:n is_nullable:b system_type_id:i system_type_name:n max_length:s precision:t scale:t is_identity_column:b"), rows)
}

func helpDB(r *runner, _ []procArg) (int64, error) {
	var rows [][]Value
	for _, d := range r.s.eng.cat.databases() {
		rows = append(rows, []Value{d.name, int64(d.id)})
	}
	return 0, r.result(colList("name:n dbid:s"), rows)
}
