package sandbox

import (
	"crypto/tls"
	"net"
	"slices"
	"testing"

	"sluice/tds"
)

func TestLoginAnswerOrder(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := dial(t, s)
	p := c.preLogin(tds.EncryptNotSupported)
	if p.Encryption != tds.EncryptNotSupported || p.MARS != 0 || p.Version.Major != 16 || !p.Has(tds.OptThreadID) {
		t.Fatalf("PRELOGIN answer %+v", p)
	}
	ts := c.login(tds.Login7{UserName: "SA", Database: "db1", PacketSize: 8000, Features: []tds.Feature{
		{ID: tds.FeatureUTF8Support}, {ID: tds.FeatureDataClassification, Data: []byte{1}}, {ID: tds.FeatureSessionRecovery},
	}})
	want := []tds.Token{
		tds.TokenEnvChange, tds.TokenInfo, tds.TokenEnvChange, tds.TokenEnvChange, tds.TokenInfo,
		tds.TokenLoginAck, tds.TokenEnvChange, tds.TokenFeatureExtAck, tds.TokenDone,
	}
	if !slices.Equal(kinds(ts), want) {
		t.Fatalf("tokens %v", ts)
	}
	if ts[0].env.New != "db1" || ts[1].msg.Number != 5701 || ts[4].msg.Number != 5703 || ts[6].env.New != "8000" {
		t.Errorf("tokens %v", ts)
	}
	ack, err := tds.DecodeFeatureExtAck(ts[7].body)
	if err != nil || len(ack.Features) != 2 || ack.Features[0].ID != tds.FeatureUTF8Support || ack.Features[1].ID != tds.FeatureSessionRecovery {
		t.Errorf("FEATUREEXTACK %+v, %v", ack, err)
	}
	la, err := tds.DecodeLoginAck(ts[5].body)
	if err != nil || la.Version != tds.V74 || la.ProgName != progName || la.ProgVersion[0] != 16 {
		t.Errorf("LOGINACK %+v, %v", la, err)
	}
}

func TestLoginRefused(t *testing.T) {
	s, _ := startFake(t, Options{Logins: map[string]Login{"app": {Password: "secret"}, "open": {}}, Databases: []string{"db1"}})
	for _, tc := range []struct {
		name    string
		login   tds.Login7
		numbers []int32
	}{
		{"wrong password", tds.Login7{UserName: "app", Password: "Secret"}, []int32{18456}},
		{"no password", tds.Login7{UserName: "app"}, []int32{18456}},
		{"password where none is set", tds.Login7{UserName: "open", Password: "x"}, []int32{18456}},
		{"unknown user", tds.Login7{UserName: "nobody"}, []int32{18456}},
		{"unknown database", tds.Login7{UserName: "app", Password: "secret", Database: "none"}, []int32{4060, 18456}},
		{"integrated", tds.Login7{OptionFlags2: tds.LoginIntegratedSecurity, SSPI: []byte("x")}, []int32{18452}},
		{"federated", tds.Login7{Features: []tds.Feature{{ID: tds.FeatureFedAuth, Data: []byte{2, 0}}}}, []int32{18456}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, s)
			c.preLogin(tds.EncryptNotSupported)
			ts := c.login(tc.login)
			var got []int32
			for _, tk := range ts {
				if tk.kind == tds.TokenError {
					got = append(got, tk.msg.Number)
				}
			}
			if !slices.Equal(got, tc.numbers) {
				t.Errorf("errors %v, want %v", got, tc.numbers)
			}
			if last := ts[len(ts)-1]; last.done.Status != tds.DoneError {
				t.Errorf("last token %v", last)
			}
			c.expectEOF()
		})
	}
	if st := s.Stats(); st.FailedLogins != 7 || st.TotalLogins != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestChangePassword(t *testing.T) {
	s, _ := startFake(t, Options{Logins: map[string]Login{"app": {Password: "old"}}})
	connect(t, s, tds.Login7{UserName: "app", Password: "old", NewPassword: "new", OptionFlags3: tds.LoginChangePassword})
	connect(t, s, tds.Login7{UserName: "app", Password: "new"})
}

func TestEncryptionNegotiation(t *testing.T) {
	for _, tc := range []struct {
		server Encryption
		client tds.Encryption
		answer tds.Encryption
		want   protection
	}{
		{EncryptionOn, tds.EncryptOff, tds.EncryptOff, protectLogin},
		{EncryptionOn, tds.EncryptOn, tds.EncryptOn, protectAll},
		{EncryptionOn, tds.EncryptRequired, tds.EncryptOn, protectAll},
		{EncryptionOn, tds.EncryptNotSupported, tds.EncryptNotSupported, protectNothing},
		{EncryptionRequired, tds.EncryptOff, tds.EncryptRequired, protectAll},
		{EncryptionRequired, tds.EncryptOn, tds.EncryptOn, protectAll},
		{EncryptionRequired, tds.EncryptNotSupported, tds.EncryptRequired, protectFails},
		{EncryptionOff, tds.EncryptOff, tds.EncryptNotSupported, protectNothing},
		{EncryptionOff, tds.EncryptOn, tds.EncryptNotSupported, protectFails},
		{EncryptionOff, tds.EncryptRequired, tds.EncryptNotSupported, protectFails},
	} {
		t.Run(tc.server.String()+"/"+string(rune('0'+tc.client)), func(t *testing.T) {
			s, _ := startFake(t, Options{Encryption: tc.server})
			c := dial(t, s)
			if p := c.preLogin(tc.client); p.Encryption != tc.answer {
				t.Fatalf("answer %d, want %d", p.Encryption, tc.answer)
			}
			l := tds.Login7{Version: tds.V74, UserName: "sa"}
			switch tc.want {
			case protectFails:
				c.expectEOF()
				return
			case protectAll:
				c.conn = c.wrapTLS()
				c.login(l)
			case protectNothing:
				c.login(l)
			case protectLogin:
				// A LOGIN7 of several packets: the first in TLS, the rest and
				// all that follows in clear.
				l.Features = []tds.Feature{{ID: tds.FeatureUserAgent, Data: make([]byte, 6000)}}
				packets := tds.AppendMessage(nil, tds.PacketLogin7, 0, 0, c.size, l.Append(nil))
				tc := c.wrapTLS()
				if _, err := tc.Write(packets[:c.size]); err != nil {
					t.Fatal(err)
				}
				if _, err := c.raw.Write(packets[c.size:]); err != nil {
					t.Fatal(err)
				}
				if ts := c.answer(); find(ts, tds.TokenLoginAck) == nil {
					t.Fatalf("tokens %v", ts)
				}
			}
			if ts := c.batch("select 5"); ts[1].row[0] != int64(5) {
				t.Errorf("tokens %v", ts)
			}
		})
	}
}

func TestStrict(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := dial(t, s)
	tc := tls.Client(c.raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpnTDS8}})
	if err := tc.Handshake(); err != nil {
		t.Fatal(err)
	}
	if got := tc.ConnectionState().NegotiatedProtocol; got != alpnTDS8 {
		t.Errorf("ALPN %q", got)
	}
	c.conn, c.version = tc, tds.V80
	c.preLogin(tds.EncryptNotSupported)
	ts := c.login(tds.Login7{UserName: "sa", PacketSize: 32767})
	la, err := tds.DecodeLoginAck(find(ts, tds.TokenLoginAck).body)
	if err != nil || la.Version != tds.V80 {
		t.Errorf("LOGINACK %+v, %v", la, err)
	}
	for _, tk := range ts {
		if tk.env.Type == tds.EnvPacketSize && tk.env.New != "16383" {
			t.Errorf("packet size %s inside TLS", tk.env.New)
		}
	}
	if ts := c.batch("select 5"); ts[1].row[0] != int64(5) {
		t.Errorf("tokens %v", ts)
	}
}

func TestStrictRefused(t *testing.T) {
	s, _ := startFake(t, Options{NoStrict: true})
	c := dial(t, s)
	if err := tls.Client(c.raw, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
		t.Error("handshake succeeded")
	}
}

func TestMaxConnections(t *testing.T) {
	s, _ := startFake(t, Options{MaxConnections: 2, KeepEvents: 100})
	a, _ := connect(t, s, tds.Login7{}), connect(t, s, tds.Login7{})
	c := dial(t, s)
	c.preLogin(tds.EncryptNotSupported)
	ts := c.login(tds.Login7{UserName: "sa"})
	if ts[0].msg == nil || ts[0].msg.Number != 17809 {
		t.Fatalf("tokens %v", ts)
	}
	c.expectEOF()
	// A client that has closed frees its place at once, however late the
	// server's goroutine comes to know of it.
	_ = a.raw.Close()
	connect(t, s, tds.Login7{})
	st := s.Stats()
	if st.Sessions != 2 || st.PeakSessions != 2 || st.Refused != 1 || st.TotalLogins != 3 || st.PeakConnections != 3 {
		t.Errorf("stats %+v", st)
	}
	sessions := 0
	var got []EventKind
	for _, e := range s.Events() {
		sessions = max(sessions, e.Sessions)
		if e.Kind != EventClose && e.Kind != EventLogout { // their place depends on who notices first
			got = append(got, e.Kind)
		}
	}
	want := []EventKind{EventConnect, EventLogin, EventConnect, EventLogin, EventConnect, EventRefuse, EventConnect, EventLogin}
	if !slices.Equal(got, want) || sessions != 2 {
		t.Errorf("events %v, up to %d sessions", got, sessions)
	}
}

func TestSSPI(t *testing.T) {
	s, e := startFake(t, Options{SSPI: &SSPI{User: `CORP\app`, Challenge: []byte("challenge"), Reply: []byte("reply")}})
	for _, reply := range []string{"reply", "other"} {
		c := dial(t, s)
		c.preLogin(tds.EncryptNotSupported)
		ts := c.login(tds.Login7{OptionFlags2: tds.LoginIntegratedSecurity, SSPI: []byte("first")})
		if len(ts) != 1 || ts[0].kind != tds.TokenSSPI || string(ts[0].body) != "challenge" {
			t.Fatalf("tokens %v", ts)
		}
		c.send(tds.PacketSSPI, 0, []byte(reply))
		if ack := find(c.answer(), tds.TokenLoginAck); (ack != nil) != (reply == "reply") {
			t.Errorf("reply %q: LOGINACK %v", reply, ack)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.log, `login CORP\app master`) {
		t.Errorf("log %q", e.log)
	}
}

func TestReadOnlyRouting(t *testing.T) {
	s, _ := startFake(t, Options{ReadOnlyRouting: "replica.example:1444"})
	c := dial(t, s)
	c.preLogin(tds.EncryptNotSupported)
	ts := c.login(tds.Login7{UserName: "sa", TypeFlags: tds.LoginReadOnlyIntent})
	i := slices.IndexFunc(ts, func(tk token) bool { return tk.env.Type == tds.EnvRouting })
	if i < 0 || ts[i].env.Routing != (tds.Routing{Port: 1444, Server: "replica.example"}) || ts[i-2].kind != tds.TokenLoginAck {
		t.Errorf("tokens %v", ts)
	}
	if st := s.Stats(); st.TotalLogins != 0 {
		t.Errorf("stats %+v", st)
	}
	if _, err := Start(Options{ReadOnlyRouting: "replica"}); err == nil {
		t.Error("a routing target without port was accepted")
	}
}

func TestNotTDS(t *testing.T) {
	s, _ := startFake(t, Options{})
	for _, first := range []string{"GET / HTTP/1.1\r\n\r\n", "\x12\x01\x00\x09\x00\x00\x01\x00\xff", "\x12\x01\xff\xff\x00\x00\x01\x00"} {
		c := dial(t, s)
		if _, err := c.raw.Write([]byte(first)); err != nil {
			t.Fatal(err)
		}
		c.expectEOF()
	}
}

func TestCloseEndsEverything(t *testing.T) {
	s, _ := startFake(t, Options{})
	idle, busy, early := connect(t, s, tds.Login7{}), connect(t, s, tds.Login7{}), dial(t, s)
	busy.sendBatch("wait", 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client{idle, busy, early} {
		c.expectEOF()
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("still listening")
	}
	if st := s.Stats(); st.Connections != 0 || st.Sessions != 0 {
		t.Errorf("stats %+v", st)
	}
}
