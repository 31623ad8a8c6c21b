package statement

// Bounds of the work on one text.
const (
	maxTokens = 32       // of a statement that is looked into
	maxFrames = 32       // blocks inside each other
	maxLevels = 4        // EXEC('EXEC(''...'')')
	maxKept   = 16 << 10 // bytes of a token that is waited for
)

// frame is a BEGIN ... END or CASE ... END that is open.
type frame struct {
	isCase bool
	cond   bool // what is inside may not run, or not to its end
}

// reader judges one text as its tokens come.
type reader struct {
	j      Judge
	lex    lexer
	v      Verdict
	nested bool // the text has a scope of its own
	level  int

	// The statement that is being read.
	stmt    keyword // that it began with; noKeyword between statements
	toks    [maxTokens]token
	n       int  // tokens in toks, without the first word
	saved   int  // of them, those whose text no longer aliases the input
	over    bool // there were more
	collect bool
	cond    bool // it may not run

	prev    keyword // of the token before
	first   bool    // no statement has begun yet
	bare    bool    // EXEC was left out
	paren   int
	brace   bool // ODBC's {call ...} is open
	update  bool // the next SET belongs to an UPDATE
	rows    bool // INSERT has seen where its rows come from
	granted bool // GRANT and its like: permissions are still being named
	body    bool // CREATE PROCEDURE and its like: the rest is stored, not run
	wait    keyword
	into    uint8 // 1: SELECT INTO and a part of the name comes; 2: a dot may come
	target  token // last part of that name

	// Control flow.
	frames [maxFrames]frame
	nf     int
	deep   int    // frames beyond maxFrames
	guard  bool   // the next statement is that of an IF, ELSE or WHILE
	left   bool   // RETURN or GOTO: nothing after is certain
	exists string // IF OBJECT_ID('x') IS NOT NULL, unconditional: x
	misfit bool   // the text cannot be right as it was read

	// Values that come with parameters after the text, see waitFor.
	params     bool
	later      [maxLater]pending
	pendings   int
	statements int // that have ended

	ran       bool    // a statement ended that sets @@ROWCOUNT
	inserted  bool    // a statement ended that sets @@IDENTITY
	localCurs bool    // a LOCAL cursor was declared
	ownTemp   bool    // this scope, or one around it that ends too, made a #table
	undone    Options // of Database and Language: set in a scope of its own
}

func (r *reader) begin(j Judge, s Settings, nested bool, level int) {
	r.j, r.nested, r.level = j, nested, level
	r.v.Settings, r.v.firstly = s, s
	r.first = true
	r.lex.keep = maxKept
}

// run judges the tokens that are there.
func (r *reader) run() {
	var t token
	for !r.body || r.n < maxTokens {
		r.lex.next(&t)
		if t.kind <= tokCut {
			return
		}
		r.token(&t)
		r.prev = t.kw
	}
	r.lex.pos = len(r.lex.b) // the rest of a CREATE PROCEDURE
}

// end is called once after the last run.
func (r *reader) end() {
	if r.wait == kwEnd {
		r.wait = noKeyword
		r.pop()
	}
	r.intoDone()
	r.endStatement()
	open := r.nf > 0 || r.deep > 0 || r.paren != 0
	if r.misfit || r.lex.broken || r.lex.odd || open && !r.body && r.v.Effects&Cut == 0 {
		r.event(event{kind: pinDoubted, reason: NotUnderstood})
	}
	if r.v.varied.Has(ParseOnly) && r.statements > 1 {
		// It counts while the text is parsed, so that what comes before it does
		// not run either, or perhaps does.
		r.event(event{kind: pinMade, reason: NotUnderstood, name: "SET PARSEONLY"})
	}
	r.v.wire &^= r.undone
}

// cut notes that the text goes on unseen.
func (r *reader) cut() {
	if r.body {
		return
	}
	r.v.Effects |= Cut
	r.event(event{kind: pinMade, reason: TooLong})
}

func (r *reader) event(e event) { r.v.events = append(r.v.events, e) }

func (r *reader) token(t *token) {
	if r.wait != noKeyword && r.resolve(t) {
		return
	}
	if r.into != 0 && r.intoPart(t) {
		return
	}
	switch t.kind {
	case tokPunct:
		r.punct(t)
		return
	case tokWord:
		if t.kw != noKeyword && r.keyword(t) {
			return
		}
	case tokVar:
		if t.kw != noKeyword {
			r.last(t.kw)
		}
	}
	if r.first {
		r.first = false
		if t.kind == tokWord && !verb(t.kw) || t.kind == tokBracket || t.kind == tokDouble {
			r.start(kwExec) // the procedure a batch begins with needs no EXEC
			r.bare = true
		}
	}
	if r.collect {
		r.add(t)
	}
}

// verb tells whether a word that is no starter can begin a statement.
func verb(k keyword) bool {
	switch k {
	case kwWith, kwAdd, kwDisable, kwEnable, kwGet, kwMove, kwReceive, kwSend:
		return true
	}
	return false
}

func (r *reader) punct(t *token) {
	if t.punct != ';' {
		r.first = false
	}
	switch t.punct {
	case '(':
		r.paren++
		if r.stmt == kwUpdate && r.prev == kwUpdate {
			r.update = false // IF UPDATE(column)
		}
	case ')':
		r.paren--
		if r.paren < 0 {
			r.paren, r.misfit = 0, true
		}
	case ';':
		if r.paren == 0 && !r.body {
			r.endStatement()
			return
		}
	case '{':
		r.brace = true
	case '}':
		r.brace = false
		return
	case ':':
		if r.bare && r.n == 1 { // a label, not a procedure
			r.stmt, r.n, r.saved, r.collect, r.bare, r.first = noKeyword, 0, 0, false, false, true
			return
		}
		if r.stmt == kwSet && r.n > 1 && r.toks[r.n-1].kind == tokWord { // a label after the statement
			r.n--
			r.endStatement()
			return
		}
	}
	if r.collect {
		r.add(t)
	}
}

// add keeps a token of the statement.
func (r *reader) add(t *token) {
	if r.n == maxTokens {
		r.over = true
		return
	}
	r.toks[r.n] = *t
	r.n++
	if r.n > 1 {
		return
	}
	switch r.stmt { // most statements of these kinds are not worth more
	case kwDeclare:
		r.collect = t.kind != tokVar
	case kwIf:
		r.collect = t.kw == kwObjectID
	}
}

// last notes a read of what the statement before left.
func (r *reader) last(k keyword) {
	if k == kwLastIdentity && !r.inserted || k != kwLastIdentity && k >= kwLastRowCount && !r.ran {
		r.v.Effects |= ReadsLast
	}
}

// assign takes over settings that a statement makes.
func (r *reader) assign(next *Settings, cond bool) {
	d := diff(&r.v.Settings, next)
	if d == 0 {
		return
	}
	if cond {
		*next = next.Forget(d)
	}
	r.v.Settings = *next
	r.v.varied |= diff(&r.v.firstly, next)
}
