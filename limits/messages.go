package limits

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Msg is a message between nodes. Each may be lost, late, out of order or come
// twice.
type Msg interface{ msg() }

// Beat tells a witness that a session lives, and what it owns.
type Beat struct {
	Session Session `json:"session"`
	Epoch   Epoch   `json:"epoch"` // of the ledger it belongs to
	Seq     uint64  `json:"seq"`
	Config  string  `json:"config"`
	Own     Counts  `json:"own"`
}

// BeatAck is a witness's promise not to agree to the session's death for the
// hold time, or with Dead its refusal.
type BeatAck struct {
	Session Session `json:"session"`
	Witness string  `json:"witness"`
	Seq     uint64  `json:"seq"`
	Boot    string  `json:"boot"`
	Dead    bool    `json:"dead,omitempty"`
	Config  string  `json:"config,omitempty"` // the witness's own, if it is another
	Ledger  bool    `json:"ledger,omitempty"` // the witness reaches the ledger
}

// AskConsent asks a witness whether a session may be declared dead.
type AskConsent struct {
	Session Session `json:"session"`
}

// GiveConsent answers it. A witness that gave it does not hear the session again.
type GiveConsent struct {
	Session Session `json:"session"`
	Witness string  `json:"witness"`
	Given   bool    `json:"given"`
	Consent Consent `json:"consent"`
}

// AskReport asks a witness for its promises, so that a recovery can end without
// the sessions that are missing in it; those it promised nothing are dead to it
// from then on.
type AskReport struct {
	Epoch   Epoch     `json:"epoch"`
	Missing []Session `json:"missing"`
}

// Report answers it.
type Report struct {
	Epoch    Epoch               `json:"epoch"`
	Witness  string              `json:"witness"`
	Old      bool                `json:"old"`
	Latest   uint64              `json:"latest"`  // number of the latest epoch it has heard of
	Missing  []Session           `json:"missing"` // as asked
	Promises map[Session]Promise `json:"promises"`
}

// Promise is what a witness remembers of a session it heard within the hold time.
type Promise struct {
	Seq uint64 `json:"seq"`
	Own Counts `json:"own"`
}

// Borrow asks for slots of a bucket, or asks to keep those of a loan longer
// (Again); N is then how many of them are still wanted.
type Borrow struct {
	Loan    string  `json:"loan"`
	Try     int     `json:"try"`
	Bucket  string  `json:"bucket"`
	N       int     `json:"n"`
	Session Session `json:"session,omitempty"` // of the borrower, if it has one
	Again   bool    `json:"again,omitempty"`
}

// Lend answers Borrow: N slots for a time that the borrower counts from when
// it sent that try. N is 0 if there are none.
type Lend struct {
	Loan string        `json:"loan"`
	Try  int           `json:"try"`
	N    int           `json:"n"`
	For  time.Duration `json:"for"`
}

// Return says that only Left slots of a loan are in use any more.
type Return struct {
	Loan string `json:"loan"`
	Left int    `json:"left"`
}

// Nudge asks a node to talk to the ledger about buckets soon: somebody lacks
// slots, or slots became free.
type Nudge struct {
	Buckets []string `json:"buckets"`
}

func (Beat) msg()        {}
func (BeatAck) msg()     {}
func (AskConsent) msg()  {}
func (GiveConsent) msg() {}
func (AskReport) msg()   {}
func (Report) msg()      {}
func (Borrow) msg()      {}
func (Lend) msg()        {}
func (Return) msg()      {}
func (Nudge) msg()       {}

// ErrMessage says that bytes from another node are no message.
var ErrMessage = errors.New("limits: not a message of the slot protocol")

var msgKinds = map[string]func([]byte) (Msg, error){
	"beat": decodeAs[Beat], "beat-ack": decodeAs[BeatAck],
	"ask-consent": decodeAs[AskConsent], "give-consent": decodeAs[GiveConsent],
	"ask-report": decodeAs[AskReport], "report": decodeAs[Report],
	"borrow": decodeAs[Borrow], "lend": decodeAs[Lend], "return": decodeAs[Return], "nudge": decodeAs[Nudge],
}

func decodeAs[M Msg](b []byte) (Msg, error) {
	var m M
	err := json.Unmarshal(b, &m)
	return m, err
}

func kindOf(m Msg) string {
	switch m.(type) {
	case Beat:
		return "beat"
	case BeatAck:
		return "beat-ack"
	case AskConsent:
		return "ask-consent"
	case GiveConsent:
		return "give-consent"
	case AskReport:
		return "ask-report"
	case Report:
		return "report"
	case Borrow:
		return "borrow"
	case Lend:
		return "lend"
	case Return:
		return "return"
	default:
		return "nudge"
	}
}

type envelope struct {
	Kind string          `json:"k"`
	Body json.RawMessage `json:"m"`
}

// EncodeMsg returns m as bytes.
func EncodeMsg(m Msg) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", kindOf(m), err)
	}
	return json.Marshal(envelope{kindOf(m), body})
}

// DecodeMsg reads what EncodeMsg wrote. What it cannot read gives an error that
// wraps [ErrMessage].
func DecodeMsg(b []byte) (Msg, error) {
	var e envelope
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	decode := msgKinds[e.Kind]
	if decode == nil {
		return nil, fmt.Errorf("%w: unknown kind %q", ErrMessage, e.Kind)
	}
	m, err := decode(e.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMessage, e.Kind, err)
	}
	return m, nil
}
