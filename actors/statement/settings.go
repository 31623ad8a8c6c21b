package statement

import (
	"encoding/binary"
	"hash/fnv"
)

// Settings are what a client has set in its session, or a backend has. Each
// option has the value the login gave it, a known value, or is unknown. The
// zero value is a session as its login left it. Settings are comparable: equal
// means equal, but a value may also be stated that is the login's own (see
// Relative).
type Settings struct {
	known, on Options // flags stated, and their values
	unknown   Options

	lockTimeout, textSize, rowCount int32 // milliseconds, bytes, rows; valid if known
	isolation                       uint8 // 0: READ COMMITTED, as every login begins; else an IsolationLevel
	dateFirst                       uint8 // 0: as the language has it
	dateFormat                      uint8 // 0: as the language has it; else an index into dateFormats, plus 1
	deadlock                        int8  // 0: NORMAL

	database, language string // "": the login's
	contextInfo        string // a literal 0x...; "": none
	keys               string // session context, see sessionkeys.go
}

// Levels of SET TRANSACTION ISOLATION LEVEL, as sys.dm_exec_sessions numbers them.
const (
	ReadUncommitted uint8 = 1
	ReadCommitted   uint8 = 2
	RepeatableRead  uint8 = 3
	Serializable    uint8 = 4
	Snapshot        uint8 = 5
)

var (
	isolationNames = [...]string{"", "READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "SNAPSHOT"}
	dateFormats    = [...]string{"mdy", "dmy", "ymd", "ydm", "myd", "dym"}
)

// defaultTextSize is what SET TEXTSIZE 0 stands for.
const defaultTextSize = 4096

// Unknown returns the options whose value is not known.
func (s *Settings) Unknown() Options { return s.unknown }

// Unfollowed returns the options that bind a client to its backend: unknown
// ones, and those that are not followed and differ from every login's value.
func (s *Settings) Unfollowed() Options { return s.unknown | s.on&unfollowedOptions }

// Flag returns the value of an ON/OFF option; stated is false if it is the
// login's or unknown.
func (s *Settings) Flag(o Option) (on, stated bool) { return s.on.Has(o), s.known.Has(o) }

// MayBe tells whether a flag is ON or may be; login is its value at login.
func (s *Settings) MayBe(o Option, login bool) bool {
	return s.unknown.Has(o) || s.on.Has(o) || login && !s.known.Has(o)
}

// Database is the database the session is in; "" is the login's.
func (s *Settings) Database() string { return s.database }

// Language is the session's language; "" is the login's.
func (s *Settings) Language() string { return s.language }

// Context tells whether CONTEXT_INFO or a key of the session context may be set.
func (s *Settings) Context() bool {
	return s.contextInfo != "" || s.keys != "" || s.unknown.Has(ContextInfo) || s.unknown.Has(SessionKeys)
}

// WithDatabase returns s in another database, as ENVCHANGE 1 reports it.
func (s Settings) WithDatabase(name string) Settings {
	s.database = name
	s.unknown &^= 1 << Database
	return s
}

// WithLanguage returns s with the language that ENVCHANGE 2 reports. Unlike
// SET LANGUAGE it leaves date settings alone.
func (s Settings) WithLanguage(name string) Settings {
	s.language = name
	s.unknown &^= 1 << Language
	s.dates()
	return s
}

// WithIsolation returns s at an isolation level, which requests to the
// transaction manager can set. Level 0 changes nothing.
func (s Settings) WithIsolation(level uint8) Settings {
	if level == 0 {
		return s
	}
	s.unknown &^= 1 << Isolation
	s.isolation = level
	if level == ReadCommitted || int(level) >= len(isolationNames) {
		s.isolation = 0
	}
	return s
}

// AfterReset returns what RESETCONNECTION makes of s: the login's settings, but
// for the isolation level, which it leaves alone on servers other than Azure.
func (s Settings) AfterReset() Settings {
	return Settings{isolation: s.isolation, unknown: s.unknown & (1 << Isolation)}
}

// LeftByReset is AfterReset for what a backend certainly has: Azure and the
// first releases of SQL Server 2014 take the isolation level back too.
func (s Settings) LeftByReset() Settings {
	s = s.AfterReset()
	if s.isolation != 0 {
		s = s.Forget(1 << Isolation)
	}
	return s
}

// Level is the isolation level, 0 for READ COMMITTED or an unknown one.
func (s *Settings) Level() uint8 { return s.isolation }

// Forget returns s with options unknown.
func (s Settings) Forget(o Options) Settings {
	s.known &^= o
	s.on &^= o
	s.clear(o)
	s.unknown |= o
	return s
}

// clear zeroes the values of options, so that equal settings are equal structs.
func (s *Settings) clear(o Options) {
	if o&^flagOptions == 0 {
		return
	}
	if o.Has(Isolation) {
		s.isolation = 0
	}
	if o.Has(DateFirst) {
		s.dateFirst = 0
	}
	if o.Has(DateFormat) {
		s.dateFormat = 0
	}
	if o.Has(Language) {
		s.language = ""
	}
	if o.Has(LockTimeout) {
		s.lockTimeout = 0
	}
	if o.Has(TextSize) {
		s.textSize = 0
	}
	if o.Has(RowCount) {
		s.rowCount = 0
	}
	if o.Has(DeadlockPriority) {
		s.deadlock = 0
	}
	if o.Has(ContextInfo) {
		s.contextInfo = ""
	}
	if o.Has(SessionKeys) {
		s.keys = ""
	}
	if o.Has(Database) {
		s.database = ""
	}
}

// diff returns the options in which two settings differ.
func diff(a, b *Settings) Options {
	d := (a.known ^ b.known) | (a.on ^ b.on) | (a.unknown ^ b.unknown)
	if a.lockTimeout != b.lockTimeout {
		d |= 1 << LockTimeout
	}
	if a.textSize != b.textSize {
		d |= 1 << TextSize
	}
	if a.rowCount != b.rowCount {
		d |= 1 << RowCount
	}
	if a.isolation != b.isolation {
		d |= 1 << Isolation
	}
	if a.dateFirst != b.dateFirst {
		d |= 1 << DateFirst
	}
	if a.dateFormat != b.dateFormat {
		d |= 1 << DateFormat
	}
	if a.deadlock != b.deadlock {
		d |= 1 << DeadlockPriority
	}
	if a.database != b.database {
		d |= 1 << Database
	}
	if a.language != b.language {
		d |= 1 << Language
	}
	if a.contextInfo != b.contextInfo {
		d |= 1 << ContextInfo
	}
	if a.keys != b.keys {
		d |= 1 << SessionKeys
	}
	return d
}

// Fingerprint is a hash for choosing a backend; that of a session as its login
// left it is 0. Equal fingerprints do not prove equal settings.
func (s *Settings) Fingerprint() uint64 {
	if *s == (Settings{}) {
		return 0
	}
	h := fnv.New64a()
	var b [48]byte
	binary.LittleEndian.PutUint64(b[0:], uint64(s.known))
	binary.LittleEndian.PutUint64(b[8:], uint64(s.on))
	binary.LittleEndian.PutUint64(b[16:], uint64(s.unknown))
	binary.LittleEndian.PutUint32(b[24:], uint32(s.lockTimeout))
	binary.LittleEndian.PutUint32(b[28:], uint32(s.textSize))
	binary.LittleEndian.PutUint32(b[32:], uint32(s.rowCount))
	b[36], b[37], b[38], b[39] = s.isolation, s.dateFirst, s.dateFormat, byte(s.deadlock)
	binary.LittleEndian.PutUint16(b[40:], uint16(len(s.database)))
	binary.LittleEndian.PutUint16(b[42:], uint16(len(s.language)))
	binary.LittleEndian.PutUint16(b[44:], uint16(len(s.contextInfo)))
	_, _ = h.Write(b[:])
	for _, t := range [...]string{s.database, s.language, s.contextInfo, s.keys} {
		_, _ = h.Write([]byte(t))
	}
	return max(h.Sum64(), 1)
}
