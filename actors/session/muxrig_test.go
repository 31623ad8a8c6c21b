package session

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"sluice/actors/prepared"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// sharing is transaction pooling without a hold for identities.
func sharing() *Sharing { return &Sharing{Statements: prepared.NewStore(prepared.Limits{})} }

// shared makes a node pool by transaction, on so many backends.
func shared(limit int) func(*setup) {
	return func(o *setup) { o.limit, o.sharing = limit, sharing() }
}

// txServer is a scripted server with transactions: "BEGIN" and "COMMIT" as the
// first word of a batch, or transaction-manager requests. It answers
// everything else with a row, and "slow" when its gate opens or an attention comes.
type txServer struct {
	mu     sync.Mutex
	last   uint64 // descriptor given out
	resets int
	ran    []string
	deaf   bool // to resets
	slow   func(c *tdstest.ServerConn, head []byte) error
}

func (s *txServer) descriptor() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	return s.last
}

func (s *txServer) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.ran...)
}

func (s *txServer) script() tdstest.Script {
	return tdstest.Script{plainBegin(), tdstest.LoginOK(), func(c *tdstest.ServerConn) error {
		open := uint64(0)
		for {
			m, err := c.Receive()
			if err != nil {
				return hangup(err)
			}
			var body []byte
			if m.Status&(tds.StatusReset|tds.StatusResetSkipTran) != 0 && !s.deaf {
				if m.Status&tds.StatusReset != 0 {
					open = 0
				}
				body = tds.EnvChange{Type: tds.EnvResetConnection}.Append(body)
				s.mu.Lock()
				s.resets++
				s.mu.Unlock()
			}
			if m.Type == tds.PacketAttention {
				if err := tdstest.AcknowledgeAttention(c); err != nil {
					return hangup(err)
				}
				continue
			}
			word := ""
			if m.Type == tds.PacketSQLBatch {
				b, err := tds.DecodeSQLBatch(m.Payload, c.Version)
				if err != nil {
					return err
				}
				s.mu.Lock()
				s.ran = append(s.ran, b.Text)
				s.mu.Unlock()
				word, _, _ = strings.Cut(b.Text, " ")
			}
			if m.Type == tds.PacketTransMgr {
				b, err := tds.DecodeTransMgr(m.Payload, c.Version)
				if err != nil {
					return err
				}
				word = map[tds.TransMgrType]string{tds.TMBegin: "BEGIN", tds.TMCommit: "COMMIT", tds.TMRollback: "ROLLBACK"}[b.Type]
			}
			var old []byte
			if open != 0 {
				old = tds.TransactionBytes(open)
			}
			switch word {
			case "BEGIN":
				open = s.descriptor()
				body = tds.EnvChange{Type: tds.EnvBeginTransaction, NewBytes: tds.TransactionBytes(open)}.Append(body)
			case "COMMIT":
				body, open = tds.EnvChange{Type: tds.EnvCommitTransaction, OldBytes: old}.Append(body), 0
			case "ROLLBACK":
				body, open = tds.EnvChange{Type: tds.EnvRollbackTransaction, OldBytes: old}.Append(body), 0
			case "slow":
				if err := s.slow(c, body); err != nil {
					return hangup(err)
				}
				continue
			case "fatal":
				e := tds.ServerError{Number: 824, State: 2, Class: 24, Text: "a page is torn"}
				if err := c.Reply(tds.Done{Status: tds.DoneError}.Append(e.Append(body, c.Version), c.Version)); err != nil {
					return hangup(err)
				}
				_, err := c.Receive() // a server closes, but not at once
				return hangup(err)
			case "hangup":
				return nil
			case "bye":
				return hangup(c.Reply(tds.Done{}.Append(body, c.Version)))
			default:
				if !strings.HasPrefix(word, "IF") && !strings.HasPrefix(word, "SET") && !strings.HasPrefix(word, "USE") {
					body = append(body, tdstest.IntRows(1)(c, m)...)
					if err := c.Reply(body); err != nil {
						return hangup(err)
					}
					continue
				}
			}
			if err := c.Reply(tds.Done{}.Append(body, c.Version)); err != nil {
				return hangup(err)
			}
		}
	}}
}

// inTran is a batch that carries a transaction's descriptor.
func inTran(t testing.TB, c *tdstest.Client, text string, descriptor uint64) tdstest.Response {
	t.Helper()
	b := tds.SQLBatch{Headers: tds.AllHeaders{Transaction: descriptor}, Text: text}.Append(nil, tds.V74)
	if _, err := c.Conn().Write(tds.AppendMessage(nil, tds.PacketSQLBatch, 0, 0, 4096, b)); err != nil {
		t.Fatal(err)
	}
	r, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// untilAttention is a slow request: it ends when an attention comes, with the
// response cut short and the acknowledgement behind it.
func untilAttention(c *tdstest.ServerConn, head []byte) error {
	m, err := c.Receive()
	if err != nil || m.Type != tds.PacketAttention {
		return fmt.Errorf("%v, %w", m.Type, err)
	}
	if err := c.Reply(tds.Done{Status: tds.DoneError}.Append(head, c.Version)); err != nil {
		return err
	}
	return tdstest.AcknowledgeAttention(c)
}
