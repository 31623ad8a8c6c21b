package statement

import (
	"strings"
	"unicode/utf8"
)

// LoginDefaults are the settings of a fresh login as far as its options tell:
// with fODBC of LOGIN7 a server sets the ANSI options. What a server reads back
// (ReadBack) says more.
func LoginDefaults(odbc bool) Settings {
	var s Settings
	if odbc {
		s.setFlags(ansiDefaults, true)
		s.setFlags(1<<CursorCloseOnCommit|1<<ImplicitTransactions, false)
		s.textSize = 1<<31 - 1
	}
	return s
}

// Relative returns s without what it states to be as the login has it, base
// being the settings of a fresh login. More settings are equal that way.
func (s Settings) Relative(base Settings) Settings {
	same := s.known & base.known & flagOptions &^ (s.on ^ base.on)
	s.known &^= same
	s.on &^= same
	if s.language == base.language && base.language != "" {
		s.language = ""
	}
	if s.language == "" && !s.unknown.Has(Language) {
		first, format := base.dateValues()
		if s.dateFirst == first {
			s.dateFirst = 0
		}
		if s.dateFormat == format {
			s.dateFormat = 0
		}
	}
	if s.database == base.database {
		s.database = ""
	}
	if s.textSize == base.textSize {
		s.textSize = 0
	}
	if s.known.Has(LockTimeout) && base.known.Has(LockTimeout) && s.lockTimeout == base.lockTimeout {
		s.known &^= 1 << LockTimeout
		s.lockTimeout = 0
	}
	if s.contextInfo == base.contextInfo {
		s.contextInfo = ""
	}
	return s
}

// Replay returns one batch that gives a backend with settings from the settings
// to; "" if it has them. base are the settings of a fresh login, for what to
// leaves as the login made it. It is not ok if that is not known, or if no
// statement leads there: then the connection must be reset first and the
// replay computed from from.AfterReset().
func Replay(from, to, base Settings) (sql string, ok bool) {
	if from == to {
		return "", to.unknown == 0
	}
	if to.unknown != 0 {
		return "", false
	}
	r := replay{from: &from, to: &to, base: &base, ok: true}
	r.language()
	r.database()
	r.flags(false)
	r.values()
	r.context()
	r.flags(true) // IMPLICIT_TRANSACTIONS among them, after all that may begin one
	if !r.ok {
		return "", false
	}
	return strings.Join(r.out, "\n"), true
}

type replay struct {
	from, to, base *Settings
	out            []string
	ok             bool
}

func (r *replay) add(parts ...string) { r.out = append(r.out, strings.Join(parts, "")) }

// language replays LANGUAGE and the date settings that it brings along.
func (r *replay) language() {
	f, t, b := r.from, r.to, r.base
	want := t.language
	if want == "" {
		want = b.language
	}
	have := f.language
	if have == "" {
		have = b.language
	}
	if f.language == t.language {
		have = want
	}
	again := have != want || f.unknown.Has(Language)
	// A date setting goes back to the language's by its value, if that is known,
	// or by setting the language again.
	first, format := t.dateFirst, t.dateFormat
	if t.language == "" && !again {
		baseFirst, baseFormat := b.dateValues()
		if first == 0 && (f.dateFirst != 0 || f.unknown.Has(DateFirst)) {
			first = baseFirst
		}
		if format == 0 && (f.dateFormat != 0 || f.unknown.Has(DateFormat)) {
			format = baseFormat
		}
	}
	again = again || first == 0 && (f.dateFirst != 0 || f.unknown.Has(DateFirst)) ||
		format == 0 && (f.dateFormat != 0 || f.unknown.Has(DateFormat))
	if again {
		if want == "" {
			r.ok = false
			return
		}
		r.add("SET LANGUAGE ", languageLiteral(want))
	}
	if format != 0 && (again || format != f.dateFormat) {
		r.add("SET DATEFORMAT ", dateFormats[format-1])
	}
	if first != 0 && (again || first != f.dateFirst) {
		r.add("SET DATEFIRST ", itoa(int64(first)))
	}
}

// languageLiteral spells the name of a language. Babelfish takes no N'...' after
// SET LANGUAGE; names beyond ASCII need it, whatever the server's code page.
func languageLiteral(name string) string {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return quote("N'", name)
		}
	}
	return quote("'", name)
}

func (r *replay) database() {
	if r.from.database == r.to.database && !r.from.unknown.Has(Database) {
		return
	}
	name, have := r.to.database, r.from.database
	if name == "" {
		name = r.base.database
	}
	if have == "" && !r.from.unknown.Has(Database) {
		have = r.base.database
	}
	switch name {
	case "":
		r.ok = false
		return
	case have:
		return
	}
	r.add("USE ", bracket(name))
}

// flags replays the options that go on, or those that go off.
func (r *replay) flags(on bool) {
	var set Options
	for o := Option(0); o < firstValued; o++ {
		have, want := r.flag(r.from, o), r.flag(r.to, o)
		switch {
		case have == want && !r.from.unknown.Has(o) && (want != byLogin || r.from.known.Has(o) == r.to.known.Has(o)):
		case want == byLogin:
			r.ok = false
		case (want == isOn) == on:
			set |= 1 << o
		}
	}
	if set == 0 {
		return
	}
	if set&unfollowedOptions != 0 {
		r.ok = false // those never leave the backend they were set on
		return
	}
	var names []string
	set.Each(func(o Option) { names = append(names, o.String()) })
	word := " OFF"
	if on {
		word = " ON"
	}
	r.add("SET ", strings.Join(names, ", "), word)
}

// flagValue is the value of a flag, or that only the login knows it.
type flagValue uint8

const (
	byLogin flagValue = iota
	isOff
	isOn
)

func (r *replay) flag(s *Settings, o Option) flagValue {
	for _, s := range [...]*Settings{s, r.base} {
		if on, stated := s.Flag(o); stated {
			if on {
				return isOn
			}
			return isOff
		}
		if s.unknown.Has(o) {
			return byLogin
		}
	}
	if o >= firstUnfollowed {
		return isOff
	}
	return byLogin
}

func (r *replay) values() {
	f, t, b := r.from, r.to, r.base
	if n, have := t.textSize, f.textSize; n != have || f.unknown.Has(TextSize) {
		if n == 0 {
			n = b.textSize
		}
		if have == 0 && !f.unknown.Has(TextSize) {
			have = b.textSize
		}
		if n == 0 {
			r.ok = false
		}
		if n != have {
			r.add("SET TEXTSIZE ", itoa(int64(n)))
		}
	}
	if t.lockTimeout != f.lockTimeout || t.known.Has(LockTimeout) != f.known.Has(LockTimeout) || f.unknown.Has(LockTimeout) {
		switch {
		case t.known.Has(LockTimeout):
			r.add("SET LOCK_TIMEOUT ", itoa(int64(t.lockTimeout)))
		default:
			r.add("SET LOCK_TIMEOUT -1")
		}
	}
	if t.rowCount != f.rowCount || f.unknown.Has(RowCount) {
		r.add("SET ROWCOUNT ", itoa(int64(t.rowCount)))
	}
	if t.deadlock != f.deadlock || f.unknown.Has(DeadlockPriority) {
		r.add("SET DEADLOCK_PRIORITY ", itoa(int64(t.deadlock)))
	}
	if t.isolation != f.isolation || f.unknown.Has(Isolation) {
		level := t.isolation
		if level == 0 {
			level = ReadCommitted
		}
		r.add("SET TRANSACTION ISOLATION LEVEL ", isolationNames[level])
	}
}

// context replays CONTEXT_INFO, which cannot be taken back, and the session
// context.
func (r *replay) context() {
	if r.to.contextInfo != r.from.contextInfo || r.from.unknown.Has(ContextInfo) {
		if r.to.contextInfo == "" {
			r.ok = false
			return
		}
		r.add("SET CONTEXT_INFO ", r.to.contextInfo)
	}
	if r.from.unknown.Has(SessionKeys) {
		r.ok = false
		return
	}
	r.out = replayKeys(r.out, r.from.keys, r.to.keys)
}
