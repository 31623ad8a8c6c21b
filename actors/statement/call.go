package statement

// call judges the call of a procedure. Without ok the arguments are not all
// known, and nothing is concluded from what is missing.
func (r *reader) call(name string, args []argument, ok bool) {
	switch p := procedureNamed(name); p {
	case procUser:
		r.unseen(known(name))
	case procHarmless, procCursorUse:
	case procText:
		r.callText(find(args, "@stmt", 0), ok)
	case procPrepare:
		r.event(event{kind: pinMade, reason: Prepared, name: name})
		r.unseen(name)
	case procHandle:
		r.v.Effects |= Handles
		r.unseen(name)
	case procCursorOpen:
		r.event(event{kind: pinMade, reason: Cursor, name: CursorName(0)})
	case procCursorClose:
		r.closeCursor(find(args, "@cursor", 0), ok)
	case procSetAppRole:
		r.event(event{kind: pinMade, reason: AppRole})
	case procUnsetAppRole:
		r.ended(event{reason: AppRole})
	case procSessionContext:
		r.setSessionContext(args, ok)
	case procGetAppLock:
		r.getAppLock(args, ok)
	case procReleaseAppLock:
		r.releaseAppLock(args, ok)
	case procXMLPrepare:
		r.event(event{kind: pinMade, reason: XMLDocument})
	case procXMLRemove:
		r.ended(event{reason: XMLDocument})
	case procReset:
		r.v.Effects |= Resets
		r.reset()
	case procBind:
		r.event(event{kind: pinMade, reason: DTC, name: name})
	case procOLECreate:
		r.event(event{kind: pinMade, reason: OLEObject})
	case procRename:
		// A #table under another name is not found again.
		if a := find(args, "@objname", 0); a != nil && (a.value.begins("#") || a.value.kind == tokVar) || !ok {
			r.event(event{kind: pinMade, reason: TempTable})
		}
	}
}

func (r *reader) callText(a *argument, ok bool) {
	if !ok && a == nil || a != nil && !a.value.isText() {
		r.unseen("sp_executesql")
		return
	}
	if a != nil {
		r.scope(&a.value)
	}
}

// reset takes over sp_reset_connection. What the text did before is gone; a
// conditional one is taken for none, which leaves more pins than there are.
func (r *reader) reset() {
	if r.cond || r.nested || r.dry() != 0 {
		r.v.Effects &^= Resets
		r.event(event{kind: pinMade, reason: NotUnderstood, name: "sp_reset_connection"})
		return
	}
	next := r.v.Settings.AfterReset()
	r.assign(&next, false)
	r.v.events = r.v.events[:0]
}

// closeCursor judges sp_cursorclose; handle -1 closes all API cursors.
func (r *reader) closeCursor(a *argument, ok bool) {
	if !ok || a == nil {
		return
	}
	if n, isInt := a.value.integer(); isInt && !a.minus && n < 1<<31 {
		r.ended(event{reason: Cursor, name: CursorName(int32(n)), exact: true})
	}
}

// setSessionContext judges sp_set_session_context: keys that may change again
// and have literal values are followed.
func (r *reader) setSessionContext(args []argument, ok bool) {
	key, keyOK := find(args, "@key", 0).text()
	value := find(args, "@value", 1)
	readOnly := find(args, "@read_only", 2)
	switch {
	case !ok || !keyOK || value == nil:
		r.event(event{kind: pinMade, reason: SessionContext})
	case readOnly != nil && !(readOnly.value.kind == tokNumber && is(readOnly.value.text, "0")):
		r.event(event{kind: pinMade, reason: SessionContextReadOnly, name: known(key)})
	default:
		literal, ok := value.literal()
		next := r.v.Settings
		if !ok && r.waitFor(SessionKeys, key, &value.value) {
			return
		}
		if !ok || !next.setKey(key, literal) {
			r.event(event{kind: pinMade, reason: SessionContext, name: known(key)})
			return
		}
		r.assign(&next, r.cond || r.dry() != 0)
	}
}

// literal spells an argument so that it means the same in another batch.
func (a *argument) literal() (string, bool) {
	t := &a.value
	if t.lost || len(t.text) > 2*maxKeys {
		return "", false
	}
	switch {
	case t.kind == tokNumber && a.minus:
		return "-" + t.value(), true
	case a.minus:
		return "", false
	case t.kind == tokNumber || t.kind == tokBinary:
		return t.value(), true
	case t.kind == tokString && t.unicode:
		return quote("N'", t.value()), true
	case t.kind == tokString:
		return quote("'", t.value()), true
	case t.kw == kwNull:
		return "NULL", true
	}
	return "", false
}

// getAppLock judges sp_getapplock: a lock of a transaction goes with it.
func (r *reader) getAppLock(args []argument, ok bool) {
	owner := find(args, "@LockOwner", 2)
	if ok && owner == nil {
		return // the transaction is the default
	}
	if s, isText := owner.text(); ok && isText && equalFold(s, "Transaction") {
		return
	}
	name, _ := find(args, "@Resource", 0).text()
	r.event(event{kind: pinWithStatus, reason: AppLock, name: known(name)})
}

// releaseAppLock judges sp_releaseapplock, which must run as often as
// sp_getapplock did.
func (r *reader) releaseAppLock(args []argument, ok bool) {
	owner, isText := find(args, "@LockOwner", 1).text()
	if !ok || !isText || !equalFold(owner, "Session") {
		return
	}
	if name, ok := find(args, "@Resource", 0).text(); ok && name != "" {
		r.ended(event{reason: AppLock, name: known(name), exact: true})
	}
}
