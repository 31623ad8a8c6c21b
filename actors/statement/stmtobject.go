package statement

// masterKey is the name of the pin of OPEN MASTER KEY; symmetric keys have
// theirs with a prefix, so that CLOSE ALL tells them apart.
const (
	masterKey    = "master key"
	symmetricKey = "symmetric key "
)

// temporary tells whether a name is that of an object which goes with the
// session: #x or ##x.
func temporary(t *token) (reason Reason, name string, ok bool) {
	switch {
	case t == nil || t.kind == tokPunct || !t.begins("#"):
		return 0, "", false
	case t.begins("##"):
		return GlobalTemp, known(t.value()), true
	}
	return TempTable, known(t.value()), true
}

// makeTemporary judges the making of an object. #x goes at the end of its scope.
func (r *reader) makeTemporary(t *token) {
	reason, name, ok := temporary(t)
	switch {
	case !ok:
	case reason == TempTable && r.nested:
		r.ownTemp = true
	default:
		r.event(event{kind: pinMade, reason: reason, name: name})
	}
}

// doCreate judges CREATE: tables and procedures may be temporary.
func (r *reader) doCreate() {
	toks := r.toks[:r.n]
	if len(toks) > 2 && toks[0].kw == kwOr {
		toks = toks[2:]
	}
	if len(toks) < 2 || toks[0].kw != kwTable && toks[0].kw != kwProcedure {
		return
	}
	n := parseName(toks[1:])
	reason, name, ok := temporary(n.last())
	if ok && toks[0].kw == kwProcedure { // which outlives EXEC('CREATE PROCEDURE #p ...')
		r.event(event{kind: pinMade, reason: reason, name: name})
		return
	}
	r.makeTemporary(n.last())
}

// doDrop judges DROP TABLE and DROP PROCEDURE, which take lists.
func (r *reader) doDrop() {
	toks := r.toks[:r.n]
	if len(toks) < 2 || toks[0].kw != kwTable && toks[0].kw != kwProcedure {
		return
	}
	table := toks[0].kw == kwTable
	toks = toks[1:]
	ifExists := len(toks) > 2 && toks[0].kw == kwIf && toks[1].kw == kwExists
	if ifExists {
		toks = toks[2:]
	}
	for len(toks) > 0 {
		n := parseName(toks)
		rest := toks[n.size:]
		if r.over && len(rest) == 0 {
			return // the name may go on
		}
		if reason, name, ok := temporary(n.last()); ok && (reason == GlobalTemp || !table || !r.ownTemp) {
			cond := r.cond
			if r.exists != "" && name == r.exists {
				r.cond = false // dropped if it was there
			}
			// IF EXISTS does not complain about a name that differs in case.
			r.ended(event{reason: reason, name: name, exact: ifExists})
			r.cond = cond
		}
		if len(rest) == 0 || !rest[0].is(',') {
			return
		}
		toks = rest[1:]
	}
}

// doIf recognises IF OBJECT_ID('tempdb..#t' [, 'U']) IS NOT NULL.
func (r *reader) doIf() {
	toks := r.toks[:r.n]
	if r.cond || r.over || len(toks) < 7 || !toks[1].is('(') || !toks[2].isText() || toks[2].lost {
		return
	}
	what := &toks[2]
	toks = toks[3:]
	if toks[0].is(',') && toks[1].isText() && is(toks[1].text, "U") {
		toks = toks[2:]
	}
	if len(toks) != 4 || !toks[0].is(')') || toks[1].kw != kwIs || toks[2].kw != kwNot || toks[3].kw != kwNull {
		return
	}
	// Without the database the name would be looked for in the current one.
	if full := what.value(); len(full) > len("tempdb.") && equalFold(full[:len("tempdb.")], "tempdb.") {
		r.exists = lastPart(full)
	}
}

// intoPart follows the name after SELECT ... INTO. It returns true if the token
// is part of it.
func (r *reader) intoPart(t *token) bool {
	switch {
	case t.is('.'):
		r.into = 1
		return true
	case r.into == 1 && t.isName():
		r.target = *t
		r.into = 2
		return true
	}
	r.intoDone()
	return false
}

func (r *reader) intoDone() {
	if r.into != 2 {
		r.into = 0
		return
	}
	r.into = 0
	r.makeTemporary(&r.target)
	r.v.Effects |= Writes | Identity
	r.inserted = true
}

// doDeclare judges DECLARE c CURSOR. Unless it says LOCAL, a database option
// decides, which says GLOBAL by default.
func (r *reader) doDeclare() {
	toks := r.toks[:r.n]
	if len(toks) < 2 || !toks[0].isName() {
		return
	}
	at := 0
	for i := 1; i < len(toks) && i < 4; i++ {
		if toks[i].kw == kwCursor {
			at = i
			break
		}
	}
	if at == 0 {
		return
	}
	for i := at + 1; i < len(toks) && toks[i].kw != kwFor; i++ {
		if toks[i].kw == kwLocal {
			r.localCurs = true
			return
		}
	}
	r.event(event{kind: pinMade, reason: Cursor, name: known(toks[0].value())})
}

// doDeallocate judges DEALLOCATE [GLOBAL] c. A local cursor of the same name
// goes before a global one.
func (r *reader) doDeallocate() {
	toks := r.toks[:r.n]
	global := len(toks) == 2 && toks[0].kw == kwGlobal
	if global {
		toks = toks[1:]
	}
	if len(toks) != 1 || !toks[0].isName() || r.localCurs && !global {
		return
	}
	r.ended(event{reason: Cursor, name: known(toks[0].value())})
}

// doOpen judges OPEN SYMMETRIC KEY and OPEN MASTER KEY; a cursor that is opened
// was declared.
func (r *reader) doOpen() {
	if name, ok := r.keyName(); ok {
		r.event(event{kind: pinMade, reason: OpenKey, name: name})
	}
}

func (r *reader) doClose() {
	toks := r.toks[:r.n]
	if len(toks) == 3 && is(toks[0].text, "ALL") && is(toks[1].text, "SYMMETRIC") && is(toks[2].text, "KEYS") {
		r.ended(event{kind: pinsAllEnded, reason: OpenKey})
		return
	}
	if name, ok := r.keyName(); ok {
		r.ended(event{reason: OpenKey, name: name, exact: true})
	}
}

func (r *reader) keyName() (string, bool) {
	toks := r.toks[:r.n]
	switch {
	case len(toks) < 2 || toks[0].kind != tokWord || toks[1].kw != kwKey:
		return "", false
	case is(toks[0].text, "MASTER"):
		return masterKey, true
	case is(toks[0].text, "SYMMETRIC") && len(toks) > 2 && toks[2].isName():
		return symmetricKey + known(toks[2].value()), true
	}
	return "", false
}

// doSetuser judges SETUSER 'x', which SETUSER alone ends.
func (r *reader) doSetuser() {
	if r.n == 0 {
		r.ended(event{reason: ExecuteAs})
		return
	}
	r.event(event{kind: pinMade, reason: ExecuteAs})
}

// harmlessDBCC leave nothing in the session. Some that are not documented do.
var harmlessDBCC = [...]string{
	"CHECKALLOC", "CHECKCATALOG", "CHECKCONSTRAINTS", "CHECKDB", "CHECKFILEGROUP", "CHECKIDENT", "CHECKTABLE", "CLEANTABLE",
	"CLONEDATABASE", "DBREINDEX", "DROPCLEANBUFFERS", "FLUSHAUTHCACHE", "FREEPROCCACHE", "FREESESSIONCACHE", "FREESYSTEMCACHE",
	"HELP", "INDEXDEFRAG", "INPUTBUFFER", "LOGINFO", "MEMORYSTATUS", "OPENTRAN", "OUTPUTBUFFER", "PROCCACHE", "SHOWCONTIG",
	"SHOW_STATISTICS", "SHRINKDATABASE", "SHRINKFILE", "SQLPERF", "TRACESTATUS", "UPDATEUSAGE", "USEROPTIONS",
}

// doDBCC judges DBCC: trace flags, unless they are the whole server's.
func (r *reader) doDBCC() {
	toks := r.toks[:r.n]
	if len(toks) == 0 || r.over {
		r.event(event{kind: pinMade, reason: TraceFlag})
		return
	}
	on := is(toks[0].text, "TRACEON")
	if !on && !is(toks[0].text, "TRACEOFF") {
		for _, w := range harmlessDBCC {
			if is(toks[0].text, w) {
				return
			}
		}
		r.event(event{kind: pinMade, reason: TraceFlag, name: "DBCC " + known(toks[0].value())})
		return
	}
	global := false
	for i := 1; i+1 < len(toks); i++ {
		global = global || toks[i].is('-') && is(toks[i+1].text, "1")
	}
	if global {
		return
	}
	for i := 1; i < len(toks) && !toks[i].is(')'); i++ {
		switch t := &toks[i]; {
		case t.kind == tokNumber && on:
			r.event(event{kind: pinMade, reason: TraceFlag, name: known(t.value())})
		case t.kind == tokNumber:
			r.ended(event{reason: TraceFlag, name: known(t.value()), exact: true})
		case t.kind == tokVar && on:
			r.event(event{kind: pinMade, reason: TraceFlag})
		}
	}
}
