package tsql

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
)

// The version that the engine claims to be: SQL Server 2022.
const (
	productVersion = "16.0.4135.4"
	versionText    = "Microsoft SQL Server 2022 (RTM-CU14) (KB5038325) - 16.0.4135.4 (X64) \n\tOn the Sandbox Engine: T-SQL on SQLite\n\tDeveloper Edition (64-bit) on Linux <X64>"
)

// scalarFuncs are the built-in functions over plain values.
func scalarFuncs() map[string]scalarFunc {
	m := map[string]scalarFunc{}
	stringFuncs(m)
	mathFuncs(m)
	dateFuncs(m)
	systemFuncs(m)
	return m
}

// globalVar binds @@NAME.
func (c *compiler) globalVar(name string) (*bexpr, error) {
	g, ok := globals[strings.ToUpper(name[2:])]
	if !ok {
		return nil, abortf(137, `Must declare the scalar variable "%s".`, name).class(15).state(2)
	}
	return &bexpr{t: g.t, eval: func(x *ectx) (Value, error) { return g.get(x.s), nil }}, nil
}

type global struct {
	t   typ
	get func(s *Session) Value
}

var globals = map[string]global{
	"SPID":             {tSmallInt, func(s *Session) Value { return int64(s.spid) }},
	"VERSION":          {nvarchar(300), func(*Session) Value { return versionText }},
	"SERVERNAME":       {tSysName, func(s *Session) Value { return s.eng.opts.ServerName }},
	"SERVICENAME":      {tSysName, func(*Session) Value { return "MSSQLSERVER" }},
	"ROWCOUNT":         {tInt, func(s *Session) Value { return s.rowcount }},
	"ERROR":            {tInt, func(s *Session) Value { return int64(s.lastErr) }},
	"TRANCOUNT":        {tInt, func(s *Session) Value { return int64(s.tran.count) }},
	"IDENTITY":         {numericType(38, 0), func(s *Session) Value { return s.identity }},
	"LANGUAGE":         {tSysName, func(s *Session) Value { return s.opts.language }},
	"LANGID":           {tSmallInt, func(s *Session) Value { return int64(languages[strings.ToLower(s.opts.language)].id) }},
	"DATEFIRST":        {tTinyInt, func(s *Session) Value { return int64(s.opts.dateFirst) }},
	"LOCK_TIMEOUT":     {tInt, func(s *Session) Value { return int64(s.opts.lockTimeout) }},
	"TEXTSIZE":         {tInt, func(s *Session) Value { return s.opts.textSize }},
	"MAX_PRECISION":    {tTinyInt, func(*Session) Value { return int64(38) }},
	"MAX_CONNECTIONS":  {tInt, func(*Session) Value { return int64(32767) }},
	"OPTIONS":          {tInt, func(s *Session) Value { return s.optionBits() }},
	"NESTLEVEL":        {tInt, func(*Session) Value { return int64(0) }},
	"PROCID":           {tInt, func(*Session) Value { return int64(0) }},
	"CURSOR_ROWS":      {tInt, func(*Session) Value { return int64(0) }},
	"FETCH_STATUS":     {tInt, func(*Session) Value { return int64(-1) }},
	"MICROSOFTVERSION": {tInt, func(*Session) Value { return int64(15<<24 | 4360) }},
	"DBTS":             {varbinary(8), func(s *Session) Value { return binary.BigEndian.AppendUint64(nil, s.eng.version.Load()) }},
	"CONNECTIONS":      {tInt, func(s *Session) Value { return int64(len(s.eng.sessionInfos())) }},
	"CPU_BUSY":         {tInt, func(*Session) Value { return int64(0) }},
	"TOTAL_ERRORS":     {tInt, func(*Session) Value { return int64(0) }},
	"REMSERVER":        {tSysName, func(*Session) Value { return nil }},
}

// optionNames are the SET options in the bits of @@OPTIONS.
var optionNames = map[int64]string{
	2: "IMPLICIT_TRANSACTIONS", 4: "CURSOR_CLOSE_ON_COMMIT", 8: "ANSI_WARNINGS", 16: "ANSI_PADDING", 32: "ANSI_NULLS", 64: "ARITHABORT", 128: "ARITHIGNORE",
	256: "QUOTED_IDENTIFIER", 512: "NOCOUNT", 1024: "ANSI_NULL_DFLT_ON", 2048: "ANSI_NULL_DFLT_OFF", 4096: "CONCAT_NULL_YIELDS_NULL", 8192: "NUMERIC_ROUNDABORT", 16384: "XACT_ABORT",
}

func (s *Session) optionBits() Value {
	var n int64
	for bit, name := range optionNames {
		if s.opts.on(name) {
			n |= bit
		}
	}
	return n
}

func systemFuncs(m map[string]scalarFunc) {
	text := func(t typ, get func(s *Session) Value) scalarFunc {
		return scalarFunc{0, 1, "a", fixed(t), true, false, false, func(x *ectx, _ []Value, _ []typ) (Value, error) { return get(x.s), nil }}
	}
	m["HOST_NAME"] = text(tSysName, func(s *Session) Value { return s.login.HostName })
	m["APP_NAME"] = text(tSysName, func(s *Session) Value { return s.login.AppName })
	m["PROGRAM_NAME"] = m["APP_NAME"]
	m["HOST_ID"] = text(typ{kind: kChar, size: 10}, func(*Session) Value { return "1         " })
	m["USER_NAME"] = text(tSysName, func(s *Session) Value { return "dbo" })
	for _, n := range []string{"SUSER_SNAME", "SUSER_NAME", "ORIGINAL_LOGIN"} {
		m[n] = text(tSysName, func(s *Session) Value { return s.login.User })
	}
	m["USER_ID"] = text(tInt, func(*Session) Value { return int64(1) })
	m["SUSER_ID"] = text(tInt, func(*Session) Value { return int64(1) })
	m["DATABASE_PRINCIPAL_ID"] = text(tInt, func(*Session) Value { return int64(1) })
	m["SCHEMA_NAME"] = text(tSysName, func(s *Session) Value { return "dbo" })
	m["SCHEMA_ID"] = scalarFunc{0, 1, "n", fixed(tInt), true, false, false, func(x *ectx, v []Value, _ []typ) (Value, error) {
		name := "dbo"
		if len(v) > 0 {
			name = str(v[0])
		}
		if id := x.s.schemaID(x.s.db, name); id != 0 {
			return id, nil
		}
		return nil, nil
	}}
	m["SCOPE_IDENTITY"] = scalarFunc{0, 0, "a", fixed(numericType(38, 0)), true, false, false, func(x *ectx, _ []Value, _ []typ) (Value, error) { return x.f.scopeID, nil }}
	m["ROWCOUNT_BIG"] = text(tBigInt, func(s *Session) Value { return s.rowcount })
	m["XACT_STATE"] = text(tSmallInt, func(s *Session) Value {
		switch {
		case s.tran.doomed:
			return int64(-1)
		case s.tran.count > 0:
			return int64(1)
		}
		return int64(0)
	})
	m["CURRENT_TRANSACTION_ID"] = text(tBigInt, func(s *Session) Value { return int64(s.tran.id) })
	m["CONTEXT_INFO"] = text(varbinary(128), func(s *Session) Value {
		if s.context == nil {
			return nil
		}
		return s.context
	})
	m["NEWID"] = scalarFunc{0, 0, "a", fixed(tGUID), false, true, true, func(*ectx, []Value, []typ) (Value, error) {
		var g GUID
		if _, err := rand.Read(g[:]); err != nil {
			return nil, err
		}
		g[6], g[8] = g[6]&0x0F|0x40, g[8]&0x3F|0x80
		return g, nil
	}}
	m["NEWSEQUENTIALID"] = m["NEWID"]
	m["DB_NAME"] = scalarFunc{0, 1, "i", fixed(tSysName), true, false, false, func(x *ectx, v []Value, _ []typ) (Value, error) {
		if len(v) == 0 {
			return x.s.db.name, nil
		}
		for _, d := range x.s.eng.cat.databases() {
			if int64(d.id) == num(v[0]) {
				return d.name, nil
			}
		}
		return nil, nil
	}}
	m["DB_ID"] = scalarFunc{0, 1, "n", fixed(tSmallInt), true, false, false, func(x *ectx, v []Value, _ []typ) (Value, error) {
		d := x.s.db
		if len(v) > 0 {
			d = x.s.eng.cat.db(str(v[0]))
		}
		if d == nil {
			return nil, nil
		}
		return int64(d.id), nil
	}}
	m["OBJECT_ID"] = scalarFunc{1, 2, "n", fixed(tInt), false, false, false, objectID}
	m["OBJECT_NAME"] = scalarFunc{1, 2, "i", fixed(tSysName), false, false, false, func(x *ectx, v []Value, _ []typ) (Value, error) {
		var name Value
		x.s.eng.cat.each(x.s.db, func(o any) {
			switch t := o.(type) {
			case *table:
				if t.id == num(v[0]) {
					name = t.name
				}
			case *view:
				if t.id == num(v[0]) {
					name = t.name
				}
			case *proc:
				if t.id == num(v[0]) {
					name = t.name
				}
			}
		})
		return name, nil
	}}
	m["COL_LENGTH"] = scalarFunc{2, 2, "n", fixed(tSmallInt), false, false, false, func(x *ectx, v []Value, _ []typ) (Value, error) {
		n, err := splitName(str(v[0]))
		if err != nil {
			return nil, nil
		}
		if t, _, err := x.s.lookup(x.f, n); err == nil && t != nil {
			if _, c := t.col(str(v[1])); c != nil {
				return int64(c.t.maxLength()), nil
			}
		}
		return nil, nil
	}}
	m["IDENT_CURRENT"] = scalarFunc{1, 1, "n", fixed(numericType(38, 0)), false, false, false, func(x *ectx, v []Value, _ []typ) (Value, error) {
		n, err := splitName(str(v[0]))
		if err != nil {
			return nil, nil
		}
		t, _, err := x.s.lookup(x.f, n)
		if err != nil || t == nil || t.identity == nil {
			return nil, nil
		}
		last, used := t.identity.current()
		if !used {
			last = t.identity.seed
		}
		return convert(last, tBigInt, numericType(38, 0), convOpts{})
	}}
	errorFuncs(m)
	m["FORMATMESSAGE"] = scalarFunc{1, -1, "a", fixed(nvarchar(2048)), true, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		return formatMessage(str(v[0]), v[1:])
	}}
	m["SESSIONPROPERTY"] = scalarFunc{1, 1, "n", fixed(tInt), false, false, false, func(x *ectx, v []Value, _ []typ) (Value, error) {
		name := strings.ToUpper(str(v[0]))
		if !flagOptions[name] {
			return nil, nil
		}
		return boolInt(x.s.opts.on(name)), nil
	}}
	m["DATABASEPROPERTYEX"] = scalarFunc{2, 2, "n", fixed(tSysName), false, false, false, func(x *ectx, v []Value, _ []typ) (Value, error) {
		if x.s.eng.cat.db(str(v[0])) == nil {
			return nil, nil
		}
		return map[string]Value{"status": "ONLINE", "collation": "SQL_Latin1_General_CP1_CI_AS", "updateability": "READ_WRITE", "recovery": "SIMPLE", "useraccess": "MULTI_USER"}[strings.ToLower(str(v[1]))], nil
	}}
	yes := scalarFunc{1, 3, "a", fixed(tInt), true, false, false, func(*ectx, []Value, []typ) (Value, error) { return int64(1), nil }}
	m["IS_SRVROLEMEMBER"], m["IS_MEMBER"], m["IS_ROLEMEMBER"], m["HAS_DBACCESS"], m["HAS_PERMS_BY_NAME"] = yes, yes, yes, yes, yes
	m["CONNECTIONPROPERTY"] = scalarFunc{1, 1, "n", fixed(tSysName), false, false, false, func(_ *ectx, v []Value, _ []typ) (Value, error) {
		return map[string]Value{"net_transport": "TCP", "protocol_type": "TSQL", "auth_scheme": "SQL", "client_net_address": "127.0.0.1"}[strings.ToLower(str(v[0]))], nil
	}}
	m["APPLOCK_MODE"] = scalarFunc{3, 3, "n", fixed(nvarchar(32)), false, false, false, func(x *ectx, v []Value, _ []typ) (Value, error) {
		return x.s.eng.locks.mode(x.s, x.s.db.name+"\x00"+str(v[1]), strings.ToUpper(str(v[2]))), nil
	}}
}

func objectID(x *ectx, v []Value, _ []typ) (Value, error) {
	n, err := splitName(str(v[0]))
	if err != nil {
		return nil, nil
	}
	if strings.EqualFold(n.db, "tempdb") && strings.HasPrefix(n.name, "#") {
		n.db, n.schema = "", ""
	}
	kind := ""
	if len(v) > 1 {
		kind = strings.ToUpper(strings.TrimSpace(str(v[1])))
	}
	t, w, err := x.s.lookup(x.f, n)
	if err != nil {
		return nil, nil
	}
	switch {
	case t != nil && (kind == "" || kind == "U"):
		return t.id, nil
	case w != nil && (kind == "" || kind == "V"):
		return w.id, nil
	}
	if d := x.s.database(n.db); d != nil {
		if p, ok := x.s.eng.cat.get(d, n.schema, n.name).(*proc); ok && (kind == "" || kind == "P") {
			return p.id, nil
		}
	}
	return nil, nil
}

// errorFuncs are the functions that a CATCH block uses.
func errorFuncs(m map[string]scalarFunc) {
	get := func(t typ, f func(msg Message) Value) scalarFunc {
		return scalarFunc{0, 0, "a", fixed(t), true, false, false, func(x *ectx, _ []Value, _ []typ) (Value, error) {
			n := len(x.s.caught)
			if n == 0 {
				return nil, nil
			}
			return f(x.s.caught[n-1].msg), nil
		}}
	}
	m["ERROR_NUMBER"] = get(tInt, func(e Message) Value { return int64(e.Number) })
	m["ERROR_SEVERITY"] = get(tInt, func(e Message) Value { return int64(e.Class) })
	m["ERROR_STATE"] = get(tInt, func(e Message) Value { return int64(e.State) })
	m["ERROR_LINE"] = get(tInt, func(e Message) Value { return int64(e.Line) })
	m["ERROR_MESSAGE"] = get(nvarchar(4000), func(e Message) Value { return e.Text })
	m["ERROR_PROCEDURE"] = get(tSysName, func(e Message) Value {
		if e.Proc == "" {
			return nil
		}
		return e.Proc
	})
}

// bindSessionContext binds SESSION_CONTEXT, typed as the value it finds.
func bindSessionContext(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
	if err := argCount(x, 1, 1); err != nil {
		return nil, err
	}
	arg, err := c.bindValue(x.args[0], sc)
	if err != nil {
		return nil, err
	}
	t := nvarchar(4000)
	if len(arg.leaves) == 0 {
		v, err := arg.eval(c.s.newECtx(nil, c.f)) //nolint:staticcheck // evaluates a name, nothing that waits
		if err != nil {
			return nil, err
		}
		if k, ok := c.s.keys[strings.ToLower(str(v))]; ok && !k.t.isNull() {
			t = k.t
		}
	}
	e := compose(t, []*bexpr{arg}, func(x *ectx) (Value, error) {
		v, err := arg.eval(x)
		if err != nil || v == nil {
			return nil, err
		}
		k, ok := x.s.keys[strings.ToLower(str(v))]
		if !ok {
			return nil, nil
		}
		return convert(k.v, k.t, t, convOpts{})
	})
	e.nullable = true
	return e, nil
}

// serverProperties are the values of SERVERPROPERTY.
var serverProperties = map[string]Value{
	"productversion": productVersion, "productlevel": "RTM", "edition": "Developer Edition (64-bit)", "engineedition": int64(3),
	"productmajorversion": "15", "productminorversion": "0", "productbuild": "4360", "collation": "SQL_Latin1_General_CP1_CI_AS", "isintegratedsecurityonly": int64(0),
	"isclustered": int64(0), "ishadrenabled": int64(0), "issingleuser": int64(0), "editionid": int64(-2117995310), "productupdatelevel": "CU27",
	"isxtpsupported": int64(0), "isfulltextinstalled": int64(0), "sqlcharsetname": "iso_1", "lcid": int64(1033), "resourceversion": productVersion,
}

func bindServerProperty(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
	if err := argCount(x, 1, 1); err != nil {
		return nil, err
	}
	arg, err := c.bindValue(x.args[0], sc)
	if err != nil {
		return nil, err
	}
	t := tSysName
	get := func(s *Session, name string) Value {
		switch name = strings.ToLower(name); name {
		case "servername", "machinename", "computernamephysicalnetbios":
			return s.eng.opts.ServerName
		}
		return serverProperties[name]
	}
	if arg.literal {
		v, err := arg.eval(nil)
		if err != nil {
			return nil, err
		}
		if _, ok := get(c.s, str(v)).(int64); ok {
			t = tInt
		}
	}
	e := compose(t, []*bexpr{arg}, func(x *ectx) (Value, error) {
		v, err := arg.eval(x)
		if err != nil || v == nil {
			return nil, err
		}
		p := get(x.s, str(v))
		if n, ok := p.(int64); ok && t != tInt {
			return itoa(n), nil
		}
		return p, nil
	})
	e.nullable = true
	return e, nil
}

// bindRand binds RAND, one value a statement, or a fixed one for a seed.
func bindRand(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
	if err := argCount(x, 0, 1); err != nil {
		return nil, err
	}
	args, err := c.bindAll(x.args, sc)
	if err != nil {
		return nil, err
	}
	return compose(tFloat, args, func(e *ectx) (Value, error) {
		var n uint64
		if len(args) == 1 {
			v, err := args[0].eval(e)
			if err != nil {
				return nil, err
			}
			k, _ := toInt(v)
			n = (uint64(k) + 0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9
			n ^= n >> 31
		} else {
			var b [8]byte
			if _, err := rand.Read(b[:]); err != nil {
				return nil, err
			}
			n = binary.LittleEndian.Uint64(b[:])
		}
		return float64(n>>11) / (1 << 53), nil
	}), nil
}
