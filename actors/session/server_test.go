package session

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"sluice/tds"
	"sluice/tds/tdstest"
)

func plainBegin() tdstest.Step {
	return tdstest.Begin(tdstest.Handshake{Encryption: tds.EncryptNotSupported})
}

// handler answers one request, or does not. Resets are answered before it is
// asked, and an empty text stands for what is not a batch.
type handler func(c *tdstest.ServerConn, m tds.Message, text string) error

// sqlServer is a script for a server that lets everybody in and answers
// requests with h.
func sqlServer(h handler) tdstest.Script {
	return tdstest.Script{plainBegin(), tdstest.LoginOK(), loop(h)}
}

func loop(h handler) tdstest.Step {
	return func(c *tdstest.ServerConn) error {
		for {
			m, err := c.Receive()
			if err != nil {
				return hangup(err)
			}
			var text string
			if m.Type == tds.PacketSQLBatch {
				b, err := tds.DecodeSQLBatch(m.Payload, c.Version)
				if err != nil {
					return err
				}
				text = b.Text
			}
			if m.Status&tds.StatusReset != 0 && strings.HasPrefix(text, "IF @@TRANCOUNT") {
				err = c.Reply(tds.Done{}.Append(tds.EnvChange{Type: tds.EnvResetConnection}.Append(nil), c.Version))
			} else {
				err = h(c, m, text)
			}
			if err != nil {
				return hangup(err)
			}
		}
	}
}

// hangup makes the end of a connection the ordinary end of a script.
func hangup(err error) error {
	for _, h := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, h) {
			return nil
		}
	}
	return err
}

// rows answers a request with one row.
func rows(c *tdstest.ServerConn, m tds.Message) error {
	return c.Reply(tdstest.IntRows(1)(c, m))
}

// answerAll answers every request with a row and acknowledges attentions.
func answerAll(c *tdstest.ServerConn, m tds.Message, _ string) error {
	if m.Type == tds.PacketAttention {
		return tdstest.AcknowledgeAttention(c)
	}
	return rows(c, m)
}

func received(s *tdstest.Server, typ tds.PacketType) (all []tdstest.Record) {
	for _, r := range s.Received() {
		if r.Message.Type == typ {
			all = append(all, r)
		}
	}
	return all
}

func newServer(t testing.TB, scripts ...tdstest.Script) *tdstest.Server {
	return tdstest.NewServer(t, scripts...)
}
