package statement

import (
	"errors"
	"testing"
	"time"

	"sluice/tds"
)

// step is a request and what its response showed.
type step struct {
	text string
	o    Outcome
	want string // pins afterwards
}

func pinsOf(st *State) string {
	out := ""
	for _, p := range st.Pins() {
		if out != "" {
			out += ", "
		}
		out += p.Reason.String()
		if p.Name != "" {
			out += " " + p.Name
		}
	}
	return out
}

func TestState(t *testing.T) {
	open := Outcome{WasOpen: true, IsOpen: true}
	for name, steps := range map[string][]step{
		"dropped": {
			{"CREATE TABLE #t (a int)", Outcome{}, "temp_table #t"},
			{"SELECT 1", Outcome{}, "temp_table #t"},
			{"DROP TABLE #T", Outcome{}, ""},
		},
		"drop failed": {
			{"CREATE TABLE #t (a int)", Outcome{}, "temp_table #t"},
			{"DROP TABLE #t", Outcome{Errors: true}, "temp_table #t"},
		},
		"create failed, or not": {{"CREATE TABLE #t (a int)", Outcome{Errors: true}, "temp_table #t"}},
		"dropped in a transaction that commits": {
			{"CREATE TABLE #t (a int)", Outcome{}, "temp_table #t"},
			{"BEGIN TRAN DROP TABLE #t", Outcome{IsOpen: true}, "temp_table #t"},
			{"SELECT 1", open, "temp_table #t"},
			{"COMMIT", Outcome{WasOpen: true}, ""},
		},
		"dropped in a transaction that rolls back": {
			{"CREATE TABLE #t (a int)", Outcome{}, "temp_table #t"},
			{"DROP TABLE #t", open, "temp_table #t"},
			{"ROLLBACK", Outcome{WasOpen: true, RolledBack: true}, "temp_table #t"},
			{"DROP TABLE #t", Outcome{}, ""},
		},
		"dropped, back to a savepoint": {
			{"CREATE TABLE #t (a int)", Outcome{}, "temp_table #t"},
			{"DROP TABLE #t", open, "temp_table #t"},
			{"ROLLBACK TRAN s", open, "temp_table #t"},
			{"COMMIT", Outcome{WasOpen: true}, "temp_table #t"},
		},
		"dropped, then code that may go back to a savepoint": {
			{"CREATE TABLE #t (a int)", Outcome{}, "temp_table #t"},
			{"DROP TABLE #t", open, "temp_table #t"},
			{"EXEC p", open, "temp_table #t"},
			{"COMMIT", Outcome{WasOpen: true}, "temp_table #t"},
		},
		"dropped and made again": {
			{"CREATE TABLE #t (a int)", Outcome{}, "temp_table #t"},
			{"DROP TABLE #t CREATE TABLE #t (b int)", open, "temp_table #t"},
			{"COMMIT", Outcome{WasOpen: true}, "temp_table #t"},
		},
		"options": {
			{"SET FMTONLY ON", Outcome{}, "set_option FMTONLY"},
			{"SET FMTONLY OFF", Outcome{}, ""},
			{"IF @x = 1 SET NOCOUNT ON", Outcome{}, "set_option NOCOUNT"},
			{"SET NOCOUNT ON", Outcome{}, ""},
			{"SET XACT_ABORT ON SELECT 1/0", Outcome{Errors: true}, "set_option XACT_ABORT"},
			{"SET NOCOUNT ON", Outcome{Errors: true}, "set_option XACT_ABORT"},
			{"SET XACT_ABORT ON", Outcome{}, ""},
		},
		"the wire knows the database": {
			{"IF DB_ID('b') IS NOT NULL USE b", Outcome{Wire: true, Database: "b"}, ""},
			{"IF DB_ID('c') IS NOT NULL USE c", Outcome{Wire: true}, ""},
			{"IF 1 = 1 USE c", Outcome{}, "set_option DATABASE"},
		},
		"counted": {
			{"EXEC sp_getapplock 'a', 'Shared', 'Session'", Outcome{}, "app_lock a"},
			{"EXEC sp_getapplock 'a', 'Shared', 'Session'", Outcome{}, "app_lock a"},
			{"EXEC sp_releaseapplock 'a', 'Session'", Outcome{}, "app_lock a"},
			{"EXEC sp_releaseapplock 'a', 'Session'", Outcome{}, ""},
			{"EXEC sp_getapplock 'a', 'Shared', 'Session'", Outcome{ReturnStatus: -1}, ""},
		},
		"reset": {
			{"CREATE TABLE #t (a int) SET NOCOUNT ON EXECUTE AS USER = 'x'", Outcome{}, "temp_table #t, execute_as"},
			{"EXEC sp_reset_connection", Outcome{}, "execute_as"},
		},
		"not understood": {
			{"SELECT 'x", Outcome{Errors: true}, ""},
			{"SELECT 'x", Outcome{}, "not_understood"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var st State
			for _, s := range steps {
				v := Judge{}.Batch(u16(s.text), true, st.Settings)
				st.Apply(&v, s.o)
				if got := pinsOf(&st); got != s.want {
					t.Fatalf("after %q: %q, want %q", s.text, got, s.want)
				}
			}
		})
	}
}

// Pins are bounded, and what is beyond is not forgotten.
func TestPinsAreBounded(t *testing.T) {
	var st State
	for i := range 2 * maxPins {
		st.Pin(TempTable, "#"+itoa(int64(i)), "", time.Time{})
	}
	for i := range 2 * maxPins {
		st.Release(TempTable, "#"+itoa(int64(i)))
	}
	if got := pinsOf(&st); got != "not_understood too many pins" {
		t.Errorf("left: %s", got)
	}
	st.Reset()
	if st.Pinned() {
		t.Error("a reset leaves", pinsOf(&st))
	}
}

func bodyNamed(name string) []byte {
	for _, b := range rpcBodies() {
		if b.name == name {
			return b.body
		}
	}
	return nil
}

func TestCursorNames(t *testing.T) {
	var st State
	v := Judge{}.RPC(bodyNamed("cursor open"), true, Settings{})
	st.Apply(&v, Outcome{})
	st.NameCursor(180150003)
	if got := pinsOf(&st); got != "cursor API cursor 180150003" {
		t.Fatalf("open: %q", got)
	}
	v = Judge{}.RPC(bodyNamed("cursor close"), true, Settings{})
	st.Apply(&v, Outcome{})
	if st.Pinned() {
		t.Errorf("closed: %q", pinsOf(&st))
	}
}

func TestRelative(t *testing.T) {
	base := LoginDefaults(true)
	base.language, base.database = "us_english", "app1"
	v := Judge{}.Batch(u16(tediousLogin), true, Settings{})
	rel := v.Settings.Relative(base)
	if sql, ok := Replay(Settings{}, rel, base); !ok || sql != "SET NUMERIC_ROUNDABORT, XACT_ABORT OFF\nSET ARITHABORT, CONCAT_NULL_YIELDS_NULL ON" {
		t.Errorf("tedious over ODBC defaults: %q, %v", sql, ok)
	}
	back, ok := Replay(rel, Settings{}, base)
	if ok {
		t.Errorf("ARITHABORT of the login is not known, and yet %q", back)
	}
	if f := (&Settings{}).Fingerprint(); f != 0 {
		t.Errorf("fingerprint %x of a fresh login", f)
	}
	if rel.Fingerprint() == v.Settings.Fingerprint() {
		t.Error("two settings with one fingerprint")
	}
}

func TestReasonNames(t *testing.T) {
	for _, r := range Reasons() {
		got, ok := ParseReason(r.String())
		if !ok || got != r {
			t.Errorf("%s is parsed as %s", r, got)
		}
	}
	if _, ok := ParseReason("none"); ok {
		t.Error("none is a reason")
	}
}

func TestPinUnseen(t *testing.T) {
	j := Judge{Unseen: PinUnseen}
	table(t, 0, []row{
		{"EXEC dbo.p", "unseen_code p"},
		{"EXEC(@s)", "unseen_code EXEC (...)"},
		{"EXEC sp_help", ""},
		{"EXEC sp_executesql N'SELECT 1'", ""},
		{"EXEC sp_executesql @s", "unseen_code sp_executesql"},
	}, func(s string) Verdict { return j.Batch(u16(s), true, Settings{}) })
}

func TestDigest(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"SELECT  a FROM t\n\tWHERE b = 'secret' AND c=5", "SELECT a FROM t WHERE b = ? AND c=?"},
		{"-- secret\n/* secret */ EXEC p N'x', 0xAB, \"secret\"", "EXEC p ?, ?, ?"},
		{"SELECT 'never closed", "SELECT ?"},
		{"SELECT [a b], @v", "SELECT [a b], @v"},
		{"SELECT größe FROM t WHERE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "SELECT größe FROM t WHERE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
	} {
		if got := Digest(u16(tc.text)); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.text, got, tc.want)
		}
	}
}

// What cannot be read back is not asked for.
func TestReadable(t *testing.T) {
	failed := Outcome{Errors: true}
	for text, want := range map[string]bool{
		"SELECT 1":                                  false,
		"SET NOCOUNT ON SELECT 1/0":                 true,
		"SET DATEFIRST 3; USE x; SET LANGUAGE y":    true,
		"SET NOCOUNT ON SET ROWCOUNT 5 SELECT 1/0":  false, // no function tells ROWCOUNT
		"SET NOCOUNT ON SET NOEXEC ON SELECT 1/0":   false,
		"SET NOCOUNT ON CREATE TABLE #t (a int)":    false, // pinned all the same
		"SET CONTEXT_INFO 0x01 SELECT 1/0":          false,
		"SET TRANSACTION ISOLATION LEVEL SNAPSHOT":  true,
		"SET STATISTICS IO ON SELECT 1":             false,
		"EXEC sp_set_session_context 'a', 'b'":      false,
		"SET LOCK_TIMEOUT 5 SET TEXTSIZE 100 THROW": true,
	} {
		var st State
		v := Judge{}.Batch(u16(text), true, st.Settings)
		st.Apply(&v, failed)
		if got := st.Readable(); got != want {
			t.Errorf("%s: readable %v, pinned by %s", text, got, pinsOf(&st))
		}
	}
	var st State
	if err := st.Recall("5|6", time.Time{}); !errors.Is(err, ErrReadBack) {
		t.Error(err)
	}
}

// What comes before SET PARSEONLY ON in the same text has not run.
func TestParseOnlyComesFirst(t *testing.T) {
	for _, tt := range []struct {
		texts  []string
		pinned bool
	}{
		{[]string{"CREATE TABLE #t (a int)", "DROP TABLE #t SET PARSEONLY ON", "SET PARSEONLY OFF"}, true},
		{[]string{"SET LOCK_TIMEOUT 5; SET PARSEONLY ON", "SET PARSEONLY OFF"}, true},
		{[]string{"SET LOCK_TIMEOUT 5 SET PARSEONLY ON SET PARSEONLY OFF"}, true},
		{[]string{"SET PARSEONLY ON", "SELECT 1", "SET PARSEONLY OFF"}, false},
	} {
		var st State
		for _, text := range tt.texts {
			v := Judge{}.Batch(tds.AppendUTF16(nil, text), true, st.Settings)
			st.Apply(&v, Outcome{})
		}
		if st.Pinned() != tt.pinned {
			t.Errorf("%q: pins %v", tt.texts, st.Pins())
		}
	}
}
