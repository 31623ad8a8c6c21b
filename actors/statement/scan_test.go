package statement

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// inParts judges a text in parts of random sizes up to size.
func inParts(sc *Scan, k Kind, b []byte, size int, rnd *rand.Rand) Verdict {
	sc.Restart(k, Settings{})
	for len(b) > 0 {
		n := min(len(b), 1+rnd.IntN(size))
		part := append([]byte(nil), b[:n]...)
		sc.Feed(part)
		for i := range part { // parts are not kept
			part[i] = 0xEE
		}
		b = b[n:]
	}
	return sc.End()
}

func sameVerdict(a, b *Verdict) bool {
	x, y := *a, *b
	x.Digest, y.Digest = "", ""
	return reflect.DeepEqual(x, y)
}

// A text in parts is judged like the whole.
func TestScanInParts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	sc := Judge{}.NewScan(BatchText, Settings{})
	texts := []string{
		tediousLogin, typical, efCore, "SELECT 'a''b' EXEC('SET CONTEXT_INFO ''0x01''')", "CREATE TABLE [#a]]b] (a int) -- x\r\nDROP TABLE [#a]]b]",
		"EXEC sp_getapplock N'a''b', 'Shared', 'Session' /* a /* b */ c */ SELECT 1 INTO tempdb.dbo.[#x] SET LOCK_TIMEOUT -5 SELECT 1.5e10SET ROWCOUNT 5",
	}
	for _, p := range piecesOfText {
		texts = append(texts, p+" SET DEADLOCK_PRIORITY LOW")
	}
	for _, text := range texts {
		b := u16(text)
		want := Judge{}.Batch(b, true, Settings{})
		for _, size := range []int{1, 2, 3, 10, 100} {
			got := inParts(sc, BatchText, b, size, rnd)
			if !sameVerdict(&got, &want) {
				t.Fatalf("%q in parts of %d:\n got %s %+v\nwant %s %+v", text, size, told(&got, ^Effects(0)), got.events, told(&want, ^Effects(0)), want.events)
			}
		}
	}
}

// A long request is read to its end, with bounded memory.
func TestLongScan(t *testing.T) {
	sc := Judge{}.NewScan(BatchText, Settings{})
	row := u16(strings.Repeat("INSERT INTO t (a, b) VALUES (1, 'it''s') -- comment\n", 100))
	sc.Feed(u16("SET NOCOUNT ON;\n"))
	for range 200 {
		sc.Feed(row)
	}
	sc.Feed(u16("INSERT t VALUES ('"))
	blob := u16(strings.Repeat("x", 2000))
	for range 1000 {
		sc.Feed(blob)
	}
	sc.Feed(u16("') SET LOCK_TIMEOUT 5"))
	if n := cap(sc.f.carry); n > 64<<10 {
		t.Errorf("%d bytes are kept", n)
	}
	v := sc.End()
	if got := told(&v, ^Effects(0)); got != "SET LOCK_TIMEOUT 5; SET NOCOUNT ON | Identity | Writes" {
		t.Errorf("got %s", got)
	}
}

// Work grows with the text, not with its square, whatever the text is.
func TestWorkIsBounded(t *testing.T) {
	for _, unit := range []string{
		"'", "''", "'a", "[", "]", "\"", "/*", "*/", "--", "-- \r", "(", "EXEC('", "BEGIN ", "CASE ", "IF ", "DROP TABLE #a,", "@", "1e", ".",
		"SELECT 1 INTO #t ", "SET ", "DBCC TRACEON(1) ", "CREATE TABLE #a ", "x:", "{call p}", "EXEC sp_set_session_context 'k',1 ", "END ",
	} {
		text := u16(strings.Repeat(unit, (64<<10)/len(unit)))
		start := time.Now()
		v := Judge{}.Batch(text, true, Settings{})
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("%q repeated: %v", unit, d)
		}
		var st State
		start = time.Now()
		st.Apply(&v, Outcome{})
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("%q repeated: %v to apply", unit, d)
		}
		if len(st.Pins()) > maxPins+int(optionCount) {
			t.Errorf("%q repeated: %d pins", unit, len(st.Pins()))
		}
	}
}

var soup = strings.Fields(`SET NOCOUNT ON OFF XACT_ABORT , ; ( ) BEGIN END TRY CATCH IF ELSE WHILE CASE WHEN THEN RETURN GOTO x : :: . 'a' 'it''s' N'b' "c" [d] [e]]f] #t ##g
@v @@ROWCOUNT @@IDENTITY 1 2.5 0xAB 1e5 -- \n /* */ = - SELECT INTO FROM INSERT UPDATE STATISTICS DELETE VALUES DEFAULT EXEC EXECUTE AS USER LOGIN REVERT sp_executesql
sp_getapplock sp_releaseapplock 'r' 'Session' sp_set_session_context N'k' NULL sp_setapprole sp_reset_connection sp_xml_preparedocument USE app2 LANGUAGE Deutsch
DATEFIRST DATEFORMAT dmy LOCK_TIMEOUT ROWCOUNT TEXTSIZE TRANSACTION ISOLATION LEVEL READ COMMITTED SNAPSHOT CONTEXT_INFO 0x01 CREATE TABLE PROCEDURE VIEW OR ALTER
DROP EXISTS DECLARE c CURSOR LOCAL GLOBAL FOR DEALLOCATE OPEN CLOSE SYMMETRIC KEY DBCC TRACEON TRACEOFF 1204 -1 GRANT ON TO WITH NO TRAN COMMIT ROLLBACK SAVE NOEXEC FMTONLY
ANSI_DEFAULTS IDENTITY_INSERT t OBJECT_ID 'tempdb..#t' IS NOT { call } ? BULK DATABASE MERGE 'SET CONTEXT_INFO 0x02' CONVERSATION DISTRIBUTED DEADLOCK_PRIORITY LOW`)

// Whatever words follow each other: parts are judged like the whole, what is
// unknown pins, and a replay leads where it should.
func TestSoup(t *testing.T) {
	rounds := 4_000
	if testing.Short() {
		rounds = 2_000
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	sc := Judge{}.NewScan(BatchText, Settings{})
	var st State
	replays := 0
	for range rounds {
		var b strings.Builder
		for range 1 + rnd.IntN(40) {
			w := soup[rnd.IntN(len(soup))]
			if w == `\n` {
				w = "\n"
			}
			b.WriteString(w)
			if rnd.IntN(8) > 0 {
				b.WriteByte(' ')
			}
		}
		text := u16(b.String())
		whole := Judge{}.Batch(text, true, Settings{})
		parts := inParts(sc, BatchText, text, 1+rnd.IntN(60), rnd)
		if !sameVerdict(&whole, &parts) {
			t.Fatalf("%q\nparts %s %+v\nwhole %s %+v", b.String(), told(&parts, ^Effects(0)), parts.events, told(&whole, ^Effects(0)), whole.events)
		}
		before := st.Settings
		v := Judge{}.Batch(text, true, before)
		st.Apply(&v, Outcome{Errors: rnd.IntN(5) == 0})
		if st.Settings.Unfollowed() != 0 && !st.Pinned() {
			t.Fatalf("%q: unknown options do not pin", b.String())
		}
		if sql, ok := Replay(before, st.Settings, Settings{}); ok {
			replays++
			again := Judge{}.Batch(u16(sql), true, before)
			if again.Settings != st.Settings {
				t.Fatalf("%q: replay %q from %+v gives %+v, want %+v", b.String(), sql, before, again.Settings, st.Settings)
			}
		}
		if rnd.IntN(20) == 0 {
			st.Reset()
			st.Settings = Settings{}
		}
	}
	t.Logf("%d replays", replays)
}
