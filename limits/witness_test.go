package limits

import (
	"testing"
	"time"
)

func testWitness(off rules) *Witness {
	w := NewWitness("w", "w#1", Params{Hold: 10 * time.Second}, 0)
	w.off = off
	return w
}

func beatOf(s Session, seq uint64, e Epoch, own int) Beat {
	return Beat{Session: s, Epoch: e, Seq: seq, Config: Params{Hold: 10 * time.Second}.Fingerprint(), Own: Counts{"b": own}}
}

const sec = time.Second

func TestWitnessPromises(t *testing.T) {
	w := testWitness(0)
	if ack, ok := w.beat(beatOf("a", 1, Epoch{}, 3), 0); !ok || ack.Dead || ack.Boot != "w#1" || ack.Seq != 1 {
		t.Fatalf("a heartbeat is answered %+v, %v", ack, ok)
	}
	if w.consent("a", 10*sec).Given {
		t.Error("consent to a death within the promise")
	}
	if !w.consent("a", 10*sec+101*time.Millisecond).Given {
		t.Error("no consent when the promise has run out")
	}
	if ack, _ := w.beat(beatOf("a", 2, Epoch{}, 3), 11*sec); !ack.Dead {
		t.Error("the dead are heard")
	}
	if !w.consent("b", 0).Given {
		t.Error("no consent to the death of one that was never heard")
	}
}

func TestWitnessHearsInOrder(t *testing.T) {
	w := testWitness(0)
	w.beat(beatOf("a", 5, Epoch{}, 5), 0)
	if _, ok := w.beat(beatOf("a", 4, Epoch{}, 2), sec); ok {
		t.Error("a heartbeat that was overtaken is answered")
	}
	r := w.report(AskReport{}, 9*sec)
	if r.Promises["a"].Own["b"] != 5 || r.Old {
		t.Errorf("report %+v", r)
	}
}

func TestWitnessWithOtherConfiguration(t *testing.T) {
	b := beatOf("a", 1, Epoch{}, 1)
	b.Config = "another"
	if ack, ok := testWitness(0).beat(b, 0); !ok || !ack.Dead || ack.Config == "" {
		t.Errorf("answer %+v, %v", ack, ok)
	}
}

func TestWitnessReport(t *testing.T) {
	w := testWitness(0)
	five, six := Epoch{5, "x"}, Epoch{6, "y"}
	w.beat(beatOf("alive", 1, five, 2), 8*sec)
	if r := w.report(AskReport{six, []Session{"missing"}}, 9*sec); r.Old {
		t.Error("a witness that just started calls itself old")
	}
	if ack, _ := w.beat(beatOf("missing", 1, five, 2), 9*sec); ack.Dead {
		t.Error("a report that does not count has buried somebody")
	}
	w.beat(beatOf("alive", 2, five, 3), 18*sec)
	r := w.report(AskReport{six, []Session{"alive", "missing"}}, 20*sec)
	if !r.Old || r.Latest != 5 || len(r.Promises) != 1 || r.Promises["alive"].Own["b"] != 3 {
		t.Errorf("report %+v", r)
	}
	for s, c := range map[Session]struct {
		e    Epoch
		dead bool
	}{
		"missing":    {five, true},           // it was asked for and had no promise
		"unknown":    {five, true},           // nobody asked, but it should have been heard by then
		"twin":       {Epoch{6, "z"}, true},  // of another ledger with the same number
		"new":        {six, false},           // joined since
		"alive":      {five, false},          // promised
		"even later": {Epoch{7, "y"}, false}, // joined a later ledger
	} {
		if ack, _ := w.beat(beatOf(s, 9, c.e, 1), 21*sec); ack.Dead != c.dead {
			t.Errorf("%s in %s: dead %v", s, c.e, ack.Dead)
		}
	}
	if r := w.report(AskReport{six, nil}, 22*sec); r.Latest != 7 {
		t.Errorf("the latest epoch heard of is 7, reported %d", r.Latest)
	}
}

func TestWitnessForgets(t *testing.T) {
	w := testWitness(0)
	w.beat(beatOf("a", 1, Epoch{}, 1), 0)
	w.consent("b", 0)
	w.tidy(sec)
	if len(w.promises) != 1 || len(w.dead) != 1 {
		t.Error("forgot too early")
	}
	w.tidy(2 * forgetAfter * 10 * sec)
	if len(w.promises)+len(w.dead) != 0 {
		t.Error("remembers for ever")
	}
}
