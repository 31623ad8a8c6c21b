package sandbox

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"sluice/tds"
)

// open connects go-mssqldb to s; the pool is closed with the test.
func open(t testing.TB, s *Server, user, password string, params ...string) *sql.DB {
	t.Helper()
	q := url.Values{"encrypt": {"disable"}, "dial timeout": {"5"}}
	for i := 0; i+1 < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword(user, password), Host: s.Addr().String(), RawQuery: q.Encode()}
	db, err := sql.Open("sqlserver", u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// closing closes c and fails the test if that does; for defer.
func closing(t testing.TB, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestDriverEncryption(t *testing.T) {
	for _, server := range []Encryption{EncryptionOn, EncryptionOff, EncryptionRequired} {
		s, _ := startFake(t, Options{Encryption: server, Logins: map[string]Login{"app": {Password: "pä$s;"}}})
		pem := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(pem, s.CertificatePEM(), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			encrypt string
			fails   Encryption // the server setting with which it cannot work
			params  []string
		}{
			{"disable", EncryptionRequired, nil},
			{"false", -1, []string{"TrustServerCertificate", "true"}},
			{"true", EncryptionOff, []string{"TrustServerCertificate", "true"}},
			{"true", EncryptionOff, []string{"certificate", pem, "hostNameInCertificate", "localhost"}},
			{"strict", EncryptionOff, []string{"certificate", pem, "hostNameInCertificate", "localhost"}},
		} {
			t.Run(fmt.Sprintf("%v/%s", server, tc.encrypt), func(t *testing.T) {
				db := open(t, s, "app", "pä$s;", append(tc.params, "encrypt", tc.encrypt, "packet size", "8192")...)
				var n int
				err := db.QueryRow("select 42").Scan(&n)
				if tc.fails == server {
					if err == nil {
						t.Error("connected")
					}
					return
				}
				if err != nil || n != 42 {
					t.Fatalf("%d, %v", n, err)
				}
				rows := 0
				r, err := db.Query("rows 2000")
				if err != nil {
					t.Fatal(err)
				}
				for r.Next() {
					rows++
				}
				if err := errors.Join(r.Err(), r.Close()); rows != 2000 || err != nil {
					t.Errorf("%d rows, %v", rows, err)
				}
			})
		}
	}
}

func TestDriverLoginErrors(t *testing.T) {
	s, _ := startFake(t, Options{Logins: map[string]Login{"app": {Password: "secret"}}})
	for _, tc := range []struct {
		password, database string
		number             int32
	}{{"wrong", "", 18456}, {"secret", "none", 4060}} {
		var e mssql.Error
		err := open(t, s, "app", tc.password, "database", tc.database).Ping()
		if !errors.As(err, &e) || e.All[0].Number != tc.number {
			t.Errorf("%+v: error %v", tc, err)
		}
	}
}

func TestDriverTypes(t *testing.T) {
	s, _ := startFake(t, Options{})
	db := open(t, s, "sa", "")
	when := time.Date(2024, 2, 29, 12, 34, 56, 123456700, time.FixedZone("", 7200))
	for _, v := range []any{
		int64(-5), int32(7), 2.5, true, "Grüße 你好 😀", mssql.VarChar("ascii"),
		[]byte{0, 1, 255},
		when,
		strings.Repeat("long ö ", 20_000), bytes.Repeat([]byte{9}, 100_000),
		mssql.DateTime1(time.Date(2024, 2, 29, 1, 2, 3, 0, time.UTC)),
		nil, mssql.NVarCharMax("max"),
		mssql.UniqueIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	} {
		var got any
		if err := db.QueryRow("echo", v).Scan(&got); err != nil {
			t.Errorf("%T: %v", v, err)
			continue
		}
		want := v
		switch v := v.(type) {
		case int32:
			want = int64(v)
		case mssql.VarChar:
			want = string(v)
		case mssql.NVarCharMax:
			want = string(v)
		case mssql.DateTime1:
			want = time.Time(v)
		case mssql.UniqueIdentifier:
			var g mssql.UniqueIdentifier
			if err := g.Scan(got); err != nil {
				t.Errorf("%v: %v", got, err)
			}
			got = g
		}
		if !equalValues(got, want) {
			t.Errorf("%T: got %.80v, want %.80v", v, got, want)
		}
	}
}

func TestDriverOutputParameter(t *testing.T) {
	s, _ := startFake(t, Options{})
	db := open(t, s, "sa", "")
	n, text := int64(12), "in"
	var status mssql.ReturnStatus
	_, err := db.Exec("proc", sql.Named("n", sql.Out{Dest: &n, In: true}), sql.Named("text", sql.Out{Dest: &text, In: true}), &status)
	if err != nil || n != 12 || text != "in" || status != 3 {
		t.Errorf("n %d, text %q, status %d, %v", n, text, status, err)
	}
}

func TestDriverTransactionAndReset(t *testing.T) {
	s, e := startFake(t, Options{})
	db := open(t, s, "sa", "")
	db.SetMaxOpenConns(1)
	for _, end := range []func(*sql.Tx) error{(*sql.Tx).Commit, (*sql.Tx).Rollback} {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := tx.QueryRow("select 3").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if err := end(tx); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	if err := db.QueryRow("select 3").Scan(&n); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.resets == 0 {
		t.Error("the driver's reset did not arrive")
	}
}

func TestDriverCancel(t *testing.T) {
	s, _ := startFake(t, Options{})
	db := open(t, s, "sa", "")
	db.SetMaxOpenConns(1)
	for _, query := range []string{"wait for it", "stream on"} {
		ctx, cancel := context.WithCancel(t.Context())
		before := s.Stats().Requests
		done := make(chan error, 1)
		go func() {
			rows, err := db.QueryContext(ctx, query)
			if err == nil {
				for rows.Next() {
				}
				err = errors.Join(rows.Err(), rows.Close())
			}
			done <- err
		}()
		waitFor(t, "the query runs", func() bool { return s.Stats().Requests > before })
		cancel()
		if err := <-done; err == nil {
			t.Errorf("%s: no error", query)
		}
		var n int
		if err := db.QueryRow("select 3").Scan(&n); err != nil || n != 3 {
			t.Errorf("after %s: %d, %v", query, n, err)
		}
	}
	if st := s.Stats(); st.TotalLogins != 1 || st.Attentions == 0 {
		t.Errorf("the connection did not live on: %+v", st)
	}
}

func TestDriverMultipleResults(t *testing.T) {
	s, _ := startFake(t, Options{})
	rows, err := open(t, s, "sa", "").Query("two of them")
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, rows)
	for set := range 2 {
		if !rows.Next() || rows.Next() {
			t.Errorf("set %d has not one row: %v", set, rows.Err())
		}
		if more := rows.NextResultSet(); more != (set == 0) {
			t.Errorf("more after set %d: %v", set, more)
		}
	}
}

func TestManySessions(t *testing.T) {
	const n = 500
	s, _ := startFake(t, Options{Encryption: EncryptionOff})
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = connect(t, s, tds.Login7{})
	}
	for _, c := range clients {
		c.sendBatch("select 1", 0)
	}
	for _, c := range clients {
		if ts := c.answer(); find(ts, tds.TokenRow) == nil {
			t.Fatalf("tokens %v", ts)
		}
	}
	if st := s.Stats(); st.Sessions != n || st.PeakSessions != n || st.PeakConnections != n {
		t.Errorf("stats %+v", st)
	}
	for _, c := range clients[:n/2] {
		_ = c.raw.Close()
	}
	waitFor(t, "half of the sessions are gone", func() bool { return s.Stats().Sessions == n/2 })
}
