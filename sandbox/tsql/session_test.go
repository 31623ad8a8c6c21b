package tsql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/tds"
)

var tdsInt = tInt.info()

func rpc(t *testing.T, s *Session, proc string, params ...Param) string {
	t.Helper()
	r := &recorder{}
	if err := s.Execute(context.Background(), proc, params, r); err != nil {
		t.Fatalf("%s: %v", proc, err)
	}
	return r.b.String()
}

func nstr(s string) Param { return Param{Type: tNVarCharMax.info(), Value: s} }
func integer(name string, n int64, out bool) Param {
	return Param{Name: name, Type: tdsInt, Value: n, Output: out}
}

func TestExecute(t *testing.T) {
	e := testEngine(t)
	s := testSession(t, e, 51)
	run(t, s, "CREATE PROCEDURE twice @a int, @b int OUTPUT AS SET @b = @a * 2; RETURN 3")
	handle := Param{Type: tdsInt, Output: true}
	for _, tc := range []struct {
		name   string
		proc   string
		params []Param
		want   string
	}{
		{
			"typed parameter", "sp_executesql",
			[]Param{nstr("SELECT @p1 + 1 AS n"), nstr("@p1 int"), integer("@p1", 41, false)},
			"columns n int\nrow 42\ndone C1 count 1\nstatus 0\n",
		},
		{
			"output", "sp_executesql",
			[]Param{nstr("SET @o = @p * 2"), nstr("@p int, @o int OUTPUT"), integer("@p", 4, false), integer("@o", 0, true)},
			"status 0\nvalue 3 @o int 8\n",
		},
		{"procedure", "dbo.twice", []Param{integer("@a", 4, false), integer("@b", 0, true)}, "status 3\nvalue 1 @b int 8\n"},
		{"quoted name", "[app].[dbo].[twice]", []Param{integer("", 5, false), integer("", 0, true)}, "status 3\nvalue 1  int 10\n"},
		{"unknown", "nope", nil, "error 2812 class 16 state 62 line 1: Could not find stored procedure 'nope'.\ndone E0 failed\nstatus -6\n"},
		{"prepare", "sp_prepare", []Param{handle, nstr("@x int"), nstr("SELECT @x AS x"), integer("", 1, false)}, "columns x int\ndone C1\nstatus 0\nvalue 0  int 1\n"},
		{"execute", "sp_execute", []Param{integer("", 1, false), integer("", 7, false)}, "columns x int\nrow 7\ndone C1 count 1\nstatus 0\n"},
		{
			"prepexec", "sp_prepexec",
			[]Param{handle, nstr("@x int"), nstr("SELECT @x AS x"), integer("@x", 9, false)},
			"columns x int\nrow 9\ndone C1 count 1\nstatus 0\nvalue 0  int 2\n",
		},
		{"unprepare", "sp_unprepare", []Param{integer("", 1, false)}, "status 0\n"},
		{"stale handle", "sp_execute", []Param{integer("", 1, false)}, "error 8179 class 16 state 1 line 1: Could not find prepared statement with handle 1.\ndone E0 failed\nstatus -6\n"},
		{
			"missing parameter", "sp_executesql",
			[]Param{nstr("SELECT @p"), nstr("@p int")},
			"error 8178 class 16 state 1 line 1: The parameterized query '' expects the parameter '@p', which was not supplied.\ndone E0 failed\nstatus -6\n",
		},
	} {
		if got := rpc(t, s, tc.proc, tc.params...); got != tc.want {
			t.Errorf("%s: got\n%swant\n%s", tc.name, got, tc.want)
		}
	}
}

func TestTransactionRequests(t *testing.T) {
	e := testEngine(t)
	s := testSession(t, e, 51)
	run(t, s, "CREATE TABLE t(a int)")
	r := &recorder{}
	err := errors.Join(s.Begin(4, "x", r), s.Run(context.Background(), "INSERT t VALUES(1)", r), s.Save("p", r),
		s.Run(context.Background(), "INSERT t VALUES(2)", r), s.Rollback("p", r))
	if err != nil {
		t.Fatal(err)
	}
	first := s.Transaction()
	if first == 0 {
		t.Error("no descriptor inside a transaction")
	}
	if err := s.Commit("", r); err != nil {
		t.Fatal(err)
	}
	if s.Transaction() != 0 {
		t.Error("descriptor after commit")
	}
	if err := s.Begin(0, "", r); err != nil {
		t.Fatal(err)
	}
	if s.Transaction() == first {
		t.Error("descriptor used twice")
	}
	if err := s.Rollback("", r); err != nil {
		t.Fatal(err)
	}
	want := "env 8 transaction true\ndone D4\ndone C3 count 1\ndone FD\ndone C3 count 1\ndone D2\nenv 9 transaction true\ndone D5\nenv 8 transaction true\ndone D4\nenv 10 transaction true\ndone D2\n"
	if r.b.String() != want {
		t.Errorf("got\n%s", r.b.String())
	}
	if got := run(t, s, "SELECT COUNT(*) FROM t"); !strings.Contains(got, "row 1\n") {
		t.Errorf("rows left: %s", got)
	}
}

func TestReset(t *testing.T) {
	e := testEngine(t)
	s := testSession(t, e, 51)
	run(t, s, "CREATE TABLE keep(a int)")
	run(t, s, `CREATE TABLE #t(a int); SET NOCOUNT ON; SET LANGUAGE Deutsch; SET LOCK_TIMEOUT 5; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
USE other; EXEC sp_set_session_context 'k', 'v'; SET CONTEXT_INFO 0x01; EXEC sp_getapplock 'r', 'Exclusive', 'Session'; BEGIN TRAN; INSERT app.dbo.keep VALUES(1)`)
	rpc(t, s, "sp_prepare", Param{Type: tdsInt, Output: true}, nstr(""), nstr("SELECT 1"))
	s.Reset(false)
	got := run(t, s, `SELECT DB_NAME(), @@TRANCOUNT, @@LANGUAGE, @@LOCK_TIMEOUT, @@OPTIONS & 512, SESSION_CONTEXT(N'k'), CONTEXT_INFO(), OBJECT_ID('tempdb..#t'), @@IDENTITY;
SELECT COUNT(*) FROM app.dbo.keep; SELECT transaction_isolation_level FROM sys.dm_exec_sessions`)
	for _, want := range []string{"row 'app' | 0 | 'us_english' | -1 | 0 | NULL | NULL | NULL | NULL\n", "row 0\n", "row 4\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	if got := rpc(t, s, "sp_execute", integer("", 1, false)); !strings.Contains(got, "error 8179") {
		t.Errorf("handle survived: %s", got)
	}
	other := testSession(t, e, 52)
	if got := run(t, other, "DECLARE @r int; EXEC @r = sp_getapplock 'r', 'Exclusive', 'Session', 0; SELECT @r; INSERT keep VALUES(2)"); !strings.Contains(got, "row 0\n") || !strings.Contains(got, "done C3 count 1") {
		t.Errorf("locks survived: %s", got)
	}
}

func TestCancel(t *testing.T) {
	e := testEngine(t)
	s := testSession(t, e, 51)
	holder := testSession(t, e, 52)
	run(t, s, "CREATE TABLE t(a int)")
	for name, sql := range map[string]string{
		"waitfor": "WAITFOR DELAY '00:00:30'",
		"select":  "SELECT COUNT(*) FROM sys.all_objects a CROSS JOIN sys.all_objects b CROSS JOIN sys.all_objects c",
		"rows":    "SELECT a.name FROM sys.all_objects a CROSS JOIN sys.all_objects b CROSS JOIN sys.all_objects c WHERE a.object_id + b.object_id = c.object_id + 123456789",
		"loop":    "WHILE 1 = 1 SELECT 1",
		"lock":    "INSERT t VALUES(1)",
	} {
		t.Run(name, func(t *testing.T) {
			run(t, s, "BEGIN TRAN")
			if name == "lock" {
				run(t, holder, "BEGIN TRAN; INSERT t VALUES(2)")
				defer run(t, holder, "ROLLBACK")
			}
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			begin := time.Now()
			err := s.Run(ctx, sql, discard{})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
			if d := time.Since(begin); d > time.Second {
				t.Errorf("took %v", d)
			}
			if got := run(t, s, "SELECT @@TRANCOUNT; ROLLBACK"); !strings.Contains(got, "row 1\n") {
				t.Errorf("transaction lost: %s", got)
			}
		})
	}
}

func TestSinkErrorEndsBatch(t *testing.T) {
	e := testEngine(t)
	s := testSession(t, e, 51)
	gone := errors.New("client gone")
	r := &recorder{fail: gone}
	if err := s.Run(context.Background(), "SELECT name FROM sys.databases; SELECT 2", r); !errors.Is(err, gone) {
		t.Errorf("error %v", err)
	}
	if r.rows != 1 {
		t.Errorf("%d rows after the error", r.rows)
	}
}

func TestOrderSurvivesSink(t *testing.T) {
	e := testEngine(t)
	s := testSession(t, e, 51)
	got := run(t, s, "SELECT TOP 3 object_id FROM sys.all_objects ORDER BY object_id * -1; SELECT x FROM (VALUES(1),(3),(2)) v(x) ORDER BY -x")
	want := "columns object_id int\nrow -100\nrow -101\nrow -102\ndone C1 count 3\ncolumns x int not null\nrow 3\nrow 2\nrow 1\ndone C1 count 3\n"
	if got != want {
		t.Error(got)
	}
}

// TestConcurrentWriters counts up rows in many sessions at once.
func TestConcurrentWriters(t *testing.T) {
	e := testEngine(t)
	run(t, testSession(t, e, 50), "CREATE TABLE c(id int PRIMARY KEY, n int); INSERT c VALUES(1, 0)")
	const sessions, rounds = 8, 20
	var wg sync.WaitGroup
	for i := range sessions {
		s := testSession(t, e, 60+i)
		wg.Go(func() {
			defer s.Close()
			for range rounds {
				r := &recorder{}
				if err := s.Run(context.Background(), "BEGIN TRAN; UPDATE c SET n = n + 1 WHERE id = 1; SELECT COUNT(*) FROM c; COMMIT; SELECT n FROM c", r); err != nil {
					t.Error(err)
				}
				if strings.Contains(r.b.String(), "error") {
					t.Error(r.b.String())
				}
			}
		})
	}
	wg.Wait()
	if got := run(t, testSession(t, e, 90), "SELECT n FROM c"); !strings.Contains(got, fmt.Sprintf("row %d\n", sessions*rounds)) {
		t.Error(got)
	}
}

func TestBulkInsert(t *testing.T) {
	e := testEngine(t)
	s := testSession(t, e, 51)
	run(t, s, "CREATE TABLE b(id int IDENTITY, name nvarchar(5) NOT NULL, n int DEFAULT 4)")
	load := func(rows ...[]Value) (int64, error) {
		i := 0
		return s.BulkInsert(context.Background(), "INSERT BULK b ([name] nvarchar(5) COLLATE SQL_Latin1_General_CP1_CI_AS, n int) WITH (TABLOCK)",
			[]Column{{Name: "name", Type: nvarchar(5).info()}, {Name: "n", Type: tInt.info()}}, func() ([]Value, error) {
				if i == len(rows) {
					return nil, io.EOF
				}
				i++
				return rows[i-1], nil
			})
	}
	if n, err := load([]Value{"a", int64(1)}, []Value{"b", nil}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	var se *Error
	if _, err := load([]Value{"c", int64(1)}, []Value{nil, int64(1)}); !errors.As(err, &se) || se.Message.Number != 515 {
		t.Errorf("error %v", err)
	}
	if got := run(t, s, "SELECT * FROM b"); !strings.Contains(got, "row 1 | 'a' | 1\nrow 2 | 'b' | 4\ndone C1 count 2") {
		t.Error(got)
	}
}

func TestParamTypesRoundTrip(t *testing.T) {
	e := testEngine(t)
	s := testSession(t, e, 51)
	at := time.Date(2024, 2, 29, 12, 30, 0, 123456700, time.UTC)
	for _, tc := range []struct {
		decl string
		t    tds.TypeInfo
		v    Value
	}{
		{"decimal(38,4)", decimalType(38, 4).info(), Decimal{"-99999999999999999999999999999999991234", 4}},
		{"money", tMoney.info(), Money(-12345)},
		{"uniqueidentifier", tGUID.info(), GUID{1, 2, 3}},
		{"datetime2(7)", tDateTime2.info(), at},
		{"varbinary(max)", tVarBinaryMax.info(), []byte{0, 1}},
		{"bit", tBit.info(), true},
		{"real", tReal.info(), 1.5},
		{"nvarchar(10)", nvarchar(10).info(), "ü日"},
	} {
		run(t, s, "CREATE TABLE #r(v "+tc.decl+")")
		rpc(t, s, "sp_executesql", nstr("INSERT #r VALUES(@p)"), nstr("@p "+tc.decl), Param{Name: "@p", Type: tc.t, Value: tc.v})
		got := rpc(t, s, "sp_executesql", nstr("SELECT v FROM #r WHERE v = @p"), nstr("@p "+tc.decl), Param{Name: "@p", Type: tc.t, Value: tc.v})
		if !strings.Contains(got, "row "+show(tc.v)+"\n") {
			t.Errorf("%s: %s", tc.decl, got)
		}
		run(t, s, "DROP TABLE #r")
	}
}

// TestManySessions opens sessions that all read tables at once.
func TestManySessions(t *testing.T) {
	e := testEngine(t)
	run(t, testSession(t, e, 50), "CREATE TABLE m(a int); INSERT m VALUES(1)")
	for i := range 200 {
		s := testSession(t, e, 100+i)
		if got := run(t, s, "SELECT a FROM m; CREATE TABLE #m(a int); INSERT #m VALUES(2)"); !strings.Contains(got, "row 1\n") || strings.Contains(got, "error") {
			t.Fatal(got)
		}
	}
	if got := run(t, testSession(t, e, 400), "SELECT COUNT(*) FROM sys.dm_exec_sessions"); !strings.Contains(got, "row 202\n") {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"SELECT 1", "SELECT [a]], \"b\" FROM t AS x WHERE a IN (1,2) /* c /* d */ */ -- e", "IF 1=1 BEGIN PRINT 'x' END ELSE SELECT @@SPID",
		"CREATE TABLE t(a int IDENTITY(1,1) PRIMARY KEY, b AS a*2)", "WITH c AS (SELECT 1 a) SELECT * FROM c", "BEGIN TRY THROW END TRY BEGIN CATCH END CATCH",
		"EXEC p @a = 1, @b OUTPUT", "0x 1e+ $. N'", "((((SELECT 1))))", "MERGE", "INSERT t DEFAULT VALUES", "DECLARE @t TABLE(a int)", "SELECT a FROM b JOIN c JOIN d ON 1=1 ON 2=2",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, src string, quoted bool) {
		if len(src) > 4096 {
			return
		}
		_, err := parseBatch(src, quoted, nil)
		var se *sqlError
		if err != nil && !errors.As(err, &se) {
			t.Errorf("untyped error %v", err)
		}
	})
}

// FuzzRun runs batches on an engine: no panic, no internal error.
func FuzzRun(f *testing.F) {
	for _, s := range []string{
		"SELECT 1+'2'", "SELECT TOP 1 name FROM sys.databases ORDER BY 1", "DECLARE @a decimal(5,2)=1; SELECT @a/3, -@a", "SELECT CASE WHEN 1=1 THEN 'a' END",
		"CREATE TABLE #t(a int); INSERT #t VALUES(1); UPDATE #t SET a=2; SELECT SUM(a) FROM #t GROUP BY a", "SELECT CONVERT(varchar, GETDATE(), 121)", "SELECT REPLICATE('x', 9)",
	} {
		f.Add(s)
	}
	e := testEngine(f)
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 500 || strings.Contains(strings.ToUpper(src), "WAITFOR") {
			return
		}
		s := testSession(t, e, 70)
		defer s.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.Run(ctx, src, discard{}); err != nil && ctx.Err() == nil {
			t.Errorf("%q: %v", src, err)
		}
	})
}

func BenchmarkRun(b *testing.B) {
	e := testEngine(b)
	s := testSession(b, e, 51)
	run(b, s, "CREATE TABLE t(id int PRIMARY KEY, v nvarchar(20)); INSERT t VALUES(1, 'x')")
	for name, sql := range map[string]string{"literal": "SELECT 1", "spid": "SELECT @@SPID", "key": "SELECT v FROM t WHERE id = 1", "update": "UPDATE t SET v = 'y' WHERE id = 1"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := s.Run(context.Background(), sql, discard{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("session", func(b *testing.B) {
		for b.Loop() {
			s, err := e.NewSession(52, LoginOptions{ANSIDefaults: true})
			if err != nil {
				b.Fatal(err)
			}
			s.Close()
		}
	})
}
