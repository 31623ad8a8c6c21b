package session

import (
	"errors"
	"time"

	"sluice/actors/bucket"
	"sluice/actors/prepared"
	"sluice/actors/refusal"
	"sluice/tds"
)

// maxConsoleRequest is the longest request that the console reads, in bytes of
// payload; drivers send a few kilobytes at login.
const maxConsoleRequest = 64 << 10

// maxConsoleStatements bounds the statements that a console client prepares.
const maxConsoleStatements = 100

var errConsoleRequest = errors.New("session: request to the console too long")

// consolePacket handles the first packet of a message to the console. It
// returns false if the session has ended.
func (p *port) consolePacket(h tds.Header) bool {
	c := p.console
	typ, status := h.Type, h.Status
	c.reading = c.reading[:0]
	for {
		next, packet, err := p.client.packet()
		switch {
		case err != nil:
			p.end(bucket.Unused, &lost{"client", err})
			return false
		case next.Type != typ:
			p.end(bucket.Unused, tds.ErrMixedMessage)
			return false
		case len(c.reading)+len(packet) > maxConsoleRequest:
			p.end(bucket.Unused, errConsoleRequest)
			return false
		}
		c.reading = append(c.reading, packet[tds.HeaderSize:]...)
		status |= next.Status
		p.client.take(next.Length)
		if next.EOM() {
			break
		}
	}
	p.mu.Lock()
	p.setPhase(phaseBusy)
	p.mu.Unlock()
	body, after := p.consoleAnswer(typ, status)
	if cap(c.reading) > bufferSize {
		c.reading = nil
	}
	_ = p.tcp.SetWriteDeadline(time.Now().Add(p.env.CleanTimeout))
	p.server.taken.Add(uint64(len(body)))
	err := writePackets(p.client.conn, tds.AppendMessage(nil, tds.PacketReply, 0, 0, c.packetSize, body))
	_ = p.tcp.SetWriteDeadline(time.Time{})
	if after != nil {
		after()
	}
	if err != nil {
		p.end(bucket.Unused, &lost{"client", err})
		return false
	}
	p.mu.Lock()
	p.setPhase(phaseIdle)
	p.mu.Unlock()
	return true
}

// consoleAnswer returns the tokens that answer the request in c.reading.
func (p *port) consoleAnswer(typ tds.PacketType, status tds.Status) (body []byte, after func()) {
	c, v := p.console, p.tokens
	failed := func(err *refusal.Error) []byte {
		return tds.Done{Status: tds.DoneError}.Append(p.refusalTokens(body, err), v)
	}
	switch {
	case typ == tds.PacketAttention: // what it was meant for has been answered
		return tds.Done{Status: tds.DoneAttention, CurCmd: tds.CurCmdNone}.Append(nil, v), nil
	case status&tds.StatusIgnore != 0:
		return tds.Done{Status: tds.DoneError}.Append(nil, v), nil
	}
	p.requests.Add(1)
	if status&(tds.StatusReset|tds.StatusResetSkipTran) != 0 {
		body = tds.EnvChange{Type: tds.EnvResetConnection}.Append(body)
	}
	switch typ {
	case tds.PacketSQLBatch:
		b, err := tds.DecodeSQLBatch(c.reading, v)
		if err != nil {
			return failed(p.badRequest(err.Error())), nil
		}
		return p.consoleBatch(body, b.Text, tds.TokenDone)
	case tds.PacketRPC:
		return p.consoleCalls(body)
	case tds.PacketTransMgr:
		m, err := tds.DecodeTransMgr(c.reading, v)
		if err != nil {
			return failed(p.badRequest(err.Error())), nil
		}
		return p.consoleTransaction(body, m), nil
	}
	return failed(p.badRequest(typ.String() + " requests are not served here")), nil
}

func (p *port) badRequest(detail string) *refusal.Error {
	return &refusal.Error{Cause: refusal.BadCommand, Node: p.env.Node, Detail: detail}
}

// consoleBatch runs commands. Done is the token that ends each of their
// results; the last one says that nothing follows if it is DONE.
func (p *port) consoleBatch(dst []byte, text string, done tds.Token) ([]byte, func()) {
	v := p.tokens
	a := p.console.operator.Run(text)
	dones := len(a.Results)
	if a.Err != nil {
		dones++
	}
	end := func(d tds.Done) {
		dones--
		if d.Kind = done; dones > 0 || done != tds.TokenDone {
			d.Status |= tds.DoneMore
		}
		dst = d.Append(dst, v)
	}
	for _, r := range a.Results {
		if len(r.Columns) == 0 {
			if r.Message != "" {
				m := tds.ServerError{State: 1, Text: r.Message, Server: p.env.Node, Line: 1}
				dst = m.Append(dst, v)
			}
			end(tds.Done{CurCmd: tds.CurCmdNone})
			continue
		}
		dst = tds.AppendResultColumns(dst, r.Columns, v)
		for _, row := range r.Rows {
			var err error
			if dst, err = tds.AppendResultRow(dst, r.Columns, row); err != nil {
				a.Err = p.badRequest(err.Error()) // a fault of ours; the rows that fit are there
			}
		}
		end(tds.Done{Status: tds.DoneCount, CurCmd: tds.CurCmdSelect, Count: uint64(len(r.Rows))})
	}
	if a.Err != nil {
		dst = p.refusalTokens(dst, a.Err)
		end(tds.Done{Status: tds.DoneError, CurCmd: tds.CurCmdNone})
	} else if len(a.Results) == 0 && done == tds.TokenDone {
		end(tds.Done{CurCmd: tds.CurCmdNone})
	}
	return dst, a.After
}

// consoleCalls runs the commands that a driver sends as calls of sp_executesql
// or of prepared statements. Their parameters are not looked at.
func (p *port) consoleCalls(dst []byte) ([]byte, func()) {
	c, v := p.console, p.tokens
	r, err := prepared.Inspect(c.reading, true, v)
	if err != nil {
		dst = p.refusalTokens(dst, p.badRequest("the call was not understood"))
		return tds.Done{Kind: tds.TokenDoneProc, Status: tds.DoneError}.Append(dst, v), nil
	}
	var after func()
	for i := range r.Len() {
		call := r.At(i)
		text, known := c.statement(call)
		status := tds.DoneFinal
		if known && text != "" {
			var then func()
			if dst, then = p.consoleBatch(dst, text, tds.TokenDoneInProc); then != nil {
				after = then
			}
		} else if !known {
			dst = p.refusalTokens(dst, p.badRequest("there is no such prepared statement"))
			status = tds.DoneError
		}
		dst = append(dst, byte(tds.TokenReturnStatus), 0, 0, 0, 0)
		if call.Proc == tds.ProcPrepare || call.Proc == tds.ProcPrepExec {
			dst = tds.ReturnValue{Name: "@handle", Status: 1, Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}, Value: handleValue(c.handles)}.Append(dst, v)
		}
		if i < r.Len()-1 {
			status |= tds.DoneMore
		}
		dst = tds.Done{Kind: tds.TokenDoneProc, Status: status, CurCmd: tds.CurCmdExecute}.Append(dst, v)
	}
	return dst, after
}

func handleValue(h int32) []byte {
	return []byte{4, byte(h), byte(h >> 8), byte(h >> 16), byte(h >> 24)}
}

func callName(c *prepared.Call) string {
	if c.Name != nil {
		return tds.DecodeUTF16(c.Name)
	}
	return c.Proc.String()
}

// statement returns the text that a call runs, "" if it runs none.
func (c *console) statement(call *prepared.Call) (text string, known bool) {
	switch call.Proc {
	case tds.ProcExecuteSQL:
		return tds.DecodeUTF16(call.Stmt.UTF16), true
	case tds.ProcPrepare, tds.ProcPrepExec:
		text = tds.DecodeUTF16(call.Stmt.UTF16)
		if c.statements == nil || len(c.statements) >= maxConsoleStatements {
			c.statements = map[int32]string{}
		}
		c.handles++
		c.statements[c.handles] = text
		if call.Proc == tds.ProcPrepare {
			text = ""
		}
		return text, true
	case tds.ProcExecute:
		text, known = c.statements[call.Handle.Value]
		return text, known
	case tds.ProcUnprepare:
		delete(c.statements, call.Handle.Value)
		return "", true
	}
	if text = callName(call); text == "sp_reset_connection" {
		text = ""
	}
	return text, true // drivers take a batch of one word for a procedure's name
}

// consoleTransaction answers a request to the transaction manager as a server
// would. Nothing the console does is part of a transaction.
func (p *port) consoleTransaction(dst []byte, m tds.TransMgr) []byte {
	c, v := p.console, p.tokens
	done := tds.Done{CurCmd: tds.CurCmdNone}
	begin := func() {
		c.trans++
		dst = tds.EnvChange{Type: tds.EnvBeginTransaction, NewBytes: tds.TransactionBytes(c.trans)}.Append(dst)
	}
	switch old := tds.TransactionBytes(c.trans); m.Type {
	case tds.TMBegin:
		begin()
	case tds.TMCommit:
		dst = tds.EnvChange{Type: tds.EnvCommitTransaction, OldBytes: old}.Append(dst)
	case tds.TMRollback:
		dst = tds.EnvChange{Type: tds.EnvRollbackTransaction, OldBytes: old}.Append(dst)
	case tds.TMSave:
	default:
		dst = p.refusalTokens(dst, p.badRequest("distributed transactions are not served here"))
		done.Status = tds.DoneError
	}
	if m.BeginNext {
		begin()
	}
	return done.Append(dst, v)
}
