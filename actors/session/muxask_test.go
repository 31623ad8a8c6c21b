package session

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// quietServer is a scripted server that announces no transactions of T-SQL but
// by the commands of DONE tokens, as Babelfish does, and not even so inside
// procedures. The requests of all its connections are kept.
type quietServer struct {
	mu   sync.Mutex
	ran  []string
	deny bool   // @@TRANCOUNT is not told
	ack  []byte // more tokens in the login's answer
}

func (s *quietServer) texts() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.ran, " | ")
	s.ran = nil
	return all
}

func (s *quietServer) script() tdstest.Script {
	greet := tdstest.LoginOK([]byte{}) // acknowledges nothing
	if s.ack != nil {
		greet = tdstest.LoginOK(s.ack)
	}
	return tdstest.Script{plainBegin(), greet, func(c *tdstest.ServerConn) error {
		count := int32(0)
		return loop(func(c *tdstest.ServerConn, m tds.Message, text string) error {
			s.mu.Lock()
			s.ran = append(s.ran, text)
			s.mu.Unlock()
			var b []byte
			switch {
			case m.Status&tds.StatusResetSkipTran != 0:
				b = tds.EnvChange{Type: tds.EnvResetConnection}.Append(b)
			case m.Status&tds.StatusReset != 0:
				count, b = 0, tds.EnvChange{Type: tds.EnvResetConnection}.Append(b)
			}
			d := tds.Done{}
			switch {
			case m.Type == tds.PacketAttention:
				return tdstest.AcknowledgeAttention(c)
			case text == "SELECT @@TRANCOUNT" && s.deny:
				e := tds.ServerError{Number: 195, Class: 15, Text: "not a recognized function"}
				return c.Reply(tds.Done{Status: tds.DoneError}.Append(e.Append(b, c.Version), c.Version))
			case text == "SELECT @@TRANCOUNT":
				return c.Reply(append(b, tdstest.IntRows(count)(c, m)...))
			case strings.HasPrefix(text, "BEGIN TRAN"):
				count++
				d.CurCmd = tds.CurCmdBegin
			case strings.HasPrefix(text, "COMMIT"):
				count--
				d.CurCmd = tds.CurCmdCommit
			case strings.HasPrefix(text, "IF @@TRANCOUNT > 0 ROLLBACK"):
				count = 0
			case strings.HasPrefix(text, "EXEC begins"):
				count++
			case strings.HasPrefix(text, "EXEC ends"):
				count = 0
			case strings.HasPrefix(text, "FAIL"), strings.HasPrefix(text, "SELECT 1/0"):
				count = 0
				e := tds.ServerError{Number: 8134, Class: 16, Text: "an error that rolls back"}
				return c.Reply(tds.Done{Status: tds.DoneError}.Append(e.Append(b, c.Version), c.Version))
			}
			return c.Reply(d.Append(b, c.Version))
		})(c)
	}}
}

func startQuiet(t *testing.T, s *quietServer, mode Announcing) *node {
	t.Helper()
	srv := newServer(t, s.script())
	return startNode(t, srv.Addr(), func(o *setup) {
		shared(2)(o)
		o.sharing.Transactions = mode
	})
}

// A transaction that the server does not announce is found by asking, where
// there is a doubt, and binds the client until it ends.
func TestSilentTransactions(t *testing.T) {
	const asked = " | SELECT @@TRANCOUNT"
	s := &quietServer{}
	n := startQuiet(t, s, AskWhereDoubtful)
	c := n.connect(credentials())
	step := func(text, ran, want string) {
		t.Helper()
		r, err := c.Query(text)
		if err != nil {
			t.Fatal(err)
		}
		if r.Rows != 0 {
			t.Errorf("%s: the client got the answer to a question of the node's", text)
		}
		if got := s.texts(); got != ran {
			t.Errorf("%s: the server got %q, want %q", text, got, ran)
		}
		if got := pinned(n); got != want {
			t.Errorf("%s: pinned by %q, want %q", text, got, want)
		}
	}
	step("SELECT 1", "SELECT 1", "")
	step("BEGIN TRAN", "BEGIN TRAN"+asked, "transaction")
	n.gauges(1, 0, 1)
	step("SELECT 1", "SELECT 1", "transaction") // no doubt
	step("BEGIN TRAN", "BEGIN TRAN"+asked, "transaction")
	step("COMMIT", "COMMIT"+asked, "transaction")
	step("CREATE TABLE #t (a int)", "CREATE TABLE #t (a int)", "transaction temp_table")
	step("DROP TABLE #t", "DROP TABLE #t", "transaction temp_table")
	step("COMMIT", "COMMIT"+asked, "")
	n.gauges(1, 1, 0)
	step("BEGIN TRAN SELECT 1 COMMIT", "BEGIN TRAN SELECT 1 COMMIT"+asked, "transaction") // the script's BEGIN alone
	step("SELECT 1/0", "SELECT 1/0"+asked, "")
	step("EXEC begins", "EXEC begins"+asked, "transaction")
	step("EXEC ends", "EXEC ends"+asked, "")
	n.gauges(1, 1, 0)
	step("BEGIN TRAN", "BEGIN TRAN"+asked, "transaction")
	if err := c.Batch("SELECT 2", tds.StatusResetSkipTran); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(); err != nil {
		t.Fatal(err)
	}
	if got := pinned(n); got != "transaction" {
		t.Errorf("after a reset that leaves the transaction: pinned by %q", got)
	}
	if err := c.Batch("SELECT 2", tds.StatusReset); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(); err != nil {
		t.Fatal(err)
	}
	if got := pinned(n); got != "" {
		t.Errorf("after a reset: pinned by %q", got)
	}
}

// A server that may keep CONTEXT_INFO and the session context at a reset shows
// them to nobody else.
func TestContextOutlivesReset(t *testing.T) {
	recovers := tds.FeatureExtAck{Features: []tds.Feature{{ID: tds.FeatureSessionRecovery}}}.Append(nil)
	for _, text := range []string{"SET CONTEXT_INFO 0x0102", "EXEC sp_set_session_context N'k', N'v'", "EXEC sp_set_session_context @k, N'v'"} {
		s := &quietServer{}
		n := startQuiet(t, s, AskWhereDoubtful)
		c := n.connect(credentials())
		query(t, c, text)
		if got := pinned(n); got != "server_state" && got != "session_context" {
			t.Errorf("%s: pinned by %q", text, got)
		}
		if err := c.Batch("SELECT 2", tds.StatusReset); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(); err != nil {
			t.Fatal(err)
		}
		if got := pinned(n); got != "server_state" {
			t.Errorf("%s: after a reset: pinned by %q", text, got)
		}
		_ = c.Close()
		n.gone()
		n.gauges(0, 0, 0) // not handed on
	}
	n := startQuiet(t, &quietServer{ack: recovers}, AskWhereDoubtful)
	c := n.connect(credentials())
	query(t, c, "SET CONTEXT_INFO 0x0102")
	if got := pinned(n); got != "" {
		t.Errorf("SQL Server: pinned by %q", got)
	}
	n.gauges(1, 1, 0)
}

// What nobody says is taken for the worst.
func TestSilentTransactionsUntold(t *testing.T) {
	s := &quietServer{deny: true}
	n := startQuiet(t, s, AskWhereDoubtful)
	c := n.connect(credentials())
	query(t, c, "BEGIN TRAN")
	query(t, c, "COMMIT")
	if got := pinned(n); got != "transaction" {
		t.Errorf("pinned by %q", got)
	}
	s.deny = false
	query(t, c, "COMMIT")
	_ = c.Close()
	n.gone()
	n.gauges(1, 1, 0)
}

func TestAnnouncingModes(t *testing.T) {
	recovers := tds.FeatureExtAck{Features: []tds.Feature{{ID: tds.FeatureSessionRecovery}}}.Append(nil)
	for _, tt := range []struct {
		name string
		ack  []byte
		mode Announcing
		want []string // questions after a procedure, a BEGIN, a procedure; and the pins
	}{
		{"looks like SQL Server", recovers, AskWhereDoubtful, []string{"0", "1", "1", "transaction"}},
		{"does not", nil, AskWhereDoubtful, []string{"1", "1", "1", "transaction"}},
		{"always", recovers, AskAlways, []string{"1", "1", "1", "transaction"}},
		{"never", nil, AskNever, []string{"0", "0", "0", "out_of_step"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &quietServer{ack: tt.ack}
			n := startQuiet(t, s, tt.mode)
			c := n.connect(credentials())
			var got []string
			for _, text := range []string{"EXEC quiet", "BEGIN TRAN", "EXEC quiet"} {
				query(t, c, text)
				got = append(got, fmt.Sprint(strings.Count(s.texts(), "SELECT @@TRANCOUNT")))
			}
			got = append(got, pinned(n))
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// An attention, or the client's end, while the server is asked.
func TestAskingIsInterrupted(t *testing.T) {
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	srv := newServer(t, tdstest.Script{plainBegin(), tdstest.LoginOK([]byte{}), loop(func(c *tdstest.ServerConn, m tds.Message, text string) error {
		switch {
		case m.Type == tds.PacketAttention:
			return tdstest.AcknowledgeAttention(c)
		case text == "SELECT @@TRANCOUNT":
			asked <- struct{}{}
			if err := tdstest.WaitFor(answer)(c); err != nil {
				return err
			}
			return c.Reply(tdstest.IntRows(0)(c, m))
		}
		return c.Reply(tds.Done{}.Append(nil, c.Version))
	})})
	n := startNode(t, srv.Addr(), shared(1))
	c := n.connect(credentials())
	if err := c.Batch("EXEC p", 0); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := c.Attention(); err != nil {
		t.Fatal(err)
	}
	answer <- struct{}{}
	if got := statuses(t, c, 2); got[0]&tds.DoneAttention != 0 || got[1]&tds.DoneAttention == 0 {
		t.Errorf("attention while asking: %v", got)
	}
	if k := len(received(srv, tds.PacketAttention)); k != 0 {
		t.Errorf("%d attentions reached the server, for a request that it had answered", k)
	}
	n.gauges(1, 1, 0)
	if err := c.Batch("EXEC p", 0); err != nil {
		t.Fatal(err)
	}
	<-asked
	_ = c.Close()
	answer <- struct{}{}
	n.gone()
	n.gauges(1, 1, 0)
}

// optionsServer answers a batch with an error if it says so, and ReadBack.
func optionsServer(answer func(c *tdstest.ServerConn) []byte) tdstest.Script {
	return sqlServer(func(c *tdstest.ServerConn, m tds.Message, text string) error {
		var b []byte
		if m.Status&tds.StatusReset != 0 {
			b = tds.EnvChange{Type: tds.EnvResetConnection}.Append(b)
		}
		switch {
		case m.Type == tds.PacketAttention:
			return tdstest.AcknowledgeAttention(c)
		case strings.HasPrefix(text, "SELECT CONCAT(@@OPTIONS"):
			return c.Reply(append(b, answer(c)...))
		case strings.Contains(text, "1/0"):
			e := tds.ServerError{Number: 8134, Class: 16, Text: "Divide by zero error encountered."}
			return c.Reply(tds.Done{Status: tds.DoneError}.Append(e.Append(b, c.Version), c.Version))
		}
		return c.Reply(tds.Done{}.Append(b, c.Version))
	})
}

func textAnswer(text string) func(c *tdstest.ServerConn) []byte {
	return func(c *tdstest.ServerConn) []byte {
		b := tds.AppendColMetadata(nil, []tds.Column{{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000}}}, c.Version)
		u := tds.AppendUTF16(nil, text)
		b = binary.LittleEndian.AppendUint16(append(b, byte(tds.TokenRow)), uint16(len(u)))
		return tds.Done{Status: tds.DoneCount, Count: 1}.Append(append(b, u...), c.Version)
	}
}

// After an error in a batch that sets options, the server is asked for them.
func TestOptionsAreReadBack(t *testing.T) {
	const nocount = "512|2147483647|-1|7|mdy|2|us_english|app"
	denied := func(c *tdstest.ServerConn) []byte {
		e := tds.ServerError{Number: 300, Class: 14, Text: "VIEW SERVER STATE permission was denied"}
		return tds.Done{Status: tds.DoneError}.Append(e.Append(nil, c.Version), c.Version)
	}
	for _, tt := range []struct {
		name   string
		answer func(c *tdstest.ServerConn) []byte
		text   string
		want   string // pins
		asked  int    // in two such batches
		replay string // on another backend
	}{
		{"told", textAnswer(nocount), "SET NOCOUNT ON SELECT 1/0", "", 1, "SET NOCOUNT ON"}, // the second time it holds already
		{"not set", textAnswer("0|2147483647|-1|7|mdy|2|us_english|app"), "SET NOCOUNT ON SELECT 1/0", "", 2, "SET NOCOUNT OFF"},
		{"denied", denied, "SET NOCOUNT ON SELECT 1/0", "set_option", 1, ""},
		{"nonsense", textAnswer("what?"), "SET NOCOUNT ON SELECT 1/0", "set_option", 1, ""},
		{"not to be told", textAnswer(nocount), "SET ROWCOUNT 7 SELECT 1/0", "set_option", 0, ""},
		{"pinned anyway", textAnswer(nocount), "SET NOCOUNT ON CREATE TABLE #t (a int) SELECT 1/0", "temp_table set_option", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := newServer(t, optionsServer(tt.answer))
			n := startNode(t, srv.Addr(), shared(2))
			c := n.connect(credentials())
			for range 2 {
				r, err := c.Query(tt.text)
				if err != nil || r.Rows != 0 || len(r.Errors()) != 1 || r.Errors()[0].Number != 8134 {
					t.Fatal(r, err)
				}
			}
			if got := pinned(n); got != tt.want {
				t.Errorf("pinned by %q", got)
			}
			asked, replayed := 0, ""
			count := func() {
				asked, replayed = 0, ""
				for _, m := range received(srv, tds.PacketSQLBatch) {
					b, err := tds.DecodeSQLBatch(m.Message.Payload, tds.V74)
					if err != nil {
						t.Fatal(err)
					}
					if strings.HasPrefix(b.Text, "SELECT CONCAT(@@OPTIONS") {
						asked++
					}
					if strings.HasPrefix(b.Text, "SET") && !strings.Contains(b.Text, "1/0") {
						replayed = b.Text
					}
				}
			}
			if count(); asked != tt.asked {
				t.Errorf("asked %d times", asked)
			}
			if tt.want != "" {
				return
			}
			n.gauges(1, 1, 0)
			other := n.connect(credentials())
			query(t, other, "CREATE TABLE #mine (a int)") // takes the backend
			query(t, c, "SELECT 1")
			if count(); replayed != tt.replay {
				t.Errorf("replayed %q", replayed)
			}
		})
	}
}

// Between INSERT BULK and the rows nothing is asked: the server would not take
// the rows any more.
func TestNothingIsAskedInABulkLoad(t *testing.T) {
	s := &quietServer{}
	n := startQuiet(t, s, AskAlways)
	c := n.connect(credentials())
	if r, err := c.Query("EXEC begins INSERT BULK t (a int)"); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	if got := s.texts(); strings.Contains(got, "@@TRANCOUNT") {
		t.Errorf("the server got %q", got)
	}
	if err := c.Send(tds.PacketBulkLoad, 0, tds.Done{}.Append(nil, c.Version)); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Read(); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	if got := s.texts(); !strings.HasSuffix(got, "SELECT @@TRANCOUNT") {
		t.Errorf("after the rows the server got %q", got)
	}
	if got := pinned(n); got != "transaction" {
		t.Errorf("pinned by %q", got)
	}
}
