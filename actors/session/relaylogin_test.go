package session

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"sluice/actors/refusal"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// leg sends one message of a login of several.
func leg(blob string) tdstest.Step {
	return func(c *tdstest.ServerConn) error { return c.Reply(tds.AppendSSPI(nil, []byte(blob))) }
}

func integrated() tds.Login7 {
	return tds.Login7{
		Version: tds.V74, OptionFlags2: tds.LoginIntegratedSecurity, SSPI: []byte("negotiate"), Database: "db",
		Features: []tds.Feature{{ID: tds.FeatureSessionRecovery}, {ID: tds.FeatureUTF8Support, Data: []byte{1}}},
	}
}

// greet sends a PRELOGIN.
func greet(t *testing.T, c *tdstest.Client, options ...tds.PreLoginOption) {
	t.Helper()
	p := tds.PreLogin{Encryption: tds.EncryptNotSupported, FedAuthRequired: 1}
	p.Set(append(options, tds.OptVersion, tds.OptEncryption)...)
	if _, err := c.PreLogin(p); err != nil {
		t.Fatal(err)
	}
}

// sspi returns the blob of a response that is one leg of a login.
func sspi(t *testing.T, r tdstest.Response, err error) string {
	t.Helper()
	if err != nil || len(r.Tokens) != 1 || r.Tokens[0].Kind != tds.TokenSSPI {
		t.Fatalf("got %+v, %v", r, err)
	}
	return string(r.Tokens[0].Body)
}

func TestRelayedLogin(t *testing.T) {
	s := newServer(t, tdstest.Script{
		plainBegin(), leg("challenge"), tdstest.Expect(tds.PacketSSPI, nil), leg("more"),
		tdstest.Expect(tds.PacketSSPI, nil), tdstest.LoginOK(), loop(interruptible(inTwo)),
	})
	n := startNode(t, s.Addr(), nil)
	for round := 1; round <= 2; round++ {
		c := n.dial()
		greet(t, c)
		r, err := c.SendLogin(integrated(), false)
		if got := sspi(t, r, err); got != "challenge" {
			t.Errorf("got %q", got)
		}
		if err := c.Send(tds.PacketSSPI, 0, []byte("response")); err != nil {
			t.Fatal(err)
		}
		r, err = c.Read()
		if got := sspi(t, r, err); got != "more" {
			t.Errorf("got %q", got)
		}
		// A leg of several packets.
		if err := c.Send(tds.PacketSSPI, 0, bytes.Repeat([]byte{7}, 9000)); err != nil {
			t.Fatal(err)
		}
		r, err = c.Read()
		if _, ok := r.LoginAck(); err != nil || !ok {
			t.Fatalf("got %+v, %v", r, err)
		}
		for range 2 {
			query(t, c, "SELECT n")
		}
		startSlow(t, s, c)
		if err := c.Attention(); err != nil {
			t.Fatal(err)
		}
		statuses(t, c, 2)
		n.gauges(1, 0, 1)
		l, err := tds.DecodeLogin7(received(s, tds.PacketLogin7)[round-1].Message.Payload)
		if err != nil || string(l.SSPI) != "negotiate" || len(l.Features) != 1 {
			t.Errorf("the server got %v, %v", l, err)
		}
		if legs := received(s, tds.PacketSSPI); len(legs) != 2*round || string(legs[2*round-2].Message.Payload) != "response" || len(legs[2*round-1].Message.Payload) != 9000 {
			t.Errorf("the server got %d legs", len(legs))
		}
		_ = c.Close()
		n.gauges(0, 0, 0) // never pooled
		eventually(t, "the server's connection ends", func() bool { return s.Open() == 0 })
	}
}

func TestRelayedLoginRefused(t *testing.T) {
	words := tds.ServerError{Number: 18452, State: 1, Class: 14, Text: "Login failed. The login is from an untrusted domain.", Server: "sql1"}
	s := newServer(t, tdstest.Script{plainBegin(), leg("challenge"), tdstest.Expect(tds.PacketSSPI, nil), tdstest.LoginFail(words)})
	n := startNode(t, s.Addr(), nil)
	c := n.dial()
	greet(t, c)
	r, err := c.SendLogin(integrated(), false)
	sspi(t, r, err)
	if err := c.Send(tds.PacketSSPI, 0, []byte("response")); err != nil {
		t.Fatal(err)
	}
	r, err = c.Read()
	if err != nil || len(r.Errors()) != 1 || r.Errors()[0].Text != words.Text || r.Errors()[0].Server != "sql1" {
		t.Errorf("got %v, %v", r.Errors(), err)
	}
	closed(t, c)
	n.gauges(0, 0, 0)
}

func TestRelayedLoginFails(t *testing.T) {
	route := tds.EnvChange{Type: tds.EnvRouting, Routing: tds.Routing{Server: "elsewhere", Port: 1433}}.Append(nil)
	for _, tc := range []struct {
		name   string
		script tdstest.Script
		number int32
	}{
		{"nobody answers", tdstest.Script{tdstest.Hangup}, 50003},
		{"hangs up after the login", tdstest.Script{plainBegin(), tdstest.Hangup}, 50003},
		{"noise", tdstest.Script{plainBegin(), tdstest.Send([]byte{1, 2, 3})}, 50003},
		{"redirects", tdstest.Script{plainBegin(), tdstest.LoginOK(route)}, 50003},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t, tc.script)
			n := startNode(t, s.Addr(), nil)
			c := n.dial()
			greet(t, c)
			r, err := c.SendLogin(integrated(), false)
			if err != nil || !slices.Equal(numbers(r), []int32{tc.number}) {
				t.Fatalf("got %v, %v", numbers(r), err)
			}
			closed(t, c)
			n.gauges(0, 0, 0)
		})
	}
}

// A login that goes back and forth without end is ended.
func TestRelayedLoginIsBounded(t *testing.T) {
	s := newServer(t, tdstest.Script{plainBegin(), func(c *tdstest.ServerConn) error {
		for {
			if err := leg("again")(c); err != nil {
				return hangup(err)
			}
			if _, err := c.Expect(tds.PacketSSPI); err != nil {
				return hangup(err)
			}
		}
	}})
	n := startNode(t, s.Addr(), nil)
	c := n.dial()
	greet(t, c)
	r, err := c.SendLogin(integrated(), false)
	for legs := 1; ; legs++ {
		if err != nil || legs > maxLoginLegs+1 {
			t.Fatalf("leg %d: %v", legs, err)
		}
		if len(r.Errors()) > 0 {
			if r.Errors()[0].Number != 50015 {
				t.Errorf("got %v", r.Errors()[0])
			}
			break
		}
		if err := c.Send(tds.PacketSSPI, 0, []byte("response")); err != nil {
			t.Fatal(err)
		}
		r, err = c.Read()
	}
	_ = s.Wait(1)
	n.gauges(0, 0, 0)
}

// The client leaves at each stage: the slot comes back once the connection is
// closed.
func TestRelayedLoginClientVanishes(t *testing.T) {
	stall := tdstest.WaitFor(make(chan struct{}))
	for _, tc := range []struct {
		name   string
		script tdstest.Script
		wait   tds.PacketType // that the server has when the client goes
	}{
		{"while dialling", tdstest.Script{tdstest.Expect(tds.PacketPreLogin, nil), stall}, tds.PacketPreLogin},
		{"while the server thinks", tdstest.Script{plainBegin(), stall}, tds.PacketLogin7},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t, tc.script)
			n := startNode(t, s.Addr(), func(o *setup) { o.target.ConnectTimeout = 300 * time.Millisecond })
			c := n.dial()
			greet(t, c)
			l := integrated()
			if err := c.Send(tds.PacketLogin7, 0, l.Append(nil)); err != nil {
				t.Fatal(err)
			}
			s.WaitReceived(tc.wait, 1)
			_ = c.Close()
			n.gauges(0, 0, 0)
			n.gone()
		})
	}
}

func TestRelayedLoginKilled(t *testing.T) {
	s := newServer(t, tdstest.Script{plainBegin(), leg("challenge"), loop(answerAll)})
	n := startNode(t, s.Addr(), nil)
	c := n.dial()
	greet(t, c)
	r, err := c.SendLogin(integrated(), false)
	sspi(t, r, err)
	KillAll(n.env, refusal.Killed)
	closed(t, c)
	n.gauges(0, 0, 0)
}

// A drain that comes while the login is under way takes effect after it.
func TestRelayedLoginDrained(t *testing.T) {
	s := newServer(t, tdstest.Script{plainBegin(), leg("challenge"), tdstest.Expect(tds.PacketSSPI, nil), tdstest.LoginOK(), loop(answerAll)})
	n := startNode(t, s.Addr(), nil)
	c := n.dial()
	greet(t, c)
	r, err := c.SendLogin(integrated(), false)
	sspi(t, r, err)
	DrainAll(n.env)
	if err := c.Send(tds.PacketSSPI, 0, []byte("response")); err != nil {
		t.Fatal(err)
	}
	r, err = c.Read()
	if _, ok := r.LoginAck(); err != nil || !ok {
		t.Fatalf("got %+v, %v", r, err)
	}
	closed(t, c)
	n.gauges(0, 0, 0)
}

// The echo of what the server wants is about the server, not about this node.
func TestFederatedLogin(t *testing.T) {
	s := newServer(t, tdstest.Script{plainBegin(), tdstest.LoginOK(), loop(answerAll)})
	n := startNode(t, s.Addr(), nil)
	c := n.dial()
	greet(t, c, tds.OptFedAuthRequired)
	l := tds.Login7{Version: tds.V74, Features: []tds.Feature{{ID: tds.FeatureFedAuth, Data: []byte{0x03, 1, 2, 3}}}}
	if r, err := c.SendLogin(l, false); err != nil || r.Err() != nil {
		t.Fatalf("%v, %v", r.Err(), err)
	}
	got, err := tds.DecodeLogin7(received(s, tds.PacketLogin7)[0].Message.Payload)
	data, _ := got.Feature(tds.FeatureFedAuth)
	if err != nil || !bytes.Equal(data, []byte{0x02, 1, 2, 3}) {
		t.Errorf("the server got %v, %v", data, err)
	}
	query(t, c, "SELECT n")
}
