package session

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
	"sluice/tds/tdstest"
)

func TestLoginsAndEncryption(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), func(o *setup) { o.tls, o.strict = true, true })
	plain := startNode(t, s.Addr(), nil)
	for _, tc := range []struct {
		name       string
		node       *node
		encryption tds.Encryption
		strict     bool
		version    tds.Version
	}{
		{"plain", plain, tds.EncryptNotSupported, false, 0},
		{"OFF, no TLS here", plain, tds.EncryptOff, false, 0},
		{"NOT_SUP, TLS here", n, tds.EncryptNotSupported, false, 0},
		{"OFF", n, tds.EncryptOff, false, 0},
		{"ON", n, tds.EncryptOn, false, 0},
		{"REQ", n, tds.EncryptRequired, false, 0},
		{"strict", n, 0, true, 0},
		{"TDS 7.1", n, tds.EncryptOff, false, tds.V71},
		{"TDS 7.2", plain, tds.EncryptNotSupported, false, tds.V72},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := credentials()
			cfg.Encryption, cfg.Strict, cfg.Login.Version = tc.encryption, tc.strict, tc.version
			if tc.node == n {
				cfg.TLS = n.clientTLS()
			}
			c := tc.node.connect(cfg)
			defer func() { _ = c.Close() }()
			for range 3 {
				if r := query(t, c, "SELECT n"); r.Rows != 1 {
					t.Errorf("%d rows", r.Rows)
				}
			}
		})
	}
	n.gone()
	plain.gone()
	if n.env.Metrics.LoginSeconds.(*count).get() != 6 {
		t.Errorf("%d logins timed", n.env.Metrics.LoginSeconds.(*count).get())
	}
}

func TestLoginRequiresTLS(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), func(o *setup) { o.tls, o.required = true, true })
	c := n.dial()
	if err := c.Connect(credentials()); !errors.Is(err, tdstest.ErrEncryption) {
		t.Errorf("got %v", err)
	}
	closed(t, c)
	n.gone()
	if n.dropped.get("encryption") != 1 || len(s.Received()) != 0 {
		t.Errorf("dropped %d, the server received %d messages", n.dropped.get("encryption"), len(s.Received()))
	}
}

func TestWarmReuse(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), nil)
	var answers [][]byte
	for i := range 4 {
		cfg := credentials()
		cfg.Login.ClientPID = uint32(i) // another process all the same
		c := n.connect(cfg)
		answers = append(answers, c.Login.Message.Payload)
		if i%2 == 0 {
			query(t, c, "SELECT n")
		}
		_ = c.Close()
		n.gauges(1, 1, 0)
	}
	for _, a := range answers[1:] {
		if !bytes.Equal(a, answers[0]) {
			t.Error("the answers to the same login differ")
		}
	}
	if k := len(received(s, tds.PacketLogin7)); k != 1 {
		t.Errorf("%d backend logins", k)
	}
	// Only the two sessions that sent something were cleaned up after.
	if k := len(received(s, tds.PacketSQLBatch)); k != 4 {
		t.Errorf("%d batches at the server", k)
	}
	l, err := tds.DecodeLogin7(received(s, tds.PacketLogin7)[0].Message.Payload)
	if err != nil || l.UserName != "u" || l.Password != "p" || l.Database != "db" {
		t.Errorf("the server got %v, %v", l, err)
	}
}

func TestWrongPasswordNeverGetsAWarmBackend(t *testing.T) {
	words := tds.ServerError{Number: 18456, State: 1, Class: 14, Text: "Login failed for user 'u'.", Server: "sql1"}
	s := newServer(t, sqlServer(answerAll), tdstest.Script{plainBegin(), tdstest.LoginFail(words)}, sqlServer(answerAll))
	n := startNode(t, s.Addr(), nil)
	_ = n.connect(credentials()).Close()
	n.gauges(1, 1, 0)
	cfg := credentials()
	cfg.Login.Password = "guess"
	c := n.dial()
	err := c.Connect(cfg)
	if e := (*tds.ServerError)(nil); !errors.As(err, &e) || e.Number != 18456 || e.Text != words.Text || e.Server != "sql1" {
		t.Fatalf("got %v", err)
	}
	closed(t, c)
	n.gauges(1, 1, 0)
	c = n.connect(credentials())
	query(t, c, "SELECT n")
	if k := len(received(s, tds.PacketLogin7)); k != 2 {
		t.Errorf("%d backend logins", k)
	}
	if n.errors.get("login_refused") != 1 {
		t.Error("not counted")
	}
}

func TestNoRoute(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), nil)
	cfg := credentials()
	cfg.Login.Database = "nowhere"
	c := n.dial()
	if err := c.Connect(cfg); err == nil {
		t.Fatal("logged in")
	}
	if got := numbers(c.Login); !slices.Equal(got, []int32{4060, 50002}) {
		t.Errorf("errors %v", got)
	}
	closed(t, c)
	n.gone()
	if len(s.Received()) != 0 || n.dropped.get("no_route") != 1 {
		t.Error("a server was asked, or nothing counted")
	}
}

func TestMappedCredentials(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), func(o *setup) { o.username, o.password = "shared", "of the bucket" })
	sum := func(user, password string) bucket.Digest { return n.env.Credentials.Digest("", user, password) }
	r := *n.env.Routing.Load()
	r.Mapping = Mapping{On: true, Accounts: map[string]Account{
		"own":    {Password: sum("own", "1"), BackendUser: "bu", BackendPassword: "bp"},
		"shares": {Password: sum("shares", "2"), Buckets: []string{"B1"}},
		"other":  {Password: sum("other", "3"), Buckets: []string{"b2"}},
	}}
	n.env.Routing.Store(&r)
	for _, tc := range []struct{ user, password, atServer, with string }{
		{"Own", "1", "bu", "bp"},
		{"shares", "2", "shared", "of the bucket"},
		{"own", "2", "", ""},
		{"own", "", "", ""},
		{"other", "3", "", ""},
		{"nobody", "", "", ""},
	} {
		before := len(received(s, tds.PacketLogin7))
		cfg := credentials()
		cfg.Login.UserName, cfg.Login.Password = tc.user, tc.password
		c := n.dial()
		err := c.Connect(cfg)
		logins := received(s, tds.PacketLogin7)[before:]
		if tc.atServer == "" {
			if got := numbers(c.Login); err == nil || !slices.Equal(got, []int32{18456, 50010}) || len(logins) > 0 {
				t.Errorf("%s: %v, %v, %d backend logins", tc.user, err, got, len(logins))
			}
			closed(t, c)
			continue
		}
		if err != nil || len(logins) != 1 {
			t.Errorf("%s: %v, %d backend logins", tc.user, err, len(logins))
			continue
		}
		l, err := tds.DecodeLogin7(logins[0].Message.Payload)
		if err != nil || l.UserName != tc.atServer || l.Password != tc.with {
			t.Errorf("%s: the server got %v, %v", tc.user, l, err)
		}
	}
}

func TestBackendUnavailable(t *testing.T) {
	s := newServer(t, tdstest.Script{tdstest.Hangup})
	n := startNode(t, s.Addr(), nil)
	c := n.dial()
	if err := c.Connect(credentials()); err == nil {
		t.Fatal("logged in")
	}
	if got := numbers(c.Login); !slices.Equal(got, []int32{50003}) {
		t.Errorf("errors %v", got)
	}
	closed(t, c)
	n.gauges(0, 0, 0)
}

func TestQueueing(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), func(o *setup) {
		o.limit, o.queue = 1, bucket.QueueSettings{Timeout: 20 * time.Second, MaxSize: 2}
	})
	holder := n.connect(credentials())
	query(t, holder, "SELECT n")
	waiting := func(k int64) {
		t.Helper()
		eventually(t, "waiting", func() bool { return n.governor.Gauges.Waiting.Load() == k })
	}
	// start sends a login and does not wait for its answer.
	start := func() *tdstest.Client {
		c := n.dial()
		p := tds.PreLogin{Encryption: tds.EncryptNotSupported}
		p.Set(tds.OptVersion, tds.OptEncryption)
		if _, err := c.PreLogin(p); err != nil {
			t.Fatal(err)
		}
		l := credentials().Login
		l.Version = tds.V74
		if err := c.Send(tds.PacketLogin7, 0, l.Append(nil)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	leaves, stays := start(), start()
	waiting(2)
	// The queue is full: the next is told so.
	c := n.dial()
	if err := c.Connect(credentials()); err == nil || !slices.Equal(numbers(c.Login), []int32{50005}) {
		t.Errorf("got %v, %v", err, numbers(c.Login))
	}
	closed(t, c)
	_ = leaves.Close()
	waiting(1)
	// An attention makes no sense before the login is answered.
	odd := start()
	waiting(2)
	if err := odd.Attention(); err != nil {
		t.Fatal(err)
	}
	closed(t, odd)
	waiting(1)
	_ = holder.Close()
	if r, err := stays.Read(); err != nil || r.Err() != nil {
		t.Fatalf("got %v, %v", r.Err(), err)
	}
	query(t, stays, "SELECT n")
	if k := len(received(s, tds.PacketLogin7)); k != 1 {
		t.Errorf("%d backend logins", k)
	}
}

func TestQueueTimeout(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), func(o *setup) {
		o.limit, o.queue = 1, bucket.QueueSettings{Timeout: 30 * time.Millisecond, MaxSize: 2}
	})
	n.connect(credentials())
	c := n.dial()
	if err := c.Connect(credentials()); err == nil || !slices.Equal(numbers(c.Login), []int32{50004}) {
		t.Errorf("got %v, %v", err, numbers(c.Login))
	}
	closed(t, c)
}

// A login that cannot be pooled but has a password: the password must reach
// the server.
func TestDedicatedPasswordLogin(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), nil)
	cfg := credentials()
	cfg.Login.AtchDBFile = "x.mdf"
	c := n.connect(cfg)
	query(t, c, "SELECT n")
	l, err := tds.DecodeLogin7(received(s, tds.PacketLogin7)[0].Message.Payload)
	if err != nil || l.Password != "p" || l.AtchDBFile != "x.mdf" {
		t.Errorf("the server got %v, password %v, %v", l, l.Password == "p", err)
	}
	n.gauges(1, 0, 1)
	_ = c.Close()
	n.gauges(0, 0, 0)
	eventually(t, "the server's connection ends", func() bool { return s.Open() == 0 })
}

func TestServerRefusesWithBackendTLSOff(t *testing.T) {
	cert := tdstest.Certificate(t, 0)
	s := newServer(t, tdstest.Script{tdstest.Begin(tdstest.Handshake{Encryption: tds.EncryptRequired, Certificate: &cert})})
	n := startNode(t, s.Addr(), func(o *setup) { o.target.Encryption = backend.EncryptOff })
	c := n.dial()
	if err := c.Connect(credentials()); err == nil || !slices.Equal(numbers(c.Login), []int32{50003}) {
		t.Errorf("got %v, %v", err, numbers(c.Login))
	}
	_ = s.Wait(1)
}

// A client that was told to encrypt and logs in in clear is told once more.
func TestClearLoginIsToldToEncrypt(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), func(o *setup) { o.tls, o.required = true, true })
	c := n.dial()
	ask := tds.PreLogin{Encryption: tds.EncryptNotSupported}
	ask.Set(tds.OptVersion, tds.OptEncryption)
	if got, err := c.PreLogin(ask); err != nil || got.Encryption != tds.EncryptRequired {
		t.Fatalf("got %v, %v", got.Encryption, err)
	}
	r, err := c.SendLogin(tds.Login7{Version: tds.V74, UserName: "u", Password: "p"}, false)
	if got := numbers(r); len(got) != 1 || got[0] != int32(refusal.EncryptionRequired) {
		t.Errorf("told %v, %v", got, err)
	}
	closed(t, c)
	n.gone()
	if n.dropped.get("encryption") != 1 || len(s.Received()) != 0 {
		t.Errorf("dropped %d, the server received %d messages", n.dropped.get("encryption"), len(s.Received()))
	}
}
