package prepared

import (
	"testing"
	"time"

	"sluice/sandbox"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// Two sessions and two connections to a server: what was prepared on one
// connection is executed on the other.
func TestOnSandbox(t *testing.T) {
	srv, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	s := NewStore(Limits{Cached: 2})
	type connection struct {
		*tdstest.Client
		cache *Cache
	}
	connect := func() connection {
		c, err := tdstest.Dial(srv.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.Conn().SetDeadline(time.Now().Add(20 * time.Second))
		if err := c.Connect(tdstest.ClientConfig{Encryption: tds.EncryptNotSupported, Login: tds.Login7{UserName: "sa"}}); err != nil {
			t.Fatal(err)
		}
		return connection{c, s.NewCache()}
	}
	exchange := func(on connection, payload []byte) []byte {
		if err := on.Send(tds.PacketRPC, 0, payload); err != nil {
			t.Fatal(err)
		}
		r, err := on.Read()
		if err != nil {
			t.Fatal(err)
		}
		return r.Message.Payload
	}
	run := func(c *client, on connection, calls ...callSpec) answer {
		payload := message(c.v, 0, calls...)
		r, err := Inspect(payload, true, c.v)
		if err != nil {
			t.Fatal(err)
		}
		if d := Decide(&r, &c.handles, nil); d.Answer != nil {
			return readAnswer(t, d.Answer, c.v)
		}
		c.plan.Prepare(payload, &r, &c.handles, on.cache, c.scope, 0)
		defer c.plan.End()
		if before := c.plan.Before(); before != nil {
			c.walker.Handler = handlerFunc(func(t tds.Token, body []byte, _ int) error { return c.plan.BeforeToken(t, body) })
			c.feed(exchange(on, before), func(w *tds.Walker, p []byte) (bool, error) { return false, w.Feed(p) })
			answer, err := c.plan.BeforeEnd(payload, &r)
			if err != nil {
				t.Fatal(err)
			}
			if answer != nil {
				return readAnswer(t, answer, c.v)
			}
		}
		c.walker.Handler = handlerFunc(c.plan.Token)
		return readAnswer(t, c.feed(exchange(on, payload), c.plan.Feed), c.v)
	}
	ok := func(a answer) answer {
		t.Helper()
		if len(a.errors) > 0 {
			t.Fatalf("%+v", a)
		}
		return a
	}
	one, two := connect(), connect()
	a, b := newClient(t, s), newClient(t, s)
	ha := oneHandle(t, run(a, one, prepare("SELECT @a AS a")))
	hb := oneHandle(t, run(b, two, prepExec("SELECT @a * 2 AS b", nil, 1)))
	for range 3 {
		ok(run(a, two, execute(ha, 7)))
		ok(run(b, one, execute(hb, 7)))
		ok(run(a, one, execute(ha, 7), execute(ha, 8)))
		h := oneHandle(t, run(b, one, prepExec("SELECT @a * 2 AS b", &hb, 1)))
		hb = h
		h = oneHandle(t, run(a, two, prepare("SELECT @a * 3 AS c")))
		ok(run(a, one, execute(h, 7)))
		ok(run(a, two, unprepare(h)))
	}
	if a := run(a, one, prepare("SELECT FROM")); len(a.errors) == 0 {
		t.Errorf("%+v", a)
	}
	for _, on := range []connection{one, two} {
		for on.cache.Due(); on.cache.Garbage() > 0; {
			ok(readAnswer(t, exchange(on, on.cache.Cleanup(nil, tds.V74)), tds.V74))
		}
	}
}
