package tsql

import (
	"context"
	"errors"
)

// runner executes the statements of one request.
type runner struct {
	ctx     context.Context
	s       *Session
	f       *frame
	sink    Sink
	tries   int // depth of TRY blocks around
	nested  int // depth of procedures and dynamic batches
	anyDone bool
	open    bool // a result set has begun and not ended
}

// flow tells how a statement ended.
type flow uint8

const (
	flowNext flow = iota
	flowBreak
	flowContinue
	flowReturn
	flowGoto
)

// errBatchEnd ends the batch after its error has been reported.
var errBatchEnd = errors.New("tsql: batch ended")

// errScopeEnd ends the procedure or dynamic batch; the caller goes on.
var errScopeEnd = errors.New("tsql: scope ended")

// maxNesting is the limit of nested procedures, as the server has it.
const maxNesting = 32

// batch parses and runs the text of a batch in the current frame.
func (r *runner) batch(sql string, vars []string) error {
	list, err := r.s.eng.plans.parse(sql, r.s.opts.on("QUOTED_IDENTIFIER"), vars)
	if err != nil {
		return r.failed(err, cmdNone)
	}
	if r.f.vars == nil {
		r.f.vars = map[string]*localVar{}
	}
	_, err = r.block(list)
	if r.nested == 0 && errors.Is(err, errScopeEnd) {
		return errBatchEnd
	}
	return err
}

// block runs statements in order, with GOTO inside the block.
func (r *runner) block(list []stmt) (flow, error) {
	for i := 0; i < len(list); i++ {
		fl, err := r.statement(list[i])
		if err != nil {
			return fl, err
		}
		if fl == flowGoto {
			if at := findLabel(list, r.s.gotoLabel); at >= 0 {
				i = at
				continue
			}
			return fl, nil
		}
		if fl != flowNext {
			return fl, nil
		}
	}
	return flowNext, nil
}

func findLabel(list []stmt, label string) int {
	for j, st := range list {
		if l, ok := st.(*labelStmt); ok && l.label == label {
			return j
		}
	}
	return -1
}

// statement runs one statement and deals with its error.
func (r *runner) statement(st stmt) (flow, error) {
	if err := r.ctx.Err(); err != nil {
		return flowReturn, err
	}
	fl, err := r.dispatch(st)
	if err == nil {
		return fl, nil
	}
	var se *sqlError
	if !errors.As(err, &se) {
		return fl, err
	}
	if se.msg.Line == 0 || se.msg.Line < 0 {
		n := *se
		n.msg.Line = st.pos()
		se = &n
	}
	if se.msg.Proc == "" && r.f.proc != "" {
		n := *se
		n.msg.Proc = r.f.proc
		se = &n
	}
	if r.tries > 0 && se.msg.Class > 10 && se.msg.Class < 20 {
		if r.open {
			r.done(Done{CurCmd: cmdSelect})
		}
		return fl, se
	}
	return flowNext, r.failed(se, cmdOf(st))
}

// failed reports an error and returns nil if the batch goes on.
func (r *runner) failed(err error, cmd uint16) error {
	var se *sqlError
	if !errors.As(err, &se) {
		return err
	}
	if r.tries > 0 && se.msg.Class > 10 && se.msg.Class < 20 {
		return se
	}
	r.report(se)
	r.s.lastErr = se.msg.Number
	r.s.rowcount = 0
	r.done(Done{CurCmd: cmd, Failed: true})
	abort := r.s.opts.on("XACT_ABORT") && !(se.raised && se.ends == endsStatement)
	switch {
	case abort || rollsBack[se.msg.Number] || se.throws:
		if (abort || rollsBack[se.msg.Number]) && r.s.tran.count > 0 {
			r.s.rollback(r.sink)
		}
		return errBatchEnd
	case se.msg.Class >= 20:
		return errBatchEnd
	case se.ends == endsBatch:
		return errScopeEnd
	}
	return nil
}

// rollsBack are the errors that end the batch and roll back its transaction.
var rollsBack = map[int32]bool{241: true, 242: true, 244: false, 245: true, 235: true, 8114: true, 8169: true, 295: true, 3960: true, 1205: true, 9812: true, 529: true}

// report sends an ERROR or INFO, and the INFO that a statement was terminated.
func (r *runner) report(se *sqlError) {
	r.message(se)
	if se.terminated {
		r.message(errf(3621, "The statement has been terminated.").class(0).state(0))
	}
}

func (r *runner) message(se *sqlError) {
	m := se.msg
	if m.Line == 0 {
		m.Line = 1
	}
	r.sink.Message(m)
}

func (r *runner) done(d Done) {
	r.anyDone, r.open = true, false
	if r.s.opts.on("NOCOUNT") {
		d.HasCount, d.Count = false, 0
	}
	r.sink.Done(d)
}

// columns begins a result set.
func (r *runner) columns(cols []Column) error {
	r.open = true
	return r.sink.Columns(cols)
}

// counted ends a statement that changed or returned n rows.
func (r *runner) counted(cmd uint16, n int64) {
	r.s.rowcount, r.s.lastErr = n, 0
	r.done(Done{CurCmd: cmd, Count: uint64(n), HasCount: true})
}

// plain ends a statement without a count.
func (r *runner) plain(cmd uint16) {
	r.s.rowcount, r.s.lastErr = 0, 0
	r.done(Done{CurCmd: cmd})
}

func cmdOf(st stmt) uint16 {
	switch x := st.(type) {
	case *queryStmt:
		return cmdSelect
	case *insertStmt:
		return cmdInsert
	case *updateStmt:
		return cmdUpdate
	case *deleteStmt:
		return cmdDelete
	case *execStmt:
		return cmdExecute
	case *setOptStmt, *setVarStmt:
		return cmdSet
	case *tranStmt:
		return map[string]uint16{"BEGIN": cmdBegin, "COMMIT": cmdCommit, "ROLLBACK": cmdRollback}[x.verb]
	}
	return cmdNone
}

// dispatch runs a statement.
func (r *runner) dispatch(st stmt) (flow, error) {
	switch x := st.(type) {
	case *queryStmt:
		return flowNext, r.query(x)
	case *insertStmt:
		return flowNext, r.insert(x)
	case *updateStmt:
		return flowNext, r.update(x)
	case *deleteStmt:
		return flowNext, r.delete(x)
	case *setVarStmt:
		return flowNext, r.setVar(x)
	case *setOptStmt:
		return flowNext, r.setOption(x)
	case *declareStmt:
		return flowNext, r.declare(x)
	case *blockStmt:
		return r.block(x.body)
	case *ifStmt:
		return r.ifElse(x)
	case *whileStmt:
		return r.while(x)
	case *tryStmt:
		return r.try(x)
	case *breakStmt:
		return flowBreak, nil
	case *continueStmt:
		return flowContinue, nil
	case *gotoStmt:
		r.s.gotoLabel = x.label
		return flowGoto, nil
	case *labelStmt, *nopStmt:
		return flowNext, nil
	case *returnStmt:
		return flowReturn, r.returnValue(x)
	case *printStmt:
		return flowNext, r.print(x)
	case *raiseStmt:
		return flowNext, r.raise(x)
	case *throwStmt:
		return flowNext, r.throw(x)
	case *waitStmt:
		return flowNext, r.wait(x)
	case *useStmt:
		return flowNext, r.use(x)
	case *tranStmt:
		return flowNext, r.transaction(x)
	case *execStmt:
		return flowNext, r.exec(x)
	case *dbccStmt:
		return flowNext, r.dbcc(x)
	case *killStmt:
		return flowNext, errf(6106, "Process ID is not an active process ID.")
	}
	return flowNext, r.ddl(st)
}

// eval computes an expression on its own, with SQLite if it has subqueries.
func (r *runner) eval(e expr, cond bool) (Value, typ, error) {
	c := r.s.newCompiler(r.f)
	var b *bexpr
	var err error
	if cond {
		b, err = c.bindCond(e, nil)
	} else {
		b, err = c.bindValue(e, nil)
	}
	if err != nil {
		return nil, typ{}, err
	}
	v, err := r.value(c, b)
	return v, b.t, err
}

// value computes a bound expression.
func (r *runner) value(c *compiler, b *bexpr) (Value, error) {
	if len(b.leaves) == 0 {
		return b.eval(r.s.newECtx(r.ctx, r.f))
	}
	if err := r.implicit(); err != nil {
		return nil, err
	}
	var v Value
	q := &query{sql: "SELECT " + c.sqlOf(b) + " AS c1"}
	err := r.s.runQuery(r.ctx, c, q, 1, func(_ *execution, vals []driverValue) error {
		v = decode(vals[0], b.t)
		return nil
	})
	return v, err
}

// implicit begins the transaction that SET IMPLICIT_TRANSACTIONS ON asks for.
func (r *runner) implicit() error {
	if r.s.tran.count == 0 && r.s.opts.on("IMPLICIT_TRANSACTIONS") {
		r.s.begin("", r.sink)
	}
	return nil
}
