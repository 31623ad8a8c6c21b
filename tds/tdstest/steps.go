package tdstest

import (
	"fmt"
	"io"

	"sluice/tds"
)

// LoginTokens is the answer to a login that succeeds, in the order that SQL
// Server uses (MS-TDS 4.3), without the final DONE.
func LoginTokens(l tds.Login7) []byte {
	db := l.Database
	if db == "" {
		db = "master"
	}
	b := tds.EnvChange{Type: tds.EnvDatabase, New: db, Old: "master"}.Append(nil)
	b = (&tds.ServerError{Number: 5701, State: 2, Text: fmt.Sprintf("Changed database context to '%s'.", db), Server: "scripted", Line: 1}).Append(b, l.Version)
	b = tds.EnvChange{Type: tds.EnvSQLCollation, NewBytes: []byte{9, 4, 0xD0, 0, 0x34}}.Append(b)
	b = tds.EnvChange{Type: tds.EnvLanguage, New: "us_english"}.Append(b)
	b = (&tds.ServerError{Number: 5703, State: 1, Text: "Changed language setting to us_english.", Server: "scripted", Line: 1}).Append(b, l.Version)
	b = tds.LoginAck{Interface: 1, Version: l.Version, ProgName: "Microsoft SQL Server\x00\x00", ProgVersion: [4]byte{16, 0, 0x0F, 0xA0}}.Append(b)
	size := fmt.Sprint(tds.DefaultPacketSize)
	return tds.EnvChange{Type: tds.EnvPacketSize, New: size, Old: size}.Append(b)
}

// LoginOK accepts the login; more are tokens to go before the final DONE.
// Without any, session recovery is acknowledged to who asks for it, as SQL
// Server does.
func LoginOK(more ...[]byte) Step {
	return func(c *ServerConn) error {
		b := LoginTokens(c.Login)
		for _, m := range more {
			b = append(b, m...)
		}
		if _, asked := c.Login.Feature(tds.FeatureSessionRecovery); asked && len(more) == 0 {
			b = tds.FeatureExtAck{Features: []tds.Feature{{ID: tds.FeatureSessionRecovery}}}.Append(b)
		}
		return c.Reply(tds.Done{CurCmd: tds.CurCmdNone}.Append(b, c.Version))
	}
}

// LoginFail refuses the login.
func LoginFail(e tds.ServerError) Step {
	return func(c *ServerConn) error {
		return c.Reply(tds.Done{Status: tds.DoneError, CurCmd: tds.CurCmdNone}.Append(e.Append(nil, c.Version), c.Version))
	}
}

// Answer makes the tokens that answer a request.
type Answer func(c *ServerConn, m tds.Message) []byte

// DoneAnswer answers with a DONE that says nothing more.
func DoneAnswer(c *ServerConn, _ tds.Message) []byte { return tds.Done{}.Append(nil, c.Version) }

// ErrorAnswer answers with an ERROR and a DONE.
func ErrorAnswer(e tds.ServerError) Answer {
	return func(c *ServerConn, _ tds.Message) []byte {
		return tds.Done{Status: tds.DoneError}.Append(e.Append(nil, c.Version), c.Version)
	}
}

// IntRows answers with a result set of one int column.
func IntRows(values ...int32) Answer {
	return func(c *ServerConn, _ tds.Message) []byte {
		b := tds.AppendColMetadata(nil, []tds.Column{{Name: "n", Type: tds.TypeInfo{ID: tds.TypeInt4, Size: 4}}}, c.Version)
		for _, n := range values {
			b = append(b, byte(tds.TokenRow), byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
		}
		return tds.Done{Status: tds.DoneCount, CurCmd: tds.CurCmdSelect, Count: uint64(len(values))}.Append(b, c.Version)
	}
}

// Expect reads one request of the type and answers it. A request with the
// reset bit gets the acknowledgement of the reset in front. A nil answer
// leaves the request unanswered.
func Expect(typ tds.PacketType, answer Answer) Step {
	return func(c *ServerConn) error {
		m, err := c.Expect(typ)
		if err != nil || answer == nil {
			return err
		}
		return c.answer(m, answer)
	}
}

// answer replies to a request, a reset acknowledged first.
func (c *ServerConn) answer(m tds.Message, answer Answer) error {
	var b []byte
	if m.Status&(tds.StatusReset|tds.StatusResetSkipTran) != 0 {
		b = tds.EnvChange{Type: tds.EnvResetConnection}.Append(nil)
	}
	return c.Reply(append(b, answer(c, m)...))
}

// Serve answers requests by their type until the client closes. An attention
// is acknowledged unless answers has something for it; a type that answers
// does not have is an error.
func Serve(answers map[tds.PacketType]Answer) Step {
	return func(c *ServerConn) error {
		for {
			m, err := c.Receive()
			switch {
			case isHangup(err):
				return nil
			case err != nil:
				return err
			}
			a, ok := answers[m.Type]
			switch {
			case ok:
				err = c.answer(m, a)
			case m.Type == tds.PacketAttention:
				err = AcknowledgeAttention(c)
			default:
				err = fmt.Errorf("%w: no answer to %v", ErrScript, m.Type)
			}
			if err != nil {
				return err
			}
		}
	}
}

// AcknowledgeAttention sends the message that acknowledges an attention.
func AcknowledgeAttention(c *ServerConn) error {
	_, err := c.conn.Write(tds.AppendAttentionAck(nil, c.spid, c.Version))
	return err
}

// Send sends tokens as one message, unasked.
func Send(tokens []byte) Step { return func(c *ServerConn) error { return c.Reply(tokens) } }

// SendRaw sends bytes as they are, such as half a message or garbage.
func SendRaw(b []byte) Step {
	return func(c *ServerConn) error {
		_, err := c.conn.Write(b)
		return err
	}
}

// WaitFor holds the script until ch is closed or receives. When the server is
// closed it is held no longer.
func WaitFor(ch <-chan struct{}) Step {
	return func(c *ServerConn) error {
		select {
		case <-ch:
			return nil
		case <-c.server.stopped:
			return io.EOF
		}
	}
}

// Signal closes ch: the test may go on.
func Signal(ch chan<- struct{}) Step {
	return func(*ServerConn) error {
		close(ch)
		return nil
	}
}

// Hangup closes the connection.
func Hangup(c *ServerConn) error { return c.raw.Close() }
