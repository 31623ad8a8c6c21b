package prepared

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/tds"
)

// world is a model of sessions on connections: what each session prepared,
// under which number, is kept beside the code that is tested.
type world struct {
	t        *testing.T
	rnd      *rand.Rand
	store    *Store
	backends []*backend
	sessions []*modelled
	texts    []string
}

type modelled struct {
	*client
	known map[int32]string // what each live handle stands for
	stale []int32
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), store: NewStore(Limits{Cached: 3})}
	for i := range 9 {
		w.texts = append(w.texts, fmt.Sprint("SELECT ", i))
	}
	w.texts = append(w.texts, "bad")
	for range 3 {
		w.backends = append(w.backends, &backend{newServer(t), w.store.NewCache()})
	}
	for range 6 {
		w.sessions = append(w.sessions, &modelled{client: newClient(t, w.store), known: map[int32]string{}})
	}
	return w
}

func pick[T any](w *world, s []T) T { return s[w.rnd.IntN(len(s))] }

// handle returns a number that a client could send: a live one mostly.
func (w *world) handle(s *modelled) int32 {
	live := make([]int32, 0, len(s.known))
	for h := range s.known {
		live = append(live, h)
	}
	slices.Sort(live)
	switch n := w.rnd.IntN(10); {
	case n < 8 && len(live) > 0:
		return pick(w, live)
	case n < 9 && len(s.stale) > 0:
		return pick(w, s.stale)
	}
	return int32(w.rnd.IntN(6)) - 1 // perhaps one of a connection's own
}

func (s *modelled) drop(h int32) {
	if _, ok := s.known[h]; ok {
		delete(s.known, h)
		s.stale = append(s.stale, h)
	}
}

// call invents a call. ran is what it must make the server run, drops the
// handle that it ends, learns the statement whose handle it brings.
type expected struct {
	ran    string
	drops  int32
	learns string
}

func (w *world) call(s *modelled) (callSpec, expected) {
	v := int32(w.rnd.IntN(1000))
	text := pick(w, w.texts)
	var e expected
	switch w.rnd.IntN(10) {
	case 0, 1:
		if !bad(text) {
			e.learns = "@a int|" + text
		}
		return prepare(text), e
	case 2, 3:
		if !bad(text) {
			e.learns = "@a int|" + text
			e.ran = fmt.Sprint(e.learns, []int32{v})
		}
		c := prepExec(text, nil, v)
		if w.rnd.IntN(2) == 0 {
			c.handle = ptr(w.handle(s))
			e.drops = *c.handle
		}
		return c, e
	case 4:
		h := w.handle(s)
		e.drops = h
		return unprepare(h), e
	case 5:
		e.ran = fmt.Sprint("@a int|"+text, []int32{v})
		return executeSQL(text, v), e
	}
	h := w.handle(s)
	if text, ok := s.known[h]; ok {
		e.ran = fmt.Sprint(text, []int32{v})
	}
	return execute(h, v), e
}

// request sends one to four calls and checks what the server ran and the
// client got.
func (w *world) request() {
	s, b := pick(w, w.sessions), pick(w, w.backends)
	s.packet = 40 + w.rnd.IntN(200)
	s.scope.Settings = uint64(w.rnd.IntN(2))
	b.keepsOld = w.rnd.IntN(2) == 0
	n := 1
	if w.rnd.IntN(3) == 0 {
		n += w.rnd.IntN(4)
	}
	var calls []callSpec
	var want []expected
	var learns, ran []string
	for range n {
		c, e := w.call(s)
		calls, want = append(calls, c), append(want, e)
		if e.ran != "" {
			ran = append(ran, e.ran)
		}
		if e.learns != "" {
			learns = append(learns, e.learns)
		}
	}
	b.ran = nil
	a := s.do(b, calls...)
	// A handle dropped by one call of a request is not asked for by the next in
	// this model: drivers do not do it.
	if !slices.Equal(b.ran, ran) {
		w.t.Fatalf("%+v: ran %q, want %q", calls, b.ran, ran)
	}
	if len(a.dones) != n || len(a.handles) != len(learns) {
		w.t.Fatalf("%+v: answer %+v, want %d handles", calls, a, len(learns))
	}
	for _, e := range want {
		s.drop(e.drops)
	}
	for i, h := range a.handles {
		if _, ok := s.known[h]; ok || slices.Contains(s.stale, h) {
			w.t.Fatalf("handle %d was given out twice", h)
		}
		s.known[h] = learns[i]
	}
	w.check(s, b)
}

func (w *world) check(s *modelled, b *backend) {
	if s.handles.Len() != len(s.known) {
		w.t.Fatalf("%d handles, want %d", s.handles.Len(), len(s.known))
	}
	if n := b.cache.Len() + b.cache.Garbage(); len(b.handles) > n {
		w.t.Fatalf("%d handles on the server, %d known of", len(b.handles), n)
	}
}

func (w *world) step() {
	switch w.rnd.IntN(40) {
	case 0:
		b := pick(w, w.backends)
		b.cache.Forget()
		b.reset()
	case 1:
		s := pick(w, w.sessions)
		s.handles.Reset()
		for h := range s.known {
			s.drop(h)
		}
	case 2, 3:
		b := pick(w, w.backends)
		if b.cache.Due() || w.rnd.IntN(2) == 0 {
			if m := b.cache.Cleanup(nil, tds.V74); m != nil {
				b.serve(m)
			}
		}
	case 4:
		s := pick(w, w.sessions)
		h := w.handle(s)
		d := DecideText(tds.AppendUTF16(nil, fmt.Sprintf("EXEC sp_unprepare %d;", max(h, 0))), &s.handles, nil, tds.V74)
		if a := readAnswer(w.t, d.Answer, tds.V74); (len(a.errors) == 0) != (s.known[h] != "") {
			w.t.Fatalf("sp_unprepare %d: %+v", h, a)
		}
		s.drop(h)
	default:
		w.request()
	}
}

// Whatever sessions do on whatever connections, each execute runs the
// statement that the session prepared under that number.
func TestRandom(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for range 400 {
				w.step()
			}
			for _, s := range w.sessions {
				s.handles.Close()
			}
			for _, b := range w.backends {
				b.cache.Forget()
			}
			if st := w.store.Stats(); st != (StoreStats{}) {
				t.Errorf("%+v: references were lost", st)
			}
		})
	}
}
