package limits

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrOp says that bytes from another node are no call to the ledger.
var ErrOp = errors.New("limits: not a call to the ledger")

// OpName is an op's name in scripts, metrics and on the wire.
func OpName(op Op) string {
	switch op.(type) {
	case Hello:
		return "hello"
	case Join:
		return "join"
	case Sync:
		return "sync"
	case Reassert:
		return "reassert"
	case Recover:
		return "recover"
	case Close:
		return "close"
	case Reap:
		return "reap"
	case Leave:
		return "leave"
	case Declare:
		return "declare"
	default:
		return "list"
	}
}

var opKinds = map[string]func([]byte) (Op, error){
	"hello": opAs[Hello], "join": opAs[Join], "sync": opAs[Sync], "reassert": opAs[Reassert], "recover": opAs[Recover],
	"close": opAs[Close], "reap": opAs[Reap], "leave": opAs[Leave], "declare": opAs[Declare], "list": opAs[List],
}

func opAs[O Op](b []byte) (Op, error) {
	var o O
	err := json.Unmarshal(b, &o)
	return o, err
}

// EncodeOp returns op as bytes, for a call by way of another node.
func EncodeOp(op Op) ([]byte, error) {
	body, err := json.Marshal(op)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", OpName(op), err)
	}
	return json.Marshal(envelope{OpName(op), body})
}

// DecodeOp reads what EncodeOp wrote. What it cannot read gives an error that
// wraps [ErrOp].
func DecodeOp(b []byte) (Op, error) {
	var e envelope
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOp, err)
	}
	decode := opKinds[e.Kind]
	if decode == nil {
		return nil, fmt.Errorf("%w: unknown op %q", ErrOp, e.Kind)
	}
	op, err := decode(e.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrOp, e.Kind, err)
	}
	return op, nil
}
