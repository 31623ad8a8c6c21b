package statement

// keyword looks at a word that may begin a statement. It returns false if the
// word is to be kept as one more token of the statement.
func (r *reader) keyword(t *token) bool {
	k := t.kw
	if k >= kwLastRowCount {
		r.last(k)
		return false
	}
	if r.body {
		return false
	}
	if k > lastStarter {
		r.context(k)
		return k == kwCall && r.brace
	}
	if r.paren > 0 || !r.begins(k) {
		return false
	}
	r.first = false
	switch k {
	case kwBegin, kwEnd:
		r.endStatement()
		r.wait = k
	case kwElse:
		r.endStatement()
		r.guard = true
	default:
		r.start(k)
	}
	return true
}

// context notes words inside a statement that tell how to read it on.
func (r *reader) context(k keyword) {
	switch k {
	case kwCase:
		if r.paren == 0 {
			r.push(frame{isCase: true, cond: r.blockCond()})
		}
	case kwCall:
		if r.brace {
			r.start(kwExec)
		}
	case kwInto:
		if r.paren > 0 && r.prev != kwInsert && r.prev != kwMerge || r.paren == 0 && r.stmt == kwSelect {
			r.into = 1
		}
	case kwValues, kwDefault:
		if r.stmt == kwInsert && r.paren == 0 {
			r.rows = true
		}
	case kwStatistics:
		if r.prev == kwUpdate {
			r.update = false
		}
	case kwOn, kwTo, kwFrom:
		r.granted = false
	case kwFunction, kwProcedure, kwTrigger, kwView:
		if (r.stmt == kwCreate || r.stmt == kwAlter) && (r.n == 0 || r.n == 2 && r.prev == kwAlter) {
			if r.ran || r.cond || r.nf > 0 || r.deep > 0 {
				r.misfit = true // it must be the only statement of its batch
				return
			}
			r.body = true
		}
	}
}

// begins tells whether a reserved word outside parentheses begins a statement
// here. In doubt it does.
func (r *reader) begins(k keyword) bool {
	inCase := r.nf > 0 && r.deep == 0 && r.frames[r.nf-1].isCase
	switch k {
	case kwElse:
		return !inCase
	case kwEnd:
		if inCase {
			r.nf--
			return false
		}
	case kwSet:
		if r.update {
			r.update = false
			return false
		}
		// ALTER DATABASE x SET, ALTER DATABASE SCOPED CONFIGURATION ... SET
		if r.stmt == kwAlter && r.n >= 2 && r.toks[0].kw == kwDatabase && (r.n == 2 || r.n <= 5 && r.toks[1].kind == tokWord && is(r.toks[1].text, "SCOPED")) {
			r.n = maxTokens // only once
			return false
		}
	case kwIf:
		return r.stmt != kwDrop || r.n != 1 // DROP TABLE IF EXISTS
	case kwInsert, kwUpdate, kwDelete:
		switch r.prev {
		case kwOn: // ON DELETE CASCADE, but not SET NOCOUNT ON DELETE
			return !r.granted && (k == kwInsert || r.stmt != kwCreate && r.stmt != kwAlter)
		case kwFor: // FOR UPDATE
			return false
		}
		return !r.granted
	case kwSelect:
		if r.stmt == kwInsert && !r.rows {
			r.rows = true // INSERT ... SELECT
			return false
		}
		return !r.granted
	case kwAlter:
		if r.stmt == kwCreate && r.prev == kwOr {
			return false
		}
		return !r.granted
	case kwExec, kwCreate, kwBackup:
		return !r.granted
	case kwGrant:
		return r.prev != kwWith && !r.granted
	case kwRollback:
		return r.prev != kwWith // ALTER DATABASE ... WITH ROLLBACK IMMEDIATE
	case kwBulk:
		if r.prev == kwInsert || r.stmt == kwWritetext || r.stmt == kwUpdatetext {
			r.v.Effects |= Bulk
			r.event(event{kind: pinMade, reason: BulkLoad})
			return false
		}
	}
	return true
}

// start begins a statement.
func (r *reader) start(k keyword) {
	inherit := k == kwExec && r.stmt == kwInsert && r.cond
	r.endStatement()
	r.stmt = k
	r.cond = r.blockCond() || r.guard || r.left || inherit
	r.guard = false
	r.mayBegin(k)
	switch k {
	case kwSet, kwUse, kwExec, kwCreate, kwAlter, kwDrop, kwDBCC, kwDeallocate, kwDeclare, kwOpen, kwClose, kwSetuser:
		r.collect = true
	case kwIf:
		r.collect, r.guard = true, true
	case kwWhile:
		r.guard = true
	case kwReturn, kwGoto:
		r.left = true
	case kwUpdate:
		r.update = true
		r.v.Effects |= Writes
	case kwDelete, kwTruncate:
		r.v.Effects |= Writes
	case kwInsert, kwMerge:
		r.v.Effects |= Writes | Identity
	case kwBegin:
		r.v.Effects |= Begins
	case kwCommit:
		r.v.Effects |= Commits
	case kwRollback:
		r.v.Effects |= RollsBack
	case kwSave:
		r.v.Effects |= Saves
	case kwGrant, kwDeny, kwRevoke:
		r.granted = true
	}
}

// mayBegin notes that a statement begins a transaction where
// IMPLICIT_TRANSACTIONS is ON.
func (r *reader) mayBegin(k keyword) {
	if !r.v.Settings.MayBe(ImplicitTransactions, false) {
		return
	}
	switch k {
	case kwSelect, kwInsert, kwUpdate, kwDelete, kwMerge, kwTruncate, kwFetch, kwOpen, kwCreate, kwDrop, kwAlter, kwGrant, kwRevoke, kwExec:
		r.v.Effects |= Implicit
	}
}

// resolve reads the token after BEGIN or END. It returns true if that token
// belongs to them.
func (r *reader) resolve(t *token) bool {
	w := r.wait
	r.wait = noKeyword
	if w == kwEnd {
		switch t.kw {
		case kwConversation:
			r.start(kwSend)
			return true
		case kwTry, kwCatch:
			r.pop()
			return true
		}
		r.pop()
		return false
	}
	switch t.kw {
	case kwTransaction:
		r.start(kwBegin)
		return true
	case kwDistributed:
		r.start(kwBegin)
		r.event(event{kind: pinMade, reason: DTC})
		return true
	case kwDialog, kwConversation:
		r.start(kwSend)
		return true
	case kwTry, kwCatch:
		// An error inside ends the block, and no error is sent.
		r.push(frame{cond: true})
		return true
	}
	r.push(frame{cond: r.blockCond() || r.guard || r.left})
	return false
}

func (r *reader) push(f frame) {
	if !f.isCase {
		r.guard = false
	}
	if r.deep > 0 || r.nf == maxFrames {
		r.deep++
		return
	}
	r.frames[r.nf] = f
	r.nf++
}

func (r *reader) pop() {
	switch {
	case r.deep > 0:
		r.deep--
	case r.nf > 0:
		r.nf--
	default:
		r.misfit, r.left = true, true
	}
}

func (r *reader) blockCond() bool {
	return r.deep > 0 || r.nf > 0 && r.frames[r.nf-1].cond
}

// endStatement judges the statement that was read.
func (r *reader) endStatement() {
	switch r.stmt {
	case noKeyword:
		return
	case kwSet:
		r.doSet()
	case kwUse:
		r.doUse()
	case kwExec:
		r.doExec()
	case kwCreate:
		r.doCreate()
	case kwDrop:
		r.doDrop()
	case kwDBCC:
		r.doDBCC()
	case kwDeclare:
		r.doDeclare()
	case kwDeallocate:
		r.doDeallocate()
	case kwOpen:
		r.doOpen()
	case kwClose:
		r.doClose()
	case kwSetuser:
		r.doSetuser()
	case kwRevert:
		r.ended(event{reason: ExecuteAs})
	case kwIf:
		r.doIf()
	}
	switch r.stmt {
	case kwIf, kwWhile, kwDeclare:
	case kwInsert, kwMerge, kwExec:
		r.ran, r.inserted = true, true
	default:
		r.ran = true
	}
	if r.stmt != kwIf {
		r.exists = ""
	}
	r.statements++
	r.stmt, r.n, r.saved, r.over, r.collect, r.bare = noKeyword, 0, 0, false, false, false
	r.update, r.rows, r.granted = false, false, false
}

// ended notes that a pin ended, if that is certain.
func (r *reader) ended(e event) {
	if r.cond || r.dry() != 0 {
		return
	}
	if e.kind != pinsAllEnded {
		e.kind = pinEnded
	}
	r.event(e)
}

// dry returns the options under which statements are read but not run.
func (r *reader) dry() Options {
	return (r.v.Settings.on | r.v.Settings.unknown) & withoutRun
}
