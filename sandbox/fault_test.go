package sandbox

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"time"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

func param(name string, t tds.TypeInfo, v tsql.Value) tsql.Param {
	return tsql.Param{Name: name, Type: t, Value: v}
}

// expectSilence checks that nothing comes for a while.
func (c *client) expectSilence() {
	c.t.Helper()
	_ = c.raw.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, err := c.tryRecv()
	if ne := net.Error(nil); !errors.As(err, &ne) || !ne.Timeout() {
		c.t.Errorf("got %v where nothing was to come", err)
	}
}

func TestFaultOfNextConnections(t *testing.T) {
	s, _ := startFake(t, Options{})
	s.SetFault(Fault{Kind: RefuseConnect, Connections: 1})
	refused := func() {
		nc, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			return // the reset was faster
		}
		defer nc.Close()
		if _, err := nc.Read(make([]byte, 1)); err == nil {
			t.Error("connection was not refused")
		}
	}
	refused()
	connect(t, s, tds.Login7{})
	s.SetFault(Fault{Kind: RefuseConnect})
	refused()
	refused()
	s.ClearFaults()
	connect(t, s, tds.Login7{})
}

func TestFaultStallLogin(t *testing.T) {
	s, _ := startFake(t, Options{LoginTimeout: 200 * time.Millisecond})
	s.SetFault(Fault{Kind: StallLogin, Connections: 1})
	c := dial(t, s)
	c.preLogin(tds.EncryptNotSupported)
	l := tds.Login7{Version: tds.V74, UserName: "sa"}
	c.send(tds.PacketLogin7, 0, l.Append(nil))
	c.expectEOF()
}

func TestFaultStallResponse(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	s.SetFault(Fault{Kind: StallResponse})
	c.sendBatch("select 1", 0)
	c.attention()
	c.expectSilence()
	if n := s.KillAll(); n != 1 {
		t.Errorf("%d killed", n)
	}
}

func TestFaultCutMidRow(t *testing.T) {
	s, _ := startFake(t, Options{})
	s.SetFault(Fault{Kind: CutMidRow, Bytes: 5000, Connections: 1})
	c := connect(t, s, tds.Login7{})
	c.sendBatch("rows 1000", 0)
	var got bytes.Buffer
	if n, err := got.ReadFrom(c.raw); n != 5000 || err != nil {
		t.Errorf("%d bytes came, then %v", n, err)
	}
}

func TestFaultDieMidRow(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	s.SetFault(Fault{Kind: DieMidRow})
	c.sendBatch("rows 2", 0)
	c.expectEOF()
}

func TestFaultLateAnswer(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	s.SetFault(Fault{Kind: LateAnswer, Delay: 30 * time.Millisecond})
	begin := time.Now()
	c.batch("select 1")
	if d := time.Since(begin); d < 30*time.Millisecond {
		t.Errorf("answer after %v", d)
	}
	s.SetFault(Fault{Kind: LateAnswer, Delay: time.Hour})
	c.sendBatch("select 1", 0)
	c.attention()
	c.answer()
	if got := sprint(c.answer()); got != attentionAck {
		t.Errorf("acknowledgement %s", got)
	}
}

func TestFaultGarbage(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	s.SetFault(Fault{Kind: Garbage})
	c.sendBatch("select 1", 0)
	c.expectEOF()
	s.ClearFaults()
	c = connect(t, s, tds.Login7{})
	s.SetFault(Fault{Kind: GarbageTokens})
	c.sendBatch("select 1", 0)
	if m := c.recv(); m.Payload[0] != 1 {
		t.Errorf("payload % x", m.Payload)
	}
	c.expectEOF()
}

func TestFaultReset(t *testing.T) {
	s, e := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	s.SetFault(Fault{Kind: RejectReset})
	c.sendBatch("select 1", tds.StatusReset)
	if ts := c.answer(); ts[0].kind != tds.TokenColMetadata || e.resets != 0 {
		t.Errorf("tokens %v", ts)
	}
	s.SetFault(Fault{Kind: CloseOnReset})
	c.batch("select 1")
	c.sendBatch("select 1", tds.StatusReset)
	c.expectEOF()
}

func TestFaultDropAttention(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	s.SetFault(Fault{Kind: DropAttention})
	c.attention()
	if got := sprint(c.batch("select 1")); got == attentionAck {
		t.Error("attention was acknowledged")
	}
	c.sendBatch("wait", 0)
	c.attention()
	c.expectSilence()
	s.KillAll()
}

func TestFaultNames(t *testing.T) {
	for k := RefuseConnect; k <= DropAttention; k++ {
		if got, err := ParseFaultKind(k.String()); got != k || err != nil {
			t.Errorf("%v: %v, %v", k, got, err)
		}
	}
	if _, err := ParseFaultKind("none"); !errors.Is(err, ErrOptions) {
		t.Errorf("error %v", err)
	}
}
