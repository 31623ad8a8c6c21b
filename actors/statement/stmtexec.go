package statement

import "sluice/tds"

// doExec judges EXECUTE: of a procedure, of a text, or AS somebody.
func (r *reader) doExec() {
	toks := r.toks[:r.n]
	if len(toks) > 2 && toks[0].kind == tokVar && toks[1].is('=') {
		toks = toks[2:] // the return status
	}
	if len(toks) == 0 {
		r.unseen("EXEC")
		return
	}
	switch t := &toks[0]; {
	case t.kw == kwAs && len(toks) > 1:
		r.executeAs(toks[1:])
	case t.is('('):
		r.dynamic(toks)
	case t.kind == tokString:
		r.callToken(t, toks[1:])
	case t.isName():
		n := parseName(toks)
		last := n.last()
		if last == nil || last.lost || n.n == 4 {
			r.unseen("EXEC") // on another server
			return
		}
		rest := toks[n.size:]
		if len(rest) > 1 && rest[0].is(';') && rest[1].kind == tokNumber {
			rest = rest[2:] // the number of a grouped procedure
		}
		r.callToken(last, rest)
	default:
		r.unseen("EXEC @procedure")
	}
}

// callToken judges the call of a procedure in text. Procedures of users are
// told apart without taking memory.
func (r *reader) callToken(proc *token, toks []token) {
	if !proc.isSystem() {
		r.userProcedure(proc)
		return
	}
	name := proc.value()
	var buf [maxTokens]argument
	args, ok := arguments(buf[:0], toks)
	if r.over {
		ok = false
	}
	r.call(name, args, ok)
}

func (r *reader) userProcedure(proc *token) {
	name := ""
	if r.j.Unseen == PinUnseen {
		name = known(proc.value())
	}
	r.unseen(name)
}

// arguments parses those of a call; ok is false if the call was not understood.
func arguments(args []argument, toks []token) (_ []argument, ok bool) {
	closes := len(toks) > 0 && toks[0].is('(') // {call p(...)}
	if closes {
		toks = toks[1:]
	}
	for len(toks) > 0 {
		if closes && toks[0].is(')') {
			return args, len(toks) == 1
		}
		if toks[0].kw == kwWith {
			return args, true // WITH RECOMPILE, WITH RESULT SETS
		}
		var a argument
		if len(toks) > 2 && toks[0].kind == tokVar && toks[1].is('=') {
			a.name = toks[0].value()
			toks = toks[2:]
		}
		if len(toks) > 1 && toks[0].is('-') {
			a.minus = true
			toks = toks[1:]
		}
		if toks[0].kind != tokPunct {
			a.value = toks[0]
		}
		args = append(args, a)
		toks = toks[1:]
		for len(toks) > 0 && toks[0].kind == tokWord && (is(toks[0].text, "OUTPUT") || is(toks[0].text, "OUT")) {
			toks = toks[1:]
		}
		switch {
		case len(toks) == 0:
			return args, !closes
		case toks[0].is(','):
			toks = toks[1:]
		case toks[0].kw == kwWith || closes && toks[0].is(')'):
		default:
			return args, false
		}
	}
	return args, !closes
}

// executeAs judges EXECUTE AS, which REVERT ends unless it says NO REVERT.
func (r *reader) executeAs(toks []token) {
	name := ""
	for i := range toks {
		if is(toks[i].text, "NO") {
			name = "no revert"
		}
	}
	if r.nested || r.over {
		name = "in a scope of its own"
	}
	r.event(event{kind: pinMade, reason: ExecuteAs, name: name})
}

// dynamic judges EXEC (...).
func (r *reader) dynamic(toks []token) {
	if len(toks) < 3 || !toks[1].isText() || !toks[2].is(')') {
		r.unseen("EXEC (...)")
		return
	}
	if len(toks) > 4 && is(toks[3].text, "AT") {
		r.unseen("EXEC ... AT")
		return
	}
	r.scope(&toks[1])
}

// scope judges a literal text that runs in a scope of its own.
func (r *reader) scope(text *token) {
	if text.lost {
		r.v.Effects |= Unseen
		r.event(event{kind: pinMade, reason: TooLong})
		return
	}
	if r.level+1 >= maxLevels {
		r.event(event{kind: pinMade, reason: NotUnderstood, name: "EXEC inside EXEC"})
		return
	}
	b := text.text
	if text.doubled {
		b = tds.AppendUTF16(nil, text.value())
	}
	r.runScope(b, true)
}

func (r *reader) runScope(b []byte, complete bool) {
	n := r.inner()
	n.lex.b, n.lex.final = b[:len(b)&^1], complete
	n.run()
	if !complete {
		n.cut()
	}
	n.end()
	r.absorb(n)
}

// inner returns a reader for a text in EXEC.
func (r *reader) inner() *reader {
	n := new(reader)
	r.innerOf(n)
	n.level = r.level + 1
	return n
}

// innerOf makes n ready for a text inside r's.
func (r *reader) innerOf(n *reader) {
	n.begin(r.j, r.v.Settings, true, r.level)
	n.v.firstly = r.v.firstly
	n.left = r.cond || r.dry() != 0
	n.ran, n.inserted, n.ownTemp = r.ran, r.inserted, r.ownTemp
}

// absorb takes over what a text in a scope of its own leaves behind.
func (r *reader) absorb(n *reader) {
	r.v.Effects |= n.v.Effects
	r.v.events = append(r.v.events, n.v.events...)
	r.undone |= n.undone
	r.v.varied |= n.v.varied & survivesScope
	next := r.v.Settings
	next.keep(&n.v.Settings)
	r.assign(&next, false)
}

// leave ends the scope of a text: only what survives it is left.
func (r *reader) leave() {
	if !r.nested {
		return
	}
	inner := r.v.Settings
	r.v.Settings = r.v.firstly
	r.v.Settings.keep(&inner)
	r.v.varied &= survivesScope
}

// survivesScope are the options that a procedure or dynamic text changes for
// the session.
const survivesScope = 1<<ContextInfo | 1<<SessionKeys

// keep takes over the options of an inner scope that survive it.
func (s *Settings) keep(inner *Settings) {
	s.unknown = s.unknown&^survivesScope | inner.unknown&survivesScope
	s.contextInfo, s.keys = inner.contextInfo, inner.keys
}

// unseen notes that code ran which this package does not see.
func (r *reader) unseen(name string) {
	r.v.Effects |= Unseen | Identity | Writes
	r.mayBegin(kwExec)
	if r.j.Unseen == PinUnseen {
		r.event(event{kind: pinMade, reason: UnseenCode, name: name})
	}
}
