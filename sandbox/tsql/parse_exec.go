package tsql

import (
	"strings"
)

// odbcCall parses {call p(args)} and {? = call p(args)} without markers.
func (p *parser) odbcCall() (stmt, error) {
	at := p.at()
	p.advance()
	if !p.word("CALL") {
		return nil, p.unexpected()
	}
	s := &execStmt{stmtPos: at}
	var err error
	if s.proc, err = p.tableName(); err != nil {
		return nil, err
	}
	if p.op("(") {
		if !p.isOp(")") {
			if err = p.execArgs(s); err != nil {
				return nil, err
			}
		}
		if err = p.expectOp(")"); err != nil {
			return nil, err
		}
	}
	return s, p.expectOp("}")
}

// execCall parses what follows EXEC: [@r =] procedure args, or ('text').
func (p *parser) execCall(at stmtPos) (stmt, error) {
	s := &execStmt{stmtPos: at}
	if p.op("(") {
		var err error
		if s.text, err = p.expression(); err != nil {
			return nil, err
		}
		if err = p.expectOp(")"); err != nil {
			return nil, err
		}
		return s, p.execAsAt()
	}
	if t := p.cur(); t.kind == tokVar {
		if err := p.useVar(t); err != nil {
			return nil, err
		}
		p.advance()
		if p.op("=") {
			s.result = strings.ToLower(t.text)
		} else {
			s.procV = strings.ToLower(t.text)
		}
	}
	if s.procV == "" {
		if t := p.cur(); t.kind == tokVar {
			if err := p.useVar(t); err != nil {
				return nil, err
			}
			s.procV = strings.ToLower(t.text)
			p.advance()
		} else {
			var err error
			if s.proc, err = p.tableName(); err != nil {
				return nil, err
			}
		}
	}
	if p.endsStatement() {
		return s, nil
	}
	return s, p.execArgs(s)
}

func (p *parser) execAsAt() error {
	if p.word("AS") {
		p.advance()
		if p.op("=") {
			p.advance()
		}
	}
	return nil
}

// endsStatement reports that no argument of EXEC follows.
func (p *parser) endsStatement() bool {
	t := p.cur()
	switch t.kind {
	case tokEOF:
		return true
	case tokOp:
		return t.text != "-" && t.text != "+"
	case tokIdent:
		return reserved[t.upper] && t.upper != "NULL" && t.upper != "DEFAULT" || p.startsStatement(t)
	}
	return false
}

func (p *parser) execArgs(s *execStmt) error {
	for {
		var a execArg
		if t := p.cur(); t.kind == tokVar && p.peek(1).kind == tokOp && p.peek(1).text == "=" {
			a.name = t.text
			p.i += 2
		}
		t := p.cur()
		switch {
		case p.word("DEFAULT"):
			a.deflt = true
		case t.kind == tokIdent && t.upper != "NULL":
			// A bare word is a string.
			p.advance()
			a.e = &litExpr{tokString, t.text}
		case t.kind == tokQuoted:
			p.advance()
			a.e = &litExpr{tokString, t.text}
		default:
			var err error
			if a.e, err = p.unary(); err != nil {
				return err
			}
		}
		a.output = p.word("OUTPUT") || p.word("OUT")
		s.args = append(s.args, a)
		if !p.op(",") {
			if p.is("WITH") && (p.peek(1).upper == "RECOMPILE" || p.peek(1).upper == "RESULT") {
				p.i += 2
			}
			return nil
		}
	}
}
