package prepared

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"sluice/tds"
)

func addRequests(f *testing.F, add func([]byte)) {
	names, err := filepath.Glob("../../tds/testdata/captured/*rpc*.bin")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		if name = strings.TrimSuffix(filepath.Base(name), ".bin"); !strings.HasSuffix(name, "-reply") {
			add(captured(f, name))
		}
	}
	add(message(tds.V74, 1, execute(firstHandle+1, 2), prepExec("x", ptr(int32(firstHandle+1)), 3), unprepare(firstHandle+2)))
	add(message(tds.V74, 1, unprepare(firstHandle+1)))
	add(message(tds.V71, 1, callSpec{proc: tds.ProcExecute, name: "sys.sp_execute", handle: ptr(int32(firstHandle + 1))}))
}

// FuzzInspect takes any bytes through Inspect, Decide and Prepare: offsets lie
// inside, the length stays, and what was not understood changes nothing.
func FuzzInspect(f *testing.F) {
	addRequests(f, func(b []byte) { f.Add(b, true, true); f.Add(b, false, false) })
	s := NewStore(Limits{Cached: 4, Handles: 8})
	f.Fuzz(func(t *testing.T, b []byte, whole, modern bool) {
		v := tds.V71
		if modern {
			v = tds.V74
		}
		if len(b) > 1<<16 {
			return
		}
		payload := bytes.Clone(b)
		r, err := Inspect(payload, whole, v)
		if err != nil {
			return
		}
		for i := range r.Len() {
			c := r.At(i)
			if c.OptionsAt+2 > len(b) || c.End > len(b) || c.ValuesAt > len(b) || c.Handle.Kind == HandleInt && c.Handle.At+4 > len(b) {
				t.Fatalf("call %d: %+v of %d bytes", i, c, len(b))
			}
		}
		h, cache := s.NewHandles(), s.NewCache()
		for _, text := range []string{"a", "b"} {
			h.add(s.intern(Text{Present: true}, Text{UTF16: tds.AppendUTF16(nil, text), Present: true}))
		}
		cache.put(key{h.held[0].stmt, Scope{}}, 5)
		if d := Decide(&r, &h, nil); d.Answer == nil {
			var p Plan
			p.Prepare(payload, &r, &h, cache, Scope{}, 0)
			if before := p.Before(); before != nil {
				if _, err := Inspect(before, true, v); err != nil {
					t.Fatalf("message before: %v", err)
				}
			}
			var w tds.Walker
			w.Handler = handlerFunc(p.Token)
			w.Reset(v)
			_, _ = p.Feed(&w, b)
			p.End()
		}
		if len(payload) != len(b) {
			t.Fatal("the length changed")
		}
		h.Close()
		cache.Forget()
		if st := s.Stats(); st != (StoreStats{}) {
			t.Fatalf("%+v", st)
		}
	})
}

func FuzzDecideText(f *testing.F) {
	for _, text := range []string{"EXEC sp_unprepare 536870913;EXEC sp_cursorunprepare 2;", "exec [sp_execute] 1", "_", "sp_", "EXEC sp_unprepare 1"} {
		f.Add(tds.AppendUTF16(nil, text))
	}
	s := NewStore(Limits{})
	f.Fuzz(func(t *testing.T, text []byte) {
		h := s.NewHandles()
		d := DecideText(text, &h, nil, tds.V74)
		if d.Answer != nil {
			readAnswer(t, d.Answer, tds.V74)
			if d.Pin != "" || d.Text != "" {
				t.Fatalf("%+v", d)
			}
		}
		if d.Text != "" && !strings.Contains(tds.DecodeUTF16(text), strings.TrimSuffix(strings.SplitAfter(d.Text, ";")[0], ";")) {
			t.Fatalf("%q of %q", d.Text, text)
		}
	})
}

// FuzzResponse takes any response through a plan that awaits a handle, in two
// packets.
func FuzzResponse(f *testing.F) {
	srv := newServer(f)
	b := srv.serve(message(tds.V74, 0, prepExec("a", nil, 1)))
	for _, at := range []int{0, 10, len(b) - 15, len(b) - 17, len(b) - 20, len(b)} {
		f.Add(b, at)
	}
	f.Add(srv.serve(message(tds.V74, 0, execute(99))), 3)
	s := NewStore(Limits{})
	f.Fuzz(func(t *testing.T, response []byte, at int) {
		c, cache := newClient(t, s), s.NewCache()
		payload := message(c.v, 0, prepExec("a", nil, 1))
		r, err := Inspect(payload, true, c.v)
		if err != nil {
			t.Fatal(err)
		}
		Decide(&r, &c.handles, nil)
		c.plan.Prepare(payload, &r, &c.handles, cache, Scope{}, 0)
		c.walker.Handler = handlerFunc(c.plan.Token)
		at = max(0, min(at, len(response)))
		for _, p := range [][]byte{response[:at:at], response[at:]} {
			if _, err := c.plan.Feed(&c.walker, p); err != nil {
				break
			}
		}
		c.plan.End()
		if c.handles.Len() > 1 || cache.Len() > 1 {
			t.Fatalf("%d handles, %d cached", c.handles.Len(), cache.Len())
		}
		c.handles.Close()
		cache.Forget()
		if st := s.Stats(); st != (StoreStats{}) {
			t.Fatalf("%+v", st)
		}
	})
}
