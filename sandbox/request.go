package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// execute runs a request and appends all of its response.
func (s *session) execute(ctx context.Context, m message) error {
	s.reset(m.status)
	s.bulk = ""
	switch m.typ {
	case tds.PacketSQLBatch:
		b, err := tds.DecodeSQLBatch(m.payload, s.version)
		if err != nil {
			return fmt.Errorf("%w: %w", errProtocol, err)
		}
		if !s.checkTransaction(b.Headers) {
			s.sink.endBatch()
			return nil
		}
		return s.batch(ctx, b.Text)
	case tds.PacketRPC:
		return s.call(ctx, m.payload)
	}
	t, err := tds.DecodeTransMgr(m.payload, s.version)
	if err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	if s.checkTransaction(t.Headers) {
		err = s.transMgr(t)
	}
	if err == nil {
		s.sink.endBatch()
	}
	return err
}

// reset does what the RESETCONNECTION bits of a request ask for. Its
// acknowledgement is the first token of the response.
func (s *session) reset(status tds.Status) {
	if status&(tds.StatusReset|tds.StatusResetSkipTran) == 0 {
		return
	}
	if _, ok := s.conn.fault(RejectReset); ok {
		return
	}
	s.conn.srv.resets.Add(1)
	s.engine.Reset(status&tds.StatusResetSkipTran != 0)
	s.recovery.reset()
	s.out.buf = tds.EnvChange{Type: tds.EnvResetConnection}.Append(s.out.buf)
}

// checkTransaction compares the transaction descriptor of a request with the
// session's. A client that is in another transaction than the server gets an
// error instead of an answer (MS-TDS 2.2.5.3.2).
func (s *session) checkTransaction(h tds.AllHeaders) bool {
	if !s.version.AtLeast(tds.V72) {
		return true
	}
	open := s.engine.Transaction()
	switch {
	case h.Transaction == open:
		return true
	case h.Transaction == 0:
		s.sink.Message(tsql.Message{Number: 3989, State: 1, Class: 16, Line: 1, Text: "New request is not allowed to start because it should come with valid transaction descriptor."})
	default:
		s.sink.Message(tsql.Message{Number: 3971, State: 1, Class: 16, Line: 1, Text: fmt.Sprintf("The server failed to resume the transaction. Desc:%x.", h.Transaction)})
	}
	return false
}

// batch runs the text of a SQLBatch.
func (s *session) batch(ctx context.Context, text string) error {
	s.in.watch.arm()
	if err := s.late(ctx); err != nil {
		return err
	}
	if isInsertBulk(text) {
		// The statement takes effect when its data comes, in the next message.
		s.bulk = text
		s.sink.endBatch()
		return nil
	}
	if spid, ok := parseKill(text); ok {
		s.killStatement(spid)
	} else if err := s.engine.Run(ctx, text, &s.sink); err != nil {
		return err
	}
	s.sink.endBatch()
	return nil
}

// isInsertBulk tells whether a batch announces a bulk load.
func isInsertBulk(text string) bool {
	rest, ok := cutWord(text, "insert")
	if ok {
		_, ok = cutWord(rest, "bulk")
	}
	return ok
}

// cutWord returns what follows a word, in any case, that text begins with; ok
// is false if it begins otherwise.
func cutWord(text, word string) (rest string, ok bool) {
	const blanks = " \t\r\n"
	text = strings.TrimLeft(text, blanks)
	if len(text) <= len(word) || !strings.EqualFold(text[:len(word)], word) || !strings.Contains(blanks, text[len(word):len(word)+1]) {
		return "", false
	}
	return text[len(word):], true
}

// transMgr runs a transaction-manager request.
func (s *session) transMgr(t tds.TransMgr) error {
	k := &s.sink
	var err error
	switch t.Type {
	case tds.TMBegin:
		return s.engine.Begin(t.Isolation, t.Name, k)
	case tds.TMSave:
		return s.engine.Save(t.Name, k)
	case tds.TMCommit:
		err = s.engine.Commit(t.Name, k)
	case tds.TMRollback:
		err = s.engine.Rollback(t.Name, k)
	case tds.TMGetDTCAddress, tds.TMPropagate, tds.TMPromote:
		k.Message(tsql.Message{Number: 8501, State: 1, Class: 16, Line: 1, Text: fmt.Sprintf("MSDTC on server '%s' is unavailable.", s.conn.srv.opts.ServerName)})
		return nil
	default:
		return fmt.Errorf("%w: transaction manager request %d", errProtocol, t.Type)
	}
	if err == nil && t.BeginNext && k.errors == 0 {
		err = s.engine.Begin(t.Isolation, t.NextName, k)
	}
	return err
}

// call runs the calls of an RPC request.
func (s *session) call(ctx context.Context, payload []byte) error {
	k := &s.sink
	h, err := tds.DecodeAllHeaders(payload, s.version)
	if err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	if !s.checkTransaction(h) {
		k.endCall(false)
		return nil
	}
	calls, err := s.rpc.decode(payload[h.Size:], s.version)
	if err != nil {
		if errors.Is(err, errTableValued) {
			k.Message(tsql.Message{Number: 8062, State: 1, Class: 16, Line: 1, Text: "Table-valued parameters are not supported by this server."})
			k.endCall(false)
			return nil
		}
		k.Message(tsql.Message{Number: 8009, State: 1, Class: 16, Line: 1, Text: "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect: " + err.Error()})
		k.endCall(false)
		return nil
	}
	s.in.watch.arm()
	if err := s.late(ctx); err != nil {
		return err
	}
	for i := range calls {
		k.beginCall()
		if err := s.engine.Execute(ctx, calls[i].proc, calls[i].params, k); err != nil {
			return err
		}
		k.endCall(i < len(calls)-1)
	}
	return nil
}
