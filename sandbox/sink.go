package sandbox

import (
	"context"
	"encoding/binary"
	"fmt"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// nullsForNBCRow is the number of NULLs in a row from which the row is sent
// with a bitmap of them.
const nullsForNBCRow = 4

// sink turns what the engine produces into the tokens of one response.
type sink struct {
	ses *session
	out *responseWriter
	ctx context.Context // of the request, looked at for every row

	cols    []tds.Column
	engine  []tsql.Column // as the engine gave them
	convert bool          // the client's version lacks a type of engine
	rows    int           // in this response

	rpc     bool // statements end with DONEINPROC
	held    tds.Done
	holding bool // held is not sent: whether more follows is not yet known
	failed  bool // an error has been sent since the last DONE
	errors  int
	fatal   bool // an error that ends the connection has been sent

	hasStatus bool
	status    int32
	outputs   []output
}

// output is an output parameter, held until the return status has been sent.
type output struct {
	ordinal int
	param   tsql.Param
}

// begin readies the sink for a request.
func (k *sink) begin(ctx context.Context, rpc bool) {
	*k = sink{ses: k.ses, out: k.ses.out, ctx: ctx, cols: k.cols[:0], outputs: k.outputs[:0], rpc: rpc}
}

// beginCall readies the sink for one call of an RPC batch.
func (k *sink) beginCall() {
	k.failed, k.errors, k.hasStatus, k.outputs = false, 0, false, k.outputs[:0]
}

// release sends the DONE that is held, as one that more follows.
func (k *sink) release() {
	if k.holding {
		k.held.Status |= tds.DoneMore
		k.out.buf = k.held.Append(k.out.buf, k.ses.version)
		k.holding = false
	}
}

// Columns begins a result set.
func (k *sink) Columns(cols []tsql.Column) error {
	k.release()
	k.engine = cols
	k.cols = wireColumns(k.cols, cols, k.ses.version)
	k.convert = false
	for i := range cols {
		k.convert = k.convert || k.cols[i].Type.ID != cols[i].Type.ID
	}
	k.out.buf = tds.AppendColMetadata(k.out.buf, k.cols, k.ses.version)
	return k.out.flush()
}

// Row sends a row of the result set begun last.
func (k *sink) Row(values []tsql.Value) error {
	if err := k.ctx.Err(); err != nil {
		return context.Cause(k.ctx)
	}
	if len(values) != len(k.cols) {
		return fmt.Errorf("sandbox: row of %d values in a result of %d columns", len(values), len(k.cols))
	}
	if k.convert {
		for i := range values {
			if k.cols[i].Type.ID != k.engine[i].Type.ID {
				values[i] = wireValue(k.engine[i].Type, values[i])
			}
		}
	}
	from := len(k.out.buf)
	if err := k.appendRow(values); err != nil {
		k.out.buf = k.out.buf[:from]
		return err
	}
	k.rows++
	if k.rows == 1 {
		if _, ok := k.ses.conn.fault(DieMidRow); ok {
			return k.out.dieMidRow(from)
		}
	}
	return k.out.flush()
}

func (k *sink) appendRow(values []tsql.Value) (err error) {
	out := k.out
	nulls := 0
	for _, v := range values {
		if v == nil {
			nulls++
		}
	}
	if nulls >= nullsForNBCRow && k.ses.version.AtLeast(tds.V73B) {
		out.buf = append(out.buf, byte(tds.TokenNBCRow))
		bitmap := len(out.buf)
		out.buf = append(out.buf, make([]byte, (len(values)+7)/8)...)
		for i, v := range values {
			if v == nil {
				out.buf[bitmap+i/8] |= 1 << (i % 8)
			} else if out.buf, err = appendValue(out.buf, &k.cols[i].Type, v); err != nil {
				return err
			}
		}
		return nil
	}
	out.buf = append(out.buf, byte(tds.TokenRow))
	for i, v := range values {
		if out.buf, err = appendValue(out.buf, &k.cols[i].Type, v); err != nil {
			return fmt.Errorf("column %q: %w", k.cols[i].Name, err)
		}
	}
	return nil
}

// Done ends a statement. Inside a procedure those without a count are sent for
// results and failures only, as under SET NOCOUNT ON.
func (k *sink) Done(d tsql.Done) {
	kind := tds.TokenDone
	if k.rpc {
		if kind = tds.TokenDoneInProc; !d.HasCount && !d.Failed && !k.failed && d.CurCmd != tds.CurCmdSelect {
			return
		}
	}
	k.release()
	k.held, k.holding = tds.Done{Kind: kind, CurCmd: d.CurCmd}, true
	if d.HasCount {
		k.held.Status, k.held.Count = tds.DoneCount, d.Count
	}
	if d.Failed || k.failed {
		k.held.Status |= tds.DoneError
	}
	k.failed = false
}

// Message sends an ERROR or INFO.
func (k *sink) Message(m tsql.Message) {
	k.release()
	if m.Class > 10 {
		k.failed = true
		k.errors++
		k.fatal = k.fatal || m.Class >= 20
	}
	e := tds.ServerError{
		Number: m.Number, State: m.State, Class: m.Class, Text: m.Text,
		Server: k.ses.conn.srv.opts.ServerName, Proc: m.Proc, Line: uint32(max(m.Line, 0)),
	}
	k.out.buf = e.Append(k.out.buf, k.ses.version)
	_ = k.out.flush() // its error sticks and shows up in finish
}

// EnvChange sends a change of the session's environment.
func (k *sink) EnvChange(e tsql.EnvChange) {
	k.release()
	w := tds.EnvChange{Type: tds.EnvType(e.Kind)}
	switch e.Kind {
	case tsql.EnvBegin:
		w.NewBytes = tds.TransactionBytes(e.Transaction)
	case tsql.EnvCommit, tsql.EnvRollback:
		w.OldBytes = tds.TransactionBytes(e.Transaction)
	default:
		w.New, w.Old = e.New, e.Old
	}
	if !k.ses.version.AtLeast(tds.V72) && e.Kind >= tsql.EnvBegin {
		return // TDS 7.1 has no descriptors
	}
	k.out.buf = w.Append(k.out.buf)
}

// ReturnStatus sets the return status of a procedure.
func (k *sink) ReturnStatus(n int32) { k.status, k.hasStatus = n, true }

// ReturnValue takes an output parameter.
func (k *sink) ReturnValue(ordinal int, p tsql.Param) {
	k.outputs = append(k.outputs, output{ordinal, p})
}

// endCall ends one call of an RPC: status, output parameters, DONEPROC.
func (k *sink) endCall(more bool) {
	k.release()
	out := k.out
	if !k.hasStatus && k.errors == 0 {
		k.status, k.hasStatus = 0, true
	}
	if k.hasStatus {
		out.buf = binary.LittleEndian.AppendUint32(append(out.buf, byte(tds.TokenReturnStatus)), uint32(k.status))
	}
	for _, o := range k.outputs {
		k.appendReturnValue(o)
	}
	done := tds.Done{Kind: tds.TokenDoneProc, CurCmd: tds.CurCmdExecute}
	if k.errors > 0 {
		done.Status |= tds.DoneError
	}
	if more {
		done.Status |= tds.DoneMore | tds.DoneRPCInBatch
	} else {
		out.buf = k.ses.recovery.append(out.buf)
	}
	out.buf = done.Append(out.buf, k.ses.version)
}

func (k *sink) appendReturnValue(o output) {
	p := o.param
	t := wireType(p.Type, k.ses.version)
	if t.ID != p.Type.ID {
		p.Value = wireValue(p.Type, p.Value)
	}
	var err error
	from := len(k.out.buf)
	head := tds.ReturnValue{Ordinal: uint16(o.ordinal), Name: p.Name, Status: returnOutput, Type: t}
	k.out.buf = head.Append(k.out.buf, k.ses.version)
	if k.out.buf, err = appendValue(k.out.buf, &t, p.Value); err != nil {
		k.out.buf = k.out.buf[:from]
		k.Message(internalError(err))
	}
}

// endBatch ends the response to a SQLBatch or a transaction-manager request.
func (k *sink) endBatch() {
	if !k.holding {
		k.held = tds.Done{CurCmd: tds.CurCmdNone}
	}
	if k.failed {
		k.held.Status |= tds.DoneError
	}
	k.out.buf = k.ses.recovery.append(k.out.buf)
	k.out.buf = k.held.Append(k.out.buf, k.ses.version)
	k.holding = false
}

// cancelled ends a response that an attention cut short. Its acknowledgement is
// a message of its own.
func (k *sink) cancelled() {
	k.release()
	k.out.buf = tds.Done{Status: tds.DoneError, CurCmd: tds.CurCmdNone}.Append(k.out.buf, k.ses.version)
}

// returnOutput is the status of a RETURNVALUE that is an output parameter.
const returnOutput = 1

// internalError is how the client learns that the engine failed.
func internalError(err error) tsql.Message {
	return tsql.Message{Number: 50000, State: 1, Class: 16, Text: "Internal error: " + err.Error()}
}
