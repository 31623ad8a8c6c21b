package session

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sluice/actors/bucket"
)

var update = flag.Bool("update", false, "rewrite the expected deeds in testdata")

// TestMuxScenarios replays testdata/mux/*.txt: a line "> event" is given to a
// mux, the line below it is what is to be done and what the mux is like then.
func TestMuxScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/mux/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios:", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := replayMux(t, want)
			if *update {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nIf this is right, rewrite the file with -update.", got)
			}
		})
	}
}

var happenings = map[string]happening{
	"request": hapRequest, "granted": hapGranted, "refused": hapRefused, "ready": hapReady, "unready": hapUnready,
	"answered": hapAnswered, "began": hapBegan, "ended": hapEnded, "done": hapDone, "written": hapWritten,
	"attention": hapAttention, "left": hapLeft, "ask": hapAsk, "died": hapDied, "lingered": hapLingered,
}

var actNames = map[act]string{
	actNone: "nothing", actAcquire: "acquire", actWithdraw: "withdraw", actAttach: "attach", actSend: "send", actForward: "forward the attention",
	actAck: "acknowledge", actDropped: "answer as dropped, acknowledge", actIgnored: "answer as taken back", actStray: "refuse a stray transaction",
	actRefuse: "refuse", actDiscard: "cancel and read to the end", actProtocol: "protocol error", actEnd: "end", actCut: "end, state lost",
}

var howNames = map[bucket.GiveBack]string{bucket.Unused: "unused", bucket.Used: "used", bucket.Known: "known", bucket.Broken: "broken"}

func (d deed) String() string {
	s := actNames[d.act]
	if d.back {
		s = "give back " + howNames[d.how] + "; " + s
	}
	return s
}

func (m *mux) String() string {
	s := m.stage.String()
	for _, f := range []struct {
		on   bool
		name string
	}{{m.held, "held"}, {m.tran != 0, fmt.Sprint("transaction ", m.tran)}, {m.quiet, "silent transaction"}, {m.pinned, "pinned"}, {m.linger, "lingers"}, {m.cancel, "cancelled"}, {m.left, "client gone"}} {
		if f.on {
			s += ", " + f.name
		}
	}
	return s
}

func replayMux(t *testing.T, file []byte) []byte {
	var out bytes.Buffer
	m := &mux{}
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "> again"):
			m = &mux{}
			fmt.Fprintln(&out, line)
		case strings.HasPrefix(line, "> "):
			words := strings.Fields(line[2:])
			what, ok := happenings[words[0]]
			if !ok {
				t.Fatalf("%s: unknown event", line)
			}
			e := event{what: what}
			for _, w := range words[1:] {
				switch w {
				case "pinned":
					e.pinned = true
				case "quiet":
					e.quiet, e.pinned = true, true
				case "linger":
					e.linger = true
				case "unsure":
					e.unsure = true
				case "drain":
					e.drain = true
				case "bulk":
					e.bulk = true
				case "ignored":
					e.ignored = true
				default:
					n, err := strconv.ParseUint(w, 10, 64)
					if err != nil {
						t.Fatalf("%s: %v", line, err)
					}
					e.tran = n
				}
			}
			d := m.step(e)
			fmt.Fprintf(&out, "%s\n    %v  [%v]\n", line, d, m)
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		}
	}
	return out.Bytes()
}

// Whatever happens in whatever order, a mux holds a backend as long as it says
// so, and gives none to another client that has state of its own in it.
func TestMuxRandom(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 9))
		m := &mux{}
		holds := false
		for range 60 {
			e := event{what: happening(r.IntN(int(hapLingered) + 1)), pinned: r.IntN(4) == 0, linger: r.IntN(4) == 0, unsure: r.IntN(20) == 0, quiet: r.IntN(4) == 0}
			if e.what == hapBegan && m.stage != running {
				continue // responses only tell
			}
			if e.what == hapBegan || e.what == hapRequest && r.IntN(4) == 0 {
				e.tran = 1 + r.Uint64N(2)
			}
			before := *m
			if e.what == hapGranted {
				if m.stage != waiting {
					continue // the port asks before it is granted anything
				}
				holds = true
			}
			d := m.step(e)
			if d.back {
				if !holds {
					t.Fatalf("seed %d: %v after %+v gives back what it has not", seed, d, e)
				}
				holds = false
				if d.how == bucket.Known && !m.free() {
					t.Fatalf("seed %d: %v after %+v: state goes to others", seed, d, e)
				}
				if d.how == bucket.Known && (before.stage == running || before.stage == asking) && e.what != hapDone {
					t.Fatalf("seed %d: %v after %+v in the middle of a response", seed, d, e)
				}
			}
			if m.held != holds {
				t.Fatalf("seed %d: held is %v after %+v (%v)", seed, m.held, e, d)
			}
			if m.stage == atRest && !m.held && m.open() {
				t.Fatalf("seed %d: a transaction without a backend after %+v", seed, e)
			}
			if m.stage == over && holds {
				t.Fatalf("seed %d: ended with a backend after %+v (%v)", seed, e, d)
			}
		}
	}
}
