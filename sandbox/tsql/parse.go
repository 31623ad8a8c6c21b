package tsql

import (
	"strings"
)

// maxDepth bounds the recursion of the parser.
const maxDepth = 200

// parser is a recursive-descent parser over the tokens of one batch.
type parser struct {
	src   string
	toks  []token
	i     int
	depth int
	vars  map[string]bool // declared variables; nil: not checked
	// body of a procedure: variables must be declared, but parameters are.
}

// parseBatch parses a batch. vars are the variables that exist already.
func parseBatch(src string, quotedIDs bool, vars []string) ([]stmt, error) {
	toks, err := tokenize(src, quotedIDs)
	if err != nil {
		return nil, err
	}
	p := &parser{src: src, toks: toks, vars: map[string]bool{}}
	for _, v := range vars {
		p.vars[strings.ToLower(v)] = true
	}
	return p.statements(func() bool { return false })
}

// statements parses until the end of input or until stop.
func (p *parser) statements(stop func() bool) ([]stmt, error) {
	var list []stmt
	for {
		for p.op(";") {
		}
		if p.cur().kind == tokEOF || stop() {
			return list, nil
		}
		s, err := p.statement()
		if err != nil {
			return nil, err
		}
		if s != nil {
			list = append(list, s)
		}
	}
}

func (p *parser) cur() *token { return &p.toks[p.i] }
func (p *parser) peek(n int) *token {
	if p.i+n >= len(p.toks) {
		return &p.toks[len(p.toks)-1]
	}
	return &p.toks[p.i+n]
}

func (p *parser) advance() *token {
	t := &p.toks[p.i]
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

func (p *parser) line() int32 { return p.cur().line }
func (p *parser) at() stmtPos { return stmtPos{p.cur().line} }
func (p *parser) isOp(s string) bool {
	t := p.cur()
	return t.kind == tokOp && t.text == s
}

func (p *parser) op(s string) bool {
	if p.isOp(s) {
		p.advance()
		return true
	}
	return false
}

// is reports whether the next tokens are these keywords.
func (p *parser) is(words ...string) bool {
	for i, w := range words {
		t := p.peek(i)
		if t.kind != tokIdent || t.upper != w {
			return false
		}
	}
	return true
}

// word takes the keywords if they come next.
func (p *parser) word(words ...string) bool {
	if !p.is(words...) {
		return false
	}
	for range words {
		p.advance()
	}
	return true
}

func (p *parser) expectOp(s string) error {
	if !p.op(s) {
		return p.unexpected()
	}
	return nil
}

func (p *parser) expectWord(words ...string) error {
	if !p.word(words...) {
		return p.unexpected()
	}
	return nil
}

// unexpected is the syntax error at the current token.
func (p *parser) unexpected() error {
	t := p.cur()
	if t.kind == tokEOF && p.i > 0 {
		t = &p.toks[p.i-1]
	}
	if t.kind == tokIdent && reserved[t.upper] {
		return abortf(156, "Incorrect syntax near the keyword '%s'.", t.text).class(15).line(t.line)
	}
	return errSyntax(clip(t.text, 100)).line(t.line)
}

func (p *parser) enter() error {
	p.depth++
	if p.depth > maxDepth {
		return abortf(191, "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller queries.").class(15).line(p.line())
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// ident reads an identifier that is not a reserved word.
func (p *parser) ident() (string, error) {
	t := p.cur()
	if t.kind == tokQuoted || t.kind == tokIdent && !reserved[t.upper] {
		p.advance()
		return t.text, nil
	}
	return "", p.unexpected()
}

// anyIdent reads an identifier, reserved or not.
func (p *parser) anyIdent() (string, error) {
	t := p.cur()
	if t.kind == tokQuoted || t.kind == tokIdent {
		p.advance()
		return t.text, nil
	}
	return "", p.unexpected()
}

// commaList reads one item or more with commas between them.
func commaList[T any](p *parser, item func() (T, error)) ([]T, error) {
	var list []T
	for {
		v, err := item()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if !p.op(",") {
			return list, nil
		}
	}
}

// identList reads (name, name ...).
func (p *parser) identList() ([]string, error) {
	if err := p.expectOp("("); err != nil {
		return nil, err
	}
	list, err := commaList(p, p.ident)
	if err != nil {
		return nil, err
	}
	return list, p.expectOp(")")
}

// tableName reads [server.][db.][schema.]name; middle parts may be empty. A
// table variable is a name that begins with @.
func (p *parser) tableName() (tableName, error) {
	n := tableName{line: p.line()}
	if t := p.cur(); t.kind == tokVar {
		p.advance()
		n.name = strings.ToLower(t.text)
		return n, nil
	}
	first, err := p.ident()
	if err != nil {
		return n, err
	}
	parts := []string{first}
	for p.op(".") {
		if p.isOp(".") {
			parts = append(parts, "")
			continue
		}
		id, err := p.anyIdent()
		if err != nil {
			return n, err
		}
		parts = append(parts, id)
	}
	if len(parts) > 4 {
		return n, abortf(117, "The object name '%s' contains more than the maximum number of prefixes. The maximum is 3.", strings.Join(parts, ".")).class(15).line(n.line)
	}
	for len(parts) < 4 {
		parts = append([]string{""}, parts...)
	}
	n.server, n.db, n.schema, n.name = parts[0], parts[1], parts[2], parts[3]
	return n, nil
}

// text returns the tokens from index i on, normalised so that equal
// expressions have equal text.
func (p *parser) text(i int) string {
	var b strings.Builder
	for _, t := range p.toks[i:p.i] {
		switch t.kind {
		case tokIdent, tokQuoted, tokVar:
			b.WriteString(strings.ToLower(t.text))
		case tokString, tokNString:
			b.WriteString("'" + t.text + "'")
		default:
			b.WriteString(t.text)
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// source returns the source text from token i to the current one.
func (p *parser) source(i int) string {
	if p.i == 0 || p.i <= i {
		return ""
	}
	return p.src[p.toks[i].start:p.toks[p.i-1].end]
}

// useVar checks that a variable has been declared.
func (p *parser) useVar(t *token) error {
	if strings.HasPrefix(t.text, "@@") || p.vars == nil || p.vars[strings.ToLower(t.text)] {
		return nil
	}
	return abortf(137, `Must declare the scalar variable "%s".`, t.text).class(15).state(2).line(t.line)
}
