package bucket

import (
	"bytes"
	"fmt"
	"testing"

	"sluice/actors/backend"
	"sluice/tds"
)

func vaultRequest(user, password string) *Request {
	return &Request{
		Key: backend.Key{User: user, Shared: true}, Digest: Digest{byte(len(password))},
		Login: &tds.Login7{Version: tds.V74, UserName: user, Password: password},
	}
}

// Answers to logins are kept in bounds: clients choose the keys.
func TestAnswersAreBounded(t *testing.T) {
	s := newState(Settings{Limit: 1})
	for i := range maxAnswers + 3 {
		c := &backend.Conn{Key: backend.Key{HostName: fmt.Sprint("pod", i), Shared: true}, Answer: &backend.Answer{}}
		s.keepAnswer(c)
		s.keepAnswer(c)
		if s.answers[c.Key] == nil {
			t.Fatal("not kept")
		}
	}
	if len(s.answers) != maxAnswers {
		t.Errorf("%d answers", len(s.answers))
	}
}

// A login is kept while a session has it, and not long after.
func TestVaultForgets(t *testing.T) {
	v := newVault()
	a, b := vaultRequest("a", "secret"), vaultRequest("b", "other")
	first, second := v.enter(a), v.enter(a)
	if first == 0 || first != second {
		t.Fatalf("entered as %d and %d", first, second)
	}
	kept := func(r *Request) bool { return v.open(r.Key, r.Digest) != nil }
	if l := v.open(a.Key, a.Digest); l == nil || l.Password != "secret" {
		t.Fatalf("%+v", l)
	}
	if !v.keep(b) { // a login that no session has waited for
		t.Fatal("not kept")
	}
	v.leave(a.Key, a.Digest, first)
	for range 5 {
		v.sweep()
	}
	if !kept(a) || kept(b) {
		t.Errorf("with one session left: kept %v; of none: %v", kept(a), kept(b))
	}
	v.leave(a.Key, a.Digest, first)
	v.sweep()
	if !kept(a) {
		t.Error("dropped at once")
	}
	third := v.enter(a) // it is back
	for range 5 {
		v.sweep()
	}
	if !kept(a) {
		t.Error("dropped though its session has come back")
	}
	v.leave(a.Key, a.Digest, third)
	v.sweep()
	v.sweep()
	if kept(a) || len(v.logins) != 0 || v.empty {
		t.Errorf("%d logins are kept of nobody", len(v.logins))
	}
}

// Sessions of a login that was forgotten do not count for the one that came
// after it.
func TestVaultOldSessionsLeave(t *testing.T) {
	v := newVault()
	r := vaultRequest("a", "secret")
	old := v.enter(r)
	v.forgetUser("a")
	now := v.enter(r)
	v.leave(r.Key, r.Digest, old)
	v.sweep()
	v.sweep()
	if v.open(r.Key, r.Digest) == nil {
		t.Error("dropped with a session that still has it")
	}
	if old == now {
		t.Error("not told apart")
	}
	r.Login = nil
	v.forgetUser("a")
	if id := v.enter(r); id != 0 {
		t.Errorf("entered as %d without a login", id)
	}
}

func TestVaultIsSealedAndBounded(t *testing.T) {
	v := newVault()
	for i := range maxLogins + 3 {
		v.enter(vaultRequest(fmt.Sprint("user", i), "Pa55word"))
	}
	if len(v.logins) != maxLogins {
		t.Errorf("%d logins", len(v.logins))
	}
	plain := tds.AppendUTF16(nil, "user7")
	for k, s := range v.logins {
		if k.key.User == "user7" && bytes.Contains(s.text, plain) {
			t.Error("not sealed")
		}
	}
}
