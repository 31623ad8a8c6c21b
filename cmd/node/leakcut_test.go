package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// pause lets a random moment pass, often none.
func (p *player) pause() {
	if n := p.r.IntN(4); n > 0 {
		<-time.After(time.Duration(p.r.IntN(n*n*500)) * time.Microsecond)
	}
}

// cancel cancels a request at a random moment: while it waits for a backend,
// is made ready for, runs or is answered. A request that was not cancelled must
// have the whole answer.
func (p *player) cancel() error {
	const endless = "WAITFOR DELAY '00:00:30'"
	text := any1(p.r, endless, endless, "WAITFOR DELAY '00:00:00.003' SELECT 1", "SELECT 1", manyRows(500, p.r.IntN(100)), manyRows(3000, p.r.IntN(100)),
		fmt.Sprintf("INSERT app1.dbo.%s (v) VALUES (5) SELECT 1", p.table()))
	p.note("cancel " + text)
	s := &p.sides[0]
	s.heard.b = s.heard.b[:0]
	if err := s.client.Batch(text, 0); err != nil {
		return p.lost(text, err)
	}
	p.pause()
	if err := s.client.Attention(); err != nil {
		return p.lost(text, err)
	}
	whole, err := acknowledged(s.client, text == endless)
	if err != nil {
		return p.lost("cancel "+text, err)
	}
	if text == endless {
		p.counted()
		return p.renewAfterCancel()
	}
	a := ask{what: text, send: func(c *tdstest.Client, _ int) error { return c.Batch(text, 0) }}
	alone, err := p.sides[1].send(&a, 1)
	if err != nil {
		return err
	}
	p.counted()
	if whole == nil {
		return p.renewAfterCancel()
	}
	if err := p.compare(&a, &[2]tdstest.Response{*whole, alone}); err != nil {
		return err
	}
	return p.renewAfterCancel()
}

// renewAfterCancel begins anew where the state is not known: what was cancelled
// may have run or not, and may have ended a transaction.
func (p *player) renewAfterCancel() error { return p.renew() }

// acknowledged reads up to the acknowledgement of an attention. It returns the
// answer if it came whole.
func acknowledged(c *tdstest.Client, must bool) (*tdstest.Response, error) {
	var whole *tdstest.Response
	for range 2 {
		r, err := c.Read()
		if err != nil {
			return nil, err
		}
		d, ok := r.Done()
		switch {
		case !ok:
			return nil, fmt.Errorf("no DONE in %x", r.Message.Payload)
		case d.Status&tds.DoneAttention != 0:
			return whole, nil
		case brokenOff(&r, &ask{}):
			return nil, r.Err()
		case d.Status&tds.DoneError != 0 && len(r.Errors()) == 0: // given up before it ran
		case must && len(r.Errors()) == 0: // not every server has WAITFOR
			return nil, fmt.Errorf("an answer to what cannot have ended: %x", r.Message.Payload)
		default:
			whole = &r
		}
	}
	return nil, errors.New("no acknowledgement")
}

// vanish leaves at some point of a login, request or response, and begins a new
// life.
func (p *player) vanish() error {
	c, raw := p.sides[0].client, p.sides[0].heard
	texts := []string{
		"WAITFOR DELAY '00:00:00.050' SELECT 1", "SELECT 1", "BEGIN TRAN CREATE TABLE #mine (a int) WAITFOR DELAY '00:00:30'", "SET LOCK_TIMEOUT 77",
		"USE app2", "SET CONTEXT_INFO 0x77", "BEGIN TRAN INSERT app1.dbo." + p.table() + " (v) VALUES (1)", "SELECT * INTO #other FROM app1.dbo." + p.table(),
		"EXEC sp_getapplock @Resource = 'r0', @LockMode = 'Shared', @LockOwner = 'Session'", "INSERT app1.dbo." + p.table() + " (v) VALUES (1)",
		manyRows(3000, 7), manyRows(300, 7), "SELECT 1/0", "EXEC sp_set_session_context N'k0', N'left'", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE BEGIN TRAN",
		"INSERT BULK app1.dbo." + p.table() + " (v int)",
	}
	text := any1(p.r, texts...)
	p.note("vanish: " + text)
	var err error
	switch p.r.IntN(5) {
	case 0, 1: // while it waits, runs or is answered
		err = c.Batch(text, 0)
		p.pause()
	case 2: // in the middle of the request
		b := tds.SQLBatch{Headers: tds.AllHeaders{Transaction: c.Transaction}, Text: text + fmt.Sprintf(" -- %9000d", 1)}
		msg := tds.AppendMessage(nil, tds.PacketSQLBatch, 0, 0, tds.DefaultPacketSize, b.Append(nil, c.Version))
		_, err = raw.Write(msg[:1+p.r.IntN(len(msg)-1)])
		p.pause()
	case 3: // in the middle of the response
		if err = c.Batch(text, 0); err == nil && strings.HasPrefix(text, "WITH") {
			_, _ = raw.Read(make([]byte, 1+p.r.IntN(3000))) // whatever there is
		}
	case 4: // in the middle of a cancellation
		if err = c.Batch(text, 0); err == nil {
			p.pause()
			err = c.Attention()
		}
	}
	if err != nil {
		return p.lost(text, err)
	}
	if t, ok := raw.Conn.(*net.TCPConn); ok && p.r.IntN(3) == 0 {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
	if p.r.IntN(3) == 0 {
		p.vanishAtLogin()
	}
	return p.begin()
}

// vanishAtLogin leaves in the middle of a login.
func (p *player) vanishAtLogin() {
	raw, err := net.Dial("tcp", p.sides[0].addr)
	if err != nil {
		return
	}
	defer raw.Close()
	pre := tds.PreLogin{Version: tds.ProductVersion{Major: 1}, Encryption: tds.EncryptNotSupported, Instance: []byte{0}}
	pre.Set(tds.OptVersion, tds.OptEncryption, tds.OptInstance, tds.OptThreadID, tds.OptMARS)
	c := tdstest.NewClient(raw)
	_ = raw.SetDeadline(time.Now().Add(leakPatience))
	if p.r.IntN(3) == 0 {
		return
	}
	if _, err := c.PreLogin(pre); err != nil || p.r.IntN(2) == 0 {
		return
	}
	b := tds.AppendMessage(nil, tds.PacketLogin7, 0, 0, tds.DefaultPacketSize, p.login.Append(nil))
	if _, err := raw.Write(b[:any1(p.r, len(b), 1+p.r.IntN(len(b)-1))]); err != nil {
		return
	}
	p.pause()
}
