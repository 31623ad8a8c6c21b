package main

import (
	"fmt"

	"sluice/tds"
	"sluice/tds/tdstest"
)

func intParam(v int32, status byte) []byte {
	h := tds.ParamHeader{Status: status, Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}
	return append(h.Append(nil), 4, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}

func nullParam(status byte) []byte {
	h := tds.ParamHeader{Status: status, Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}
	return append(h.Append(nil), 0)
}

func textParam(s string) []byte {
	h := tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000, Collation: [5]byte{9, 4, 0xD0, 0, 0x34}}}
	u := tds.AppendUTF16(nil, s)
	b := append(h.Append(nil), byte(len(u)), byte(len(u)>>8))
	return append(b, u...)
}

// rpc calls a procedure; of gives the parameters, laid out, for a side.
func (p *player) rpc(a ask, h tds.RPCHeader, of func(side int) []byte) ([2]tdstest.Response, error) {
	a.send = func(c *tdstest.Client, i int) error { return c.RPC(h, of(i), 0) }
	return p.ask(a)
}

// system is a system procedure, called by number or by name.
func (p *player) system(id tds.ProcID) tds.RPCHeader {
	if p.r.IntN(4) == 0 {
		return tds.RPCHeader{Name: id.String()}
	}
	return tds.RPCHeader{ProcID: id}
}

// statement is one to prepare, with a parameter @p int.
func (p *player) statement() string {
	return any1(p.r,
		fmt.Sprintf("SELECT @p + %d, DB_NAME()", p.r.IntN(5)), "SELECT @p, @@LOCK_TIMEOUT, CONTEXT_INFO()",
		"INSERT app1.dbo."+p.table()+" (v) VALUES (@p)", "UPDATE app1.dbo."+p.table()+" SET v = @p WHERE id = 2",
		"SELECT COUNT(*) FROM app1.dbo."+p.table()+" WHERE v < @p", "SELECT 1/@p", "SELECT a FROM #mine WHERE a < @p",
		fmt.Sprintf("SELECT @p -- one of many: %d", p.r.IntN(400)),
	)
}

// handle takes the handle out of both answers; ok is false if there is none.
func handleIn(both [2]tdstest.Response, v tds.Version) (h [2]int32, ok bool) {
	for i := range both {
		for _, k := range both[i].Tokens {
			if k.Kind != tds.TokenReturnValue {
				continue
			}
			if rv, err := tds.DecodeReturnValue(k.Body, v, false); err == nil {
				h[i], ok = rv.Int()
			}
			break
		}
	}
	return h, ok
}

func (p *player) prepare() error {
	text := p.statement()
	params := append(nullParam(tds.ParamByRef), textParam("@p int")...)
	params = append(append(params, textParam(text)...), intParam(1, 0)...)
	both, err := p.rpc(ask{what: "prepare " + text, handle: true}, p.system(tds.ProcPrepare), func(int) []byte { return params })
	return p.keep(both, err)
}

// keep keeps the handle that came back.
func (p *player) keep(both [2]tdstest.Response, err error) error {
	if err != nil {
		return err
	}
	if h, ok := handleIn(both, p.login.Version); ok {
		p.handles = append(p.handles, h)
	}
	if len(p.handles) > 20 {
		p.handles = p.handles[1:]
	}
	return nil
}

// prepexec prepares and runs a statement.
func (p *player) prepexec() error {
	text := p.statement()
	params := append(nullParam(tds.ParamByRef), textParam("@p int")...)
	params = append(append(params, textParam(text)...), intParam(p.r.Int32N(100), 0)...)
	both, err := p.rpc(ask{what: "prepexec " + text, handle: true}, p.system(tds.ProcPrepExec), func(int) []byte { return params })
	return p.keep(both, err)
}

// prepexecAgain prepares and runs a statement in the place of another one.
func (p *player) prepexecAgain() error {
	h, ok := p.takeHandle()
	if !ok {
		return nil
	}
	text := p.statement()
	rest := append(textParam("@p int"), textParam(text)...)
	rest = append(rest, intParam(p.r.Int32N(100), 0)...)
	both, err := p.rpc(ask{what: "prepexec in place " + text, handle: true}, p.system(tds.ProcPrepExec), func(i int) []byte {
		return append(intParam(h[i], tds.ParamByRef), rest...)
	})
	return p.keep(both, err)
}

func (p *player) takeHandle() (h [2]int32, ok bool) {
	if len(p.handles) == 0 {
		return h, false
	}
	i := p.r.IntN(len(p.handles))
	h = p.handles[i]
	p.handles = append(p.handles[:i:i], p.handles[i+1:]...)
	return h, true
}

func (p *player) execute() error {
	if len(p.handles) == 0 {
		return nil
	}
	h, v := any1(p.r, p.handles...), p.r.Int32N(100)
	_, err := p.rpc(ask{what: "execute"}, p.system(tds.ProcExecute), func(i int) []byte { return append(intParam(h[i], 0), intParam(v, 0)...) })
	return err
}

// executeText runs a prepared statement by a batch.
func (p *player) executeText() error {
	if len(p.handles) == 0 {
		return nil
	}
	h, v := any1(p.r, p.handles...), p.r.Int32N(100)
	_, err := p.ask(ask{what: "execute by a batch", send: func(c *tdstest.Client, i int) error {
		return c.Batch(fmt.Sprintf("SELECT 1 EXEC sp_execute %d, %d SELECT 2", h[i], v), 0)
	}})
	return err
}

// executeMany runs several calls in one request.
func (p *player) executeMany() error {
	if len(p.handles) == 0 || !p.login.Version.AtLeast(tds.V72) {
		return nil
	}
	h, v := any1(p.r, p.handles...), p.r.Int32N(100)
	_, err := p.rpc(ask{what: "execute, select, execute"}, tds.RPCHeader{ProcID: tds.ProcExecute}, func(i int) []byte {
		b := append(intParam(h[i], 0), intParam(v, 0)...)
		b = tds.RPCHeader{ProcID: tds.ProcExecuteSQL}.Append(append(b, tds.RPCBatchFlag))
		b = append(b, textParam("SELECT @@LOCK_TIMEOUT, @@TRANCOUNT")...)
		b = tds.RPCHeader{ProcID: tds.ProcExecute}.Append(append(b, tds.RPCBatchFlag))
		return append(append(b, intParam(h[i], 0)...), intParam(v+1, 0)...)
	})
	return err
}

func (p *player) unprepare() error {
	h, ok := p.takeHandle()
	if !ok {
		return nil
	}
	_, err := p.rpc(ask{what: "unprepare"}, p.system(tds.ProcUnprepare), func(i int) []byte { return intParam(h[i], 0) })
	return err
}

// stale executes a handle that nobody gave the client. The node answers that by
// itself, so only the number of the error is compared, and inside a
// transaction, which some settings make such an error end, it is not tried.
func (p *player) stale() error {
	if p.sides[0].client.Transaction != 0 {
		return nil
	}
	params := append(intParam(900000+p.r.Int32N(100), 0), intParam(1, 0)...)
	_, err := p.rpc(ask{what: "stale handle", number: 8179}, tds.RPCHeader{ProcID: tds.ProcExecute}, func(int) []byte { return params })
	return err
}

func (p *player) executeSQL() error {
	text := any1(p.r, p.statement(), "SET LOCK_TIMEOUT @p SELECT @@LOCK_TIMEOUT", "SET @p = @p + 1 SELECT @p", "CREATE TABLE #inside (a int) INSERT #inside VALUES (@p) SELECT a FROM #inside")
	params := append(textParam(text), textParam("@p int OUTPUT")...)
	params = append(params, intParam(600000+p.r.Int32N(100), tds.ParamByRef)...)
	_, err := p.rpc(ask{what: "executesql " + text}, p.system(tds.ProcExecuteSQL), func(int) []byte { return params })
	return err
}

// procedure makes, calls or drops a stored procedure.
func (p *player) procedure() error {
	name := p.named("p", p.life)
	if p.r.IntN(3) == 0 {
		if err := p.batch("USE app1"); err != nil {
			return err
		}
		return p.batch("%s", any1(p.r,
			"CREATE PROCEDURE "+name+" @p int AS SET DATEFIRST 3 INSERT app1.dbo."+p.table()+" (v) VALUES (@p) SELECT @p, SCOPE_IDENTITY() RETURN 7",
			"CREATE PROCEDURE "+name+" @p int AS CREATE TABLE #in (a int) INSERT #in VALUES (@p) SELECT a FROM #in",
			"CREATE PROCEDURE "+name+" @p int AS BEGIN TRAN SELECT @p COMMIT", "DROP PROCEDURE "+name))
	}
	v := p.r.Int32N(100)
	if p.r.IntN(2) == 0 {
		return p.batch("DECLARE @r int EXEC @r = app1.dbo.%s @p = %d SELECT @r", name, v)
	}
	_, err := p.rpc(ask{what: "procedure"}, tds.RPCHeader{Name: "app1.dbo." + name}, func(int) []byte { return intParam(v, 0) })
	return err
}
