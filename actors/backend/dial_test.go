package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// never holds a script until its server is closed.
var never = make(chan struct{})

func login() *tds.Login7 {
	return &tds.Login7{Version: tds.V74, UserName: "u", Password: "secret", Database: "db", PacketSize: 4096}
}

func target(s *tdstest.Server) *Target {
	return &Target{Bucket: "b1", Address: s.Addr(), ConnectTimeout: 20 * time.Second, CleanTimeout: 20 * time.Second}
}

func plain() tdstest.Step {
	return tdstest.Begin(tdstest.Handshake{Encryption: tds.EncryptNotSupported})
}

func serveBatches() tdstest.Step {
	return tdstest.Serve(map[tds.PacketType]tdstest.Answer{tds.PacketSQLBatch: tdstest.DoneAnswer})
}

// preLoginOnly answers a PRELOGIN and goes no further.
func preLoginOnly(e tds.Encryption) tdstest.Step {
	return func(c *tdstest.ServerConn) error {
		if _, err := c.Expect(tds.PacketPreLogin); err != nil {
			return err
		}
		p := tds.PreLogin{Version: tds.ProductVersion{Major: 16}, Encryption: e, Instance: []byte{0}, FromServer: true}
		p.Set(tds.OptVersion, tds.OptEncryption, tds.OptInstance, tds.OptThreadID, tds.OptMARS)
		return c.Reply(p.Append(nil))
	}
}

func TestDialEncryption(t *testing.T) {
	small, large := tdstest.Certificate(t, 0), tdstest.Certificate(t, 200)
	other := tdstest.Certificate(t, 0)
	trust := func(c tls.Certificate) *tls.Config { return &tls.Config{RootCAs: tdstest.Roots(c)} }
	blind := &tls.Config{InsecureSkipVerify: true}
	named := func(name string) *tls.Config {
		return &tls.Config{RootCAs: tdstest.Roots(small), ServerName: name}
	}
	for _, tc := range []struct {
		name      string
		mode      Encryption
		tls       *tls.Config
		server    tdstest.Handshake
		encrypted bool  // after the login
		stage     Stage // of the failure, "" if it works
		text      string
	}{
		{"off", EncryptOff, nil, tdstest.Handshake{Encryption: tds.EncryptNotSupported}, false, "", ""},
		{"off, required by the server", EncryptOff, nil, tdstest.Handshake{Encryption: tds.EncryptRequired, Certificate: &small}, false, StagePreLogin, "requires encryption"},
		{"login only", EncryptLogin, blind, tdstest.Handshake{Encryption: tds.EncryptOff, Certificate: &small}, false, "", ""},
		{"login only, large certificate", EncryptLogin, blind, tdstest.Handshake{Encryption: tds.EncryptOff, Certificate: &large}, false, "", ""},
		{"login only, server has none", EncryptLogin, blind, tdstest.Handshake{Encryption: tds.EncryptNotSupported}, false, "", ""},
		{"login only, server wants all", EncryptLogin, blind, tdstest.Handshake{Encryption: tds.EncryptRequired, Certificate: &small}, true, "", ""},
		{"full", EncryptFull, blind, tdstest.Handshake{Encryption: tds.EncryptOn, Certificate: &small}, true, "", ""},
		{"full, server has none", EncryptFull, blind, tdstest.Handshake{Encryption: tds.EncryptNotSupported}, false, StagePreLogin, "does not offer"},
		{"full, server offers the login only", EncryptFull, blind, tdstest.Handshake{Encryption: tds.EncryptOff, Certificate: &small}, false, StagePreLogin, "does not offer"},
		{"verified", EncryptFull, trust(small), tdstest.Handshake{Encryption: tds.EncryptOn, Certificate: &small}, true, "", ""},
		{"verified, large certificate", EncryptFull, trust(large), tdstest.Handshake{Encryption: tds.EncryptOn, Certificate: &large}, true, "", ""},
		{"wrong CA", EncryptFull, trust(other), tdstest.Handshake{Encryption: tds.EncryptOn, Certificate: &small}, false, StageTLS, "certificate"},
		{"name in the certificate", EncryptFull, named("localhost"), tdstest.Handshake{Encryption: tds.EncryptOn, Certificate: &small}, true, "", ""},
		{"wrong name", EncryptFull, named("db.example"), tdstest.Handshake{Encryption: tds.EncryptOn, Certificate: &small}, false, StageTLS, "db.example"},
		{"strict", EncryptStrict, trust(small), tdstest.Handshake{Strict: true, Encryption: tds.EncryptNotSupported, Certificate: &small}, true, "", ""},
		{"strict, wrong CA", EncryptStrict, trust(other), tdstest.Handshake{Strict: true, Certificate: &small}, false, StageTLS, "certificate"},
		{"strict, wrong name", EncryptStrict, named("db.example"), tdstest.Handshake{Strict: true, Certificate: &small}, false, StageTLS, "db.example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := tdstest.NewServer(t, tdstest.Script{tdstest.Begin(tc.server), tdstest.LoginOK(), serveBatches()})
			tg := target(s)
			tg.Encryption, tg.TLS = tc.mode, tc.tls
			c, err := Dial(context.Background(), tg, login(), Key{User: "u"})
			if tc.stage != "" {
				_ = s.Wait(1) // the server's own complaint about the handshake
				var d *DialError
				if !errors.As(err, &d) || d.Stage != tc.stage || !strings.Contains(err.Error(), tc.text) {
					t.Fatalf("got %v, want a failure at %s about %q", err, tc.stage, tc.text)
				}
				if n := len(received(s, tds.PacketLogin7)); n > 0 {
					t.Error("a password was sent all the same")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, encrypted := c.Net.(*tls.Conn); encrypted != tc.encrypted {
				t.Errorf("after the login the connection is a %T", c.Net)
			}
			if c.SPID != 51 || c.Bucket() != "b1" || c.Key.User != "u" || c.Answer.Database != "db" {
				t.Errorf("connection %+v", c)
			}
			if !c.Alive() {
				t.Error("not alive")
			}
			if err := c.Clean(context.Background()); err != nil {
				t.Errorf("not usable: %v", err)
			}
			if l := received(s, tds.PacketLogin7); len(l) != 1 {
				t.Errorf("%d logins", len(l))
			}
		})
	}
}

func received(s *tdstest.Server, typ tds.PacketType) (all []tds.Message) {
	for _, r := range s.Received() {
		if r.Message.Type == typ {
			all = append(all, r.Message)
		}
	}
	return all
}

// A LOGIN7 of several packets with encryption of the login only: the first
// packet is encrypted, the rest is not (MS-TDS 2.2.6.5).
func TestSendLoginLargerThanAPacket(t *testing.T) {
	cert := tdstest.Certificate(t, 0)
	l := login()
	l.Features = []tds.Feature{{ID: tds.FeatureUTF8Support, Data: make([]byte, 6000)}}
	got := make(chan []byte, 1)
	begin := func(c *tdstest.ServerConn) error {
		if err := preLoginOnly(tds.EncryptOff)(c); err != nil {
			return err
		}
		slow := tdstest.NewFaultConn(c.Conn()) // crypto/tls must not read past its records
		slow.Dribble = true
		shim := tds.NewServerHandshakeConn(slow, 1<<20)
		sec := tls.Server(shim, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12})
		if err := sec.Handshake(); err != nil {
			return err
		}
		if err := shim.Finish(); err != nil {
			return err
		}
		first := make([]byte, tds.DefaultPacketSize)
		for n := 0; n < len(first); {
			k, err := sec.Read(first[n:])
			if err != nil {
				return err
			}
			n += k
		}
		rest, err := tds.ReadMessage(c.Conn(), nil, 1<<20)
		if err != nil {
			return err
		}
		got <- append(first[tds.HeaderSize:], rest.Payload...)
		c.Login, c.Version = *l, tds.V74
		return nil
	}
	s := tdstest.NewServer(t, tdstest.Script{begin, tdstest.LoginOK(), serveBatches()})
	tg := target(s)
	tg.Encryption, tg.TLS = EncryptLogin, &tls.Config{InsecureSkipVerify: true}
	c, err := Dial(context.Background(), tg, l, Key{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if d, err := tds.DecodeLogin7(<-got); err != nil || d.Password != "secret" {
		t.Errorf("got %v, %v", d, err)
	}
}

func TestDialRefused(t *testing.T) {
	s := tdstest.NewServer(t, tdstest.Script{plain(), tdstest.LoginFail(tds.ServerError{Number: 18456, State: 8, Class: 14, Text: "Login failed for user 'u'.", Server: "sql1", Line: 1})})
	_, err := Dial(context.Background(), target(s), login(), Key{})
	var refused *LoginError
	if !errors.As(err, &refused) || len(refused.Errors) != 1 {
		t.Fatalf("got %v", err)
	}
	if e := refused.Errors[0]; e.Number != 18456 || e.State != 8 || e.Class != 14 || e.Text != "Login failed for user 'u'." || e.Server != "sql1" {
		t.Errorf("got %+v", e)
	}
	if err := s.Wait(1); err != nil {
		t.Error(err)
	}
}

// A server that refuses may hang up instead of ending its message.
func TestDialRefusedInAnUnfinishedMessage(t *testing.T) {
	refuse := func(c *tdstest.ServerConn) error {
		body := (&tds.ServerError{Number: 17809, Class: 20, Text: "too many connections"}).Append(nil, tds.V74)
		head := tds.Header{Type: tds.PacketReply, Length: tds.HeaderSize + len(body)}.Append(nil)
		_, err := c.Conn().Write(append(head, body...))
		return err
	}
	s := tdstest.NewServer(t, tdstest.Script{plain(), refuse})
	_, err := Dial(context.Background(), target(s), login(), Key{})
	if refused := (*LoginError)(nil); !errors.As(err, &refused) || refused.Errors[0].Number != 17809 {
		t.Errorf("got %v", err)
	}
}

func TestDialFailures(t *testing.T) {
	cert := tdstest.Certificate(t, 0)
	full := tdstest.Handshake{Encryption: tds.EncryptOn, Certificate: &cert}
	http := []byte("HTTP/1.1 400 Bad Request\r\n\r\n")
	noise := tds.AppendMessage(nil, tds.PacketReply, 0, 0, 4096, []byte{1, 2, 3, 4})
	garbage := tds.AppendMessage(nil, tds.PacketPreLogin, 0, 0, 4096, []byte("not a TLS record at all"))
	request := tds.AppendMessage(nil, tds.PacketSQLBatch, 0, 0, 4096, []byte{1, 2, 3, 4})
	endless := tds.Header{Type: tds.PacketReply, Length: tds.MaxPacketSize}.Append(nil)
	endless = append(endless, make([]byte, tds.MaxPacketSize-tds.HeaderSize)...)
	stall := tdstest.WaitFor(never)
	hang := tdstest.Step(tdstest.Hangup)
	for _, tc := range []struct {
		name   string
		mode   Encryption
		script tdstest.Script
		stage  Stage
		stalls bool
	}{
		{"hangs up at once", EncryptOff, tdstest.Script{hang}, StagePreLogin, false},
		{"speaks HTTP", EncryptOff, tdstest.Script{tdstest.SendRaw(http)}, StagePreLogin, false},
		{"answers PRELOGIN with noise", EncryptOff, tdstest.Script{tdstest.SendRaw(noise)}, StagePreLogin, false},
		{"answers PRELOGIN with a request", EncryptOff, tdstest.Script{tdstest.SendRaw(request)}, StagePreLogin, false},
		{"answers PRELOGIN without end", EncryptOff, tdstest.Script{tdstest.SendRaw(endless)}, StagePreLogin, false},
		{"says nothing", EncryptOff, tdstest.Script{stall}, StagePreLogin, true},
		{"half of a PRELOGIN answer", EncryptOff, tdstest.Script{tdstest.SendRaw(noise[:9]), stall}, StagePreLogin, true},
		{"hangs up before TLS", EncryptFull, tdstest.Script{preLoginOnly(tds.EncryptOn), hang}, StageTLS, false},
		{"garbage for TLS", EncryptFull, tdstest.Script{preLoginOnly(tds.EncryptOn), tdstest.SendRaw(garbage)}, StageTLS, false},
		{"no packets for TLS", EncryptFull, tdstest.Script{preLoginOnly(tds.EncryptOn), tdstest.SendRaw(http)}, StageTLS, false},
		{"stalls in TLS", EncryptFull, tdstest.Script{preLoginOnly(tds.EncryptOn), stall}, StageTLS, true},
		{"strict: hangs up", EncryptStrict, tdstest.Script{hang}, StageTLS, false},
		{"strict: garbage", EncryptStrict, tdstest.Script{tdstest.SendRaw(http)}, StageTLS, false},
		{"strict: stalls", EncryptStrict, tdstest.Script{stall}, StageTLS, true},
		{"hangs up after the login", EncryptOff, tdstest.Script{plain(), hang}, StageLogin, false},
		{"hangs up after an encrypted login", EncryptFull, tdstest.Script{tdstest.Begin(full), hang}, StageLogin, false},
		{"answers the login with noise", EncryptOff, tdstest.Script{plain(), tdstest.SendRaw(noise)}, StageLogin, false},
		{"answers the login with a request", EncryptOff, tdstest.Script{plain(), tdstest.SendRaw(request)}, StageLogin, false},
		{"answers the login with a DONE", EncryptOff, tdstest.Script{plain(), tdstest.Send(tds.Done{}.Append(nil, tds.V74))}, StageLogin, false},
		{"answers the login without end", EncryptOff, tdstest.Script{plain(), tdstest.SendRaw(endless), tdstest.SendRaw(endless), tdstest.SendRaw(endless)}, StageLogin, false},
		{"half of a login answer", EncryptOff, tdstest.Script{plain(), tdstest.SendRaw(noise[:10]), hang}, StageLogin, false},
		{"stalls after the login", EncryptOff, tdstest.Script{plain(), stall}, StageLogin, true},
		{"half of a login answer, then nothing", EncryptFull, tdstest.Script{tdstest.Begin(full), tdstest.SendRaw(noise[:10]), stall}, StageLogin, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := tdstest.NewServer(t, tc.script)
			tg := target(s)
			tg.Encryption, tg.TLS = tc.mode, &tls.Config{InsecureSkipVerify: true}
			if tc.stalls {
				tg.ConnectTimeout = 600 * time.Millisecond // enough for what comes before the stall
			}
			start := time.Now()
			_, err := Dial(context.Background(), tg, login(), Key{})
			var d *DialError
			if !errors.As(err, &d) || d.Stage != tc.stage || d.Address != tg.Address {
				t.Fatalf("got %v, want a DialError at %s", err, tc.stage)
			}
			if tc.stalls != errors.Is(err, errConnectTimeout) {
				t.Errorf("because of %v", err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			if !tc.stalls {
				_ = s.Wait(1)
			}
		})
	}
}

func TestDialNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, err = Dial(context.Background(), &Target{Address: addr, ConnectTimeout: 5 * time.Second}, login(), Key{})
	if d := (*DialError)(nil); !errors.As(err, &d) || d.Stage != StageConnect {
		t.Errorf("got %v", err)
	}
}

// A governor that ends cuts its dials short.
func TestDialCancelled(t *testing.T) {
	s := tdstest.NewServer(t, tdstest.Script{preLoginOnly(tds.EncryptNotSupported), tdstest.WaitFor(never)})
	why := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(context.Background())
	failed := make(chan error, 1)
	go func() {
		_, err := Dial(ctx, target(s), login(), Key{})
		failed <- err
	}()
	s.WaitReceived(tds.PacketPreLogin, 1)
	cancel(why)
	if err := <-failed; !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

// A dial that is cut off does not wait for the server, which may have a session
// by then.
func TestDialCut(t *testing.T) {
	s := tdstest.NewServer(t, tdstest.Script{plain(), tdstest.WaitFor(never)})
	ctx, cancel := context.WithCancelCause(context.Background())
	failed := make(chan error, 1)
	go func() {
		_, err := Dial(ctx, target(s), login(), Key{})
		failed <- err
	}()
	s.WaitReceived(tds.PacketLogin7, 1)
	start := time.Now()
	cancel(ErrCut)
	if err := <-failed; !errors.Is(err, ErrCut) || time.Since(start) > closeLinger/2 {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

func redirect(to func() (string, int), database string) tdstest.Step {
	return func(c *tdstest.ServerConn) error {
		host, port := to()
		e := tds.EnvChange{Type: tds.EnvRouting, Routing: tds.Routing{Server: host, Port: uint16(port)}}
		if database != "" {
			e.Type, e.Routing.Database = tds.EnvEnhancedRouting, database
		}
		return tdstest.LoginOK(e.Append(nil))(c)
	}
}

func hostPort(t *testing.T, s *tdstest.Server) (string, int) {
	host, p, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(p)
	return host, port
}

func TestDialFollowsRedirects(t *testing.T) {
	last := tdstest.NewServer(t, tdstest.Script{plain(), tdstest.LoginOK(), serveBatches()})
	second := tdstest.NewServer(t, tdstest.Script{plain(), redirect(func() (string, int) { return hostPort(t, last) }, "replica"), serveBatches()})
	first := tdstest.NewServer(t, tdstest.Script{plain(), redirect(func() (string, int) { return hostPort(t, second) }, ""), serveBatches()})
	c, err := Dial(context.Background(), target(first), login(), Key{User: "u"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Answer.Routing != nil || c.Key.User != "u" || c.Bucket() != "b1" {
		t.Errorf("connection %+v", c)
	}
	l, err := tds.DecodeLogin7(received(last, tds.PacketLogin7)[0].Payload)
	if err != nil || l.ServerName != "127.0.0.1" || l.Database != "replica" || l.Password != "secret" {
		t.Errorf("the last server got %v, %v", l, err)
	}
	for _, s := range []*tdstest.Server{first, second} {
		if err := s.Wait(1); err != nil {
			t.Error(err)
		}
	}
}

func TestDialBoundsRedirects(t *testing.T) {
	var s *tdstest.Server
	s = tdstest.NewServer(t, tdstest.Script{plain(), redirect(func() (string, int) { return hostPort(t, s) }, ""), serveBatches()})
	_, err := Dial(context.Background(), target(s), login(), Key{})
	if d := (*DialError)(nil); !errors.As(err, &d) || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("got %v", err)
	}
	if n := len(received(s, tds.PacketLogin7)); n != maxRedirects {
		t.Errorf("%d logins", n)
	}
	eventually(t, "all connections end", func() bool { return s.Open() == 0 })
}

func TestTLSConfig(t *testing.T) {
	tg := &Target{TLS: &tls.Config{}}
	if got := tg.tlsConfig("db.example:1433"); got.ServerName != "db.example" || !got.DynamicRecordSizingDisabled {
		t.Errorf("%+v", got.ServerName)
	}
	tg.TLS.ServerName = "other"
	if got := tg.tlsConfig("db.example:1433"); got.ServerName != "other" {
		t.Errorf("got %q", got.ServerName)
	}
	if tg.TLS.DynamicRecordSizingDisabled {
		t.Error("the target's own configuration was changed")
	}
}
