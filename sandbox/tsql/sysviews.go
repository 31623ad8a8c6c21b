package tsql

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// sysRows is a system view or function: its columns and how to make its rows.
type sysRows struct {
	cols []scol
	rows func(s *Session) [][]Value
}

func (v sysRows) scols() []scol { return v.cols }

func define(cols string, rows func(s *Session) [][]Value) sysRows {
	return sysRows{colList(cols), rows}
}

// allObjects is the number of rows of sys.all_objects.
const allObjects = 2000

// systemViews are the system views by lower-case name.
func systemViews() map[string]sysRows {
	return map[string]sysRows{
		"sys.databases": define("name:n database_id:i source_database_id:i create_date:d compatibility_level:t collation_name:n user_access:t user_access_desc:n is_read_only:b state:t state_desc:n snapshot_isolation_state:t is_read_committed_snapshot_on:b recovery_model:t recovery_model_desc:n", func(s *Session) (rows [][]Value) {
			for _, d := range s.eng.cat.databases() {
				rows = append(rows, []Value{d.name, int64(d.id), nil, d.created, int64(150), "SQL_Latin1_General_CP1_CI_AS", int64(0), "MULTI_USER", false, int64(0), "ONLINE", int64(1), true, int64(3), "SIMPLE"})
			}
			return rows
		}),
		"sys.schemas": define("name:n schema_id:i principal_id:i", func(s *Session) (rows [][]Value) {
			s.eng.cat.mu.RLock()
			defer s.eng.cat.mu.RUnlock()
			for n, id := range s.db.schemas {
				rows = append(rows, []Value{n, int64(id), int64(1)})
			}
			return rows
		}),
		"sys.tables": define("name:n object_id:i schema_id:i type:c type_desc:n create_date:d modify_date:d is_ms_shipped:b", func(s *Session) (rows [][]Value) {
			return filterRows(objectRows(s), 3, "U ")
		}),
		"sys.views": define("name:n object_id:i schema_id:i type:c type_desc:n create_date:d modify_date:d is_ms_shipped:b", func(s *Session) (rows [][]Value) {
			return filterRows(objectRows(s), 3, "V ")
		}),
		"sys.procedures": define("name:n object_id:i schema_id:i type:c type_desc:n create_date:d modify_date:d is_ms_shipped:b", func(s *Session) (rows [][]Value) {
			return filterRows(objectRows(s), 3, "P ")
		}),
		"sys.objects":     define("name:n object_id:i schema_id:i type:c type_desc:n create_date:d modify_date:d is_ms_shipped:b", objectRows),
		"sys.all_objects": define("name:n object_id:i schema_id:i type:c type_desc:n create_date:d modify_date:d is_ms_shipped:b", allObjectRows),
		"sys.all_columns": define("object_id:i name:n column_id:i", func(s *Session) (rows [][]Value) {
			for i := range 2 * allObjects {
				rows = append(rows, []Value{int64(-i/4 - 100), "column_" + strconv.Itoa(i%4+1), int64(i%4 + 1)})
			}
			return rows
		}),
		"sys.columns": define("object_id:i name:n column_id:i system_type_id:t user_type_id:i max_length:s precision:t scale:t collation_name:n is_nullable:b is_identity:b is_computed:b", columnRows),
		"sys.types": define("name:n system_type_id:t user_type_id:i schema_id:i max_length:s precision:t scale:t is_nullable:b is_user_defined:b", func(*Session) (rows [][]Value) {
			for _, t := range sysTypes {
				rows = append(rows, []Value{t.name, int64(t.id), int64(t.id), int64(4), int64(0), int64(min(t.precision, 38)), int64(0), true, false})
			}
			return rows
		}),
		"sys.indexes": define("object_id:i name:n index_id:i type:t type_desc:n is_unique:b is_primary_key:b is_unique_constraint:b", func(s *Session) (rows [][]Value) {
			s.eng.cat.each(s.db, func(o any) {
				if t, ok := o.(*table); ok {
					for i, k := range t.keys {
						rows = append(rows, []Value{t.id, k.name, int64(i + 1), int64(2), "NONCLUSTERED", k.unique, k.primary, k.constraint && !k.primary})
					}
				}
			})
			return rows
		}),
		"sys.dm_exec_sessions": define("session_id:s login_time:d host_name:n program_name:n login_name:n original_login_name:n status:n database_id:s transaction_isolation_level:s open_transaction_count:i is_user_process:b last_request_start_time:d text_size:i language:n date_format:n date_first:s lock_timeout:i", sessionRows),
		"sys.dm_exec_connections": define("session_id:i net_transport:n protocol_type:n encrypt_option:n auth_scheme:n client_net_address:v", func(s *Session) (rows [][]Value) {
			for _, i := range s.eng.sessionInfos() {
				rows = append(rows, []Value{int64(i.ID), "TCP", "TSQL", "FALSE", "SQL", "127.0.0.1"})
			}
			return rows
		}),
		"sys.dm_exec_requests": define("session_id:s status:n command:n open_transaction_count:i transaction_isolation_level:s", func(s *Session) (rows [][]Value) {
			for _, i := range s.eng.sessionInfos() {
				if i.Status == "running" {
					rows = append(rows, []Value{int64(i.ID), "running", "SELECT", int64(i.OpenTransactions), int64(i.Isolation)})
				}
			}
			return rows
		}),
		"sys.configurations": define("configuration_id:i name:n value:i", func(*Session) [][]Value {
			return [][]Value{{int64(103), "user connections", int64(0)}, {int64(115), "nested triggers", int64(1)}}
		}),
		"sys.servers":  define("server_id:i name:n", func(s *Session) [][]Value { return [][]Value{{int64(0), s.eng.opts.ServerName}} }),
		"sys.messages": define("message_id:i language_id:s severity:t is_event_logged:b text:m", func(*Session) [][]Value { return nil }),
		"sys.sysprocesses": define("spid:s kpid:s blocked:s status:n loginame:n hostname:n program_name:n open_tran:s", func(s *Session) (rows [][]Value) {
			for _, i := range s.eng.sessionInfos() {
				rows = append(rows, []Value{int64(i.ID), int64(0), int64(0), i.Status, i.Login, i.Host, i.Program, int64(i.OpenTransactions)})
			}
			return rows
		}),
		"information_schema.tables": define("TABLE_CATALOG:n TABLE_SCHEMA:n TABLE_NAME:n TABLE_TYPE:v", func(s *Session) (rows [][]Value) {
			s.eng.cat.each(s.db, func(o any) {
				schema, name, kind := describe(o)
				switch kind {
				case "TABLE":
					rows = append(rows, []Value{s.db.name, schema, name, "BASE TABLE"})
				case "VIEW":
					rows = append(rows, []Value{s.db.name, schema, name, "VIEW"})
				}
			})
			return rows
		}),
		"information_schema.columns":  define("TABLE_CATALOG:n TABLE_SCHEMA:n TABLE_NAME:n COLUMN_NAME:n ORDINAL_POSITION:i COLUMN_DEFAULT:m IS_NULLABLE:v DATA_TYPE:n CHARACTER_MAXIMUM_LENGTH:i CHARACTER_OCTET_LENGTH:i NUMERIC_PRECISION:t NUMERIC_PRECISION_RADIX:s NUMERIC_SCALE:i DATETIME_PRECISION:s CHARACTER_SET_NAME:n COLLATION_NAME:n", schemaColumns),
		"information_schema.schemata": define("CATALOG_NAME:n SCHEMA_NAME:n SCHEMA_OWNER:n", func(s *Session) [][]Value { return [][]Value{{s.db.name, "dbo", "dbo"}} }),
	}
}

// sysFunctions are table-valued system functions.
var sysFunctions = map[string]sysRows{
	"FN_HELPCOLLATIONS": define("name:n description:m", func(*Session) [][]Value {
		return [][]Value{{"SQL_Latin1_General_CP1_CI_AS", "Latin1-General, case-insensitive, accent-sensitive, SQL Server Sort Order 52 on Code Page 1252 for non-Unicode Data"}}
	}),
}

// sysView finds a system view and returns its columns and its name in SQLite.
func (c *compiler) sysView(n tableName) ([]scol, string, error) {
	schema := strings.ToLower(n.schema)
	if schema == "dbo" && strings.EqualFold(n.db, "master") || schema == "" && strings.HasPrefix(strings.ToLower(n.name), "sys") {
		schema = "sys"
	}
	v, ok := c.s.eng.views[schema+"."+strings.ToLower(n.name)]
	if !ok {
		return nil, "", nil
	}
	s := c.s
	if n.db != "" {
		d := s.eng.cat.db(n.db)
		if d == nil {
			return nil, "", errNoObject(n.full())
		}
		old := s.db
		s.db = d
		defer func() { s.db = old }()
	}
	return v.cols, c.rowsSQL(v.cols, v.rows(s)), nil
}

// rowsSQL makes rows a common table expression of the statement and returns
// its name.
func (c *compiler) rowsSQL(cols []scol, rows [][]Value) string {
	data := make([][]any, len(rows))
	for i, row := range rows {
		out := make([]any, len(row))
		for j, v := range row {
			out[j] = encode(v, cols[j].t)
		}
		data[i] = out
	}
	text, err := json.Marshal(data)
	if err != nil {
		text = []byte("[]")
	}
	p := c.sqlOf(constant(string(text), tNVarCharMax))
	c.nalias++
	name := "sys" + strconv.Itoa(c.nalias)
	parts := make([]string, len(cols))
	for i := range cols {
		parts[i] = fmt.Sprintf("value->>%d", i)
	}
	c.prefix = append(c.prefix, name+"("+colNames(len(cols))+") AS MATERIALIZED (SELECT "+strings.Join(parts, ",")+" FROM json_each("+p+"))")
	return name
}

func filterRows(rows [][]Value, col int, want string) (out [][]Value) {
	for _, r := range rows {
		if r[col] == want {
			out = append(out, r)
		}
	}
	return out
}

func (s *Session) schemaID(d *database, name string) int64 {
	s.eng.cat.mu.RLock()
	defer s.eng.cat.mu.RUnlock()
	return int64(d.schemas[strings.ToLower(name)])
}

func objectRows(s *Session) (rows [][]Value) {
	s.eng.cat.each(s.db, func(o any) {
		switch x := o.(type) {
		case *table:
			sid := s.schemaID(x.db, x.schema)
			rows = append(rows, []Value{x.name, x.id, sid, "U ", "USER_TABLE", x.created, x.created, false})
		case *view:
			rows = append(rows, []Value{x.name, x.id, s.schemaID(x.db, x.schema), "V ", "VIEW", x.created, x.created, false})
		case *proc:
			rows = append(rows, []Value{x.name, x.id, s.schemaID(x.db, x.schema), "P ", "SQL_STORED_PROCEDURE", x.created, x.created, false})
		}
	})
	if s.db == s.eng.tempdb {
		for _, t := range s.temps {
			rows = append(rows, []Value{t.t.name, t.t.id, int64(1), "U ", "USER_TABLE", t.t.created, t.t.created, false})
		}
	}
	sort.Slice(rows, func(i, j int) bool { return num(rows[i][1]) < num(rows[j][1]) })
	return rows
}

func allObjectRows(s *Session) [][]Value {
	rows := objectRows(s)
	for i := len(rows); i < allObjects; i++ {
		rows = append(rows, []Value{"sysobject_" + strconv.Itoa(i), int64(-i - 100), int64(4), "V ", "VIEW", s.eng.started, s.eng.started, true})
	}
	return rows
}

// columnsOfObject lists the columns of a table or view.
func (s *Session) columnsOfObject(o any) []scol {
	switch x := o.(type) {
	case *table:
		return x.scols()
	case *view:
		c := s.newCompiler(&frame{s: s})
		sc := &scope{}
		if _, err := c.viewSQL(x, &namedTable{name: tableName{name: x.name}}, sc); err != nil {
			return nil
		}
		return sc.sources[0].cols
	}
	return nil
}

func columnRows(s *Session) (rows [][]Value) {
	add := func(o any) {
		var id int64
		t, _ := o.(*table)
		if v, ok := o.(*view); ok {
			id = v.id
		} else if t != nil {
			id = t.id
		}
		for i, c := range s.columnsOfObject(o) {
			st := sysTypeOf(c.t)
			var coll Value
			if c.t.isString() {
				coll = "SQL_Latin1_General_CP1_CI_AS"
			}
			p := int64(c.t.prec)
			if c.t.isNumeric() && !c.t.isDecimal() {
				p = int64(st.precision)
			}
			rows = append(rows, []Value{id, c.name, int64(i + 1), int64(st.id), int64(st.id), int64(c.t.maxLength()), p, int64(c.t.scale), coll, c.nullable, c.identity, t != nil && t.cols[i].computed != nil})
		}
	}
	s.eng.cat.each(s.db, add)
	if s.db == s.eng.tempdb {
		for _, t := range s.temps {
			add(t.t)
		}
	}
	return rows
}

func schemaColumns(s *Session) (rows [][]Value) {
	s.eng.cat.each(s.db, func(o any) {
		schema, name, kind := describe(o)
		if kind == "" {
			return
		}
		for i, c := range s.columnsOfObject(o) {
			var deflt, chars, octets, precision, radix, scale, fraction, charset, coll Value
			if t, ok := o.(*table); ok && t.cols[i].deflt != nil {
				deflt = "(" + strings.TrimPrefix(strings.TrimSpace(t.cols[i].defltText[len("DEFAULT"):]), "") + ")"
			}
			switch {
			case c.t.isString() || c.t.isBinary():
				chars, octets = int64(c.t.size), int64(c.t.maxLength())
				if c.t.isString() {
					charset, coll = "iso_1", "SQL_Latin1_General_CP1_CI_AS"
					if c.t.isNational() {
						charset = "UNICODE"
					}
				}
			case c.t.isDecimal():
				precision, radix, scale = int64(c.t.prec), int64(10), int64(c.t.scale)
			case c.t.isNumeric() && c.t.kind != kBit:
				precision, radix, scale = int64(sysTypeOf(c.t).precision), int64(10), int64(0)
			case c.t.isDateTime():
				fraction = int64(c.t.scale)
				if c.t.kind == kDateTime {
					fraction = int64(3)
				}
			}
			yes := "NO"
			if c.nullable {
				yes = "YES"
			}
			rows = append(rows, []Value{s.db.name, schema, name, c.name, int64(i + 1), deflt, yes, kindNames[c.t.kind], chars, octets, precision, radix, scale, fraction, charset, coll})
		}
	})
	return rows
}

func sessionRows(s *Session) (rows [][]Value) {
	s.publish(true)
	for _, i := range s.eng.sessionInfos() {
		var db Value
		if d := s.eng.cat.db(i.Database); d != nil {
			db = int64(d.id)
		}
		rows = append(rows, []Value{
			int64(i.ID), i.LoginTime, i.Host, i.Program, i.Login, i.Login, i.Status, db, int64(i.Isolation), int64(i.OpenTransactions), true, i.LastRequest,
			i.TextSize, i.Language, i.DateFormat, int64(i.DateFirst), int64(i.LockTimeout),
		})
	}
	sort.Slice(rows, func(i, j int) bool { return num(rows[i][0]) < num(rows[j][0]) })
	return rows
}
