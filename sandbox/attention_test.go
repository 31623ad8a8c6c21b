package sandbox

import (
	"testing"

	"sluice/tds"
)

const attentionAck = "[done(fd 020 fd 0)]"

func TestAttentionIdle(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	for range 2 {
		c.attention()
	}
	for range 2 {
		if got := sprint(c.answer()); got != attentionAck {
			t.Errorf("answer %s", got)
		}
	}
	if ts := c.batch("select 1"); find(ts, tds.TokenRow) == nil {
		t.Errorf("after it: %v", ts)
	}
}

func TestAttentionRunning(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	for round := range 3 {
		c.sendBatch("wait", 0)
		waitFor(t, "the request runs", func() bool { return s.Stats().Requests == 2*round+1 })
		c.attention()
		// The response first, in a message of its own.
		if got := sprint(c.answer()); got != "[done(fd 002 fd 0)]" {
			t.Errorf("response %s", got)
		}
		if got := sprint(c.answer()); got != attentionAck {
			t.Errorf("acknowledgement %s", got)
		}
		if ts := c.batch("select 1"); find(ts, tds.TokenRow) == nil {
			t.Errorf("after it: %v", ts)
		}
	}
	if n := s.Stats().Attentions; n != 3 {
		t.Errorf("%d attentions", n)
	}
}

func TestAttentionInRPC(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	b := tds.AppendAllHeaders(nil, 0, c.version)
	p := nvType
	b = append(b, rpc("", tds.ProcExecuteSQL, param("", p, "wait"))...)
	c.send(tds.PacketRPC, 0, b)
	c.attention()
	if got := sprint(c.answer()); got != "[done(fd 002 fd 0)]" {
		t.Errorf("response %s", got)
	}
	if got := sprint(c.answer()); got != attentionAck {
		t.Errorf("acknowledgement %s", got)
	}
}

// An attention while rows flow cuts them at a row's end.
func TestAttentionMidResult(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	c.sendBatch("stream", 0)
	first, err := readPacket(c)
	if err != nil {
		t.Fatal(err)
	}
	payload := append([]byte(nil), first.payload...)
	c.attention()
	rest := c.recv()
	ts := parse(t, append(payload, rest.Payload...), c.version)
	last := ts[len(ts)-1]
	if last.done.Status != tds.DoneError || ts[len(ts)-2].row == nil {
		t.Errorf("response ends in %v", ts[len(ts)-2:])
	}
	if got := sprint(c.answer()); got != attentionAck {
		t.Errorf("acknowledgement %s", got)
	}
}

// A request taken back before its end is answered, and not acknowledged.
func TestRequestTakenBack(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	text := tds.SQLBatch{Text: "wait"}.Append(nil, c.version)
	c.send(tds.PacketSQLBatch, tds.StatusIgnore, text)
	if got := sprint(c.answer()); got != "[done(fd 002 fd 0)]" {
		t.Errorf("response %s", got)
	}
	if n := s.Stats().Requests; n != 0 {
		t.Errorf("%d requests ran", n)
	}
	if ts := c.batch("select 1"); find(ts, tds.TokenRow) == nil {
		t.Errorf("after it: %v", ts)
	}
}

// Requests that arrive while one runs wait for their turn.
func TestPipelinedRequests(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	c.sendBatch("rows 20000", 0)
	c.sendBatch("select 1", 0)
	c.sendBatch("select 2", 0)
	if ts := c.answer(); len(ts) != 20002 {
		t.Errorf("%d tokens", len(ts))
	}
	for want := range int64(2) {
		if ts := c.answer(); ts[1].row[0] != want+1 {
			t.Errorf("tokens %v", ts)
		}
	}
}
