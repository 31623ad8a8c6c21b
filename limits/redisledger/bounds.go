package redisledger

import (
	"errors"
	"fmt"

	"sluice/limits"
)

// ErrRange says that an op has a number that the scripts cannot reckon with:
// Lua's numbers are exact up to 2^53. Nothing was asked.
var ErrRange = errors.New("number out of range")

const (
	maxNumber = 1 << 50 // of a counter or time: some can be added
	maxSlots  = 1 << 24 // of slots: two can be multiplied, and many added
)

// bounds collects the first number that is too large.
type bounds struct{ err error }

func (b *bounds) number(what string, n uint64) {
	if n > maxNumber && b.err == nil {
		b.err = fmt.Errorf("%w: %s %d", ErrRange, what, n)
	}
}

func (b *bounds) slots(what string, n int) {
	if (n > maxSlots || n < -maxSlots) && b.err == nil {
		b.err = fmt.Errorf("%w: %s %d", ErrRange, what, n)
	}
}

func (b *bounds) counts(what string, c limits.Counts) {
	for _, n := range c {
		b.slots(what, n)
	}
}

func (b *bounds) limits(ls map[string]limits.Limit) {
	for _, l := range ls {
		b.slots("limit", l.Max)
		b.number("version of a limit", l.Ver)
	}
}

func (b *bounds) item(i limits.Item) {
	b.slots("return", i.Return)
	b.slots("demand", i.Demand)
	b.slots("ahead", i.Ahead)
	if i.Age > maxNumber || i.Age < -maxNumber {
		b.number("age", maxNumber+1)
	}
	for _, m := range i.Moves {
		b.slots("move", m.N)
	}
}

// inRange checks every number of op. They come from other nodes too.
func inRange(op limits.Op) error {
	var b bounds
	switch op := op.(type) {
	case limits.Join:
		b.number("epoch", op.Epoch.N)
		b.counts("declared", op.Declared)
	case limits.Sync:
		b.number("epoch", op.Epoch.N)
		b.number("seq", op.Seq)
		b.number("ack", op.Ack)
		for _, i := range op.Items {
			b.item(i)
		}
	case limits.Reassert:
		b.number("epoch", op.Epoch.N)
		b.number("seq", op.Seq)
		b.counts("own", op.Own)
		b.counts("declared", op.Declared)
		b.limits(op.Limits)
	case limits.Recover:
		b.number("epoch", op.Have.N)
		b.limits(op.Limits)
	case limits.Close:
		b.number("epoch", op.Epoch.N)
		for _, c := range op.Booked {
			b.counts("booked", c)
		}
	case limits.Reap:
		b.number("epoch", op.Epoch.N)
		b.number("renewals", op.Renewals)
		b.slots("quorum", op.Quorum)
	case limits.Declare:
		b.number("epoch", op.Epoch.N)
		b.number("number", op.No)
		b.counts("declared", op.Declared)
	}
	return b.err
}
