package prepared

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/tds"
)

// captured is the payload of a message that a real driver sent.
func captured(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "tds", "testdata", "captured", name+".bin"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := tds.ReadMessage(bytes.NewReader(b), nil, len(b))
	if err != nil {
		t.Fatal(err)
	}
	return m.Payload
}

func TestInspectCaptured(t *testing.T) {
	for _, tc := range []struct {
		name         string
		proc         tds.ProcID
		handle       HandleKind
		value        int32
		params, stmt string // how they begin
	}{
		{"tedious-rpc-prepare", tds.ProcPrepare, HandleNull, 0, "@a int", "SELECT @a AS r"},
		{"tedious-rpc-unprepare", tds.ProcUnprepare, HandleInt, 1, "", ""},
		{"tedious-rpc", tds.ProcExecuteSQL, HandleNone, 0, "@", "SELECT"},
		{"tedious-rpc-procedure", 0, HandleNone, 0, "", ""},
		{"odbc-rpc", tds.ProcPrepExec, HandleNull, 0, "@P1 NVARCHAR(22),@P2", "SELECT CAST(@P1"},
		{"odbc-rpc-second", tds.ProcUnprepare, HandleInt, 1, "", ""},
		{"gomssql-rpc-large", tds.ProcExecuteSQL, HandleNone, 0, "@p1 ", ""},
		{"gomssql-rpc-output", tds.ProcExecuteSQL, HandleNone, 0, "@", ""},
		{"gomssql-rpc-procedure", 0, HandleNone, 0, "", ""},
		{"mssql-rpc", tds.ProcExecuteSQL, HandleNone, 0, "", "SELECT 1"},
		{"freetds-rpc-procedure", 0, HandleNone, 0, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := captured(t, tc.name)
			r, err := Inspect(b, true, tds.V74)
			if err != nil {
				t.Fatal(err)
			}
			c := r.First
			if r.Len() != 1 || c.Proc != tc.proc || c.odd || c.End != len(b) || c.Cut {
				t.Errorf("%+v", c)
			}
			if c.Handle.Kind != tc.handle || c.Handle.Value != tc.value {
				t.Errorf("handle %+v", c.Handle)
			}
			if c.Handle.Kind == HandleInt && int32(binary.LittleEndian.Uint32(b[c.Handle.At:])) != tc.value {
				t.Errorf("handle at %d", c.Handle.At)
			}
			if s := tds.DecodeUTF16(c.Params.UTF16); !strings.HasPrefix(s, tc.params) {
				t.Errorf("parameters %q", s)
			}
			if s := tds.DecodeUTF16(c.Stmt.UTF16); !strings.HasPrefix(s, tc.stmt) || tc.stmt != "" && !c.Stmt.Present {
				t.Errorf("statement %q", s)
			}
			// Cut anywhere it says less, but nothing wrong.
			for n := range b {
				short, err := Inspect(b[:n:n], false, tds.V74)
				if err == nil && (short.First.Proc != c.Proc && short.First.Name == nil ||
					short.First.Handle != c.Handle && short.First.Handle != Handle{} || !short.First.Cut && n < len(b) && short.First.End != n) {
					t.Fatalf("first %d bytes: %+v", n, short.First)
				}
			}
		})
	}
}

func TestProcNames(t *testing.T) {
	for name, want := range map[string]tds.ProcID{
		"sp_execute": tds.ProcExecute, "SP_EXECUTE": tds.ProcExecute, "sys.sp_execute": tds.ProcExecute,
		"[sys].[sp_execute]": tds.ProcExecute, "master..sp_prepexec": tds.ProcPrepExec, `"master"."sys"."Sp_Prepare"`: tds.ProcPrepare,
		" sp_unprepare ;1": tds.ProcUnprepare, "[my.db]..[sp_execute]": tds.ProcExecute, "sp_executesql": tds.ProcExecuteSQL,
		"[a;b]..sp_cursor": tds.ProcCursor, "sp_cursorprepexec;1": tds.ProcCursorPrepExec,
		"sp_execute2": 0, "xp_execute": 0, "sp_execut": 0, "sp_execute.x": 0, "": 0, ".": 0, ";": 0, "[": 0, "sp_exécute": 0, "p": 0,
		"sp_exec\u0175te": 0,
	} {
		if got := procOf(tds.AppendUTF16(nil, name)); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestInspectForms(t *testing.T) {
	head := func(p tds.ProcID) []byte {
		return tds.RPCHeader{ProcID: p}.Append(tds.AppendAllHeaders(nil, 5, tds.V74))
	}
	text := tds.AppendUTF16(nil, strings.Repeat("ä", 5000))
	plp := func(chunks ...[]byte) []byte {
		b := tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: tds.Max}}.Append(nil)
		b = binary.LittleEndian.AppendUint64(b, uint64(len(text)))
		for _, c := range chunks {
			b = append(binary.LittleEndian.AppendUint32(b, uint32(len(c))), c...)
		}
		return binary.LittleEndian.AppendUint32(b, 0)
	}
	handle := appendInt(nil, 1, nil)
	for name, b := range map[string][]byte{
		"one chunk":  append(append(head(tds.ProcPrepare), handle...), append(appendText(nil, nil), plp(text)...)...),
		"two chunks": append(append(head(tds.ProcPrepare), handle...), append(appendText(nil, nil), plp(text[:100], text[100:])...)...),
	} {
		r, err := Inspect(b, true, tds.V74)
		if err != nil || !bytes.Equal(r.First.Stmt.UTF16, text) || !r.First.Params.Null || !r.First.Params.Present {
			t.Errorf("%s: %v, %d bytes", name, err, len(r.First.Stmt.UTF16))
		}
	}
	int4 := append(head(tds.ProcExecute), 0, 0, byte(tds.TypeInt4), 9, 0, 0, 0)
	if r, err := Inspect(int4, true, tds.V74); err != nil || r.First.Handle != (Handle{HandleInt, 9, len(int4) - 4}) {
		t.Errorf("%+v, %v", r.First.Handle, err)
	}
	byDefault := append(appendDefault(head(tds.ProcExecute)), tds.RPCBatchFlag)
	if r, err := Inspect(byDefault, true, tds.V74); err != nil || r.Len() != 1 || r.First.Handle.Kind != HandleNull {
		t.Errorf("%+v, %v", r, err)
	}
	for name, b := range map[string][]byte{
		"bigint handle": append(head(tds.ProcExecute), 0, 0, byte(tds.TypeInt8), 9, 0, 0, 0, 0, 0, 0, 0),
		"tinyint":       append(head(tds.ProcExecute), 0, 0, byte(tds.TypeIntN), 1, 1, 9),
		"other name":    append(append(head(tds.ProcExecute), 2), append(tds.AppendUTF16(nil, "@x"), 0, byte(tds.TypeIntN), 4, 0)...),
		"varchar text":  append(append(head(tds.ProcPrepare), handle...), 0, 0, byte(tds.TypeBigVarChar), 9, 0, 0, 0, 0, 0, 0, 1, 0, 'x'),
	} {
		r, err := Inspect(b, true, tds.V74)
		if err != nil || !r.First.odd {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	for name, b := range map[string][]byte{
		"empty":          {},
		"no call":        tds.AppendAllHeaders(nil, 0, tds.V74),
		"cut value":      append(head(tds.ProcExecute), 0, 0, byte(tds.TypeIntN), 4, 4, 1),
		"encrypted":      append(head(tds.ProcExecute), 0, tds.ParamEncrypted, byte(tds.TypeIntN), 4, 0),
		"unknown type":   append(head(tds.ProcExecute), 0, 0, 0xDD),
		"long name":      append(head(tds.ProcExecute), 0xA0),
		"second is cut":  append(head(tds.ProcExecute), tds.RPCBatchFlag, 0xFF),
		"headers lie":    {0xFF, 0xFF, 0xFF, 0x7F, 0},
		"too many calls": append(tds.AppendAllHeaders(nil, 0, tds.V74), bytes.Repeat([]byte{0, 0, 0, 0, 0xFF}, maxCalls+1)...),
	} {
		if r, err := Inspect(b, true, tds.V74); !errors.Is(err, ErrNotUnderstood) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func appendDefault(dst []byte) []byte {
	return append(tds.ParamHeader{Status: tds.ParamDefault, Type: intType}.Append(dst), 0)
}

func TestInspect71(t *testing.T) {
	b := message(tds.V71, 0, execute(3, 1), unprepare(4))
	r, err := Inspect(b, true, tds.V71)
	if err != nil || r.Len() != 2 || r.At(0).Handle.Value != 3 || r.At(1).Handle.Value != 4 || r.At(1).Proc != tds.ProcUnprepare {
		t.Fatalf("%+v, %v", r, err)
	}
	s := NewStore(Limits{})
	c := newClient(t, s)
	c.v = tds.V71
	c.walker.Reset(c.v)
	backend := &backend{newServer(t), s.NewCache()}
	backend.v = tds.V71
	h := oneHandle(t, c.do(backend, prepare(strings.Repeat("x", 5000))))
	backend.cache.Forget()
	backend.reset()
	c.do(backend, execute(h, 1))
	backend.wantRan("@a int|" + strings.Repeat("x", 5000) + "[1]")
}

func TestDecideText(t *testing.T) {
	s := NewStore(Limits{})
	for _, tc := range []struct {
		text   string
		pin    Pin
		errs   int
		drops  int
		local  bool
		remain string
	}{
		{text: "EXEC sp_unprepare 536870913;EXEC sp_unprepare 536870914;", local: true, drops: 2},
		{text: "EXEC sp_unprepare 536870913\nEXEC sp_unprepare 536870914\n", local: true, drops: 2}, // jTDS
		{text: " exec\tsys.SP_UNPREPARE  536870913 ", local: true, drops: 1},
		{text: "EXEC sp_unprepare 1;EXEC sp_unprepare 536870914;", local: true, errs: 1, drops: 1},
		{text: "EXEC sp_unprepare 536870913;EXEC sp_cursorunprepare 1073741825;", drops: 1, remain: "EXEC sp_cursorunprepare 1073741825;"},
		{text: "EXEC sp_cursorunprepare 1073741825;"},
		{text: "EXEC sp_unprepare @h;", pin: PinText},
		{text: "EXEC sp_unprepare 99999999999;", pin: PinText},
		{text: "EXEC sp_unprepare 536870913; SELECT 1", pin: PinText},
		{text: "declare @h int exec sp_prepare @h out, null, N'x'", pin: PinText},
		{text: "/* [Sp_Execute] */ SELECT 1", pin: PinText},
		{text: "exec sp_cursoropen", pin: PinText},
		{text: "exec sp_executesql N'SELECT 1'"},
		{text: "exec sp_execute_job 1; exec sp_executes; exec xsp_"},
		{text: "SELECT p_, _ FROM sp_help"},
		{text: ""},
		{text: ";"},
	} {
		c := newClient(t, s)
		b := &backend{newServer(t), s.NewCache()}
		c.do(b, prepare("a"))
		c.do(b, prepare("b"))
		d := DecideText(tds.AppendUTF16(nil, tc.text), &c.handles, nil, tds.V74)
		if d.Pin != tc.pin || d.Text != tc.remain || (d.Answer != nil) != tc.local || c.handles.Len() != 2-tc.drops {
			t.Errorf("%q: %+v, %d handles left", tc.text, d, c.handles.Len())
		}
		if d.Answer != nil {
			a := readAnswer(t, d.Answer, tds.V74)
			if len(a.errors) != tc.errs || len(a.dones) != tc.errs+tc.drops || a.dones[len(a.dones)-1]&tds.DoneMore != 0 {
				t.Errorf("%q: answer %+v", tc.text, a)
			}
		}
	}
	// Of a pinned session a number may be the connection's.
	c, b := newClient(t, s), &backend{newServer(t), s.NewCache()}
	c.do(b, prepare("a"))
	text := "EXEC sp_unprepare 7;EXEC sp_unprepare 536870913;"
	if d := DecideText(tds.AppendUTF16(nil, text), &c.handles, b.cache, tds.V74); d.Text != "EXEC sp_unprepare 7;" {
		t.Errorf("%+v", d)
	}
}
