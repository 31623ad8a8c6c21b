package sandbox

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// start starts a server on the T-SQL engine that ends with the test.
func start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func exec(t testing.TB, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, query string, args ...any,
) sql.Result {
	t.Helper()
	r, err := db.ExecContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return r
}

func scalar[T any](t testing.TB, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, query string, args ...any,
) (v T) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return v
}

func TestEngineSession(t *testing.T) {
	s := start(t, Options{Databases: []string{"app", "other"}, Logins: map[string]Login{"u": {Password: "p", Database: "other"}}})
	db := open(t, s, "u", "p")
	db.SetMaxOpenConns(1)
	if got := scalar[string](t, db, "SELECT DB_NAME()"); got != "other" {
		t.Errorf("database %q", got)
	}
	if got := scalar[int](t, db, "SELECT @@SPID"); got != firstSPID {
		t.Errorf("@@SPID %d", got)
	}
	if got := scalar[string](t, db, "SELECT @@SERVERNAME"); got != "SANDBOX" {
		t.Errorf("@@SERVERNAME %q", got)
	}
	exec(t, db, "USE app")
	// The driver resets the connection with its next use.
	if got := scalar[string](t, db, "SELECT DB_NAME()"); got != "other" {
		t.Errorf("database after reset %q", got)
	}
	if got := scalar[string](t, open(t, s, "u", "p", "database", "app"), "SELECT DB_NAME()"); got != "app" {
		t.Errorf("database %q", got)
	}
}

func TestEngineTypes(t *testing.T) {
	s := start(t, Options{})
	db := open(t, s, "sa", "")
	exec(t, db, `CREATE TABLE t (id int NOT NULL PRIMARY KEY, b bit NULL, i bigint NULL, d decimal(18,4) NULL, f float NULL, m money NULL,
		s varchar(50) NULL, n nvarchar(max) NULL, vb varbinary(max) NULL, g uniqueidentifier NULL, da date NULL, ti time(7) NULL,
		dt datetime NULL, d2 datetime2(7) NULL, o datetimeoffset(7) NULL)`)
	when := time.Date(2024, 2, 29, 12, 34, 56, 765432100, time.UTC)
	east := when.In(time.FixedZone("", 5*3600+1800))
	long, blob := strings.Repeat("größe 😀 ", 50_000), bytes.Repeat([]byte{0, 1, 254}, 300_000)
	exec(t, db, "INSERT INTO t VALUES (@p1,@p2,@p3,@p4,@p5,@p6,@p7,@p8,@p9,@p10,@p11,@p12,@p13,@p14,@p15)",
		1, true, int64(1)<<60, "12345.6789", 0.5, "1.25", "varchar", long, blob, "01020304-0506-0708-090A-0B0C0D0E0F10",
		"2024-02-29", "12:34:56.7654321", mssql.DateTime1(when), when, east)
	exec(t, db, "INSERT INTO t (id) VALUES (2)")
	var (
		b          bool
		i          int64
		d, m, str  string
		f          float64
		n          string
		vb         []byte
		g          mssql.UniqueIdentifier
		da, ti, dt time.Time
		d2, o      time.Time
	)
	if err := db.QueryRow("SELECT b,i,d,f,m,s,n,vb,g,da,ti,dt,d2,o FROM t WHERE id = 1").Scan(&b, &i, &d, &f, &m, &str, &n, &vb, &g, &da, &ti, &dt, &d2, &o); err != nil {
		t.Fatal(err)
	}
	_, offset := o.Zone()
	for name, ok := range map[string]bool{
		"bit": b, "bigint": i == 1<<60, "decimal": d == "12345.6789", "float": f == 0.5, "money": m == "1.2500", "varchar": str == "varchar",
		"nvarchar(max)": n == long, "varbinary(max)": bytes.Equal(vb, blob), "uniqueidentifier": g.String() == "01020304-0506-0708-090A-0B0C0D0E0F10",
		"date": da.Equal(time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)), "time": ti.Format("15:04:05.0000000") == "12:34:56.7654321",
		"datetime":  dt.Equal(time.Date(2024, 2, 29, 12, 34, 56, 767e6, time.UTC)) || dt.Equal(time.Date(2024, 2, 29, 12, 34, 56, 766666666, time.UTC)),
		"datetime2": d2.Equal(when), "datetimeoffset": o.Equal(east) && offset == 19800,
	} {
		if !ok {
			t.Errorf("%s did not come back", name)
		}
	}
	t.Log(d, m, g, da, ti, dt, d2, o)
	nulls := make([]any, 14)
	dest := make([]any, 14)
	for i := range dest {
		dest[i] = &nulls[i]
	}
	if err := db.QueryRow("SELECT b,i,d,f,m,s,n,vb,g,da,ti,dt,d2,o FROM t WHERE id = 2").Scan(dest...); err != nil {
		t.Fatal(err)
	}
	for i, v := range nulls {
		if v != nil {
			t.Errorf("column %d is %v, want NULL", i, v)
		}
	}
}

func TestEngineTransactions(t *testing.T) {
	s := start(t, Options{})
	db := open(t, s, "sa", "")
	exec(t, db, "CREATE TABLE t (a int NOT NULL)")
	for want, end := range []func(*sql.Tx) error{(*sql.Tx).Rollback, (*sql.Tx).Commit} {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		exec(t, tx, "INSERT INTO t VALUES (1)")
		if got := scalar[int](t, tx, "SELECT @@TRANCOUNT"); got != 1 {
			t.Errorf("@@TRANCOUNT %d", got)
		}
		if err := end(tx); err != nil {
			t.Fatal(err)
		}
		if got := scalar[int](t, db, "SELECT COUNT(*) FROM t"); got != want {
			t.Errorf("%d rows, want %d", got, want)
		}
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, conn)
	exec(t, conn, "BEGIN TRAN")
	exec(t, conn, "INSERT INTO t VALUES (2)")
	exec(t, conn, "ROLLBACK")
	if got := scalar[int](t, conn, "SELECT COUNT(*) FROM t"); got != 1 {
		t.Errorf("%d rows after a rollback by text", got)
	}
}

func TestEngineBulk(t *testing.T) {
	s := start(t, Options{})
	db := open(t, s, "sa", "")
	exec(t, db, "CREATE TABLE t (a int NOT NULL, b nvarchar(100) NULL, c datetime2(3) NULL, d decimal(10,2) NULL)")
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	stmt, err := tx.Prepare(mssql.CopyIn("t", mssql.BulkOptions{}, "a", "b", "c", "d"))
	if err != nil {
		t.Fatal(err)
	}
	const rows = 5000
	when := time.Date(2024, 1, 2, 3, 4, 5, 6e6, time.UTC)
	for i := range rows {
		if _, err := stmt.Exec(i, fmt.Sprintf("row %d ö", i), when, float64(i)/4); err != nil {
			t.Fatal(err)
		}
	}
	r, err := stmt.Exec()
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := r.RowsAffected(); n != rows {
		t.Errorf("%d rows loaded", n)
	}
	if err := errors.Join(stmt.Close(), tx.Commit()); err != nil {
		t.Fatal(err)
	}
	if got := scalar[int](t, db, "SELECT COUNT(*) FROM t"); got != rows {
		t.Errorf("%d rows", got)
	}
	if got := scalar[string](t, db, "SELECT b FROM t WHERE a = 4999"); got != "row 4999 ö" {
		t.Errorf("row %q", got)
	}
	if got := scalar[time.Time](t, db, "SELECT c FROM t WHERE a = 1"); !got.Equal(when) {
		t.Errorf("time %v", got)
	}
}

func TestEnginePrepared(t *testing.T) {
	s := start(t, Options{})
	db := open(t, s, "sa", "")
	stmt, err := db.Prepare("SELECT @p1 + 1")
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, stmt)
	for i := range 3 {
		var n int
		if err := stmt.QueryRow(i).Scan(&n); err != nil || n != i+1 {
			t.Errorf("%d: %d, %v", i, n, err)
		}
	}
}

func TestEngineCancel(t *testing.T) {
	s := start(t, Options{})
	db := open(t, s, "sa", "")
	db.SetMaxOpenConns(1)
	// The driver gives up connections whose deadline has passed, so cancel.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(ctx, "WAITFOR DELAY '00:00:30'")
		done <- err
	}()
	waitFor(t, "the statement runs", func() bool { return s.Stats().Requests == 1 })
	begin := time.Now()
	cancel()
	err := <-done
	if d := time.Since(begin); err == nil || d > 5*time.Second {
		t.Errorf("after %v: %v", d, err)
	}
	if got := scalar[int](t, db, "SELECT 7"); got != 7 {
		t.Errorf("afterwards %d", got)
	}
	if st := s.Stats(); st.TotalLogins != 1 || st.Attentions == 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestEngineErrors(t *testing.T) {
	s := start(t, Options{})
	db := open(t, s, "sa", "")
	exec(t, db, "CREATE TABLE t (a int NOT NULL PRIMARY KEY)")
	exec(t, db, "INSERT INTO t VALUES (1)")
	for query, number := range map[string]int32{
		"SELECT * FROM no_such_table":     208,
		"SELECT 1/0":                      8134,
		"INSERT INTO t VALUES (1)":        2627,
		"INSERT INTO t VALUES (NULL)":     515,
		"RAISERROR('bad %s', 16, 2, 'x')": 50000,
		"EXEC no_such_procedure":          2812,
		"SELEC 1":                         -1,
	} {
		_, err := db.Exec(query)
		var e mssql.Error
		if !errors.As(err, &e) || number >= 0 && e.All[0].Number != number {
			t.Errorf("%s: %v, want error %d", query, err, number)
		}
	}
}

func TestEngineMultipleResults(t *testing.T) {
	s := start(t, Options{})
	rows, err := open(t, s, "sa", "").Query("SELECT 1 AS a; SELECT 'x' AS b, 2 AS c; SELECT 3 AS d WHERE 1 = 0; SELECT N'last' AS e")
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, rows)
	var got []string
	for {
		cols, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		got = append(got, fmt.Sprint(cols, n))
		if !rows.NextResultSet() {
			break
		}
	}
	if want := "[[a] 1 [b c] 1 [d] 0 [e] 1]"; fmt.Sprint(got) != want || rows.Err() != nil {
		t.Errorf("results %v, %v", got, rows.Err())
	}
}

func BenchmarkEngineSelectOne(b *testing.B) {
	s := start(b, Options{})
	db := open(b, s, "sa", "")
	conn, err := db.Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer closing(b, conn)
	for b.Loop() {
		if n := scalar[int](b, conn, "SELECT 1"); n != 1 {
			b.Fatal(n)
		}
	}
}
