package statement

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"sluice/tds"
)

func addTexts(f *testing.F) {
	for _, s := range []string{
		tediousLogin, typical, inserts, efCore, odbcLogin, "EXEC('EXEC(''SET NOCOUNT ON'')')", "SELECT 1 -- \r x", "{call p(1)}",
		"IF OBJECT_ID('tempdb..#t') IS NOT NULL DROP TABLE #t", "EXEC @r = sp_getapplock @Resource = 'x', @LockMode = 'Shared', @LockOwner = 'Session'",
	} {
		f.Add(u16(s), uint64(1))
	}
	for _, s := range piecesOfText {
		f.Add(u16(s), uint64(2))
	}
}

// FuzzLexer: tokens cover the text in order, whatever it is.
func FuzzLexer(f *testing.F) {
	addTexts(f)
	f.Fuzz(func(t *testing.T, b []byte, _ uint64) {
		b = b[:len(b)&^1]
		l := lexer{b: b, final: true, keep: 64}
		var tok token
		for last := 0; ; last = l.pos {
			l.next(&tok)
			if tok.kind == tokEnd {
				break
			}
			if tok.kind == tokCut {
				t.Fatal("a complete text is cut")
			}
			if l.pos <= last || l.pos&1 != 0 {
				t.Fatalf("position %d after %d", l.pos, last)
			}
		}
		if l.pos != len(b) {
			t.Fatalf("ends at %d of %d", l.pos, len(b))
		}
	})
}

// FuzzJudge: no panic, and a text in parts is judged like the whole.
func FuzzJudge(f *testing.F) {
	addTexts(f)
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		keep := bytes.Clone(b)
		whole := Judge{}.Batch(b, true, Settings{})
		if !bytes.Equal(b, keep) {
			t.Fatal("the text was changed")
		}
		rnd := rand.New(rand.NewPCG(seed, 1))
		sc := Judge{}.NewScan(BatchText, Settings{})
		parts := inParts(sc, BatchText, b, 1+rnd.IntN(40), rnd)
		if !sameVerdict(&whole, &parts) {
			t.Fatalf("in parts %s %+v\n   whole %s %+v", told(&parts, ^Effects(0)), parts.events, told(&whole, ^Effects(0)), whole.events)
		}
		cut := Judge{}.Batch(b, false, Settings{})
		if cut.Effects&Cut == 0 && !bytes.Contains(bytes.ToUpper(b), u16("CREATE")) && !bytes.Contains(bytes.ToUpper(b), u16("ALTER")) {
			t.Fatal("a cut text does not say so")
		}
		var st State
		st.Apply(&whole, Outcome{})
		if !st.Pinned() && st.Settings.Unknown() != 0 {
			t.Fatal("unknown options do not pin")
		}
		if sql, ok := Replay(Settings{}, st.Settings, Settings{}); ok {
			again := Judge{}.Batch(u16(sql), true, Settings{})
			if again.Settings != st.Settings {
				t.Fatalf("replay %q gives %+v, want %+v", sql, again.Settings, st.Settings)
			}
		}
		_ = Judge{}.Text(b, true, st.Settings)
		_ = Digest(b)
	})
}

// FuzzRPC: no panic, and a body in parts is judged like the whole.
func FuzzRPC(f *testing.F) {
	for _, tc := range rpcBodies() {
		f.Add(tc.body, uint64(1))
	}
	f.Add([]byte{0xFF, 0xFF, 10, 0, 0, 0, 0, 0, byte(tds.TypeTVP), 0, 0, 0}, uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		whole := Judge{Unseen: PinUnseen}.RPC(b, true, Settings{})
		rnd := rand.New(rand.NewPCG(seed, 1))
		sc := Judge{Unseen: PinUnseen}.NewScan(RPCBody, Settings{})
		parts := inParts(sc, RPCBody, b, 1+rnd.IntN(40), rnd)
		if !sameVerdict(&whole, &parts) {
			t.Fatalf("in parts %s %+v\n   whole %s %+v", told(&parts, ^Effects(0)), parts.events, told(&whole, ^Effects(0)), whole.events)
		}
		_ = Judge{}.RPC(b, false, Settings{})
	})
}

// FuzzReadBack: no panic.
func FuzzReadBack(f *testing.F) {
	f.Add("5432|4096|-1|7|mdy|2|us_english|app1")
	f.Fuzz(func(_ *testing.T, s string) {
		got, err := ParseReadBack(s, Settings{})
		if err == nil {
			_ = got.Relative(got)
		}
	})
}
