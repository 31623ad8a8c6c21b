package redisledger

import (
	"encoding/json"
	"errors"
	"fmt"

	"sluice/limits"
)

// ErrData says that the hash in Redis holds what no version of the ledger wrote.
var ErrData = errors.New("the ledger's data in Redis is damaged")

// FormatError says that the hash was written by another version, in a format
// that this one does not read.
type FormatError struct{ Found, Known string }

func (e *FormatError) Error() string {
	return fmt.Sprintf("the ledger in Redis has format %s, this version knows format %s", e.Found, e.Known)
}

// answer is what a script returns: a reply, or why there is none.
type answer struct {
	limits.Reply
	Fault  string `json:"fault"`
	Detail string `json:"detail"`
	Found  string `json:"found"`
	Known  string `json:"known"`
}

func decode(text []byte) (limits.Reply, error) {
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return limits.Reply{}, fmt.Errorf("%w: reply: %w", ErrData, err)
	}
	switch a.Fault {
	case "":
		return a.Reply, nil
	case "format":
		return limits.Reply{}, &FormatError{Found: a.Found, Known: a.Known}
	case "data":
		return limits.Reply{}, fmt.Errorf("%w: %s", ErrData, a.Detail)
	}
	return limits.Reply{}, fmt.Errorf("script: %s", a.Detail)
}
