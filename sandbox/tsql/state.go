package tsql

import (
	"encoding/binary"
	"slices"
)

// State is a part of a session's state as session recovery tells it
// (MS-TDS 2.2.7.21). The numbers and layouts of those that can be recovered are
// SQL Server's, as far as drivers know them.
type State struct {
	ID          byte
	Value       []byte
	Recoverable bool
}

// Numbers of states.
const (
	stateOptions   = 0
	stateDates     = 2
	stateDeadlock  = 4
	stateTimeout   = 5
	stateIsolation = 7
	stateBound     = 8 // what a new login could not be given
	stateTextSize  = 9
	stateContext   = 11
)

var stateFlags = map[string]uint32{
	"ARITHIGNORE": 0x2, "NOCOUNT": 0x4, "XACT_ABORT": 0x10, "NUMERIC_ROUNDABORT": 0x800, "ARITHABORT": 0x1000, "ANSI_PADDING": 0x2000,
	"ANSI_NULL_DFLT_ON": 0x4000, "CONCAT_NULL_YIELDS_NULL": 0x10000, "QUOTED_IDENTIFIER": 0x800000, "CURSOR_CLOSE_ON_COMMIT": 0x2000000,
	"ANSI_NULLS": 0x4000000, "ANSI_WARNINGS": 0x10000000,
}

// States returns the session's state in parts, in the order of their numbers.
// Cursors are not among what the engine knows; handles of prepared statements
// are not told of, as drivers forget theirs with the connection.
func (s *Session) States() []State {
	le := binary.LittleEndian
	o := &s.opts
	var on, all uint32
	for name, bit := range stateFlags {
		if all |= bit; o.on(name) {
			on |= bit
		}
	}
	implicit := byte(0)
	if o.on("IMPLICIT_TRANSACTIONS") {
		implicit = 2
	}
	bound := byte(0)
	if s.tran.count > 0 {
		bound |= 1
	}
	if len(s.globals) > 0 || slices.ContainsFunc(s.temps, func(t tempTable) bool { return t.level == 0 }) {
		bound |= 2
	}
	if s.eng.locks.any(s) {
		bound |= 4
	}
	if o.identityID != 0 {
		bound |= 8
	}
	return []State{
		{stateOptions, append(le.AppendUint32(le.AppendUint32(nil, on), all), implicit), true},
		{stateDates, []byte{byte(o.dateFirst), byte(slices.Index(dateOrders, o.dateFormat) + 1)}, true},
		{stateDeadlock, []byte{byte(int8(o.deadlock))}, true},
		{stateTimeout, le.AppendUint32(nil, uint32(int32(o.lockTimeout))), true},
		{stateIsolation, []byte{o.isolation}, true},
		{stateBound, []byte{bound}, bound == 0},
		{stateTextSize, le.AppendUint32(nil, uint32(int32(o.textSize))), true},
		{stateContext, s.context, true},
	}
}

var dateOrders = []string{"mdy", "dmy", "ymd", "ydm", "myd", "dym"}

// any tells whether a session holds a lock of its own.
func (l *appLocks) any(s *Session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, held := range l.held {
		if slices.ContainsFunc(held, func(h *appLock) bool { return h.s == s && h.owner != "TRANSACTION" }) {
			return true
		}
	}
	return false
}
