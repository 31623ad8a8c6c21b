package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// leakOp is a kind of step.
type leakOp struct {
	name string
	do   func(p *player) error
}

// leakOps are what clients do at random. What is there twice is done twice as
// often.
var leakOps = slices.Concat(textOps, []leakOp{
	{"look", (*player).look},
	{"look", (*player).look},
	{"set", (*player).set},
	{"set", (*player).set},
	{"set", (*player).set},
	{"insert-identity", (*player).insertIdentity},
	{"long-request", (*player).longRequest},
	{"long-response", (*player).longResponse},
	{"tran-manager", (*player).manager},
	{"idle-attention", (*player).idleAttention},
	{"ignored", (*player).ignored},
	{"reset", (*player).reset},
	{"reset-keep-tran", (*player).resetKeepTran},
	{"reconnect", (*player).reconnect},
	{"fatal", (*player).fatal},
	{"cancel", (*player).cancel},
	{"vanish", (*player).vanish},
	{"prepare", (*player).prepare},
	{"prepexec", (*player).prepexec},
	{"prepexec-again", (*player).prepexecAgain},
	{"execute", (*player).execute},
	{"execute", (*player).execute},
	{"execute", (*player).execute},
	{"execute-text", (*player).executeText},
	{"execute-many", (*player).executeMany},
	{"unprepare", (*player).unprepare},
	{"stale", (*player).stale},
	{"executesql", (*player).executeSQL},
	{"procedure", (*player).procedure},
	{"cursor-open", (*player).cursorOpen},
	{"cursor-fetch", (*player).cursorFetch},
	{"cursor-close", (*player).cursorClose},
	{"bulk", (*player).bulk},
	{"bulk-given-up", (*player).bulkGivenUp},
})

// textOps are batches of one kind each.
var textOps = []leakOp{
	text("select", func(p *player) string { return fmt.Sprintf("SELECT %d AS n, DB_NAME(), @@TRANCOUNT", p.r.IntN(1000)) }),
	text("options", func(*player) string { return "SELECT @@LOCK_TIMEOUT, @@TEXTSIZE, @@DATEFIRST, @@OPTIONS, @@LANGUAGE" }),
	text("date", func(*player) string {
		return "SELECT CAST('01/02/2024' AS datetime), DATENAME(month, '20240301'), DATEPART(weekday, '20240301')"
	}),
	text("context-info", func(p *player) string { return fmt.Sprintf("SET CONTEXT_INFO 0x%02x", 1+p.r.IntN(250)) }),
	text("use", func(p *player) string { return "USE " + any1(p.r, "app1", "app2", "app1", "master", "nowhere") }),
	text("temp-create", func(p *player) string { return "CREATE TABLE " + p.temp() + " (a int)" }),
	text("temp-insert", func(p *player) string { return fmt.Sprintf("INSERT %s VALUES (%d)", p.temp(), p.r.IntN(100)) }),
	text("temp-select", func(p *player) string { return "SELECT COUNT(*), SUM(a) FROM " + p.temp() }),
	text("temp-drop", func(p *player) string { return "DROP TABLE " + p.temp() }),
	text("temp-into", func(p *player) string { return fmt.Sprintf("SELECT %d AS a INTO %s", p.r.IntN(100), p.temp()) }),
	text("begin", func(p *player) string {
		return any1(p.r, "BEGIN TRAN", "BEGIN TRAN", "BEGIN TRANSACTION named", "BEGIN TRAN SELECT @@TRANCOUNT")
	}),
	text("commit", func(p *player) string {
		return any1(p.r, "IF @@TRANCOUNT > 0 COMMIT TRAN", "IF @@TRANCOUNT > 0 ROLLBACK TRAN", "COMMIT", "ROLLBACK")
	}),
	text("savepoint", func(p *player) string {
		return any1(p.r, "IF @@TRANCOUNT > 0 SAVE TRAN s", "IF @@TRANCOUNT > 0 ROLLBACK TRAN s")
	}),
	text("insert", func(p *player) string {
		return fmt.Sprintf("INSERT app1.dbo.%s (v) VALUES (%d)", p.table(), p.r.IntN(100))
	}),
	text("insert-many", func(p *player) string {
		return fmt.Sprintf("INSERT app1.dbo.%s (v) VALUES (%d), (%d), (%d)", p.table(), p.r.IntN(100), p.r.IntN(100), p.r.IntN(100))
	}),
	text("count", func(p *player) string { return "SELECT COUNT(*), SUM(v), MAX(id) FROM app1.dbo." + p.table() }),
	text("rows", func(p *player) string { return "SELECT TOP 5 id, v FROM app1.dbo." + p.table() + " ORDER BY id" }),
	text("update", func(p *player) string {
		return fmt.Sprintf("UPDATE app1.dbo.%s SET v = v + 1 WHERE id = %d", p.table(), 1+p.r.IntN(4))
	}),
	text("delete", func(p *player) string {
		return fmt.Sprintf("DELETE app1.dbo.%s WHERE id %% 7 = %d", p.table(), p.r.IntN(7))
	}),
	text("whole-transaction", func(p *player) string {
		return fmt.Sprintf("BEGIN TRAN INSERT app1.dbo.%s (v) VALUES (1) %s TRAN SELECT @@TRANCOUNT", p.table(), any1(p.r, "COMMIT", "ROLLBACK"))
	}),
	text("error", func(p *player) string {
		return any1(p.r, "SELECT 1/0", "SELECT * FROM nowhere_at_all", "SELECT CAST('x' AS int)", "SELEC 1", "SELECT 1 SELECT * FROM nowhere_at_all",
			"INSERT app1.dbo."+p.table()+" (id) VALUES (NULL)", "EXEC no_such_procedure 1", "THROW 51000, 'thrown', 1")
	}),
	text("raise", func(p *player) string {
		return fmt.Sprintf("RAISERROR('severity', %d, %d) SELECT @@ERROR", any1(p.r, 0, 5, 10, 11, 13, 16, 18), 1+p.r.IntN(100))
	}),
	text("print", func(p *player) string { return fmt.Sprintf("PRINT 'number %d' SELECT 1 PRINT 'after'", p.r.IntN(100)) }),
	text("try", func(*player) string {
		return "BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH SELECT ERROR_NUMBER(), @@TRANCOUNT, XACT_STATE() END CATCH"
	}),
	text("results", func(*player) string {
		return "SELECT 1 SELECT 2 SELECT N'three' DECLARE @n int = 4 SELECT @n, @@ROWCOUNT"
	}),
	text("variables", func(p *player) string {
		return fmt.Sprintf("DECLARE @i int = 0 WHILE @i < %d SET @i = @i + 1 SELECT @i", p.r.IntN(20))
	}),
	text("executesql-text", func(p *player) string {
		return fmt.Sprintf("EXEC sp_executesql N'SELECT @x + %d', N'@x int', @x = 5", p.r.IntN(9))
	}),
	text("executesql-set", func(p *player) string {
		return "EXEC sp_executesql N'SET LOCK_TIMEOUT 31000 SELECT @@LOCK_TIMEOUT' SELECT @@LOCK_TIMEOUT"
	}),
	text("prepare-text", func(p *player) string {
		return fmt.Sprintf("DECLARE @h int EXEC sp_prepare @h OUTPUT, N'@p int', N'SELECT @p + %d' EXEC sp_execute @h, 5 EXEC sp_unprepare @h", p.r.IntN(9))
	}),
	text("session-context", func(p *player) string {
		return fmt.Sprintf("EXEC sp_set_session_context N'k%d', N'%d'", p.r.IntN(3), p.r.IntN(100))
	}),
	text("app-lock", func(p *player) string { // shared locks of names that all clients use
		return fmt.Sprintf("DECLARE @r int EXEC @r = sp_getapplock @Resource = 'r%d', @LockMode = 'Shared', @LockOwner = 'Session', @LockTimeout = 60000 SELECT @r", p.r.IntN(3))
	}),
	text("app-unlock", func(p *player) string {
		return fmt.Sprintf("EXEC sp_releaseapplock @Resource = 'r%d', @LockOwner = 'Session'", p.r.IntN(3))
	}),
	text("app-lock-tran", func(p *player) string {
		return fmt.Sprintf("IF @@TRANCOUNT > 0 EXEC sp_getapplock @Resource = 'r%d', @LockMode = 'Shared', @LockTimeout = 60000", p.r.IntN(3))
	}),
	text("global-temp", func(p *player) string {
		name := "##" + p.named("g", p.life)
		return any1(p.r, "CREATE TABLE "+name+" (a int)", "INSERT "+name+" VALUES (1)", "SELECT COUNT(*) FROM "+name, "DROP TABLE "+name, "DROP TABLE "+name)
	}),
	text("identity-insert", func(p *player) string {
		return fmt.Sprintf("SET IDENTITY_INSERT app1.dbo.%s %s", p.table(), any1(p.r, "ON", "OFF", "OFF"))
	}),
}

func text(name string, of func(p *player) string) leakOp {
	return leakOp{name, func(p *player) error { return p.batch("%s", of(p)) }}
}

// any1 picks one.
func any1[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// opsWithout leaves out the steps with these names.
func opsWithout(names []string) (ops []leakOp) {
	for _, o := range leakOps {
		if !slices.Contains(names, o.name) {
			ops = append(ops, o)
		}
	}
	return ops
}

func (p *player) temp() string { return any1(p.r, "#mine", "#other") }

// look asks for all that a session can have left in a backend.
func (p *player) look() error {
	return p.batch("%s", "SELECT DB_NAME(), @@TRANCOUNT, XACT_STATE(), @@LOCK_TIMEOUT, @@TEXTSIZE, @@DATEFIRST, @@OPTIONS, @@LANGUAGE, CONTEXT_INFO(), "+
		"SUSER_SNAME(), APP_NAME(), CAST('01/02/2024' AS datetime), CAST(SESSION_CONTEXT(N'k0') AS nvarchar(20)), CAST(SESSION_CONTEXT(N'k1') AS nvarchar(20)), "+
		"CAST(SESSION_CONTEXT(N'k2') AS nvarchar(20)), APPLOCK_MODE('public', 'r0', 'Session'), APPLOCK_MODE('public', 'r1', 'Session'), APPLOCK_MODE('public', 'r2', 'Session') "+
		"SELECT OBJECT_ID('tempdb..#mine') / NULLIF(OBJECT_ID('tempdb..#mine'), 0), OBJECT_ID('tempdb..#other') / NULLIF(OBJECT_ID('tempdb..#other'), 0) DBCC USEROPTIONS")
}

// set sets an option of the session.
func (p *player) set() error {
	onOff := any1(p.r, "ON", "OFF")
	return p.batch("SET %s", any1(p.r,
		fmt.Sprint("LOCK_TIMEOUT ", 600000+p.r.IntN(3)), fmt.Sprint("DATEFIRST ", 1+p.r.IntN(7)), fmt.Sprint("TEXTSIZE ", 1000+p.r.IntN(3)),
		"DATEFORMAT "+any1(p.r, "dmy", "mdy", "ymd"), "LANGUAGE "+any1(p.r, "us_english", "British", "Deutsch"),
		"TRANSACTION ISOLATION LEVEL "+any1(p.r, "READ COMMITTED", "SERIALIZABLE", "READ UNCOMMITTED", "REPEATABLE READ"),
		"NOCOUNT "+onOff, "XACT_ABORT "+onOff, "ANSI_NULLS "+onOff, "QUOTED_IDENTIFIER "+onOff, "ARITHABORT "+onOff, "ANSI_WARNINGS "+onOff,
		"CONCAT_NULL_YIELDS_NULL "+onOff, "IMPLICIT_TRANSACTIONS "+onOff, "CURSOR_CLOSE_ON_COMMIT "+onOff, "ANSI_PADDING "+onOff,
		fmt.Sprint("ROWCOUNT ", p.r.IntN(3)), "DEADLOCK_PRIORITY "+any1(p.r, "LOW", "NORMAL", "HIGH"), "NO_SUCH_OPTION ON", "LOCK_TIMEOUT -1 SELECT 1/0",
	))
}

// tidy lets go of what binds a client to a backend: few may hold one for long.
func (p *player) tidy() error {
	if err := p.batch("SET IMPLICIT_TRANSACTIONS OFF SET ROWCOUNT 0 IF @@TRANCOUNT > 0 ROLLBACK TRAN"); err != nil {
		return err
	}
	if p.r.IntN(4) == 0 {
		return p.reset()
	}
	for _, t := range []string{"#mine", "#other"} {
		if err := p.batch("IF OBJECT_ID('tempdb..%s') IS NOT NULL DROP TABLE %s", t, t); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) insertIdentity() error {
	text := fmt.Sprintf("INSERT app1.dbo.%s (v) VALUES (%d)", p.table(), p.r.IntN(100))
	both, err := p.ask(ask{what: text, send: func(c *tdstest.Client, _ int) error { return c.Batch(text, 0) }})
	if err != nil || both[0].Err() != nil {
		return err // without a row, the next batch would ask for one of an earlier batch
	}
	return p.batch("SELECT SCOPE_IDENTITY(), @@IDENTITY, IDENT_CURRENT('app1.dbo.%s')", p.table())
}

// longRequest sends a request of several packets.
func (p *player) longRequest() error {
	return p.batch("SELECT %d, LEN('%s') %s", p.r.IntN(100), strings.Repeat("0123456789", 1+p.r.IntN(900)), any1(p.r, "", "SET LOCK_TIMEOUT 600007", "-- the end"))
}

// longResponse asks for a response of several packets.
func (p *player) longResponse() error {
	return p.batch("%s", manyRows(1+p.r.IntN(600), p.r.IntN(100)))
}

func manyRows(n, value int) string {
	return fmt.Sprintf("WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i, REPLICATE('%d', 40) AS r FROM n OPTION (MAXRECURSION 0)", n, value)
}

// manager begins or ends a transaction by a request to the transaction manager.
func (p *player) manager() error {
	m := tds.TransMgr{Type: any1(p.r, tds.TMBegin, tds.TMCommit, tds.TMRollback, tds.TMSave)}
	if (m.Type == tds.TMBegin) != (p.sides[0].client.Transaction == 0) {
		return nil
	}
	switch m.Type {
	case tds.TMBegin:
		m.Isolation = any1[byte](p.r, 0, 2, 4)
	case tds.TMSave:
		m.Name = "saved"
	}
	_, err := p.ask(ask{what: fmt.Sprint("transaction manager ", m.Type), send: func(c *tdstest.Client, _ int) error { return c.TransMgr(m) }})
	return err
}

func (p *player) idleAttention() error {
	_, err := p.ask(ask{what: "attention", send: func(c *tdstest.Client, _ int) error { return c.Attention() }})
	return err
}

// ignored takes a request back in its own last packet.
func (p *player) ignored() error {
	_, err := p.ask(ask{what: "ignored", own: true, send: func(c *tdstest.Client, _ int) error { return c.Batch("SET LOCK_TIMEOUT 13", tds.StatusIgnore) }})
	return err
}

// reset is what a driver's pool does when it hands out a connection again.
func (p *player) reset() error {
	p.handles, p.cursors = nil, nil
	_, err := p.ask(ask{what: "reset", reset: true, send: func(c *tdstest.Client, _ int) error {
		c.Transaction = 0
		return c.Batch("SELECT @@LOCK_TIMEOUT, @@TRANCOUNT, DB_NAME()", tds.StatusReset)
	}})
	if err != nil {
		return err
	}
	return p.look()
}

func (p *player) resetKeepTran() error {
	p.handles, p.cursors = nil, nil
	before := [2]uint64{p.sides[0].client.Transaction, p.sides[1].client.Transaction}
	_, err := p.ask(ask{what: "reset but for the transaction", reset: true, send: func(c *tdstest.Client, _ int) error {
		return c.Batch("SELECT @@LOCK_TIMEOUT, @@TRANCOUNT, DB_NAME()", tds.StatusResetSkipTran)
	}})
	for i := range p.sides {
		p.sides[i].client.Transaction = before[i] // the client took it for a reset of all
	}
	return err
}

// reconnect leaves between two requests, and comes again.
func (p *player) reconnect() error {
	p.note("reconnect")
	if err := p.connect(); err != nil {
		return err
	}
	return p.look()
}

// fatal has the server end the connection.
func (p *player) fatal() error {
	const text = "RAISERROR('fatal', 20, 1) WITH LOG"
	if _, err := p.ask(ask{what: text, fatal: true, send: func(c *tdstest.Client, _ int) error { return c.Batch(text, 0) }}); err != nil {
		return err
	}
	return p.reconnect()
}
