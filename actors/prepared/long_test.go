package prepared

import (
	"fmt"
	"slices"
	"testing"

	"sluice/tds"
)

// sendLong sends a request of which only the first window bytes are known when
// it is decided on; the rest comes in packets.
func (c *client) sendLong(b *backend, payload []byte, window, packet int) []byte {
	c.t.Helper()
	first := slices.Clone(payload[:window])
	r, err := Inspect(first, false, c.v)
	if err != nil {
		c.t.Fatal(err)
	}
	d := Decide(&r, &c.handles, nil)
	c.pin = d.Pin
	if d.Answer != nil {
		c.t.Fatalf("%+v", d)
	}
	c.plan.Prepare(first, &r, &c.handles, b.cache, c.scope, c.tran)
	defer c.plan.End()
	if before := c.plan.Before(); before != nil {
		c.walker.Handler = handlerFunc(func(t tds.Token, body []byte, _ int) error { return c.plan.BeforeToken(t, body) })
		c.feed(b.serve(before), func(w *tds.Walker, p []byte) (bool, error) { return false, w.Feed(p) })
		if answer, err := c.plan.BeforeEnd(first, &r); answer != nil || err != nil {
			c.t.Fatal(err)
		}
	}
	var sent, held []byte
	for p, rest := first, payload[window:]; ; {
		hold, err := c.plan.FeedRequest(p)
		if err != nil {
			c.t.Fatal(err)
		}
		sent = append(sent, held...)
		if held = p; !hold {
			sent, held = append(sent, p...), nil
		}
		if len(rest) == 0 {
			break
		}
		n := min(packet, len(rest))
		p, rest = slices.Clone(rest[:n]), rest[n:]
	}
	if held != nil {
		c.t.Fatal("the last packet is held")
	}
	if p := c.plan.Pin(); p != "" {
		c.pin = p
	}
	c.walker.Handler = handlerFunc(c.plan.Token)
	return c.feed(b.serve(sent), c.plan.Feed)
}

// A driver's batch of a statement with many sets of parameters is longer than
// what is looked at; so may be one set.
func TestLongBatch(t *testing.T) {
	s, one, two := rig(t, Limits{})
	c := newClient(t, s)
	h, h2 := oneHandle(t, c.do(one, prepare("a"))), oneHandle(t, c.do(one, prepare("b")))
	oneHandle(t, newClient(t, s).do(two, prepare("other")))
	var calls []callSpec
	var want []string
	for i := range int32(200) {
		calls = append(calls, execute(h, i))
		want = append(want, fmt.Sprint("@a int|a", []int32{i}))
	}
	payload := message(c.v, 0, calls...)
	// Where even the first handle is still to come nothing can be prepared.
	for _, window := range []int{37, 28, 30, 32, 34, 36, 44, 51, 58, 65, 72, 79, 86, 93, 100, 300, 1000} {
		two.ran = nil
		a := readAnswer(t, c.sendLong(two, payload, window, 64+window%50), c.v)
		if !slices.Equal(two.ran, want) || len(a.errors) > 0 || c.pin != "" {
			t.Fatalf("window %d: ran %d calls, %d errors, pin %q", window, len(two.ran), len(a.errors), c.pin)
		}
	}
	// What cannot be put right any more fails, and runs nothing else.
	two.ran = nil
	calls = []callSpec{execute(h, 1), execute(h2, 2), execute(1, 3), execute(h, 4), unprepare(h2), prepExec("c", &h2, 5)}
	calls[3].options = tds.RPCNoMetadata
	a := readAnswer(t, c.sendLong(two, message(c.v, 0, calls...), 60, 80), c.v)
	two.wantRan("@a int|a[1]", "@a int|a[4]", "@a int|c[5]")
	if len(a.errors) != 3 || len(a.handles) != 1 || a.handles[0] >= firstHandle || c.pin != PinTooLong {
		t.Errorf("answer %+v, pin %q", a, c.pin)
	}
	if c.handles.Len() != 1 {
		t.Errorf("%d handles", c.handles.Len())
	}
}

// A sp_prepexec whose values do not end in what is seen brings a handle of ours.
func TestLongValues(t *testing.T) {
	s, one, two := rig(t, Limits{})
	c := newClient(t, s)
	values := make([]int32, 500)
	h := oneHandle(t, readAnswer(t, c.sendLong(one, message(c.v, 0, prepExec("a", nil, values...)), 300, 512), c.v))
	if h < firstHandle || c.pin != "" {
		t.Errorf("handle %d, pin %q", h, c.pin)
	}
	c.sendLong(two, message(c.v, 0, execute(h, values...)), 300, 512)
	if len(two.ran) != 1 || c.pin != "" {
		t.Errorf("ran %d, pin %q", len(two.ran), c.pin)
	}
}
