package limits

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

var allMessages = []Msg{
	Beat{Session: "a#1/1", Epoch: Epoch{3, "t"}, Seq: 4, Config: "c", Own: Counts{"b": 2}},
	BeatAck{Session: "a#1/1", Witness: "w", Seq: 4, Boot: "w#2", Dead: true, Config: "c", Ledger: true},
	AskConsent{Session: "a#1/1"},
	GiveConsent{Session: "a#1/1", Witness: "w", Given: true, Consent: Consent{"w#2", true}},
	AskReport{Epoch: Epoch{3, "t"}, Missing: []Session{"a#1/1"}},
	Report{Epoch: Epoch{3, "t"}, Witness: "w", Old: true, Latest: 3, Missing: []Session{"a#1/1"}, Promises: map[Session]Promise{"a#1/1": {4, Counts{"b": 2}}}},
	Borrow{Loan: "l", Try: 1, Bucket: "b", N: 2, Session: "a#1/1", Again: true},
	Lend{Loan: "l", Try: 1, N: 2, For: time.Second},
	Return{Loan: "l", Left: 1},
	Nudge{Buckets: []string{"b"}},
}

func TestMessagesComeBack(t *testing.T) {
	kinds := map[string]bool{}
	for _, m := range allMessages {
		b, err := EncodeMsg(m)
		if err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		got, err := DecodeMsg(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%+v comes back as %+v, %v", m, got, err)
		}
		kinds[kindOf(m)] = true
	}
	if len(kinds) != len(msgKinds) {
		t.Errorf("only %d of %d kinds of messages were tried", len(kinds), len(msgKinds))
	}
}

func TestDecodeMsgRefuses(t *testing.T) {
	for _, s := range []string{"", "{", "null", `{"k":"beat"}`, `{"k":"what","m":{}}`, `{"k":"lend","m":{"n":"two"}}`, `{"k":"nudge","m":[]}`} {
		if m, err := DecodeMsg([]byte(s)); !errors.Is(err, ErrMessage) {
			t.Errorf("%q gives %v, %v", s, m, err)
		}
	}
}

// FuzzDecodeMsg: whatever arrives is a message or an error, and a message
// survives encoding.
func FuzzDecodeMsg(f *testing.F) {
	for _, m := range allMessages {
		b, err := EncodeMsg(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"k":"beat"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMsg(b)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		again, err := EncodeMsg(m)
		if err != nil {
			t.Fatalf("%+v does not encode: %v", m, err)
		}
		if _, err := DecodeMsg(again); err != nil {
			t.Fatalf("%s does not decode again: %v", again, err)
		}
	})
}
