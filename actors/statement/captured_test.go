package statement

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/tds"
)

// Batches that drivers send after login. Nothing in them pins.
const (
	tediousLogin = `set ansi_nulls on
set ansi_null_dflt_on on
set ansi_padding on
set ansi_warnings on
set arithabort on
set concat_null_yields_null on
set cursor_close_on_commit off
set datefirst 7
set dateformat mdy
set implicit_transactions off
set language us_english
set numeric_roundabort off
set quoted_identifier on
set textsize 2147483647
set transaction isolation level read committed
set xact_abort off`
	freeTDSLogin = "set textsize 67108864 "
	ctLibLogin   = "set ansi_defaults on set cursor_close_on_commit off set implicit_transactions off"
	jdbcManual   = "set implicit_transactions on"
	jdbcCommit   = "IF @@TRANCOUNT > 0 COMMIT TRAN"
	odbcLogin    = "SET TEXTSIZE 2147483647 SET ANSI_DEFAULTS ON SET CURSOR_CLOSE_ON_COMMIT OFF SET IMPLICIT_TRANSACTIONS OFF"
	spid         = "select @@spid"
	djangoLogin  = "SET DATEFORMAT ymd; SET DATEFIRST 7"
	efCore       = "SET NOCOUNT ON;\nINSERT INTO [Blogs] ([Url])\nVALUES (@p0);\nSELECT [BlogId]\nFROM [Blogs]\nWHERE @@ROWCOUNT = 1 AND [BlogId] = scope_identity();\n"
	efCore8      = "SET IMPLICIT_TRANSACTIONS OFF;\nSET NOCOUNT ON;\nINSERT INTO [Blogs] ([Url])\nOUTPUT INSERTED.[BlogId]\nVALUES (@p0);\n"
	sqlAlchemy   = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
)

func TestDriverBatches(t *testing.T) {
	table(t, Transactions|ReadsLast, []row{
		{tediousLogin, "SET LANGUAGE 'us_english'; SET NUMERIC_ROUNDABORT, CURSOR_CLOSE_ON_COMMIT, ANSI_NULL_DFLT_OFF, XACT_ABORT, IMPLICIT_TRANSACTIONS OFF; " +
			"SET TEXTSIZE 2147483647; SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER, ANSI_NULL_DFLT_ON ON"},
		{freeTDSLogin, "SET TEXTSIZE 67108864"},
		{ctLibLogin, "SET CURSOR_CLOSE_ON_COMMIT, ANSI_NULL_DFLT_OFF, IMPLICIT_TRANSACTIONS OFF; SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, QUOTED_IDENTIFIER, ANSI_NULL_DFLT_ON ON"},
		{jdbcManual, "SET IMPLICIT_TRANSACTIONS ON"},
		{jdbcCommit, "Commits"},
		{odbcLogin, "SET CURSOR_CLOSE_ON_COMMIT, ANSI_NULL_DFLT_OFF, IMPLICIT_TRANSACTIONS OFF; SET TEXTSIZE 2147483647; SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, QUOTED_IDENTIFIER, ANSI_NULL_DFLT_ON ON"},
		{spid, ""},
		{djangoLogin, "SET DATEFORMAT ymd; SET DATEFIRST 7"},
		{efCore, "SET NOCOUNT ON"},
		{efCore8, "SET IMPLICIT_TRANSACTIONS OFF; SET NOCOUNT ON"},
		{sqlAlchemy, ""},
	}, batch)
}

// TestCaptured judges every request that drivers were seen to send: none pins
// but bulk load.
func TestCaptured(t *testing.T) {
	files, err := filepath.Glob("../../tds/testdata/captured/*.bin")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures", err)
	}
	seen := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		kind, payload := payloadOf(b)
		if kind != 1 && kind != 3 {
			continue
		}
		v := tds.V74
		if strings.Contains(f, "tds72") {
			v = tds.V72
		}
		h, err := tds.DecodeAllHeaders(payload, v)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		seen++
		var got Verdict
		if kind == 1 {
			got = Judge{}.Batch(payload[h.Size:], true, Settings{})
		} else {
			got = Judge{}.RPC(payload[h.Size:], true, Settings{})
		}
		reasons := got.Reasons()
		bulk := got.Effects&Bulk != 0
		if len(reasons) > 0 && !(bulk && len(reasons) == 1) || got.Effects&Cut != 0 {
			t.Errorf("%s: pins %v (%s)", filepath.Base(f), reasons, got.Digest)
		}
		t.Logf("%s: %s", filepath.Base(f), told(&got, ^Effects(0)))
	}
	if seen < 10 {
		t.Errorf("only %d requests judged", seen)
	}
}

// payloadOf joins the packets of a message.
func payloadOf(b []byte) (kind byte, payload []byte) {
	if len(b) < 8 {
		return 0, nil
	}
	kind = b[0]
	for len(b) >= 8 {
		n := int(b[2])<<8 | int(b[3])
		if n < 8 || n > len(b) {
			break
		}
		payload = append(payload, b[8:n]...)
		b = b[n:]
	}
	return kind, payload
}
