package backend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/tds"
)

// cleanBatch takes back what RESETCONNECTION leaves: the isolation level
// (MS-TDS 2.2.3.1.2). ROLLBACK ends a transaction that a server's reset should
// fail to end, with all its levels. A loop would have no end at Babelfish, which
// ends the transaction of a reset session but goes on counting it.
const cleanBatch = "IF @@TRANCOUNT > 0 ROLLBACK SET TRANSACTION ISOLATION LEVEL READ COMMITTED"

// ErrKept says that something is left in a session that no reset takes back.
var ErrKept = errors.New("backend: a reset does not take back what was set")

// ErrNotReset says that a server answered a request with RESETCONNECTION
// without acknowledging the reset.
var ErrNotReset = errors.New("backend: reset was not acknowledged")

// afterReset are the statements that take a session back to the login's
// database and empty CONTEXT_INFO after a reset; "" where RESETCONNECTION does
// it. Babelfish leaves both as they are. Like it, but to no harm, SQL Server
// does not acknowledge session recovery before 2014 or TDS 7.4: what was never
// set must stay NULL there.
func (a *Answer) afterReset() string {
	if a.Database == "" || slices.ContainsFunc(a.Features, func(f tds.Feature) bool { return f.ID == tds.FeatureSessionRecovery }) {
		return ""
	}
	return " IF CONTEXT_INFO() IS NOT NULL SET CONTEXT_INFO 0x USE [" + strings.ReplaceAll(a.Database, "]", "]]") + "]"
}

// maxCleanResponse bounds the answer to cleanBatch in bytes.
const maxCleanResponse = 16 << 10

// Clean returns the connection to the state it had after login, which must
// have no request outstanding. Success means that the server acknowledged the
// reset and reported no error; after any error the connection's state is
// unknown and it must be closed. It also serves as the health check of idle
// connections: it is one round trip through the server's session.
func (c *Conn) Clean(ctx context.Context) error {
	if c.Kept {
		return fmt.Errorf("clean: %w", ErrKept)
	}
	c.Session.resetting()
	deadline := time.Now().Add(c.cleanTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := c.Net.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Net.SetDeadline(time.Unix(1, 0)) })
	err := c.clean()
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("clean: %w", err)
	}
	c.Session.cleaned()
	return c.Net.SetDeadline(time.Time{})
}

func (c *Conn) clean() error {
	var space [512]byte
	batch := tds.SQLBatch{Text: cleanBatch + c.Answer.afterReset()}.Append(make([]byte, 0, 256), c.Version)
	msg := tds.AppendMessage(space[:0], tds.PacketSQLBatch, tds.StatusReset, 0, c.Answer.PacketSize, batch)
	if _, err := c.Net.Write(msg); err != nil {
		return err
	}
	m, err := tds.ReadMessage(c.Net, space[:0], maxCleanResponse)
	if err != nil {
		return err
	}
	if m.Type != tds.PacketReply {
		return fmt.Errorf("%w: a %v packet", ErrUnsynced, m.Type)
	}
	if err := checkReset(m.Payload, c.Version); err != nil {
		return err
	}
	// More than was asked for would be read as the answer to the next user's request.
	if !c.Alive() {
		return fmt.Errorf("%w: it hung up or said more", ErrUnsynced)
	}
	return nil
}

// checkReset reads the response to cleanBatch.
func checkReset(payload []byte, v tds.Version) error {
	reset := false
	for len(payload) > 0 {
		t, body, rest, err := tds.NextToken(payload, v)
		if err != nil {
			return err
		}
		payload = rest
		switch t {
		case tds.TokenEnvChange:
			e, err := tds.DecodeEnvChange(body)
			if err != nil {
				return err
			}
			reset = reset || e.Type == tds.EnvResetConnection
		case tds.TokenError:
			e, err := tds.DecodeServerError(body, v)
			if err != nil {
				return err
			}
			return e
		case tds.TokenDone, tds.TokenDoneProc, tds.TokenDoneInProc:
			d, err := tds.DecodeDone(t, body, v)
			if err != nil {
				return err
			}
			if d.Status&(tds.DoneError|tds.DoneServerError|tds.DoneAttention) != 0 {
				return fmt.Errorf("%w: status 0x%x", ErrUnsynced, d.Status)
			}
		}
	}
	if !reset {
		return ErrNotReset
	}
	return nil
}
