package statement

import "strings"

// setFlag sets an ON/OFF option.
func (s *Settings) setFlag(o Option, on bool) {
	bit := Options(1) << o
	s.unknown &^= bit
	s.known |= bit
	s.on &^= bit
	if on {
		s.on |= bit
	}
	if bit&unfollowedOptions != 0 && !on {
		s.known &^= bit // OFF is what every login begins with
	}
	if !on {
		return
	}
	switch o { // of these two at most one is ON
	case AnsiNullDfltOn:
		s.setFlag(AnsiNullDfltOff, false)
	case AnsiNullDfltOff:
		s.setFlag(AnsiNullDfltOn, false)
	}
}

// setFlags sets several options to the same value.
func (s *Settings) setFlags(set Options, on bool) {
	for o := Option(0); o < firstValued; o++ {
		if set.Has(o) {
			s.setFlag(o, on)
		}
	}
}

func (s *Settings) setLanguage(name string) {
	s.unknown &^= 1<<Language | 1<<DateFirst | 1<<DateFormat
	s.language, s.dateFirst, s.dateFormat = name, 0, 0
}

// setNumber sets an option whose value is a number and tells whether the number
// is in range.
func (s *Settings) setNumber(o Option, n int64) bool {
	if n < -1<<31 || n >= 1<<31 {
		return false
	}
	switch o {
	case DateFirst:
		if n < 1 || n > 7 {
			return false
		}
		s.dateFirst = uint8(n)
		s.dates()
	case LockTimeout:
		if n < -1 {
			return false
		}
		s.known |= 1 << LockTimeout
		s.lockTimeout = int32(n)
		if n == -1 { // for ever, as every login begins
			s.known &^= 1 << LockTimeout
			s.lockTimeout = 0
		}
	case TextSize:
		switch {
		case n < -1:
			return false
		case n == 0:
			n = defaultTextSize
		case n == -1:
			n = 1<<31 - 1
		}
		s.textSize = int32(n)
	case RowCount:
		if n < 0 {
			return false
		}
		s.rowCount = int32(n)
	case DeadlockPriority:
		if n < -10 || n > 10 {
			return false
		}
		s.deadlock = int8(n)
	default:
		return false
	}
	s.unknown &^= 1 << o
	return true
}

func (s *Settings) setDateFormat(name string) bool {
	for i, f := range dateFormats {
		if strings.EqualFold(f, name) {
			s.dateFormat = uint8(i + 1)
			s.dates()
			s.unknown &^= 1 << DateFormat
			return true
		}
	}
	return false
}

// setContextInfo sets CONTEXT_INFO to a binary literal of at most 128 bytes.
func (s *Settings) setContextInfo(literal string) bool {
	if len(literal) < 2 || len(literal) > 2+2*128 {
		return false
	}
	s.contextInfo = "0x" + strings.ToUpper(literal[2:])
	s.unknown &^= 1 << ContextInfo
	return true
}

func (s *Settings) setIsolation(level uint8) {
	s.isolation = level
	if level == ReadCommitted {
		s.isolation = 0
	}
	s.unknown &^= 1 << Isolation
}

func (s *Settings) setDatabase(name string) {
	s.database = name
	s.unknown &^= 1 << Database
}

// datesOf returns the date settings that a language brings along, 0 where this
// package does not know. Only what is certain is here: it saves replays.
func datesOf(language string) (first, format uint8) {
	switch language {
	case "us_english":
		return 7, 1
	case "British", "Deutsch", "Français", "Español", "Italiano":
		return 1, 2
	}
	return 0, 0
}

// dates states the date settings as the language's where they are its own.
func (s *Settings) dates() {
	first, format := datesOf(s.language)
	if s.dateFirst == first {
		s.dateFirst = 0
	}
	if s.dateFormat == format {
		s.dateFormat = 0
	}
}

// dateValues are the date settings by value, 0 where that is not known.
func (s *Settings) dateValues() (first, format uint8) {
	first, format = datesOf(s.language)
	if s.dateFirst != 0 {
		first = s.dateFirst
	}
	if s.dateFormat != 0 {
		format = s.dateFormat
	}
	return first, format
}
