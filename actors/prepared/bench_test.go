package prepared

import (
	"testing"

	"sluice/tds"
)

// executeAgain returns what a session does for a sp_execute, named parameters
// and all, of a statement that the connection has, but for the network.
func executeAgain(tb testing.TB) func() {
	s := NewStore(Limits{})
	c := newClient(tb, s)
	c.scope = Scope{Database: "app", Settings: 7}
	b := &backend{newServer(tb), s.NewCache()}
	h := readAnswer(tb, c.send(b, prepare("SELECT a, b, c FROM t WHERE a = @a")), c.v).handles[0]

	request := tds.RPCHeader{ProcID: tds.ProcExecute}.Append(tds.AppendAllHeaders(nil, 0, c.v))
	request = append(tds.ParamHeader{Name: "@handle", Type: intType}.Append(request), 4, byte(h), byte(h>>8), byte(h>>16), byte(h>>24))
	for _, name := range []string{"@a", "@b", "@c"} {
		request = append(tds.ParamHeader{Name: name, Type: intType}.Append(request), 4, 1, 0, 0, 0)
	}
	payload := make([]byte, len(request))
	copy(payload, request)
	sent, _ := b.cache.use(key{c.handles.held[0].stmt, c.scope})
	b.handles[sent] = "x"
	response := append(b.run("x", nil), returnStatus...)
	response = tds.Done{Kind: tds.TokenDoneProc, CurCmd: tds.CurCmdExecute}.Append(response, c.v)
	c.walker.Handler = &c.plan
	return func() {
		copy(payload, request)
		r, err := Inspect(payload, true, c.v)
		if err != nil {
			tb.Fatal(err)
		}
		if d := Decide(&r, &c.handles, nil); d.Answer != nil || d.Pin != "" {
			tb.Fatalf("%+v", d)
		}
		c.plan.Prepare(payload, &r, &c.handles, b.cache, c.scope, 0)
		if c.plan.Before() != nil {
			tb.Fatal("prepared again")
		}
		if _, err := c.plan.Feed(&c.walker, response); err != nil {
			tb.Fatal(err)
		}
		if err := c.walker.EndOfMessage(); err != nil {
			tb.Fatal(err)
		}
		c.plan.End()
	}
}

func TestExecuteAllocatesNothing(t *testing.T) {
	run := executeAgain(t)
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkExecuteAgain(b *testing.B) {
	run := executeAgain(b)
	b.ReportAllocs()
	for b.Loop() {
		run()
	}
}

func BenchmarkInspect(b *testing.B) {
	payload := captured(b, "tedious-rpc")
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, err := Inspect(payload, true, tds.V74); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecideText(b *testing.B) {
	s := NewStore(Limits{})
	h := s.NewHandles()
	text := tds.AppendUTF16(nil, "SELECT some_column, another_column FROM dbo.some_table WHERE customer_id = 42 ORDER BY created_at")
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if d := DecideText(text, &h, nil, tds.V74); d.Answer != nil {
			b.Fatal(d)
		}
	}
}
