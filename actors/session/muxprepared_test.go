package session

import (
	"encoding/binary"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/sandbox"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// pinsSeen remembers why sessions were pinned.
type pinsSeen struct {
	mu      sync.Mutex
	reasons []string
}

func (p *pinsSeen) Pinned(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reasons = append(p.reasons, reason)
}

func (p *pinsSeen) Unpinned(string, time.Duration) {}

func (p *pinsSeen) get() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.reasons, ",")
}

// startPrepared is a node in transaction pooling before a server that prepares.
func startPrepared(t *testing.T, limit int) (*node, *sandbox.Server, *pinsSeen) {
	t.Helper()
	srv, err := sandbox.Start(sandbox.Options{Databases: []string{"db"}, Logins: map[string]sandbox.Login{"u": {Password: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	pins := &pinsSeen{}
	n := startNode(t, srv.Addr().String(), func(o *setup) {
		shared(limit)(o)
		o.sharing.Pins = pins
	})
	return n, srv, pins
}

var intN = tds.TypeInfo{ID: tds.TypeIntN, Size: 4}

func intParam(b []byte, n int32) []byte {
	b = append(tds.ParamHeader{Type: intN}.Append(b), 4)
	return binary.LittleEndian.AppendUint32(b, uint32(n))
}

func textParam(b []byte, name, text string) []byte {
	b = tds.ParamHeader{Name: name, Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000}}.Append(b)
	u := tds.AppendUTF16(nil, text)
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(u))), u...)
}

// prepareParams are those of sp_prepare and, with a value behind, sp_prepexec.
func prepareParams(declared, text string) []byte {
	b := append(tds.ParamHeader{Status: tds.ParamByRef, Type: intN}.Append(nil), 0)
	return textParam(textParam(b, "", declared), "", text)
}

// rpc runs one call and returns the handle that it gave, if any.
func rpc(t *testing.T, c *tdstest.Client, proc tds.ProcID, params []byte) (handle int32) {
	t.Helper()
	if err := c.RPC(tds.RPCHeader{ProcID: proc}, params, 0); err != nil {
		t.Fatal(err)
	}
	return handleOf(t, c)
}

func handleOf(t *testing.T, c *tdstest.Client) (handle int32) {
	t.Helper()
	r, err := c.Read()
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	for _, token := range r.Tokens {
		if token.Kind != tds.TokenReturnValue {
			continue
		}
		rv, err := tds.DecodeReturnValue(token.Body, c.Version, false)
		if err != nil {
			t.Fatal(err)
		}
		handle, _ = rv.Int()
	}
	return handle
}

// Clients that prepare on the same backend in turns need no resets in between,
// which would lose what is prepared there.
func TestSharedPreparedWithoutResets(t *testing.T) {
	n, srv, pins := startPrepared(t, 1)
	clients := []*tdstest.Client{n.connect(credentials()), n.connect(credentials())}
	turn := func() {
		handles := make([]int32, len(clients))
		for i, c := range clients {
			proc, params := tds.ProcPrepare, prepareParams("@a int", "SELECT @a * 2 AS r")
			if i == 1 {
				proc, params = tds.ProcPrepExec, intParam(params, 7)
			}
			if handles[i] = rpc(t, c, proc, params); handles[i] == 0 {
				t.Fatal("no handle")
			}
		}
		for i, c := range clients {
			rpc(t, c, tds.ProcExecute, intParam(intParam(nil, handles[i]), 7))
		}
		for i, c := range clients {
			rpc(t, c, tds.ProcUnprepare, intParam(nil, handles[i]))
		}
	}
	turn()
	before := srv.Stats().Resets
	for range 5 {
		turn()
	}
	if resets := srv.Stats().Resets - before; resets > 0 {
		t.Errorf("%d resets in 5 turns of two clients", resets)
	}
	if got := pins.get(); got != "" {
		t.Errorf("pinned: %s", got)
	}
}

// What is prepared may itself show what another client left: then it is not
// there any more.
func TestSharedPreparedReadsNothingOfAnother(t *testing.T) {
	n, srv, _ := startPrepared(t, 1)
	a, b := n.connect(credentials()), n.connect(credentials())
	query(t, a, "SELECT 1 AS one UNION ALL SELECT 2")
	before := srv.Stats().Resets
	rpc(t, b, tds.ProcPrepExec, prepareParams("", "SELECT @@ROWCOUNT AS n"))
	if srv.Stats().Resets == before {
		t.Error("the backend was not reset")
	}
}

// A message of which only the beginning was seen when a backend was taken is
// judged by all of its calls, not by the prepared statement that comes first.
func TestSharedLongCallBeforeAnother(t *testing.T) {
	for _, more := range []bool{false, true} {
		n, _, pins := startPrepared(t, 1)
		c := n.connect(credentials())
		h := rpc(t, c, tds.ProcPrepare, prepareParams("@a nvarchar(max)", "SELECT LEN(@a) AS n"))
		value := tds.AppendUTF16(nil, strings.Repeat("x", maxJudged))
		params := tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: tds.Max}}.Append(intParam(nil, h))
		params = binary.LittleEndian.AppendUint64(params, uint64(len(value)))
		params = append(binary.LittleEndian.AppendUint32(params, uint32(len(value))), value...)
		params = binary.LittleEndian.AppendUint32(params, 0)
		want := ""
		if more {
			want = "app_lock"
			params = tds.RPCHeader{Name: "sp_getapplock"}.Append(append(params, tds.RPCBatchFlag))
			params = textParam(textParam(textParam(params, "@Resource", "r"), "@LockMode", "Exclusive"), "@LockOwner", "Session")
		}
		rpc(t, c, tds.ProcExecute, params)
		if got := pins.get(); got != want {
			t.Errorf("with another call %v: pinned for %q, not for %q", more, got, want)
		}
	}
}
