package main

import (
	"sluice/tds"
	"sluice/tds/tdstest"
)

// Options of server cursors.
const (
	cursorStatic   = 8
	cursorForward  = 4
	cursorReadOnly = 1
	fetchNext      = 2
)

// cursorOpen opens a server cursor over rows of the client's own.
func (p *player) cursorOpen() error {
	params := append(nullParam(tds.ParamByRef), textParam("SELECT id, v FROM app1.dbo."+p.table()+" ORDER BY id")...)
	params = append(params, intParam(any1[int32](p.r, cursorStatic, cursorForward), tds.ParamByRef)...)
	params = append(append(params, intParam(cursorReadOnly, tds.ParamByRef)...), intParam(0, tds.ParamByRef)...)
	both, err := p.rpc(ask{what: "cursor open", handle: true}, p.system(tds.ProcCursorOpen), func(int) []byte { return params })
	if err != nil || both[0].Err() != nil {
		return err
	}
	if h, ok := handleIn(both, p.login.Version); ok && h[0] != 0 {
		p.cursors = append(p.cursors, h)
	}
	return nil
}

func (p *player) cursorFetch() error {
	if len(p.cursors) == 0 {
		return nil
	}
	h, n := any1(p.r, p.cursors...), 1+p.r.Int32N(4)
	_, err := p.rpc(ask{what: "cursor fetch"}, p.system(tds.ProcCursorFetch), func(i int) []byte {
		b := append(intParam(h[i], 0), intParam(fetchNext, 0)...)
		return append(append(b, intParam(0, 0)...), intParam(n, 0)...)
	})
	return err
}

func (p *player) cursorClose() error {
	for len(p.cursors) > 0 {
		h := p.cursors[0]
		p.cursors = p.cursors[1:]
		if _, err := p.rpc(ask{what: "cursor close"}, p.system(tds.ProcCursorClose), func(i int) []byte { return intParam(h[i], 0) }); err != nil {
			return err
		}
	}
	return nil
}

// bulk loads rows.
func (p *player) bulk() error {
	text := "INSERT BULK app1.dbo." + p.table() + " (v int)"
	both, err := p.ask(ask{what: text, send: func(c *tdstest.Client, _ int) error { return c.Batch(text, 0) }})
	if err != nil || both[0].Err() != nil {
		return err
	}
	return p.bulkRows(0)
}

func (p *player) bulkRows(status tds.Status) error {
	n, v := any1(p.r, 0, 1, 3, 50, 700), p.r.Int32N(100)
	b := tds.AppendColMetadata(nil, []tds.Column{{Name: "v", Flags: tds.ColNullable | tds.ColUpdatable, Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}}, p.login.Version)
	for i := range n {
		b = append(b, byte(tds.TokenRow), 4, byte(v), byte(i), 0, 0)
	}
	b = tds.Done{}.Append(b, p.login.Version)
	_, err := p.ask(ask{what: "bulk rows", own: status != 0, send: func(c *tdstest.Client, _ int) error { return c.Send(tds.PacketBulkLoad, status, b) }})
	return err
}

// bulkGivenUp announces a bulk load that does not come, or is taken back.
func (p *player) bulkGivenUp() error {
	if err := p.batch("INSERT BULK app1.dbo.%s (v int)", p.table()); err != nil {
		return err
	}
	switch p.r.IntN(3) {
	case 0:
		if err := p.bulkRows(tds.StatusIgnore); err != nil {
			return err
		}
		return p.renew() // a server that got the rows has counted them
	case 1:
		return p.idleAttention()
	}
	return p.look()
}
