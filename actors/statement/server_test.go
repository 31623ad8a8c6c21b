package statement

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sluice/sandbox/tsql"
)

// answer collects what a session of the sandbox's engine sends.
type answer struct {
	rows               []string
	errors             []string
	database, language string
	rolledBack         bool
}

func (a *answer) Columns([]tsql.Column) error { return nil }
func (a *answer) Row(v []tsql.Value) error {
	a.rows = append(a.rows, fmt.Sprint(v[0]))
	return nil
}
func (a *answer) Done(d tsql.Done) {}
func (a *answer) Message(m tsql.Message) {
	if m.Class > 10 {
		a.errors = append(a.errors, m.Text)
	}
}

func (a *answer) EnvChange(e tsql.EnvChange) {
	switch e.Kind {
	case tsql.EnvDatabase:
		a.database = e.New
	case tsql.EnvLanguage:
		a.language = e.New
	case tsql.EnvRollback:
		a.rolledBack = true
	}
}
func (a *answer) ReturnStatus(int32)          {}
func (a *answer) ReturnValue(int, tsql.Param) {}

func (a *answer) outcome() Outcome {
	return Outcome{Errors: len(a.errors) > 0, Wire: true, Database: a.database, Language: a.language, RolledBack: a.rolledBack, Now: time.Now()}
}

func newEngine(t *testing.T) *tsql.Engine {
	t.Helper()
	e, err := tsql.New(tsql.Options{Databases: []string{"app1", "app2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func newSession(t *testing.T, e *tsql.Engine, spid int, odbc bool) *tsql.Session {
	t.Helper()
	s, err := e.NewSession(spid, tsql.LoginOptions{User: "sa", Database: "app1", ANSIDefaults: odbc})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func run(t *testing.T, s *tsql.Session, sql string) *answer {
	t.Helper()
	var a answer
	if err := s.Run(context.Background(), sql, &a); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return &a
}

func readBack(t *testing.T, s *tsql.Session, was Settings) Settings {
	t.Helper()
	a := run(t, s, ReadBack)
	if len(a.rows) != 1 || len(a.errors) > 0 {
		t.Fatalf("read back: rows %q, errors %q", a.rows, a.errors)
	}
	got, err := ParseReadBack(a.rows[0], was)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

var piecesOfText = []string{
	"SET NOCOUNT ON", "SET NOCOUNT OFF", "SET XACT_ABORT ON", "SET XACT_ABORT OFF", "SET ANSI_NULLS, QUOTED_IDENTIFIER ON", "SET ANSI_NULLS OFF",
	"SET ANSI_WARNINGS OFF;", "SET ARITHABORT ON", "SET CONCAT_NULL_YIELDS_NULL OFF", "SET NUMERIC_ROUNDABORT ON", "SET CURSOR_CLOSE_ON_COMMIT ON",
	"SET DATEFIRST 3", "SET DATEFIRST 7", "SET DATEFORMAT dmy", "SET LANGUAGE Deutsch", "SET LANGUAGE us_english;", "SET LOCK_TIMEOUT 500", "SET LOCK_TIMEOUT -1",
	"SET TEXTSIZE 1000", "SET TEXTSIZE 0", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
	"USE app2", "USE app1;", "SELECT 1 AS x", "SELECT 1/0 AS x", "SELECT 'SET NOCOUNT ON' AS x", "DECLARE @v%d int = 1;",
	"EXEC('SET NOCOUNT ON SET DATEFIRST 5')", "EXEC sp_executesql N'SET XACT_ABORT ON; SELECT 1 AS x'", "-- SET NOCOUNT ON\n", "/* SET */",
	"BEGIN TRAN COMMIT", "BEGIN SET ARITHIGNORE ON END", "SELECT CASE WHEN 1=1 THEN 'END' ELSE 'x' END AS x",
}

var controls = []string{"IF 1=1 %s", "IF 1=0 %s", "IF 1=1 BEGIN %s END ELSE SELECT 2 AS x", "IF 1=0 SELECT 3 AS x ELSE %s", "BEGIN TRY %s END TRY BEGIN CATCH SELECT 4 AS x END CATCH", "BEGIN %s END"}

func randomBatch(rnd *rand.Rand) string {
	var b strings.Builder
	for i := range 1 + rnd.IntN(5) {
		p := piecesOfText[rnd.IntN(len(piecesOfText))]
		if strings.Contains(p, "%d") {
			p = fmt.Sprintf(p, i)
		}
		if rnd.IntN(4) == 0 && !strings.HasPrefix(p, "DECLARE") && !strings.HasPrefix(p, "--") && !strings.HasPrefix(p, "/*") {
			p = strings.TrimSuffix(p, ";")
			p = fmt.Sprintf(controls[rnd.IntN(len(controls))], p)
		}
		b.WriteString(p)
		b.WriteString(" \n"[rnd.IntN(2):][:1])
	}
	return b.String()
}

// What is believed of a session agrees with what the server says, whatever a
// client sends, and the replay of one session's settings gives another the same.
func TestAgainstServer(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 300
	}
	e := newEngine(t)
	for i, odbc := range []bool{false, true} {
		rnd := rand.New(rand.NewPCG(7, 11))
		fresh := newSession(t, e, 50+10*i, odbc)
		base := readBack(t, fresh, Settings{})
		client, other := newSession(t, e, 51+10*i, odbc), newSession(t, e, 52+10*i, odbc)
		var st State
		otherHas := Settings{}
		unknown, resets := 0, 0
		for range rounds {
			text := randomBatch(rnd)
			v := Judge{}.Batch(u16(text), true, st.Settings)
			before := st.Settings
			a := run(t, client, text)
			st.Apply(&v, a.outcome())
			actual := readBack(t, client, st.Settings)
			if st.Settings.Unknown() != 0 {
				unknown++
				if !st.Pinned() {
					t.Fatalf("%q: unknown options do not pin", text)
				}
			}
			// Everything that is believed must be so.
			believed := st.Settings
			for o := Option(0); o < optionCount; o++ {
				if believed.unknown.Has(o) {
					believed = merge(believed, actual, o)
				}
			}
			if got, want := believed.Relative(base), actual.Relative(base); got != want {
				t.Fatalf("%q\nbefore   %+v\nbelieved %+v\nactual   %+v\nerrors %q", text, before, got, want, a.errors)
			}
			recalled := State{Settings: st.Settings}
			recalled.Settle(st.Settings, time.Now())
			if was := recalled.Settings.Unknown(); recalled.Readable() != (was != 0) {
				t.Fatalf("%q: %v can be read back: %v", text, was, recalled.Readable())
			}
			if recalled.Readable() {
				if err := recalled.Recall(run(t, client, ReadBack).rows[0], time.Now()); err != nil || recalled.Pinned() {
					t.Fatalf("%q: %v, pinned by %v", text, err, recalled.Pins())
				}
				if got, want := recalled.Settings.Relative(base), actual.Relative(base); got != want {
					t.Fatalf("%q\nread back %+v\nactual    %+v", text, got, want)
				}
			}
			st.Settle(actual.Relative(base), time.Now())
			if st.Pinned() {
				t.Fatalf("%q: pinned by %v", text, st.Pins())
			}
			// Another session is brought to the same settings.
			sql, ok := Replay(otherHas, st.Settings, base)
			if !ok {
				resets++
				other.Reset(false)
				sql, ok = Replay(otherHas.AfterReset(), st.Settings, base)
			}
			if !ok {
				t.Fatalf("no replay from a reset connection to %+v", st.Settings)
			}
			if a := run(t, other, sql); len(a.errors) > 0 {
				t.Fatalf("replay %q: %q", sql, a.errors)
			}
			if got := readBack(t, other, Settings{}).Relative(base); got != st.Settings {
				t.Fatalf("replay %q\nfrom %+v\nhas  %+v\nwant %+v", sql, otherHas, got, st.Settings)
			}
			otherHas = st.Settings
		}
		t.Logf("odbc %v: %d rounds, %d with unknown options, %d resets", odbc, rounds, unknown, resets)
	}
}

// merge takes one option over.
func merge(s, from Settings, o Option) Settings {
	keep := s.Forget(1 << o)
	rest := from.Forget(allOptions &^ (1 << o))
	keep.unknown &^= 1 << o
	keep.known |= rest.known
	keep.on |= rest.on
	keep.lockTimeout += rest.lockTimeout
	keep.textSize += rest.textSize
	keep.rowCount += rest.rowCount
	keep.isolation += rest.isolation
	keep.dateFirst += rest.dateFirst
	keep.dateFormat += rest.dateFormat
	keep.deadlock += rest.deadlock
	keep.database += rest.database
	keep.language += rest.language
	keep.contextInfo += rest.contextInfo
	keep.keys += rest.keys
	return keep
}

// A client that has a temporary table is pinned, whatever happened to it on the
// way there.
func TestTablesAgainstServer(t *testing.T) {
	rounds := 500
	if testing.Short() {
		rounds = 200
	}
	pieces := []string{
		"CREATE TABLE #a (x int)", "CREATE TABLE #b (x int);", "SELECT 1 AS x INTO #a", "DROP TABLE #a", "DROP TABLE #b;", "DROP TABLE IF EXISTS #a, #b", "DROP TABLE IF EXISTS #a",
		"IF OBJECT_ID('tempdb..#a') IS NOT NULL DROP TABLE #a", "IF 1=0 DROP TABLE #a", "IF 1=1 DROP TABLE #b", "EXEC('CREATE TABLE #a (y int)')", "EXEC('DROP TABLE #b')",
		"BEGIN TRAN", "COMMIT", "ROLLBACK", "IF @@TRANCOUNT > 0 ROLLBACK", "SAVE TRAN s", "ROLLBACK TRAN s", "SELECT 1/0 AS x", "SELECT 1 AS x", "BEGIN TRY DROP TABLE #a END TRY BEGIN CATCH SELECT 1 AS x END CATCH",
		"IF 1=1 RETURN", "CREATE TABLE #a (x int) DROP TABLE #a",
	}
	e := newEngine(t)
	s := newSession(t, e, 51, true)
	rnd := rand.New(rand.NewPCG(21, 22))
	var st State
	pinned, free := 0, 0
	for range rounds {
		var b strings.Builder
		for range 1 + rnd.IntN(3) {
			b.WriteString(pieces[rnd.IntN(len(pieces))] + "\n")
		}
		v := Judge{}.Batch(u16(b.String()), true, st.Settings)
		wasOpen := s.Transaction() != 0
		a := run(t, s, b.String())
		o := a.outcome()
		o.WasOpen, o.IsOpen = wasOpen, s.Transaction() != 0
		st.Apply(&v, o)
		there := run(t, s, "SELECT CONCAT(OBJECT_ID('tempdb..#a'), OBJECT_ID('tempdb..#b')) AS x").rows[0]
		if there != "" && !st.Pinned() {
			t.Fatalf("%q (errors %q): a table is left and nothing pins", b.String(), a.errors)
		}
		if !o.IsOpen && !st.Pinned() {
			free++
		}
		if st.Pinned() {
			pinned++
		}
		if rnd.IntN(6) == 0 {
			s.Reset(false)
			st.TransactionDone(true, false)
			st.Reset()
		}
	}
	t.Logf("pinned after %d requests, free after %d", pinned, free)
}
