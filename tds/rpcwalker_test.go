package tds

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// rpcEvents notes what an RPCWalker tells, and checks that the bytes lie where
// it says.
type rpcEvents struct {
	t      *testing.T
	all    []byte // fed so far, with the payload being fed at its end
	start  int    // of that payload
	events []string
}

func (r *rpcEvents) bytes(end, n int) []byte {
	end += r.start
	if end < n || end > len(r.all) {
		r.t.Fatalf("%d bytes before offset %d of %d", n, end, len(r.all))
	}
	return r.all[end-n : end]
}

func (r *rpcEvents) Call(h RPCScan, end int) {
	b := r.bytes(end, h.Size)
	if again, err := ScanRPC(b); err != nil || again.Options != h.Options || !bytes.Equal(again.Name, h.Name) {
		r.t.Fatalf("%+v is not at %d", h, end)
	}
	r.events = append(r.events, fmt.Sprintf("call %d %x", h.ProcID, h.Name))
}

func (r *rpcEvents) First(p ParamScan, value []byte, end int) {
	if !bytes.Equal(r.bytes(end, len(value)), value) {
		r.t.Fatalf("%x is not at %d", value, end)
	}
	r.events = append(r.events, fmt.Sprintf("first %x %x", p.Name, value))
}

func (r *rpcEvents) feed(w *RPCWalker, packets ...[]byte) error {
	for _, p := range packets {
		r.start = len(r.all)
		r.all = append(r.all, p...)
		if err := w.Feed(p); err != nil {
			return err
		}
	}
	return nil
}

// longRPC is a message of several calls with values of all forms.
func longRPC(v Version) []byte {
	b := AppendAllHeaders(nil, 1, v)
	separator := RPCBatchFlag
	if !v.AtLeast(V72) {
		separator = RPCBatchFlag71
	}
	for i, h := range []RPCHeader{{ProcID: ProcExecute}, {Name: "sp_execute"}, {ProcID: ProcExecuteSQL}} {
		if i > 0 {
			b = append(b, separator)
		}
		b = h.Append(b)
		if i < 2 {
			b = append(ParamHeader{Name: "@handle", Type: TypeInfo{ID: TypeIntN, Size: 4}}.Append(b), 4, byte(i), 2, 3, 4)
		}
		for _, tv := range walkValues {
			if tv.typ.form(true) == valueTextRPC {
				b = append(ParamHeader{Type: tv.typ}.Append(b), 3, 0, 0, 0, 1, 2, 3)
				continue
			}
			b = append(ParamHeader{Name: "@p", Type: tv.typ}.Append(b), tv.values[0]...)
		}
	}
	return b
}

func TestRPCWalker(t *testing.T) {
	for _, v := range []Version{V71, V74} {
		b := longRPC(v)
		var want []string
		for cut := 0; cut < len(b); cut += 1 + cut/100 {
			for _, second := range []int{len(b), min(cut+3, len(b))} {
				r := &rpcEvents{t: t}
				w := RPCWalker{Handler: r}
				w.Reset(v)
				if err := r.feed(&w, b[:cut], b[cut:second], b[second:]); err != nil {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				if want == nil {
					want = r.events
				}
				if got := fmt.Sprint(r.events); got != fmt.Sprint(want) || len(want) < 5 || w.Pending() {
					t.Fatalf("cut at %d: %s, want %s", cut, got, want)
				}
			}
		}
	}
}

func TestRPCWalkerLost(t *testing.T) {
	head := RPCHeader{ProcID: ProcExecute}.Append(AppendAllHeaders(nil, 0, V74))
	for name, b := range map[string][]byte{
		"table":      ParamHeader{Type: TypeInfo{ID: TypeTVP}}.Append(bytes.Clone(head)),
		"encrypted":  append(ParamHeader{Status: ParamEncrypted, Type: TypeInfo{ID: TypeIntN, Size: 4}}.Append(bytes.Clone(head)), 0),
		"bad type":   append(bytes.Clone(head), 0, 0, 0xDD),
		"bad header": {1, 0, 0, 0},
		"long name":  append(AppendAllHeaders(nil, 0, V74), bytes.Repeat([]byte{0xFE, 0xFE}, maxRPCHead)...),
	} {
		w := RPCWalker{Handler: &rpcEvents{t: t, all: b}}
		w.Reset(V74)
		err := w.Feed(b)
		if !errors.Is(err, ErrLostSync) || !errors.Is(w.Feed(nil), ErrLostSync) || w.Pending() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRPCWalker feeds any message whole and in two packets.
func FuzzRPCWalker(f *testing.F) {
	f.Add(longRPC(V74), 30, byte(0))
	f.Add(longRPC(V71), 3, byte(1))
	addCaptured(f, func(b []byte) { f.Add(b, 100, byte(0)) }, PacketRPC)
	f.Fuzz(func(t *testing.T, b []byte, at int, pick byte) {
		if len(b) > maxFuzzInput {
			return
		}
		v := fuzzVersion(pick)
		at = max(0, min(at, len(b)))
		var events [2]string
		var errs [2]error
		for i, packets := range [][][]byte{{b}, {b[:at], b[at:]}} {
			r := &rpcEvents{t: t}
			w := RPCWalker{Handler: r}
			w.Reset(v)
			errs[i] = r.feed(&w, packets...)
			events[i] = fmt.Sprint(r.events)
		}
		// A head past maxRPCHead is taken where it is in one piece only.
		if errs[0] == nil && errs[1] == nil && events[0] != events[1] {
			t.Fatalf("%s, in two packets %s", events[0], events[1])
		}
	})
}
