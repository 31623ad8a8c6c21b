package statement

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrReadBack says that the answer to ReadBack is not what was asked for.
var ErrReadBack = errors.New("statement: settings read back are not understood")

// ReadBack is a batch that reads the settings of its session: one row with one
// nvarchar column for ParseReadBack. It needs no permission and changes nothing.
const ReadBack = "SELECT CONCAT(@@OPTIONS, '|', @@TEXTSIZE, '|', @@LOCK_TIMEOUT, '|', @@DATEFIRST, '|', date_format, '|', " +
	"transaction_isolation_level, '|', @@LANGUAGE, '|', DB_NAME()) FROM sys.dm_exec_sessions WHERE session_id = @@SPID"

// optionBits are the flags in @@OPTIONS, bit by bit from 2.
var optionBits = [...]Option{
	ImplicitTransactions, CursorCloseOnCommit, AnsiWarnings, AnsiPadding, AnsiNulls, ArithAbort, ArithIgnore, QuotedIdentifier,
	NoCount, AnsiNullDfltOn, AnsiNullDfltOff, ConcatNullYieldsNull, NumericRoundAbort, XactAbort,
}

// ParseReadBack returns s with the values of options that a server answered to
// ReadBack. What it does not tell stays as it was, unknown options too:
// ROWCOUNT, DEADLOCK_PRIORITY, CONTEXT_INFO, SESSION_CONTEXT and options that
// are not followed.
func ParseReadBack(answer string, s Settings) (Settings, error) {
	f := strings.SplitN(answer, "|", 8)
	if len(f) != 8 {
		return s, fmt.Errorf("%w: %d fields", ErrReadBack, len(f))
	}
	var n [6]int64
	for i, t := range f[:6] {
		if i == 4 {
			continue
		}
		v, err := strconv.ParseInt(t, 10, 32)
		if err != nil {
			return s, fmt.Errorf("%w: field %d: %w", ErrReadBack, i, err)
		}
		n[i] = v
	}
	next := s
	for i, o := range optionBits {
		bit := Options(1) << o
		next.unknown &^= bit
		next.known |= bit
		next.on &^= bit
		if n[0]>>(i+1)&1 != 0 {
			next.on |= bit
		}
	}
	next.language, next.database = f[6], f[7]
	ok := next.setNumber(TextSize, n[1]) && next.setNumber(LockTimeout, n[2]) && next.setDateFormat(f[4]) &&
		n[5] >= 1 && n[5] <= 5 && f[6] != "" && f[7] != ""
	next.unknown &^= 1<<Language | 1<<Database
	if !ok || !next.setNumber(DateFirst, n[3]) {
		return s, fmt.Errorf("%w: a value out of range", ErrReadBack)
	}
	next.setIsolation(uint8(n[5]))
	return next, nil
}

// readable are the options whose values ReadBack tells.
const readable = followedFlags | 1<<Isolation | 1<<DateFirst | 1<<DateFormat | 1<<Language | 1<<LockTimeout | 1<<TextSize | 1<<Database

// Readable tells whether reading its options back would free the client: all
// that binds it are options that ReadBack tells the value of.
func (st *State) Readable() bool {
	lack := st.Settings.Unfollowed()
	if lack == 0 || lack&^(st.Settings.unknown&readable) != 0 {
		return false
	}
	for i := range st.pins {
		if st.pins[i].Reason != SetOption {
			return false
		}
	}
	return true
}

// Recall takes over, from the answer to ReadBack, the options whose value was
// not known. The others keep theirs: what a login made stays unsaid.
func (st *State) Recall(answer string, now time.Time) error {
	read, err := ParseReadBack(answer, st.Settings)
	if err != nil {
		return err
	}
	lack := st.Settings.unknown & readable
	if lack.Has(Language) {
		lack |= 1<<DateFirst | 1<<DateFormat
	}
	s := st.Settings
	s.unknown &^= lack
	flags := lack & followedFlags
	s.known |= flags
	s.on = s.on&^flags | read.on&flags
	for _, v := range [...]struct {
		o    Option
		take func()
	}{
		{Isolation, func() { s.isolation = read.isolation }},
		{DateFirst, func() { s.dateFirst = read.dateFirst }},
		{DateFormat, func() { s.dateFormat = read.dateFormat }},
		{Language, func() { s.language = read.language }},
		{LockTimeout, func() { s.lockTimeout, s.known = read.lockTimeout, s.known|read.known&(1<<LockTimeout) }},
		{TextSize, func() { s.textSize = read.textSize }},
		{Database, func() { s.database = read.database }},
	} {
		if lack.Has(v.o) {
			v.take()
		}
	}
	s.dates()
	st.Settle(s, now)
	return nil
}
