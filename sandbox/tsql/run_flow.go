package tsql

import (
	"errors"
	"strings"
)

func (r *runner) ifElse(x *ifStmt) (flow, error) {
	v, _, err := r.eval(x.cond, true)
	if err != nil {
		return flowNext, err
	}
	if v == true {
		return r.statement(x.then)
	}
	if x.els != nil {
		return r.statement(x.els)
	}
	return flowNext, nil
}

func (r *runner) while(x *whileStmt) (flow, error) {
	for {
		if err := r.ctx.Err(); err != nil {
			return flowReturn, err
		}
		v, _, err := r.eval(x.cond, true)
		if err != nil {
			return flowNext, err
		}
		if v != true {
			return flowNext, nil
		}
		fl, err := r.statement(x.body)
		if err != nil {
			return fl, err
		}
		switch fl {
		case flowBreak:
			return flowNext, nil
		case flowReturn, flowGoto:
			return fl, nil
		}
	}
}

// try runs TRY and, for an error of class 11 to 19, CATCH.
func (r *runner) try(x *tryStmt) (flow, error) {
	r.tries++
	depth := r.nested
	fl, err := r.block(x.try)
	r.tries--
	r.nested = depth
	var se *sqlError
	if err == nil || !errors.As(err, &se) {
		return fl, err
	}
	if r.s.tran.count > 0 && (r.s.opts.on("XACT_ABORT") || rollsBack[se.msg.Number]) {
		r.s.tran.doomed = true
	}
	r.s.lastErr = se.msg.Number
	r.s.caught = append(r.s.caught, se)
	n := len(r.s.caught)
	fl, err = r.block(x.catch)
	r.s.caught = r.s.caught[:min(n-1, len(r.s.caught))]
	return fl, err
}

func (r *runner) returnValue(x *returnStmt) error {
	if x.e == nil {
		return nil
	}
	v, t, err := r.eval(x.e, false)
	if err != nil {
		return err
	}
	if v, err = convert(v, t, tInt, convOpts{}); err != nil {
		return err
	}
	r.f.status, _ = toInt(v)
	return nil
}

func (r *runner) use(x *useStmt) error {
	d := r.s.eng.cat.db(x.db)
	if d == nil {
		return errNoDatabase(x.db).class(16).fatal()
	}
	old := r.s.db
	r.s.db = d
	r.sink.EnvChange(EnvChange{Kind: EnvDatabase, New: d.name, Old: old.name})
	r.message(errf(5701, "Changed database context to '%s'.", d.name).class(0).state(2))
	r.plain(cmdNone)
	return nil
}

func (r *runner) transaction(x *tranStmt) error {
	name := x.name
	if x.v != "" {
		if v := r.f.vars[x.v]; v != nil {
			name = str(v.val)
		}
	}
	switch x.verb {
	case "BEGIN":
		r.s.begin(name, r.sink)
		r.plain(cmdBegin)
	case "COMMIT":
		if err := r.s.commit(r.sink); err != nil {
			return err
		}
		r.plain(cmdCommit)
	case "ROLLBACK":
		if err := r.s.rollbackTo(name, r.sink); err != nil {
			return err
		}
		r.plain(cmdRollback)
	case "SAVE":
		if err := r.s.save(name); err != nil {
			return err
		}
		r.plain(cmdNone)
	}
	return nil
}

// isTemp reports a name of a session's own table.
func isTemp(name string) bool {
	return strings.HasPrefix(name, "@") || strings.HasPrefix(name, "#") && !strings.HasPrefix(name, "##")
}
