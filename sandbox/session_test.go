package sandbox

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// waitFor waits until cond holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		<-tick.C
	}
}

func TestBatchTokens(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	for _, tc := range []struct{ sql, want string }{
		{"select 5", "[81 row[5] done(fd 010 c1 1)]"},
		{"two", "[81 row[7] done(fd 011 c1 1) 81 row[7] done(fd 010 c1 1)]"},
		{"", "[done(fd 000 fd 0)]"},
		{"print hello", `[message(0 "hello") done(fd 000 fd 0)]`},
		{"fail", `[message(208 "Invalid object name 'x'.") done(fd 002 c1 0)]`},
		{"break", `[message(50000 "Internal error: broken") done(fd 002 fd 0)]`},
		{"rows 0", "[81 done(fd 010 c1 0)]"},
	} {
		if got := sprint(c.batch(tc.sql)); got != tc.want {
			t.Errorf("%q: %s, want %s", tc.sql, got, tc.want)
		}
	}
	ts := c.batch("fail")
	if m := ts[0].msg; m.Server != "SANDBOX" || m.Line != 3 || m.Class != 16 || m.State != 1 {
		t.Errorf("message %+v", m)
	}
}

func sprint(ts []token) string {
	var b []string
	for _, tk := range ts {
		b = append(b, tk.String())
	}
	return "[" + strings.Join(b, " ") + "]"
}

func TestFatalErrorCloses(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	if ts := c.batch("fatal"); ts[0].msg.Class != 21 {
		t.Errorf("tokens %v", ts)
	}
	c.expectEOF()
}

func TestVersions(t *testing.T) {
	s, _ := startFake(t, Options{})
	for _, v := range []tds.Version{tds.V71, tds.V72, tds.V73A, tds.V73B, tds.V74} {
		t.Run(v.String(), func(t *testing.T) {
			c := connect(t, s, tds.Login7{Version: v})
			if got := sprint(c.batch("select 5")); got != "[81 row[5] done(fd 010 c1 1)]" {
				t.Errorf("tokens %s", got)
			}
			ts := c.batch("wide")
			if ts[1].row[3] != "three" || ts[1].row[0] != nil {
				t.Errorf("row %v", ts[1].row)
			}
			if nbc := ts[1].kind == tds.TokenNBCRow; nbc != v.AtLeast(tds.V73B) {
				t.Errorf("row token 0x%02x", byte(ts[1].kind))
			}
		})
	}
}

func TestLargeResultIsPacketed(t *testing.T) {
	s, _ := startFake(t, Options{})
	for _, size := range []int{512, 4096, 8000, 32767} {
		c := connect(t, s, tds.Login7{PacketSize: size})
		if c.size != size {
			t.Fatalf("packet size %d, want %d", c.size, size)
		}
		c.sendBatch("rows 1000", 0)
		var payload []byte
		for {
			m, err := readPacket(c)
			if err != nil {
				t.Fatal(err)
			}
			payload = append(payload, m.payload...)
			if m.header.EOM() {
				break
			}
			if m.header.Length != size {
				t.Fatalf("packet of %d bytes within a message, size %d", m.header.Length, size)
			}
		}
		ts := parse(t, payload, c.version)
		if n := len(ts); n != 1002 || ts[1000].row[0] != int64(999) {
			t.Errorf("size %d: %d tokens", size, n)
		}
	}
}

func readPacket(c *client) (watched, error) {
	r := packetReader{src: c.conn, packetSize: tds.MaxPacketSize}
	var p watched
	p.header, p.payload, p.err = r.read()
	return p, p.err
}

func TestMultiPacketRequest(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	if ts := c.batch("print " + strings.Repeat("x", 7000)); len(ts[0].msg.Text) != 7000 {
		t.Errorf("%d characters came back", len(ts[0].msg.Text))
	}
}

func TestPacketOfWrongSizeCloses(t *testing.T) {
	s, _ := startFake(t, Options{})
	text := tds.SQLBatch{Text: strings.Repeat("x", 6000)}.Append(nil, tds.V74)
	for _, tc := range []struct {
		name string
		v    tds.Version
		size int
		ok   bool
	}{
		{"7.4 smaller", tds.V74, 2048, false},
		{"7.4 larger", tds.V74, 8192, false},
		{"7.2 smaller", tds.V72, 2048, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := connect(t, s, tds.Login7{Version: tc.v})
			c.size = tc.size
			c.send(tds.PacketSQLBatch, 0, text)
			ts := c.answer()
			if failed := ts[0].msg != nil && ts[0].msg.Number == 4014; failed == tc.ok {
				t.Fatalf("tokens %v", ts)
			}
			if !tc.ok {
				c.expectEOF()
			}
		})
	}
}

func TestUnexpectedPacketsClose(t *testing.T) {
	s, _ := startFake(t, Options{})
	for _, typ := range []tds.PacketType{tds.PacketLogin7, tds.PacketPreLogin, tds.PacketSSPI, tds.PacketFedAuthToken, tds.PacketBulkLoad, 0x53} {
		c := connect(t, s, tds.Login7{})
		c.send(typ, 0, []byte{0})
		if ts := c.answer(); ts[0].msg == nil || ts[0].msg.Number != 4014 {
			t.Errorf("%v: tokens %v", typ, ts)
		}
		c.expectEOF()
	}
}

func TestTransactions(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	tm := func(r tds.TransMgr) []token {
		r.Headers.Transaction = c.tran
		c.send(tds.PacketTransMgr, 0, r.Append(nil, c.version))
		return c.answer()
	}
	if ts := tm(tds.TransMgr{Type: tds.TMBegin}); ts[0].env.Type != tds.EnvBeginTransaction || c.tran == 0 {
		t.Fatalf("begin: %v", ts)
	}
	c.batch("select 1")
	if ts := tm(tds.TransMgr{Type: tds.TMSave, Name: "p"}); len(ts) != 1 {
		t.Errorf("save: %v", ts)
	}
	before := c.tran
	ts := tm(tds.TransMgr{Type: tds.TMCommit, BeginNext: true})
	if len(ts) < 3 || ts[0].env.Type != tds.EnvCommitTransaction || ts[0].env.Descriptor() != before || ts[1].env.Type != tds.EnvBeginTransaction {
		t.Fatalf("commit and begin: %v", ts)
	}
	c.tran = ts[1].env.Descriptor()
	open := c.tran
	c.tran = 0
	if ts := c.batch("select 1"); ts[0].msg == nil || ts[0].msg.Number != 3989 {
		t.Errorf("no descriptor in a transaction: %v", ts)
	}
	c.tran = 99
	if ts := c.batch("select 1"); ts[0].msg == nil || ts[0].msg.Number != 3971 {
		t.Errorf("foreign descriptor: %v", ts)
	}
	c.tran = open
	if ts := tm(tds.TransMgr{Type: tds.TMRollback}); ts[0].env.Type != tds.EnvRollbackTransaction || c.tran != 0 {
		t.Errorf("rollback: %v", ts)
	}
	if ts := tm(tds.TransMgr{Type: tds.TMPromote}); ts[0].msg == nil {
		t.Errorf("promote: %v", ts)
	}
	if ts := c.batch("select 1"); find(ts, tds.TokenRow) == nil {
		t.Errorf("after all: %v", ts)
	}
}

func TestReset(t *testing.T) {
	s, e := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	c.batch("begin")
	c.sendBatch("select 1", tds.StatusReset) // with the descriptor of a transaction that ends
	if ts := c.answer(); ts[0].env.Type != tds.EnvResetConnection || ts[1].msg == nil {
		t.Errorf("tokens %v", ts)
	}
	c.sendBatch("select 1", tds.StatusReset)
	if ts := c.answer(); sprint(ts) != `[env(18 "") 81 row[1] done(fd 010 c1 1)]` {
		t.Errorf("tokens %v", ts)
	}
	c.batch("begin")
	c.sendBatch("select 1", tds.StatusResetSkipTran)
	if ts := c.answer(); ts[0].env.Type != tds.EnvResetConnection || find(ts, tds.TokenRow) == nil {
		t.Errorf("tokens %v", ts)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.resets != 3 || s.Stats().Resets != 3 {
		t.Errorf("%d resets", e.resets)
	}
}

func rpc(name string, id tds.ProcID, params ...tsql.Param) []byte {
	b := tds.RPCHeader{Name: name, ProcID: id}.Append(nil)
	for _, p := range params {
		h := tds.ParamHeader{Name: p.Name, Type: p.Type}
		if p.Output {
			h.Status = tds.ParamByRef
		}
		b = appendParamValue(h.Append(b), &p.Type, p.Value)
	}
	return b
}

// appendParamValue appends a value as requests have it.
func appendParamValue(b []byte, t *tds.TypeInfo, v tsql.Value) []byte {
	if t.ID == tds.TypeText || t.ID == tds.TypeNText || t.ID == tds.TypeImage {
		if v == nil {
			return append(b, 0xFF, 0xFF, 0xFF, 0xFF)
		}
		at := len(b)
		b, _ = appendData(append(b, 0, 0, 0, 0), t, v)
		binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
		return b
	}
	b, _ = appendValue(b, t, v)
	return b
}

func (c *client) call(calls ...[]byte) []token {
	c.t.Helper()
	b := tds.AppendAllHeaders(nil, c.tran, c.version)
	for i, call := range calls {
		if i > 0 {
			b = append(b, tds.RPCBatchFlag)
		}
		b = append(b, call...)
	}
	c.send(tds.PacketRPC, 0, b)
	return c.answer()
}

func TestRPC(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	p := tsql.Param{Name: "@a", Type: intType, Value: int64(4), Output: true}
	one := rpc("proc", 0, p)
	const answer = "81 row[4] done(ff 011 c1 1) status(3) return(0 \"@a\") "
	for _, tc := range []struct {
		name  string
		calls [][]byte
		want  string
	}{
		{"output", [][]byte{one}, "[" + answer + "done(fe 000 e0 0)]"},
		{"batch", [][]byte{one, one}, "[" + answer + "done(fe 081 e0 0) " + answer + "done(fe 000 e0 0)]"},
		{"trailing separator", [][]byte{one, nil}, "[" + answer + "done(fe 000 e0 0)]"},
		{"by number", [][]byte{rpc("", tds.ProcUnprepare)}, "[status(3) done(fe 000 e0 0)]"},
		{"unknown", [][]byte{rpc("no_such", 0)}, "[message(2812 \"Could not find stored procedure 'no_such'.\") done(fe 002 e0 0)]"},
	} {
		if got := sprint(c.call(tc.calls...)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	tvp := rpc("proc", 0, tsql.Param{Name: "@t", Type: tds.TypeInfo{ID: tds.TypeTVP}})
	if ts := c.call(append(tvp, 0xFF, 0xFF, 0, 0)); ts[0].msg == nil || ts[0].msg.Number != 8062 {
		t.Errorf("table: %v", ts)
	}
	if ts := c.call(one[:len(one)-2]); ts[0].msg == nil || ts[0].msg.Number != 8009 {
		t.Errorf("truncated: %v", ts)
	}
}

func TestBulkLoad(t *testing.T) {
	s, e := startFake(t, Options{})
	c := connect(t, s, tds.Login7{PacketSize: 512})
	cols := []tds.Column{{Name: "a", Type: intType}, {Name: "b", Flags: tds.ColNullable, Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: tds.Max, Collation: latin1}}}
	long := strings.Repeat("long ", 20_000)
	data := tds.AppendColMetadata(nil, cols, c.version)
	want := [][]tsql.Value{{int64(1), "one"}, {int64(2), nil}, {int64(3), long}, {int64(4), ""}}
	for _, row := range want {
		data = append(data, byte(tds.TokenRow))
		for i, v := range row {
			data, _ = appendValue(data, &cols[i].Type, v)
		}
	}
	data = tds.Done{}.Append(data, c.version)
	if ts := c.batch("INSERT  BULK t (a int, b nvarchar(max))"); sprint(ts) != "[done(fd 000 fd 0)]" {
		t.Fatalf("announced: %v", ts)
	}
	c.send(tds.PacketBulkLoad, 0, data)
	if got := sprint(c.answer()); got != "[done(fd 010 f0 4)]" {
		t.Errorf("loaded: %s", got)
	}
	e.mu.Lock()
	for i, row := range want {
		if !slices.Equal(e.bulk[i], row) {
			t.Errorf("row %d differs", i)
		}
	}
	e.mu.Unlock()

	// Taken back before its end: no acknowledgement of an attention follows.
	c.batch("insert bulk t (a int)")
	packets := tds.AppendMessage(nil, tds.PacketBulkLoad, 0, 0, c.size, data)
	if _, err := c.conn.Write(packets[:3*c.size]); err != nil {
		t.Fatal(err)
	}
	c.send(tds.PacketBulkLoad, tds.StatusIgnore, nil)
	if got := sprint(c.answer()); got != "[done(fd 002 fd 0)]" {
		t.Errorf("taken back: %s", got)
	}
	if ts := c.batch("select 1"); find(ts, tds.TokenRow) == nil {
		t.Errorf("after it: %v", ts)
	}
}

func TestClientGoneCancels(t *testing.T) {
	s, e := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	c.sendBatch("wait", 0)
	waitFor(t, "the request runs", func() bool { return s.Stats().Requests == 1 })
	_ = c.raw.Close()
	waitFor(t, "the session is closed", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return slices.Contains(e.log, "close 51")
	})
}
