package statement

import "strconv"

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// optionNamed finds an ON/OFF option.
func optionNamed(text []byte) (Option, bool) {
	for o := Option(0); o < OtherOption; o++ {
		if is(text, optionNames[o]) {
			return o, true
		}
	}
	return 0, false
}

// valueNames are the options with a value that SET knows by one word.
var valueNames = [...]Option{DateFirst, DateFormat, Language, LockTimeout, TextSize, RowCount, DeadlockPriority, ContextInfo}

// doSet judges SET.
func (r *reader) doSet() {
	toks := r.toks[:r.n]
	if r.n == 0 || r.over {
		r.unclear(OtherOption)
		return
	}
	t := &toks[0]
	switch {
	case t.kind == tokVar: // SET @x = ...
		return
	case t.kw == kwNull || t.kw == kwDefault || t.is('('): // ON DELETE SET NULL, ALTER TABLE ... SET (...)
		return
	case t.kind != tokWord:
		r.unclear(OtherOption)
		return
	case t.kw == kwTransaction:
		r.setIsolation(toks[1:])
		return
	case t.kw == kwStatistics:
		r.setStatistics(toks[1:])
		return
	case is(t.text, "IDENTITY_INSERT"):
		r.setIdentityInsert(toks[1:])
		return
	}
	for _, o := range valueNames {
		if is(t.text, optionNames[o]) {
			r.setValue(o, toks[1:])
			return
		}
	}
	r.setFlags(toks)
}

// setFlags judges SET a, b ON.
func (r *reader) setFlags(toks []token) {
	var set Options
	bad := false
	for len(toks) > 0 {
		o, ok := optionNamed(toks[0].text)
		switch {
		case toks[0].kind != tokWord:
			bad = true
		case ok:
			set |= 1 << o
		case is(toks[0].text, "ANSI_DEFAULTS"):
			set |= ansiDefaults
		default:
			bad = true
		}
		toks = toks[1:]
		if len(toks) == 0 || !toks[0].is(',') {
			break
		}
		toks = toks[1:]
	}
	if bad || len(toks) != 1 || toks[0].kw != kwOn && toks[0].kw != kwOff {
		r.unclear(OtherOption)
		set.Each(r.unclear)
		return
	}
	next := r.v.Settings
	next.setFlags(set, toks[0].kw == kwOn)
	// Under SET NOEXEC ON and its like nothing runs but their own end.
	r.assign(&next, r.cond || r.dry()&^set != 0)
}

func (r *reader) setStatistics(toks []token) {
	var set Options
	for len(toks) >= 2 && toks[0].kind == tokWord {
		switch t := toks[0].text; {
		case is(t, "IO"):
			set |= 1 << StatisticsIO
		case is(t, "TIME"):
			set |= 1 << StatisticsTime
		case is(t, "PROFILE"):
			set |= 1 << StatisticsProfile
		case is(t, "XML"):
			set |= 1 << StatisticsXML
		default:
			set |= 1 << OtherOption
		}
		toks = toks[1:]
		if toks[0].is(',') {
			toks = toks[1:]
		}
	}
	if len(toks) != 1 || toks[0].kw != kwOn && toks[0].kw != kwOff || set.Has(OtherOption) {
		r.unclear(OtherOption)
		return
	}
	next := r.v.Settings
	next.setFlags(set, toks[0].kw == kwOn)
	r.assign(&next, r.cond || r.dry() != 0)
}

// setIsolation judges SET TRANSACTION ISOLATION LEVEL.
func (r *reader) setIsolation(toks []token) {
	words := func(want ...string) bool {
		if len(toks) != len(want)+2 {
			return false
		}
		for i, w := range want {
			if !is(toks[i+2].text, w) {
				return false
			}
		}
		return true
	}
	next := r.v.Settings
	switch {
	case len(toks) < 3 || toks[1].kw != kwLevel:
		next = next.Forget(1 << Isolation)
	case words("READ", "COMMITTED"):
		next.setIsolation(ReadCommitted)
	case words("READ", "UNCOMMITTED"):
		next.setIsolation(ReadUncommitted)
	case words("REPEATABLE", "READ"):
		next.setIsolation(RepeatableRead)
	case words("SERIALIZABLE"):
		next.setIsolation(Serializable)
	case words("SNAPSHOT"):
		next.setIsolation(Snapshot)
	default:
		next = next.Forget(1 << Isolation)
	}
	r.assign(&next, r.cond || r.dry() != 0)
}

// setValue judges SET of an option with a value.
func (r *reader) setValue(o Option, toks []token) {
	next := r.v.Settings
	ok := false
	switch {
	case len(toks) == 2 && toks[0].is('-') && toks[1].kind == tokNumber:
		if n, isInt := toks[1].integer(); isInt {
			ok = next.setNumber(o, -n)
		}
	case len(toks) != 1 || toks[0].lost:
	case o == ContextInfo && r.waitFor(o, "", &toks[0]):
		return
	case toks[0].kind == tokNumber:
		if n, isInt := toks[0].integer(); isInt {
			ok = next.setNumber(o, n)
		}
	case toks[0].kind == tokBinary && o == ContextInfo:
		ok = next.setContextInfo(toks[0].value())
	case toks[0].isName() || toks[0].isText():
		ok = next.setWord(o, &toks[0])
	}
	if !ok {
		next = r.v.Settings.Forget(1 << o)
		if o == Language {
			next = next.Forget(1<<DateFirst | 1<<DateFormat)
		}
	}
	if o == Language {
		r.byWire(Language)
	}
	r.assign(&next, r.cond || r.dry() != 0)
}

func (s *Settings) setWord(o Option, t *token) bool {
	switch o {
	case DateFormat:
		return len(t.text) == 6 && s.setDateFormat(t.value())
	case Language:
		if len(t.text) > 2*maxName {
			return false
		}
		s.setLanguage(t.valueOr(s.language))
		return true
	case DeadlockPriority:
		switch {
		case is(t.text, "LOW"):
			return s.setNumber(o, -5)
		case is(t.text, "NORMAL"):
			return s.setNumber(o, 0)
		case is(t.text, "HIGH"):
			return s.setNumber(o, 5)
		}
	}
	return false
}

// setIdentityInsert judges SET IDENTITY_INSERT, of which one table at most is
// ON in a session. In a scope of its own it ends with it.
func (r *reader) setIdentityInsert(toks []token) {
	n := parseName(toks)
	rest := toks[n.size:]
	if r.nested {
		return
	}
	t := n.last()
	if t == nil || len(rest) != 1 || rest[0].kw != kwOn && rest[0].kw != kwOff {
		r.event(event{kind: pinMade, reason: IdentityInsert})
		return
	}
	full, certain := r.fullName(&n)
	if rest[0].kw == kwOn {
		r.event(event{kind: pinMade, reason: IdentityInsert, name: full})
	} else if certain {
		r.ended(event{reason: IdentityInsert, name: full, exact: true})
	}
}

// fullName spells a table's name with its database. It is not certain which
// table that is if the database is not known.
func (r *reader) fullName(n *name) (full string, certain bool) {
	if n.n < 3 {
		full = r.v.Settings.database + "."
	}
	for i, p := range n.parts[:min(n.n, len(n.parts))] {
		if i > 0 {
			full += "."
		}
		if p != nil {
			full += known(p.value())
		}
	}
	return full, n.n >= 3 || !r.v.Settings.unknown.Has(Database)
}

// unclear makes an option unknown.
func (r *reader) unclear(o Option) {
	next := r.v.Settings.Forget(1 << o)
	r.assign(&next, true)
}

// byWire notes that the response tells the value of an option: not when it is
// set in a scope of its own, at whose end servers may or may not report the
// way back.
func (r *reader) byWire(o Option) {
	if r.nested {
		r.undone |= 1 << o
	} else {
		r.v.wire |= 1 << o
	}
}

// integer is the value of a number without fraction or exponent.
func (t *token) integer() (n int64, ok bool) {
	if t.kind != tokNumber || t.lost || len(t.text) > 2*18 {
		return 0, false
	}
	for i := 0; i < len(t.text); i += 2 {
		c := t.text[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(t.text) > 0
}

// doUse judges USE.
func (r *reader) doUse() {
	next := r.v.Settings
	if r.n == 1 && r.toks[0].isName() && !r.toks[0].lost && len(r.toks[0].text) <= 2*maxName {
		next.setDatabase(r.toks[0].valueOr(next.database))
	} else {
		next = next.Forget(1 << Database)
	}
	r.byWire(Database)
	r.assign(&next, r.cond || r.dry() != 0)
}
