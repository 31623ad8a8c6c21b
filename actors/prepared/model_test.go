package prepared

import (
	"fmt"
	"strings"
	"testing"

	"sluice/tds"
)

// server is one connection to a SQL Server: handles are its own and start at 1.
type server struct {
	t       testing.TB
	v       tds.Version
	handles map[int32]string
	last    int32
	// ran are the statements that were executed, with their values.
	ran []string
	// keepsOld: a sp_prepexec that fails does not drop the old handle.
	keepsOld bool
	// aborts: the first error ends a batch, as with XACT_ABORT.
	aborts bool
	// trans are the descriptors that came.
	trans []uint64
	calls int
}

func newServer(t testing.TB) *server {
	return &server{t: t, v: tds.V74, handles: map[int32]string{}}
}

func (s *server) reset() { s.handles, s.last = map[int32]string{}, 0 }

// bad statements fail to prepare.
func bad(stmt string) bool { return strings.Contains(stmt, "bad") }

func (s *server) run(stmt string, values []int32) []byte {
	s.ran = append(s.ran, fmt.Sprint(stmt, values))
	out := tds.AppendColMetadata(nil, []tds.Column{{Name: "n", Type: intType}}, s.v)
	out = append(out, byte(tds.TokenRow), 4, 0xAC, 0, 0, 1)
	return tds.Done{Kind: tds.TokenDoneInProc, Status: tds.DoneCount | tds.DoneMore, CurCmd: tds.CurCmdSelect, Count: 1}.Append(out, s.v)
}

func (s *server) newHandle(text string) (int32, []byte) {
	s.last++
	s.handles[s.last] = text
	rv := tds.ReturnValue{Status: 1, Type: intType, Value: []byte{4, byte(s.last), byte(s.last >> 8), byte(s.last >> 16), byte(s.last >> 24)}}
	return s.last, rv.Append(nil, s.v)
}

func (s *server) failure(number int32) []byte {
	return (&tds.ServerError{Number: number, State: 1, Class: 16, Text: "no"}).Append(nil, s.v)
}

// serve answers an RPC message.
func (s *server) serve(payload []byte) (out []byte) {
	a, _ := tds.DecodeAllHeaders(payload, s.v)
	s.trans = append(s.trans, a.Transaction)
	calls := read(s.t, payload, s.v)
	for i, c := range calls {
		s.calls++
		status := tds.DoneMore | tds.DoneRPCInBatch
		if i == len(calls)-1 {
			status = 0
		}
		body, err := s.one(c)
		if err {
			status |= tds.DoneError
		}
		over := err && s.aborts
		if over {
			status &^= tds.DoneMore
		}
		out = append(out, body...)
		out = tds.Done{Kind: tds.TokenDoneProc, Status: status, CurCmd: tds.CurCmdExecute}.Append(out, s.v)
		if over {
			break
		}
	}
	return out
}

var returnStatus = []byte{byte(tds.TokenReturnStatus), 0, 0, 0, 0}

func (s *server) one(c seen) (out []byte, failed bool) {
	text := func() string {
		if c.nulls[0] {
			return c.texts[1]
		}
		return c.texts[0] + "|" + c.texts[1]
	}
	switch c.proc {
	case tds.ProcPrepare:
		if bad(c.texts[1]) {
			return s.failure(8180), true
		}
		_, rv := s.newHandle(text())
		return append(returnStatus[:5:5], rv...), false
	case tds.ProcPrepExec:
		failed := bad(c.texts[1])
		if c.handle != nil && !(failed && s.keepsOld) {
			delete(s.handles, *c.handle)
		}
		if failed {
			return s.failure(8180), true
		}
		_, rv := s.newHandle(text())
		return append(append(s.run(text(), c.values), returnStatus...), rv...), false
	case tds.ProcExecute:
		text, ok := s.handles[*c.handle]
		if !ok {
			return s.failure(unknownHandle), true
		}
		return append(s.run(text, c.values), returnStatus...), false
	case tds.ProcUnprepare:
		if _, ok := s.handles[*c.handle]; !ok {
			return s.failure(unknownHandle), true
		}
		delete(s.handles, *c.handle)
		return returnStatus, false
	case tds.ProcExecuteSQL:
		return append(s.run(c.texts[1]+"|"+c.texts[0], c.values), returnStatus...), false
	}
	s.t.Fatalf("server: %v", c)
	return nil, false
}

// backend is a server with the cache of its connection.
type backend struct {
	*server
	cache *Cache
}

// client is a session: what it sends goes through a plan to a backend.
type client struct {
	t       testing.TB
	v       tds.Version
	handles Handles
	plan    Plan
	scope   Scope
	tran    uint64
	pinned  bool
	pin     Pin // of the last request
	packet  int // size of response packets; 0 is all in one
	walker  tds.Walker
}

func newClient(t testing.TB, s *Store) *client {
	c := &client{t: t, v: tds.V74, handles: s.NewHandles()}
	c.walker.Reset(c.v)
	return c
}

// handlerFunc makes a tds.Handler of a function.
type handlerFunc func(t tds.Token, body []byte, at int) error

func (f handlerFunc) Token(t tds.Token, body []byte, at int) error { return f(t, body, at) }

// send runs a request on a backend and returns the response that the client
// sees.
func (c *client) send(b *backend, calls ...callSpec) []byte {
	c.t.Helper()
	return c.sendPayload(b, message(c.v, c.tran, calls...))
}

func (c *client) sendPayload(b *backend, payload []byte) []byte {
	c.t.Helper()
	r, err := Inspect(payload, true, c.v)
	if err != nil {
		c.t.Fatal(err)
	}
	var pinned *Cache
	if c.pinned {
		pinned = b.cache
	}
	d := Decide(&r, &c.handles, pinned)
	c.pin = d.Pin
	if d.Answer != nil {
		return d.Answer
	}
	c.plan.Prepare(payload, &r, &c.handles, b.cache, c.scope, c.tran)
	defer c.plan.End()
	if c.plan.Pin() != "" {
		c.pin = c.plan.Pin()
	}
	if before := c.plan.Before(); before != nil {
		c.walker.Handler = handlerFunc(func(t tds.Token, body []byte, _ int) error { return c.plan.BeforeToken(t, body) })
		c.feed(b.serve(before), func(w *tds.Walker, p []byte) (bool, error) { return false, w.Feed(p) })
		answer, err := c.plan.BeforeEnd(payload, &r)
		if err != nil {
			c.t.Fatal(err)
		}
		if answer != nil {
			return answer
		}
	}
	c.walker.Handler = handlerFunc(c.plan.Token)
	return c.feed(b.serve(payload), c.plan.Feed)
}

// feed cuts a response into packets and returns what the client gets of them:
// each as it was when it was sent.
func (c *client) feed(response []byte, feed func(*tds.Walker, []byte) (bool, error)) (got []byte) {
	c.t.Helper()
	size := c.packet
	if size == 0 {
		size = len(response)
	}
	var held []byte
	for len(response) > 0 {
		// A buffer of its own, as packets have headers between them.
		n := min(size, len(response))
		p := append([]byte(nil), response[:n]...)
		response = response[n:]
		hold, err := feed(&c.walker, p)
		if err != nil {
			c.t.Fatal(err)
		}
		got = append(got, held...)
		if held = p; !hold {
			got, held = append(got, p...), nil
		}
	}
	if held != nil {
		c.t.Fatal("the last packet is held")
	}
	if err := c.walker.EndOfMessage(); err != nil {
		c.t.Fatal(err)
	}
	return got
}

// answer is a response as a driver reads it.
type answer struct {
	handles []int32 // output parameters
	errors  []int32
	dones   []tds.DoneStatus // of DONEPROC
}

func readAnswer(t testing.TB, response []byte, v tds.Version) (a answer) {
	t.Helper()
	w := tds.Walker{Handler: handlerFunc(func(k tds.Token, body []byte, _ int) error {
		switch k {
		case tds.TokenReturnValue:
			rv, err := tds.DecodeReturnValue(body, v, false)
			if err != nil {
				return err
			}
			n, _ := rv.Int()
			a.handles = append(a.handles, n)
		case tds.TokenError:
			e, err := tds.DecodeServerError(body, v)
			if err != nil {
				return err
			}
			a.errors = append(a.errors, e.Number)
		case tds.TokenDoneProc:
			d, err := tds.DecodeDone(k, body, v)
			if err != nil {
				return err
			}
			a.dones = append(a.dones, d.Status)
		}
		return nil
	})}
	w.Reset(v)
	if err := w.Feed(response); err != nil {
		t.Fatal(err)
	}
	if err := w.EndOfMessage(); err != nil {
		t.Fatal(err)
	}
	return a
}

// do sends calls and reads the answer.
func (c *client) do(b *backend, calls ...callSpec) answer {
	c.t.Helper()
	return readAnswer(c.t, c.send(b, calls...), c.v)
}
