package prepared

import (
	"slices"
	"strings"
	"testing"

	"sluice/tds"
)

func rig(t *testing.T, l Limits) (s *Store, one, two *backend) {
	s = NewStore(l)
	return s, &backend{newServer(t), s.NewCache()}, &backend{newServer(t), s.NewCache()}
}

func (b *backend) wantRan(want ...string) {
	b.t.Helper()
	if !slices.Equal(b.ran, want) {
		b.t.Errorf("ran %q, want %q", b.ran, want)
	}
	b.ran = nil
}

func oneHandle(t *testing.T, a answer) int32 {
	t.Helper()
	if len(a.handles) != 1 || len(a.errors) != 0 {
		t.Fatalf("answer %+v", a)
	}
	return a.handles[0]
}

func TestExecuteElsewhere(t *testing.T) {
	s, one, two := rig(t, Limits{})
	c, other := newClient(t, s), newClient(t, s)
	oneHandle(t, other.do(two, prepare("SELECT other"))) // handle 1 there
	h := oneHandle(t, c.do(one, prepExec("SELECT 1", nil, 7)))
	if h <= firstHandle {
		t.Errorf("handle %d", h)
	}
	one.wantRan("@a int|SELECT 1[7]")
	c.tran = 0x77
	if a := c.do(two, execute(h, 8)); len(a.errors) != 0 || len(a.dones) != 1 || len(a.handles) != 0 {
		t.Errorf("answer %+v", a)
	}
	two.wantRan("@a int|SELECT 1[8]")
	if !slices.Equal(two.trans, []uint64{0, 0x77, 0x77}) {
		t.Errorf("descriptors %x", two.trans)
	}
	n := two.calls
	c.do(two, execute(h, 9))
	if two.calls != n+1 {
		t.Errorf("%d calls for a statement that the connection has", two.calls-n)
	}
	two.wantRan("@a int|SELECT 1[9]")
	c.scope.Settings = 1
	c.do(two, execute(h, 9))
	if two.calls != n+3 {
		t.Error("a statement was used under other settings")
	}
}

func TestUnprepareIsAnsweredHere(t *testing.T) {
	s, one, _ := rig(t, Limits{})
	c := newClient(t, s)
	h := oneHandle(t, c.do(one, prepare("SELECT 1")))
	n := one.calls
	if a := c.do(one, unprepare(h)); len(a.errors) != 0 || !slices.Equal(a.dones, []tds.DoneStatus{0}) {
		t.Errorf("answer %+v", a)
	}
	for _, call := range []callSpec{unprepare(h), execute(h), execute(1), execute(-1), unprepare(0)} {
		if a := c.do(one, call); !slices.Equal(a.errors, []int32{unknownHandle}) || !slices.Equal(a.dones, []tds.DoneStatus{tds.DoneError}) {
			t.Errorf("%+v: answer %+v", call, a)
		}
	}
	if one.calls != n {
		t.Errorf("%d calls went to the server", one.calls-n)
	}
	if st := s.Stats(); st.Statements != 1 {
		t.Errorf("%+v: the connection keeps the statement", st)
	}
	one.cache.Forget()
	if st := s.Stats(); st != (StoreStats{}) {
		t.Errorf("%+v", st)
	}
}

// A sp_prepexec brings the handle that it replaces; what the server is told to
// drop is never another client's.
func TestPrepExecOldHandle(t *testing.T) {
	s, one, _ := rig(t, Limits{})
	c, other := newClient(t, s), newClient(t, s)
	x := oneHandle(t, other.do(one, prepare("SELECT x"))) // 1
	h := oneHandle(t, c.do(one, prepExec("SELECT 1", ptr(int32(1)))))
	h2 := oneHandle(t, c.do(one, prepExec("SELECT 2", &h)))
	if a := c.do(one, execute(h)); len(a.errors) != 1 {
		t.Error("the old handle is still there")
	}
	one.ran = nil
	other.do(one, execute(x, 1))
	c.do(one, execute(h2, 2))
	one.wantRan("@a int|SELECT x[1]", "@a int|SELECT 2[2]")
	// The same statement again: the connection's handle goes for the new one.
	before := len(one.handles)
	h3 := oneHandle(t, other.do(one, prepExec("SELECT 2", ptr(int32(-1)))))
	if len(one.handles) != before || one.cache.Garbage() != 0 {
		t.Errorf("%d handles on the server, %d before; garbage %d", len(one.handles), before, one.cache.Garbage())
	}
	oneHandle(t, other.do(one, prepExec("SELECT 2", nil))) // no room for a number
	if one.cache.Garbage() != 1 {
		t.Errorf("garbage %d, want 1", one.cache.Garbage())
	}
	one.ran = nil
	other.do(one, execute(h3, 3))
	c.do(one, execute(h2, 4))
	one.wantRan("@a int|SELECT 2[3]", "@a int|SELECT 2[4]")
}

// A statement that cannot be prepared any more fails with what the server says.
func TestPrepareFails(t *testing.T) {
	s, one, two := rig(t, Limits{})
	c := newClient(t, s)
	h := oneHandle(t, c.do(one, prepare("SELECT 1")))
	c.handles.held[0].stmt.stmt = tds.AppendUTF16(nil, "bad")
	a := c.do(two, execute(h))
	if !slices.Equal(a.errors, []int32{8180}) || !slices.Equal(a.dones, []tds.DoneStatus{tds.DoneError}) {
		t.Errorf("answer %+v", a)
	}
	two.wantRan()
	if a := c.do(one, prepare("bad")); len(a.errors) != 1 || c.handles.Len() != 1 {
		t.Errorf("answer %+v, %d handles", a, c.handles.Len())
	}
}

func TestHandleLostByServer(t *testing.T) {
	s, one, _ := rig(t, Limits{})
	c := newClient(t, s)
	h := oneHandle(t, c.do(one, prepare("SELECT 1")))
	one.handles = map[int32]string{}
	if a := c.do(one, execute(h)); !slices.Equal(a.errors, []int32{unknownHandle}) {
		t.Errorf("answer %+v", a)
	}
	if a := c.do(one, execute(h, 1)); len(a.errors) != 0 {
		t.Errorf("answer %+v: the lost handle is still remembered", a)
	}
}

func TestBatches(t *testing.T) {
	s, one, two := rig(t, Limits{})
	c := newClient(t, s)
	a := c.do(one, prepare("SELECT a"), executeSQL("SELECT x", 5), prepExec("SELECT b", nil, 1))
	if len(a.handles) != 2 {
		t.Fatalf("answer %+v", a)
	}
	ha, hb := a.handles[0], a.handles[1]
	one.wantRan("@a int|SELECT x[5]", "@a int|SELECT b[1]")
	a = c.do(two, execute(ha, 1), execute(hb, 2), execute(ha, 3), execute(99), prepExec("SELECT c", &hb, 4))
	if len(a.dones) != 5 || !slices.Equal(a.errors, []int32{unknownHandle}) || len(a.handles) != 1 {
		t.Errorf("answer %+v", a)
	}
	two.wantRan("@a int|SELECT a[1]", "@a int|SELECT b[2]", "@a int|SELECT a[3]", "@a int|SELECT c[4]")
	// Two numbers for one statement, of which one is dropped on the way.
	ha2 := oneHandle(t, c.do(one, prepare("SELECT a")))
	one.ran = nil
	if a := c.do(one, unprepare(ha), execute(ha2, 6)); len(a.errors) != 0 || len(a.dones) != 2 {
		t.Errorf("answer %+v", a)
	}
	one.wantRan("@a int|SELECT a[6]")
	if a := c.do(one, execute(ha)); len(a.errors) != 1 {
		t.Errorf("answer %+v: the handle was dropped", a)
	}
	n := one.calls
	if a := c.do(one, unprepare(ha2), unprepare(ha2)); len(a.errors) != 1 || len(a.dones) != 2 || a.dones[0] != tds.DoneMore|tds.DoneRPCInBatch {
		t.Errorf("answer %+v", a)
	}
	if one.calls != n {
		t.Error("the server was asked")
	}
}

func TestEviction(t *testing.T) {
	s, one, two := rig(t, Limits{Cached: 2})
	c := newClient(t, s)
	var hs []int32
	for _, text := range strings.Fields("a b c d e") {
		hs = append(hs, oneHandle(t, c.do(one, prepare(text))))
	}
	for i := range 20 {
		c.do(two, execute(hs[i%5], int32(i)))
		if two.cache.Len() > 2 || len(two.handles) != two.cache.Len()+two.cache.Garbage() {
			t.Fatalf("%d cached, %d garbage, %d on the server", two.cache.Len(), two.cache.Garbage(), len(two.handles))
		}
	}
	if two.cache.Garbage() > 2 {
		t.Errorf("%d handles wait", two.cache.Garbage())
	}
	// More statements than a connection keeps, in one request.
	two.ran = nil
	c.do(two, execute(hs[0]), execute(hs[1]), execute(hs[2]), execute(hs[3]))
	two.wantRan("@a int|a[]", "@a int|b[]", "@a int|c[]", "@a int|d[]")
	two.cache.Due()
	for two.cache.Garbage() > 0 {
		two.serve(two.cache.Cleanup(nil, tds.V74))
	}
	if len(two.handles) != two.cache.Len() {
		t.Errorf("%d on the server, %d cached", len(two.handles), two.cache.Len())
	}
	if b := two.cache.Cleanup(nil, tds.V74); b != nil {
		t.Errorf("%x", b)
	}
}

func TestPins(t *testing.T) {
	s, one, _ := rig(t, Limits{Handles: 1, Bytes: 2000})
	c := newClient(t, s)
	big := strings.Repeat("x", 1500)
	if h := oneHandle(t, c.do(one, prepare(big))); h >= firstHandle || c.pin != PinStoreFull {
		t.Errorf("handle %d, pin %q", h, c.pin)
	}
	h := oneHandle(t, c.do(one, prepare("a")))
	if c.pin != "" {
		t.Errorf("pin %q", c.pin)
	}
	real := oneHandle(t, c.do(one, prepare("b")))
	if real >= firstHandle || c.pin != PinTooMany {
		t.Errorf("handle %d, pin %q", real, c.pin)
	}
	// Pinned, it uses handles of both kinds.
	c.pinned = true
	one.ran = nil
	c.do(one, execute(real, 1))
	c.do(one, execute(h, 2))
	one.wantRan("@a int|b[1]", "@a int|a[2]")
	owned, _ := one.cache.use(key{c.handles.held[0].stmt, c.scope})
	if a := c.do(one, unprepare(owned)); len(a.errors) != 1 {
		t.Errorf("answer %+v: a handle of the cache was relayed", a)
	}
	if a := c.do(one, unprepare(real)); len(a.errors) != 0 || one.handles[real] != "" {
		t.Errorf("answer %+v", a)
	}
	for _, tc := range []struct {
		call callSpec
		want Pin
	}{
		{callSpec{proc: tds.ProcPrepExecRPC}, PinPrepExecRPC},
		{callSpec{proc: tds.ProcCursorOpen}, PinCursor},
		{callSpec{name: "sp_cursorfetch"}, PinCursor},
		{callSpec{name: "dbo.proc"}, ""},
		{callSpec{proc: 99}, ""},
		{callSpec{proc: tds.ProcPrepare, name: "sp_execute", params: ptr("x"), stmt: "y"}, ""}, // a NULL handle
		{callSpec{proc: tds.ProcExecuteSQL, name: "sp_execute", stmt: "y"}, PinNotUnderstood},
		{callSpec{proc: tds.ProcPrepExecRPC, name: "sp_prepexec"}, PinNotUnderstood},
	} {
		r, err := Inspect(message(tds.V74, 0, tc.call), true, tds.V74)
		if err != nil {
			t.Fatal(err)
		}
		if d := Decide(&r, &c.handles, nil); d.Pin != tc.want || d.Answer != nil {
			t.Errorf("%+v: %+v", tc.call, d)
		}
	}
}

// A request that never got as far as its response leaves nothing behind.
func TestGivenUp(t *testing.T) {
	s, one, two := rig(t, Limits{})
	c := newClient(t, s)
	h := oneHandle(t, c.do(one, prepare("a")))
	payload := message(tds.V74, 0, prepExec("a", &h))
	r, err := Inspect(payload, true, tds.V74)
	if err != nil {
		t.Fatal(err)
	}
	Decide(&r, &c.handles, nil)
	for _, b := range []*backend{one, two, one} {
		c.plan.Prepare(payload, &r, &c.handles, b.cache, c.scope, 0)
	}
	c.plan.End()
	if s.Stats().Statements != 1 || one.cache.Len() != 1 || c.handles.statement(h) == nil {
		t.Errorf("%+v, %d cached, %d handles", s.Stats(), one.cache.Len(), c.handles.Len())
	}
	if st := c.handles.held[0].stmt; st.refs != 2 {
		t.Errorf("%d references", st.refs)
	}
	c.handles.Close()
	one.cache.Forget()
	if s.Stats() != (StoreStats{}) {
		t.Errorf("%+v", s.Stats())
	}
}

// Wherever packets end, the client gets its own handle.
func TestStraddlingHandle(t *testing.T) {
	s, one, _ := rig(t, Limits{})
	for size := range 120 {
		c := newClient(t, s)
		c.packet = size + 12
		h := oneHandle(t, c.do(one, prepExec("SELECT 1", nil, 1)))
		if h != firstHandle+1 {
			t.Fatalf("packets of %d: handle %d", c.packet, h)
		}
	}
}

func TestOptionsAreCleared(t *testing.T) {
	s, one, _ := rig(t, Limits{})
	c := newClient(t, s)
	call := executeSQL("SELECT 1")
	call.options = tds.RPCNoMetadata | tds.RPCReuseMetadata | tds.RPCWithRecompile
	payload := message(tds.V74, 0, call)
	c.sendPayload(one, payload)
	r, err := Inspect(payload, true, tds.V74)
	if err != nil || r.First.Options != tds.RPCWithRecompile {
		t.Errorf("options %#x, %v", r.First.Options, err)
	}
}

// Without a declaration it is NULL again where the statement is prepared.
func TestNoParameters(t *testing.T) {
	s, one, two := rig(t, Limits{})
	c := newClient(t, s)
	call := prepare("SELECT 1")
	call.params = nil
	h := oneHandle(t, c.do(one, call))
	c.do(two, execute(h))
	two.wantRan("SELECT 1[]")
	call.params = ptr("")
	oneHandle(t, c.do(one, call))
	if n := s.Stats().Statements; n != 2 {
		t.Errorf("%d statements", n)
	}
}

// A text that thousands prepare is held once.
func TestTextIsShared(t *testing.T) {
	s, one, _ := rig(t, Limits{})
	for range 1000 {
		c := newClient(t, s)
		oneHandle(t, c.do(one, prepare("SELECT 1")))
	}
	if st := s.Stats(); st.Statements != 1 || one.cache.Len() != 1 {
		t.Errorf("%+v, %d cached", st, one.cache.Len())
	}
}

// Inside a transaction the server itself answers for a handle that nobody gave
// the client: there the error may end the transaction.
func TestUnknownHandleInTransaction(t *testing.T) {
	s, one, _ := rig(t, Limits{})
	c, other := newClient(t, s), newClient(t, s)
	oneHandle(t, other.do(one, prepare("SELECT other")))
	calls := one.calls
	for _, h := range []int32{1, firstHandle + 77} {
		if a := c.do(one, execute(h)); !slices.Equal(a.errors, []int32{unknownHandle}) || one.calls != calls {
			t.Errorf("outside: %+v, %d calls", a, one.calls-calls)
		}
	}
	c.tran = 0x77
	for i, h := range []int32{1, firstHandle + 77} {
		if a := c.do(one, execute(h)); !slices.Equal(a.errors, []int32{unknownHandle}) || one.calls != calls+i+1 {
			t.Errorf("inside: %+v, %d calls", a, one.calls-calls)
		}
	}
	one.wantRan()
}
