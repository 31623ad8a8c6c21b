package tsql

import (
	"context"
	"errors"
	"strings"
)

// procArg is an argument of a procedure call, from EXEC or from an RPC.
type procArg struct {
	name   string // with @; empty if positional
	t      typ
	val    Value
	output bool
	deflt  bool
	set    func(v Value, t typ) error // stores an output value
}

// prepared is a statement of sp_prepare.
type prepared struct {
	sql    string
	params []procParam
}

// exec runs EXEC.
func (r *runner) exec(x *execStmt) error {
	if x.text != nil {
		v, t, err := r.eval(x.text, false)
		if err != nil {
			return err
		}
		if !t.isString() && v != nil {
			return errSyntax("EXECUTE")
		}
		return r.dynamic(str(v), nil, nil)
	}
	name := x.proc
	if x.procV != "" {
		v := r.f.vars[x.procV]
		if v == nil {
			return abortf(137, `Must declare the scalar variable "%s".`, x.procV).class(15).state(2)
		}
		n, err := splitName(str(v.val))
		if err != nil {
			return err
		}
		name = n
	}
	args := make([]procArg, len(x.args))
	for i, a := range x.args {
		args[i] = procArg{name: a.name, output: a.output, deflt: a.deflt}
		if a.deflt {
			continue
		}
		v, t, err := r.eval(a.e, false)
		if err != nil {
			return err
		}
		args[i].val, args[i].t = v, t
		if ref, ok := a.e.(*varExpr); ok && a.output && !strings.HasPrefix(ref.name, "@@") {
			args[i].set = func(v Value, t typ) error { return r.store(ref.name, "=", v, t) }
		}
	}
	status, err := r.call(name, args)
	if err != nil {
		return err
	}
	if x.result != "" {
		if err := r.store(x.result, "=", status, tInt); err != nil {
			return err
		}
	}
	r.sink.ReturnStatus(int32(status))
	r.done(Done{CurCmd: cmdExecute})
	return nil
}

// splitName parses the text of an object name.
func splitName(s string) (tableName, error) {
	toks, err := tokenize(s, true)
	if err != nil {
		return tableName{}, err
	}
	p := &parser{src: s, toks: toks}
	n, err := p.tableName()
	if err != nil || p.cur().kind != tokEOF {
		return tableName{}, errNoProcedure(s)
	}
	return n, nil
}

// call runs a procedure: a built-in one or one of the database.
func (r *runner) call(name tableName, args []procArg) (int64, error) {
	if p, _ := r.findProc(name); p != nil {
		return r.callProc(p, args)
	}
	if name.schema == "" || strings.EqualFold(name.schema, "sys") || strings.EqualFold(name.schema, "dbo") {
		if b, ok := r.s.eng.procs[strings.ToLower(name.name)]; ok {
			return b(r, args)
		}
	}
	return 0, errNoProcedure(name.full())
}

func (r *runner) findProc(n tableName) (*proc, error) {
	d := r.s.database(n.db)
	if strings.HasPrefix(n.name, "#") {
		d = r.s.eng.tempdb
	}
	if d == nil {
		return nil, errNoProcedure(n.full())
	}
	p, _ := r.s.eng.cat.get(d, n.schema, n.name).(*proc)
	return p, nil
}

// scoped runs work in a new frame: procedure or dynamic batch.
func (r *runner) scoped(f *frame, work func() error) error {
	if r.nested >= maxNesting {
		return abortf(217, "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).")
	}
	old, before := r.f, r.s.tran.count
	oldOpts := r.s.opts
	r.f = f
	r.nested++
	err := work()
	r.s.dropTemps(r.nested)
	r.nested--
	r.f = old
	restoreOptions(&r.s.opts, &oldOpts)
	if errors.Is(err, errScopeEnd) {
		err = nil
	}
	if err == nil && f.isProc && r.s.tran.count != before {
		return errf(266, "Transaction count after EXECUTE indicates a mismatching number of BEGIN and COMMIT statements. Previous count = %d, current count = %d.", before, r.s.tran.count).state(2)
	}
	return err
}

// restoreOptions brings back the SET options at the end of a scope; the
// isolation level, too, ends with the procedure that set it.
func restoreOptions(o, old *options) {
	*o = *old
}

// dynamic runs the text of EXEC('..') or sp_executesql.
func (r *runner) dynamic(sql string, params []procParam, args []procArg) error {
	f := &frame{s: r.s, vars: map[string]*localVar{}, proc: ""}
	if err := r.bindArgs("sp_executesql", f, params, args); err != nil {
		return err
	}
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = strings.ToLower(p.name)
	}
	db := r.s.db
	err := r.scoped(f, func() error { return r.batch(sql, names) })
	if used := r.s.db; db != used { // USE ends with the dynamic batch
		r.s.db = db
		r.sink.EnvChange(EnvChange{Kind: EnvDatabase, New: db.name, Old: used.name})
	}
	if err != nil {
		return err
	}
	return r.outputs(f, params, args)
}

// callProc runs a stored procedure.
func (r *runner) callProc(p *proc, args []procArg) (int64, error) {
	f := &frame{s: r.s, vars: map[string]*localVar{}, proc: p.name, isProc: true}
	if err := r.bindArgs(p.name, f, p.params, args); err != nil {
		return 0, err
	}
	db := r.s.db
	if !strings.HasPrefix(p.name, "#") {
		r.s.db = p.db
	}
	err := r.scoped(f, func() error {
		_, err := r.block(p.body)
		return err
	})
	r.s.db = db
	if err != nil {
		return 0, err
	}
	return f.status, r.outputs(f, p.params, args)
}

// bindArgs makes the variables of a call from its arguments.
func (r *runner) bindArgs(proc string, f *frame, params []procParam, args []procArg) error {
	given := make([]bool, len(params))
	named := false
	for i, a := range args {
		at := i
		if a.name != "" {
			named = true
			at = -1
			for j, p := range params {
				if strings.EqualFold(p.name, a.name) {
					at = j
				}
			}
			if at < 0 {
				if proc == "sp_executesql" {
					return errf(8178, "The parameterized query expects no parameter '%s'.", a.name)
				}
				return errf(8145, "%s is not a parameter for procedure %s.", a.name, proc)
			}
		} else if named {
			return abortf(119, "Must pass parameter number %d and subsequent parameters as '@name = value'. After the form '@name = value' has been used, all subsequent parameters must be passed in the form '@name = value'.", i+1).class(15)
		}
		if at >= len(params) {
			return errf(8144, "Procedure or function %s has too many arguments specified.", proc).state(2)
		}
		p := params[at]
		if a.output && !p.output {
			return errf(8162, `The formal parameter "%s" was not declared as an OUTPUT parameter, but the actual parameter passed in requested output.`, p.name).state(2)
		}
		if a.deflt {
			continue
		}
		v, err := convert(a.val, a.t, p.t, convOpts{dateFormat: r.s.opts.dateFormat})
		if err != nil {
			return err
		}
		given[at] = true
		f.vars[strings.ToLower(p.name)] = &localVar{t: p.t, val: v}
	}
	for i, p := range params {
		if given[i] {
			continue
		}
		lv := &localVar{t: p.t}
		f.vars[strings.ToLower(p.name)] = lv
		switch {
		case p.deflt != nil:
			v, t, err := r.eval(p.deflt, false)
			if err != nil {
				return err
			}
			if lv.val, err = convert(v, t, p.t, convOpts{}); err != nil {
				return err
			}
		case proc == "sp_executesql":
			return errf(8178, "The parameterized query '' expects the parameter '%s', which was not supplied.", p.name)
		default:
			return errf(201, "Procedure or function '%s' expects parameter '%s', which was not supplied.", proc, p.name).state(4)
		}
	}
	return nil
}

// outputs hands the values of OUTPUT parameters back to the caller.
func (r *runner) outputs(f *frame, params []procParam, args []procArg) error {
	for i, a := range args {
		if !a.output || a.set == nil {
			continue
		}
		at := i
		if a.name != "" {
			for j, p := range params {
				if strings.EqualFold(p.name, a.name) {
					at = j
				}
			}
		}
		if at >= len(params) {
			continue
		}
		v := f.vars[strings.ToLower(params[at].name)]
		if err := a.set(v.val, v.t); err != nil {
			return err
		}
	}
	return nil
}

// captureSink keeps the rows of INSERT ... EXEC and passes messages on.
type captureSink struct {
	Sink
	rows  [][]Value
	types []typ
}

func (c *captureSink) Columns(cols []Column) error {
	c.types = make([]typ, len(cols))
	for i, col := range cols {
		t, err := typeOf(col.Type)
		if err != nil {
			return err
		}
		c.types[i] = t
	}
	return nil
}

func (c *captureSink) Row(v []Value) error {
	c.rows = append(c.rows, append([]Value(nil), v...))
	return nil
}

func (c *captureSink) Done(Done)          {}
func (c *captureSink) ReturnStatus(int32) {}

// capture runs EXEC and keeps its rows.
func (r *runner) capture(x *execStmt) ([][]Value, []typ, error) {
	outer, done := r.sink, r.anyDone
	c := &captureSink{Sink: outer}
	r.sink = c
	err := r.exec(x)
	r.sink, r.anyDone = outer, done
	return c.rows, c.types, err
}

// Execute runs a procedure for an RPC: output parameters are reported by their
// position in params. The last Done belongs to the last statement inside; the
// end of the call is Execute's return.
func (s *Session) Execute(ctx context.Context, name string, params []Param, sink Sink) error {
	return s.request(ctx, sink, func(r *runner) error {
		r.f = &frame{s: s, vars: map[string]*localVar{}}
		r.anyDone = true
		args := make([]procArg, len(params))
		type result struct {
			at int
			p  Param
		}
		var results []result
		for i, p := range params {
			t, err := typeOf(p.Type)
			if err != nil {
				return errf(8009, "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect. Parameter %d (\"%s\"): data type 0x%02X is unknown.", i+1, p.Name, byte(p.Type.ID))
			}
			args[i] = procArg{name: p.Name, t: t, val: p.Value, output: p.Output}
			if p.Output {
				args[i].set = func(v Value, vt typ) error {
					results = append(results, result{i, Param{Name: p.Name, Type: vt.info(), Value: v, Output: true}})
					return nil
				}
			}
		}
		n, err := splitName(name)
		if err != nil {
			n = tableName{name: name}
		}
		status, err := r.call(n, args)
		if err != nil {
			if err = r.failed(err, cmdExecute); err != nil {
				return err
			}
			status = -6
		}
		sink.ReturnStatus(int32(status))
		for _, res := range results {
			sink.ReturnValue(res.at, res.p)
		}
		return nil
	})
}
