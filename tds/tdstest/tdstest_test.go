package tdstest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"

	"go.uber.org/goleak"

	"sluice/tds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, conn net.Conn, cfg ClientConfig) (*Client, error) {
	t.Helper()
	c := NewClient(conn)
	t.Cleanup(func() { _ = c.Close() })
	return c, c.Connect(cfg)
}

// Every way to encrypt, over TCP and in memory, with a large certificate too.
func TestHandshakes(t *testing.T) {
	small, large := Certificate(t, 0), Certificate(t, 200)
	for _, tc := range []struct {
		name      string
		client    tds.Encryption
		server    Handshake
		encrypted bool // after the login
		err       error
	}{
		{"plain", tds.EncryptNotSupported, Handshake{Encryption: tds.EncryptNotSupported}, false, nil},
		{"OFF against a server without TLS", tds.EncryptOff, Handshake{Encryption: tds.EncryptNotSupported}, false, nil},
		{"login only", tds.EncryptOff, Handshake{Encryption: tds.EncryptOff, Certificate: &small}, false, nil},
		{"OFF answered REQ", tds.EncryptOff, Handshake{Encryption: tds.EncryptRequired, Certificate: &small}, true, nil},
		{"ON", tds.EncryptOn, Handshake{Encryption: tds.EncryptOn, Certificate: &small}, true, nil},
		{"certificate over 4 KiB", tds.EncryptRequired, Handshake{Encryption: tds.EncryptOn, Certificate: &large}, true, nil},
		{"strict", 0, Handshake{Strict: true, Certificate: &small}, true, nil},
		{"ON against a server without TLS", tds.EncryptOn, Handshake{Encryption: tds.EncryptNotSupported}, false, ErrEncryption},
	} {
		for _, pipe := range []bool{false, true} {
			t.Run(tc.name, func(t *testing.T) {
				begin := tc.server
				if begin.Strict {
					begin.Encryption = tds.EncryptNotSupported
				}
				script := Script{Begin(begin), LoginOK(), Serve(map[tds.PacketType]Answer{tds.PacketSQLBatch: IntRows(1, 2, 3)})}
				var conn net.Conn
				var s *Server
				if pipe {
					s = NewPipeServer(t, script)
					conn = s.Pipe()
				} else {
					s = NewServer(t, script)
					var err error
					if conn, err = net.Dial("tcp", s.Addr()); err != nil {
						t.Fatal(err)
					}
				}
				cfg := ClientConfig{Encryption: tc.client, Strict: begin.Strict, Login: tds.Login7{UserName: "u", Password: "p", Database: "db"}}
				if begin.Certificate != nil {
					cfg.TLS = &tls.Config{RootCAs: Roots(*begin.Certificate), ServerName: "localhost"}
				}
				c, err := connect(t, conn, cfg)
				if !errors.Is(err, tc.err) || tc.err != nil {
					if !errors.Is(err, tc.err) {
						t.Fatalf("got %v, want %v", err, tc.err)
					}
					return
				}
				if _, ok := c.Conn().(*tls.Conn); ok != tc.encrypted {
					t.Errorf("after the login the connection is %T", c.Conn())
				}
				r, err := c.Query("SELECT n")
				if d, ok := r.Done(); err != nil || r.Rows != 3 || !ok || d.Count != 3 {
					t.Errorf("%d rows, %+v, %v", r.Rows, d, err)
				}
				got := s.Received()
				if len(got) != 3 || got[1].Message.Type != tds.PacketLogin7 || got[2].Message.Type != tds.PacketSQLBatch {
					t.Errorf("server received %d messages", len(got))
				}
			})
		}
	}
}

func plain() Step { return Begin(Handshake{Encryption: tds.EncryptNotSupported}) }

func plainConfig() ClientConfig {
	return ClientConfig{Encryption: tds.EncryptNotSupported, Login: tds.Login7{UserName: "u"}}
}

func TestLoginFail(t *testing.T) {
	s := NewPipeServer(t, Script{plain(), LoginFail(tds.ServerError{Number: 18456, State: 1, Class: 14, Text: "Login failed for user 'u'."})})
	_, err := connect(t, s.Pipe(), plainConfig())
	if e := (*tds.ServerError)(nil); !errors.As(err, &e) || e.Number != 18456 {
		t.Errorf("got %v", err)
	}
}

// Transaction descriptors, resets, RPCs and the transaction manager.
func TestRequests(t *testing.T) {
	begin := func(c *ServerConn, _ tds.Message) []byte {
		b := tds.EnvChange{Type: tds.EnvBeginTransaction, NewBytes: tds.TransactionBytes(99)}.Append(nil)
		return tds.Done{CurCmd: tds.CurCmdBegin}.Append(b, c.Version)
	}
	s := NewPipeServer(t, Script{
		plain(), LoginOK(),
		Expect(tds.PacketTransMgr, begin), Expect(tds.PacketRPC, DoneAnswer), Expect(tds.PacketSQLBatch, ErrorAnswer(tds.ServerError{Number: 208, Class: 16})),
	})
	c, err := connect(t, s.Pipe(), plainConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.TransMgr(tds.TransMgr{Type: tds.TMBegin}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(); err != nil || c.Transaction != 99 {
		t.Fatalf("transaction %d, %v", c.Transaction, err)
	}
	if err := c.RPC(tds.RPCHeader{ProcID: tds.ProcExecuteSQL}, nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(); err != nil {
		t.Fatal(err)
	}
	if err := c.Batch("x", tds.StatusReset); err != nil {
		t.Fatal(err)
	}
	r, err := c.Read()
	if err != nil || len(r.EnvChanges(tds.EnvResetConnection)) != 1 || c.Transaction != 0 || r.Err() == nil {
		t.Errorf("%+v, transaction %d, %v", r, c.Transaction, err)
	}
	if err := s.Wait(1); err != nil {
		t.Error(err)
	}
	rpc := s.Received()[3].Message
	if a, err := tds.DecodeAllHeaders(rpc.Payload, tds.V74); err != nil || a.Transaction != 99 {
		t.Errorf("RPC carries %+v, %v", a, err)
	}
}

// A cancelled query: part of the response, the attention, the end of the
// response, then the acknowledgement as a message of its own.
func TestAttention(t *testing.T) {
	sent, release := make(chan struct{}), make(chan struct{})
	s := NewPipeServer(t, Script{
		plain(), LoginOK(),
		Expect(tds.PacketSQLBatch, nil), Signal(sent),
		Expect(tds.PacketAttention, nil), WaitFor(release),
		Send(tds.Done{Status: tds.DoneError}.Append(nil, tds.V74)), AcknowledgeAttention,
	})
	c, err := connect(t, s.Pipe(), plainConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Batch("WAITFOR DELAY '1:00'", 0); err != nil {
		t.Fatal(err)
	}
	<-sent
	if err := c.Attention(); err != nil {
		t.Fatal(err)
	}
	s.WaitReceived(tds.PacketAttention, 1)
	close(release)
	for _, want := range []tds.DoneStatus{tds.DoneError, tds.DoneAttention} {
		r, err := c.Read()
		if d, ok := r.Done(); err != nil || !ok || d.Status != want {
			t.Errorf("status %#x, %v, want %#x", d.Status, err, want)
		}
	}
}

// The second connection runs the second script, and a script that the client
// leaves says so.
func TestScriptsByConnection(t *testing.T) {
	s := NewServer(t, Script{Hangup}, Script{plain(), LoginOK(), Expect(tds.PacketRPC, DoneAnswer)})
	first, err := Dial(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Connect(plainConfig()); err == nil {
		t.Error("the first connection was not closed")
	}
	_ = first.Close()
	second, err := Dial(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := second.Connect(plainConfig()); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Query("not an RPC"); err == nil {
		t.Error("a request out of script was answered")
	}
	if err := s.Wait(2); !errors.Is(err, ErrScript) {
		t.Errorf("got %v", err)
	}
}

// Close must end scripts that wait for something.
func TestCloseEndsWaitingScripts(t *testing.T) {
	s := NewPipeServer(t, Script{WaitFor(make(chan struct{}))}, Script{plain()})
	a, b := s.Pipe(), s.Pipe()
	defer a.Close()
	defer b.Close()
	if s.Open() != 2 {
		t.Errorf("%d connections open", s.Open())
	}
	s.Close()
	if s.Open() != 0 {
		t.Errorf("%d connections open after Close", s.Open())
	}
}

// faulty returns a FaultConn and the other end of its pipe.
func faulty(t *testing.T) (*FaultConn, net.Conn) {
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return NewFaultConn(a), b
}

func TestFaultConnCutRead(t *testing.T) {
	f, peer := faulty(t)
	f.CutReadAfter = 5
	go func() { _, _ = peer.Write([]byte("0123456789")) }()
	if got, err := io.ReadAll(f); string(got) != "01234" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestFaultConnCutWrite(t *testing.T) {
	f, peer := faulty(t)
	f.CutWriteAfter = 5
	done := make(chan struct{})
	go func() {
		n, err := f.Write([]byte("0123456789"))
		if n != 5 || err == nil {
			t.Errorf("wrote %d, %v", n, err)
		}
		close(done)
	}()
	if got, err := io.ReadAll(peer); string(got) != "01234" || err != nil {
		t.Errorf("peer read %q, %v", got, err)
	}
	<-done
}

func TestFaultConnDribbleAndGate(t *testing.T) {
	f, peer := faulty(t)
	gate := make(chan struct{})
	f.Dribble, f.WriteGate = true, gate
	wrote := make(chan struct{})
	go func() {
		_, _ = f.Write([]byte("abc"))
		close(wrote)
	}()
	select {
	case <-wrote:
		t.Fatal("wrote through a closed gate")
	default:
	}
	close(gate)
	buf := make([]byte, 10)
	for _, want := range "abc" {
		if n, err := peer.Read(buf); n != 1 || rune(buf[0]) != want || err != nil {
			t.Fatalf("read %q, %v", buf[:n], err)
		}
	}
	<-wrote
	go func() { _, _ = peer.Write([]byte("xy")) }()
	if n, err := f.Read(buf); n != 1 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestFaultConnCloseWakesGate(t *testing.T) {
	f, _ := faulty(t)
	f.ReadGate = make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := f.Read(make([]byte, 1))
		done <- err
	}()
	_ = f.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// One message of a login is altered; the rest goes through.
func TestFaultConnAlter(t *testing.T) {
	s := NewPipeServer(t, Script{plain(), LoginOK(), Serve(map[tds.PacketType]Answer{tds.PacketSQLBatch: DoneAnswer})})
	f := NewFaultConn(s.Pipe())
	f.Dribble = true
	f.Alter = func(n int, msg []byte) []byte {
		if n == 2 {
			msg = bytes.Replace(msg, tds.AppendUTF16(nil, "good"), tds.AppendUTF16(nil, "evil"), 1)
		}
		return msg
	}
	c, err := connect(t, f, plainConfig())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Query("good"); err != nil {
		t.Fatal(err)
	}
	last := s.Received()[2].Message
	if b, err := tds.DecodeSQLBatch(last.Payload, tds.V74); err != nil || b.Text != "evil" {
		t.Errorf("server received %q, %v", b.Text, err)
	}
}
