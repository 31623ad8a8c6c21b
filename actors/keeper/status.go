package keeper

import (
	"encoding/json"
	"errors"
	"fmt"

	"sluice/limits"
)

// Status is how a bucket stands on one node, as nodes tell each other. Nothing
// that must be right depends on it.
type Status struct {
	Owned    int `json:"owned"`
	Open     int `json:"open"`
	InUse    int `json:"in_use"`
	Waiting  int `json:"waiting"`
	OldestMS int `json:"oldest_wait_ms"`
	Spare    int `json:"spare"`
	Borrowed int `json:"borrowed"`
	Lent     int `json:"lent"`
}

// ErrStatus says that bytes from another node are no Status.
var ErrStatus = errors.New("keeper: not a status")

// StatusOf returns how a bucket stands as others are to be told.
func StatusOf(b limits.BucketView) Status {
	return Status{
		Owned: b.Owned, Open: b.Open, InUse: b.InUse, Waiting: b.Waiting, OldestMS: int(b.Oldest.Milliseconds()),
		Spare: b.Spare, Borrowed: b.Borrowed, Lent: b.Lent,
	}
}

// Encode returns s as a few bytes.
func (s Status) Encode() []byte {
	b, err := json.Marshal([8]int{s.Owned, s.Open, s.InUse, s.Waiting, s.OldestMS, s.Spare, s.Borrowed, s.Lent})
	if err != nil {
		panic(err) // numbers always can
	}
	return b
}

// DecodeStatus reads what Encode wrote; more numbers of a later version are
// passed over. The error wraps [ErrStatus].
func DecodeStatus(b []byte) (Status, error) {
	var n []int
	if err := json.Unmarshal(b, &n); err != nil {
		return Status{}, fmt.Errorf("%w: %w", ErrStatus, err)
	}
	if len(n) < 8 {
		return Status{}, fmt.Errorf("%w: %d numbers", ErrStatus, len(n))
	}
	for _, x := range n {
		if x < 0 {
			return Status{}, fmt.Errorf("%w: %d is below 0", ErrStatus, x)
		}
	}
	return Status{n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]}, nil
}
