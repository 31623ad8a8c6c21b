package main

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// leakOps are what clients do at random.
var leakOps = []func(p *player, r *rand.Rand) error{
	func(p *player, r *rand.Rand) error {
		return p.batch("SELECT %d AS n, DB_NAME(), @@TRANCOUNT", r.IntN(1000))
	},
	func(p *player, r *rand.Rand) error { return p.batch("SET LOCK_TIMEOUT %d", 30000+r.IntN(3)) },
	func(p *player, r *rand.Rand) error {
		return p.batch("SELECT @@LOCK_TIMEOUT, @@TEXTSIZE, @@DATEFIRST, @@OPTIONS, @@LANGUAGE")
	},
	func(p *player, r *rand.Rand) error { return p.batch("SET DATEFIRST %d", 1+r.IntN(7)) },
	func(p *player, r *rand.Rand) error {
		return p.batch("SET NOCOUNT %s", []string{"ON", "OFF"}[r.IntN(2)])
	},
	func(p *player, r *rand.Rand) error {
		return p.batch("SET XACT_ABORT %s", []string{"ON", "OFF"}[r.IntN(2)])
	},
	func(p *player, r *rand.Rand) error { return p.batch("SET TEXTSIZE %d", 1000+r.IntN(3)) },
	func(p *player, r *rand.Rand) error {
		return p.batch("SET DATEFORMAT %s", []string{"dmy", "mdy", "ymd"}[r.IntN(3)])
	},
	func(p *player, r *rand.Rand) error { return p.batch("SELECT CAST('01/02/2024' AS datetime)") },
	func(p *player, r *rand.Rand) error {
		return p.batch("SET TRANSACTION ISOLATION LEVEL %s", []string{"READ COMMITTED", "SERIALIZABLE", "READ UNCOMMITTED"}[r.IntN(3)])
	},
	func(p *player, r *rand.Rand) error { return p.batch("SET CONTEXT_INFO 0x%02x", 1+r.IntN(250)) },
	func(p *player, r *rand.Rand) error { return p.batch("SELECT CONTEXT_INFO()") },
	func(p *player, r *rand.Rand) error { return p.batch("USE %s", []string{"app1", "app2"}[r.IntN(2)]) },
	func(p *player, r *rand.Rand) error { return p.batch("SELECT DB_NAME()") },
	func(p *player, r *rand.Rand) error { return p.batch("CREATE TABLE #mine (a int)") },
	func(p *player, r *rand.Rand) error { return p.batch("INSERT #mine VALUES (%d)", r.IntN(100)) },
	func(p *player, r *rand.Rand) error { return p.batch("SELECT COUNT(*) FROM #mine") },
	func(p *player, r *rand.Rand) error { return p.batch("DROP TABLE #mine") },
	func(p *player, r *rand.Rand) error { return p.batch("BEGIN TRAN") },
	func(p *player, r *rand.Rand) error { return p.batch("IF @@TRANCOUNT > 0 COMMIT TRAN") },
	func(p *player, r *rand.Rand) error { return p.batch("IF @@TRANCOUNT > 0 ROLLBACK TRAN") },
	func(p *player, r *rand.Rand) error { return p.batch("COMMIT") },
	func(p *player, r *rand.Rand) error {
		return p.batch("INSERT app1.dbo.%s (v) VALUES (%d)", p.name, r.IntN(100))
	},
	func(p *player, r *rand.Rand) error {
		return p.batch("SELECT COUNT(*), SUM(v) FROM app1.dbo.%s", p.name)
	},
	func(p *player, r *rand.Rand) error {
		return p.batch("UPDATE app1.dbo.%s SET v = v + 1 WHERE id = 1", p.name)
	},
	func(p *player, r *rand.Rand) error {
		if err := p.batch("INSERT app1.dbo.%s (v) VALUES (%d)", p.name, r.IntN(100)); err != nil {
			return err
		}
		return p.batch("SELECT SCOPE_IDENTITY(), @@IDENTITY")
	},
	func(p *player, r *rand.Rand) error { return p.batch("SELECT 1/0") },
	func(p *player, r *rand.Rand) error { return p.batch("SELECT * FROM nowhere_at_all") },
	func(p *player, r *rand.Rand) error { return p.batch("RAISERROR('no', 16, 1)") },
	func(p *player, r *rand.Rand) error { return p.batch("SELECT 1 SELECT 2 SELECT N'three'") },
	func(p *player, r *rand.Rand) error { // a transaction by requests
		typ := []tds.TransMgrType{tds.TMBegin, tds.TMCommit, tds.TMRollback}[r.IntN(3)]
		if (typ == tds.TMBegin) != (p.client.Transaction == 0) {
			return nil
		}
		return p.do(fmt.Sprint("transaction manager ", typ), func(c *tdstest.Client) error { return c.TransMgr(tds.TransMgr{Type: typ}) })
	},
	func(p *player, r *rand.Rand) error { // nothing to cancel
		return p.do("attention", (*tdstest.Client).Attention)
	},
	func(p *player, r *rand.Rand) error { // a driver's pool takes the connection out again
		p.handles = nil
		return p.do("reset", func(c *tdstest.Client) error {
			c.Transaction = 0
			return c.Batch("SELECT @@LOCK_TIMEOUT, @@TRANCOUNT, DB_NAME()", tds.StatusReset)
		})
	},
	func(p *player, r *rand.Rand) error { // leaves, and comes again
		if r.IntN(4) > 0 {
			return nil
		}
		p.seen = append(p.seen, seen{what: "reconnect"})
		_ = p.client.Close()
		return p.connect()
	},
	(*player).cancel, (*player).vanish, (*player).prepexec,
	func(p *player, r *rand.Rand) error {
		return p.batch("EXEC sp_executesql N'SELECT @x + %d', N'@x int', @x = 5", r.IntN(9))
	},
	func(p *player, r *rand.Rand) error {
		return p.batch("EXEC sp_set_session_context N'k', N'%d'", r.IntN(100))
	},
	func(p *player, r *rand.Rand) error {
		return p.batch("SELECT CAST(SESSION_CONTEXT(N'k') AS nvarchar(20))")
	},
	(*player).prepare, (*player).execute, (*player).execute, (*player).unprepare, (*player).stale,
}

func intParam(v int32, status byte) []byte {
	h := tds.ParamHeader{Status: status, Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}
	return append(h.Append(nil), 4, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}

func textParam(s string) []byte {
	h := tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000, Collation: [5]byte{9, 4, 0xD0, 0, 0x34}}}
	u := tds.AppendUTF16(nil, s)
	b := append(h.Append(nil), byte(len(u)), byte(len(u)>>8))
	return append(b, u...)
}

// prepare prepares a statement. What handle comes back is not compared.
func (p *player) prepare(r *rand.Rand) error {
	text := fmt.Sprintf("SELECT @p + %d, DB_NAME()", r.IntN(5))
	params := append(intParam(0, tds.ParamByRef), textParam("@p int")...)
	params = append(params, textParam(text)...)
	params = append(params, intParam(1, 0)...)
	if err := p.client.RPC(tds.RPCHeader{ProcID: tds.ProcPrepare}, params, 0); err != nil {
		return err
	}
	resp, err := p.client.Read()
	if err != nil || resp.Err() != nil {
		return fmt.Errorf("prepare: %w %w", err, resp.Err())
	}
	p.seen = append(p.seen, seen{what: "prepare " + text})
	for _, k := range resp.Tokens {
		if k.Kind == tds.TokenReturnValue {
			rv, err := tds.DecodeReturnValue(k.Body, tds.V74, false)
			if err != nil {
				return err
			}
			h, _ := rv.Int()
			p.handles = append(p.handles, h)
		}
	}
	return nil
}

func (p *player) execute(r *rand.Rand) error {
	if len(p.handles) == 0 {
		return nil
	}
	h, v := p.handles[r.IntN(len(p.handles))], int32(r.IntN(100))
	return p.do("execute", func(c *tdstest.Client) error {
		return c.RPC(tds.RPCHeader{ProcID: tds.ProcExecute}, append(intParam(h, 0), intParam(v, 0)...), 0)
	})
}

func (p *player) unprepare(r *rand.Rand) error {
	if len(p.handles) == 0 {
		return nil
	}
	i := r.IntN(len(p.handles))
	h := p.handles[i]
	p.handles = append(p.handles[:i:i], p.handles[i+1:]...)
	return p.do("unprepare", func(c *tdstest.Client) error {
		return c.RPC(tds.RPCHeader{ProcID: tds.ProcUnprepare}, intParam(h, 0), 0)
	})
}

// cancel cancels a request that runs, or waits for a backend.
func (p *player) cancel(*rand.Rand) error {
	if err := p.client.Batch("WAITFOR DELAY '00:00:30'", 0); err != nil {
		return err
	}
	if err := p.client.Attention(); err != nil {
		return err
	}
	p.seen = append(p.seen, seen{what: "cancel"})
	for range 2 {
		r, err := p.client.Read()
		if err != nil {
			return fmt.Errorf("cancel: %w", err)
		}
		d, ok := r.Done()
		switch {
		case !ok:
			return fmt.Errorf("cancel: no DONE in %x", r.Message.Payload)
		case d.Status&tds.DoneAttention != 0:
			return nil
		}
	}
	return errors.New("cancel: no acknowledgement")
}

// vanish leaves in the middle of a request, and comes again.
func (p *player) vanish(r *rand.Rand) error {
	if r.IntN(3) > 0 {
		return nil
	}
	text := []string{"WAITFOR DELAY '00:00:00.050' SELECT 1", "SELECT 1", "BEGIN TRAN CREATE TABLE #left (a int) WAITFOR DELAY '00:00:30'", "SET LOCK_TIMEOUT 77"}[r.IntN(4)]
	p.seen = append(p.seen, seen{what: "vanish: " + text})
	if err := p.client.Batch(text, 0); err != nil {
		return err
	}
	_ = p.client.Close()
	return p.connect()
}

// prepexec prepares and runs a statement that inserts a row.
func (p *player) prepexec(r *rand.Rand) error {
	params := append(intParam(0, tds.ParamByRef), textParam("@p int")...)
	params = append(params, textParam("INSERT app1.dbo."+p.name+" (v) VALUES (@p)")...)
	params = append(params, intParam(r.Int32N(100), 0)...)
	if err := p.client.RPC(tds.RPCHeader{ProcID: tds.ProcPrepExec}, params, 0); err != nil {
		return err
	}
	resp, err := p.client.Read()
	if err != nil {
		return err
	}
	p.seen = append(p.seen, seen{"prepexec", nil, fmt.Sprint(resp.Errors())})
	return p.batch("SELECT @@IDENTITY")
}

// stale executes a handle that nobody gave the client. The node answers that
// by itself, so only the number of the error is compared, and inside a
// transaction, which some settings make such an error end, it is not tried.
func (p *player) stale(r *rand.Rand) error {
	if p.client.Transaction != 0 {
		return nil
	}
	if err := p.client.RPC(tds.RPCHeader{ProcID: tds.ProcExecute}, append(intParam(900000+r.Int32N(100), 0), intParam(1, 0)...), 0); err != nil {
		return err
	}
	resp, err := p.client.Read()
	if err != nil {
		return err
	}
	p.seen = append(p.seen, seen{what: "stale"})
	if e := resp.Errors(); len(e) != 1 || e[0].Number != 8179 {
		return fmt.Errorf("stale handle: %v", e)
	}
	return nil
}
