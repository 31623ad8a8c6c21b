package sandbox

import (
	"slices"
	"testing"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// The order of tokens around prepared statements is what drivers rely on.
func TestEnginePreparedTokens(t *testing.T) {
	s := start(t, Options{})
	c := connect(t, s, tds.Login7{})
	handle := tsql.Param{Type: intType, Output: true}
	params, stmt := param("", nvType, "@a int"), param("", nvType, "SELECT @a + 1 AS n")
	arg := param("@a", intType, int64(41))
	row := []tds.Token{tds.TokenColMetadata, tds.TokenRow, tds.TokenDoneInProc, tds.TokenReturnStatus}

	ts := c.call(rpc("", tds.ProcPrepExec, handle, params, stmt, arg))
	if want := append(slices.Clone(row), tds.TokenReturnValue, tds.TokenDoneProc); !slices.Equal(kinds(ts), want) {
		t.Fatalf("sp_prepexec: %v", ts)
	}
	h, ok := ts[4].ret.Int()
	if !ok || ts[4].ret.Ordinal != 0 || ts[1].row[0] != int64(42) {
		t.Fatalf("sp_prepexec: handle %d, %v", h, ts)
	}
	use := param("", intType, int64(h))
	for _, call := range [][]byte{rpc("", tds.ProcExecute, use, arg), rpc("sp_execute", 0, use, arg)} {
		if ts := c.call(call); !slices.Equal(kinds(ts), append(slices.Clone(row), tds.TokenDoneProc)) || ts[1].row[0] != int64(42) {
			t.Errorf("sp_execute: %v", ts)
		}
	}
	two := c.call(rpc("", tds.ProcExecute, use, arg), rpc("", tds.ProcExecute, use, arg))
	if len(two) != 10 || two[4].done.Status != tds.DoneMore|tds.DoneRPCInBatch || two[9].done.Status != 0 {
		t.Errorf("batch of two: %v", two)
	}
	if ts := c.call(rpc("", tds.ProcUnprepare, use)); find(ts, tds.TokenError) != nil {
		t.Errorf("sp_unprepare: %v", ts)
	}
	if e := find(c.call(rpc("", tds.ProcExecute, use, arg)), tds.TokenError); e == nil || e.msg.Number != 8179 {
		t.Errorf("sp_execute after sp_unprepare: %v", e)
	}
	ts = c.call(rpc("", tds.ProcPrepare, handle, params, stmt, param("", intType, int64(1))))
	if rv := find(ts, tds.TokenReturnValue); rv == nil {
		t.Errorf("sp_prepare: %v", ts)
	}
}

// A reset ends all that a session holds, and is acknowledged first.
func TestEngineReset(t *testing.T) {
	s := start(t, Options{Databases: []string{"app"}})
	c := connect(t, s, tds.Login7{Database: "master"})
	for _, sql := range []string{"USE app", "CREATE TABLE #t (a int)", "SET LOCK_TIMEOUT 77", "BEGIN TRAN"} {
		if ts := c.batch(sql); find(ts, tds.TokenError) != nil {
			t.Fatalf("%s: %v", sql, ts)
		}
	}
	if c.tran == 0 {
		t.Fatal("BEGIN TRAN was not announced")
	}
	c.tran = 0
	c.sendBatch("SELECT DB_NAME(), @@TRANCOUNT, @@LOCK_TIMEOUT", tds.StatusReset)
	ts := c.answer()
	if ts[0].env.Type != tds.EnvResetConnection {
		t.Fatalf("tokens %v", ts)
	}
	if row := find(ts, tds.TokenRow); row == nil || row.row[0] != "master" || row.row[1] != int64(0) || row.row[2] != int64(-1) {
		t.Errorf("after the reset: %v", ts)
	}
	if e := find(c.batch("SELECT * FROM #t"), tds.TokenError); e == nil || e.msg.Number != 208 {
		t.Errorf("temporary table after the reset: %v", e)
	}
}

func TestEngineAttentionKeepsTransaction(t *testing.T) {
	s := start(t, Options{})
	c := connect(t, s, tds.Login7{})
	c.batch("CREATE TABLE t (a int)")
	c.batch("BEGIN TRAN")
	c.batch("INSERT INTO t VALUES (1)")
	c.sendBatch("WAITFOR DELAY '00:01:00'", 0)
	c.attention()
	if got := sprint(c.answer()); got != "[done(fd 002 fd 0)]" {
		t.Errorf("response %s", got)
	}
	if got := sprint(c.answer()); got != attentionAck {
		t.Errorf("acknowledgement %s", got)
	}
	c.batch("COMMIT")
	if row := find(c.batch("SELECT COUNT(*) FROM t"), tds.TokenRow); row == nil || row.row[0] != int64(1) {
		t.Errorf("rows %v", row)
	}
}

func TestEngineBulkError(t *testing.T) {
	s := start(t, Options{})
	c := connect(t, s, tds.Login7{})
	c.batch("CREATE TABLE t (a int NOT NULL PRIMARY KEY)")
	for _, tc := range []struct {
		stmt   string
		number int32
	}{{"INSERT BULK t (a int)", 2627}, {"INSERT BULK no_such_table (a int)", 208}} {
		c.batch(tc.stmt)
		data := tds.AppendColMetadata(nil, []tds.Column{{Name: "a", Type: intType}}, c.version)
		for range 1000 {
			data = append(data, byte(tds.TokenRow))
			data, _ = appendValue(data, &intType, int64(1))
		}
		c.send(tds.PacketBulkLoad, 0, tds.Done{}.Append(data, c.version))
		if e := find(c.answer(), tds.TokenError); e == nil || e.msg.Number != tc.number {
			t.Errorf("%s: %v", tc.stmt, e)
		}
	}
	if row := find(c.batch("SELECT COUNT(*) FROM t"), tds.TokenRow); row == nil || row.row[0] != int64(0) {
		t.Errorf("rows %v", row)
	}
}
