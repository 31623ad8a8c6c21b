package tsql

import (
	"strings"
	"time"
)

type builtinProc func(r *runner, args []procArg) (int64, error)

// builtinProcs are the system procedures by lower-case name.
func builtinProcs() map[string]builtinProc {
	return map[string]builtinProc{
		"sp_executesql": executeSQL, "sp_prepare": prepare, "sp_prepexec": prepExec, "sp_execute": executeHandle,
		"sp_unprepare": unprepare, "sp_cursorunprepare": unprepare, "sp_reset_connection": resetConnection,
		"sp_getapplock": getAppLock, "sp_releaseapplock": releaseAppLock, "sp_set_session_context": setSessionContext,
		"sp_datatype_info": dataTypeInfo, "sp_datatype_info_100": dataTypeInfo, "sp_tables": spTables, "sp_columns": spColumns,
		"sp_columns_100": spColumns, "sp_pkeys": spPKeys, "sp_statistics": spStatistics, "sp_statistics_100": spStatistics,
		"sp_describe_first_result_set": describeFirst, "sp_helpdb": helpDB,
	}
}

// want checks the number of arguments and fills in missing ones with NULL.
func want(args []procArg, n int, names ...string) []procArg {
	out := make([]procArg, n)
	for i, a := range args {
		at := i
		for j, name := range names {
			if strings.EqualFold(a.name, name) {
				at = j
			}
		}
		if at < n {
			out[at] = a
		}
	}
	return out
}

// parseParams parses a parameter declaration like "@p1 int, @p2 nvarchar(10) OUTPUT".
func (r *runner) parseParams(decl string) ([]procParam, error) {
	if strings.TrimSpace(decl) == "" {
		return nil, nil
	}
	toks, err := tokenize(decl, true)
	if err != nil {
		return nil, err
	}
	p := &parser{src: decl, toks: toks}
	var list []procParam
	for {
		t := p.cur()
		if t.kind != tokVar {
			return nil, p.unexpected()
		}
		p.advance()
		prm := procParam{name: t.text}
		p.word("AS")
		if prm.t, err = p.dataType(1); err != nil {
			return nil, err
		}
		if p.op("=") {
			if prm.deflt, err = p.unary(); err != nil {
				return nil, err
			}
		}
		prm.output = p.word("OUTPUT") || p.word("OUT")
		p.word("READONLY")
		list = append(list, prm)
		if !p.op(",") {
			break
		}
	}
	if p.cur().kind != tokEOF {
		return nil, p.unexpected()
	}
	return list, nil
}

func executeSQL(r *runner, args []procArg) (int64, error) {
	if len(args) == 0 {
		return 0, errf(201, "Procedure or function 'sp_executesql' expects parameter '@statement', which was not supplied.").state(10)
	}
	var params []procParam
	rest := args[min(len(args), 2):]
	if len(args) > 1 {
		var err error
		if params, err = r.parseParams(str(args[1].val)); err != nil {
			return 0, err
		}
	}
	if !args[0].t.isString() && args[0].val != nil {
		return 0, errf(214, "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.").state(2)
	}
	return 0, r.dynamic(str(args[0].val), params, rest)
}

func (r *runner) newHandle(sql, decl string) (int64, *prepared, error) {
	params, err := r.parseParams(decl)
	if err != nil {
		return 0, nil, err
	}
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = strings.ToLower(p.name)
	}
	if _, err := r.s.eng.plans.parse(sql, r.s.opts.on("QUOTED_IDENTIFIER"), names); err != nil {
		return 0, nil, err
	}
	if r.s.handles == nil {
		r.s.handles = map[int64]*prepared{}
	}
	r.s.lastID++
	p := &prepared{sql: sql, params: params}
	r.s.handles[r.s.lastID] = p
	return r.s.lastID, p, nil
}

func prepare(r *runner, args []procArg) (int64, error) {
	a := want(args, 4, "@handle", "@params", "@stmt", "@options")
	h, p, err := r.newHandle(str(a[2].val), str(a[1].val))
	if err != nil {
		return 0, err
	}
	if options, _ := toInt(a[3].val); options&1 != 0 {
		if err := r.describePrepared(p); err != nil {
			return 0, err
		}
	}
	if a[0].set != nil {
		return 0, a[0].set(h, tInt)
	}
	return 0, nil
}

// describePrepared sends the columns of a prepared SELECT, without rows. What
// cannot be bound yet fails when it is executed.
func (r *runner) describePrepared(p *prepared) error {
	f := &frame{s: r.s, vars: map[string]*localVar{}}
	var names []string
	for _, prm := range p.params {
		name := strings.ToLower(prm.name)
		f.vars[name] = &localVar{t: prm.t}
		names = append(names, name)
	}
	list, err := r.s.eng.plans.parse(p.sql, r.s.opts.on("QUOTED_IDENTIFIER"), names)
	if err != nil || len(list) == 0 {
		return err
	}
	x, ok := list[0].(*queryStmt)
	if !ok || x.sel.into != nil {
		return nil
	}
	q, err := r.s.newCompiler(f).statementSQL(x.sel, false)
	if err != nil || len(q.cols) == 0 || q.cols[0].assign != "" {
		return nil
	}
	if err := r.columns(columnsOf(q)); err != nil {
		return err
	}
	r.done(Done{CurCmd: cmdSelect})
	return nil
}

func prepExec(r *runner, args []procArg) (int64, error) {
	if len(args) < 3 {
		return 0, errf(201, "Procedure or function 'sp_prepexec' expects parameter '@stmt', which was not supplied.").state(10)
	}
	if old, ok := toInt(args[0].val); ok {
		delete(r.s.handles, old)
	}
	h, p, err := r.newHandle(str(args[2].val), str(args[1].val))
	if err != nil {
		return 0, err
	}
	if args[0].set != nil {
		if err := args[0].set(h, tInt); err != nil {
			return 0, err
		}
	}
	return 0, r.dynamic(p.sql, p.params, args[3:])
}

func executeHandle(r *runner, args []procArg) (int64, error) {
	if len(args) == 0 {
		return 0, errf(201, "Procedure or function 'sp_execute' expects parameter '@handle', which was not supplied.").state(10)
	}
	h, _ := toInt(args[0].val)
	p := r.s.handles[h]
	if p == nil {
		return 0, errNoHandle(h)
	}
	return 0, r.dynamic(p.sql, p.params, args[1:])
}

func unprepare(r *runner, args []procArg) (int64, error) {
	if len(args) == 0 {
		return 0, errf(201, "Procedure or function 'sp_unprepare' expects parameter '@handle', which was not supplied.").state(10)
	}
	h, _ := toInt(args[0].val)
	if r.s.handles[h] == nil {
		return 0, errNoHandle(h)
	}
	delete(r.s.handles, h)
	return 0, nil
}

func resetConnection(r *runner, _ []procArg) (int64, error) {
	r.s.rollback(r.sink)
	r.s.Reset(false)
	return 0, nil
}

func getAppLock(r *runner, args []procArg) (int64, error) {
	a := want(args, 5, "@Resource", "@LockMode", "@LockOwner", "@LockTimeout", "@DbPrincipal")
	mode, owner := strings.ToUpper(str(a[1].val)), strings.ToUpper(str(a[2].val))
	if owner == "" {
		owner = "TRANSACTION"
	}
	if a[0].val == nil || lockConflicts[mode] == "" || owner != "TRANSACTION" && owner != "SESSION" {
		return -999, nil
	}
	if owner == "TRANSACTION" && r.s.tran.count == 0 {
		return -999, errf(3930, "sp_getapplock: You attempted to acquire a transactional application lock without an active transaction.")
	}
	ms := int64(r.s.opts.lockTimeout)
	if a[3].val != nil {
		ms, _ = toInt(a[3].val)
		if s, ok := a[3].val.(string); ok {
			v, err := parseNumber(s, tVarCharMax, tInt)
			if err != nil {
				return 0, err
			}
			ms, _ = toInt(v)
		}
	}
	key := r.s.db.name + "\x00" + str(a[0].val)
	return r.s.eng.locks.acquire(r.ctx, r.s, key, mode, owner, time.Duration(ms)*time.Millisecond)
}

func releaseAppLock(r *runner, args []procArg) (int64, error) {
	a := want(args, 3, "@Resource", "@LockOwner", "@DbPrincipal")
	owner := strings.ToUpper(str(a[1].val))
	if owner == "" {
		owner = "TRANSACTION"
	}
	if !r.s.eng.locks.release(r.s, r.s.db.name+"\x00"+str(a[0].val), owner) {
		return -999, errf(1223, "Cannot release the application lock (Database Principal: 'public', Resource: '%s') because it is not currently held.", str(a[0].val))
	}
	return 0, nil
}

func setSessionContext(r *runner, args []procArg) (int64, error) {
	a := want(args, 3, "@key", "@value", "@read_only")
	key := strings.ToLower(str(a[0].val))
	if key == "" {
		return 0, errf(15666, "Cannot set key in the session context. The key is NULL or empty.")
	}
	if old, ok := r.s.keys[key]; ok && old.readOnly {
		return 0, errf(15664, "Cannot set key '%s' in the session context. The key has been set as read_only for this session.", str(a[0].val))
	}
	if r.s.keys == nil {
		r.s.keys = map[string]sessionKey{}
	}
	r.s.keys[key] = sessionKey{v: a[1].val, t: a[1].t, readOnly: truth(a[2].val)}
	return 0, nil
}

// result sends rows as a result set.
func (r *runner) result(cols []scol, rows [][]Value) error {
	out := make([]Column, len(cols))
	for i, c := range cols {
		out[i] = Column{Name: c.name, Type: c.t.info(), Nullable: c.nullable}
	}
	if err := r.sink.Columns(out); err != nil {
		return err
	}
	for _, row := range rows {
		if err := r.sink.Row(row); err != nil {
			return err
		}
	}
	r.counted(cmdSelect, int64(len(rows)))
	return nil
}

// colList makes columns from "name type" pairs; types are i, s (smallint), n
// (nvarchar 128), v (varchar 254), d (datetime), b (bit), l (bigint), m
// (nvarchar max), t (tinyint).
func colList(spec string) []scol {
	types := map[string]typ{"i": tInt, "s": tSmallInt, "n": tSysName, "v": varchar(254), "d": tDateTime, "b": tBit, "l": tBigInt, "m": tNVarCharMax, "t": tTinyInt, "c": {kind: kChar, size: 2}, "x": varbinary(128)}
	var cols []scol
	for i, f := range strings.Fields(spec) {
		name, t, _ := strings.Cut(f, ":")
		cols = append(cols, scol{name: name, t: types[t], nullable: true, sql: "c" + itoa(int64(i+1)), index: i})
	}
	return cols
}
