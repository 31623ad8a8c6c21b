package tsql

import (
	"strings"
)

// begin parses a block, TRY...CATCH or BEGIN TRANSACTION.
func (p *parser) begin() (stmt, error) {
	at := p.at()
	switch {
	case p.peek(1).upper == "TRAN", p.peek(1).upper == "TRANSACTION", p.peek(1).upper == "DISTRIBUTED":
		return p.transaction()
	case p.is("BEGIN", "TRY"):
		return p.tryCatch()
	}
	p.advance()
	body, err := p.statements(func() bool { return p.is("END") })
	if err != nil {
		return nil, err
	}
	if len(body) == 0 && p.is("END") {
		return nil, p.unexpected()
	}
	return &blockStmt{at, body}, p.expectWord("END")
}

func (p *parser) tryCatch() (stmt, error) {
	s := &tryStmt{stmtPos: p.at()}
	p.i += 2
	var err error
	end := func() bool { return p.is("END") }
	if s.try, err = p.statements(end); err != nil {
		return nil, err
	}
	if err = p.expectWord("END", "TRY"); err != nil {
		return nil, err
	}
	p.op(";")
	if err = p.expectWord("BEGIN", "CATCH"); err != nil {
		return nil, err
	}
	if s.catch, err = p.statements(end); err != nil {
		return nil, err
	}
	return s, p.expectWord("END", "CATCH")
}

func (p *parser) ifStatement() (stmt, error) {
	s := &ifStmt{stmtPos: p.at()}
	p.advance()
	var err error
	if s.cond, err = p.expression(); err != nil {
		return nil, err
	}
	if s.then, err = p.bodyStatement(); err != nil {
		return nil, err
	}
	mark := p.i
	for p.op(";") {
	}
	if p.word("ELSE") {
		s.els, err = p.bodyStatement()
		return s, err
	}
	p.i = mark
	return s, nil
}

// bodyStatement parses the statement that IF, ELSE and WHILE govern.
func (p *parser) bodyStatement() (stmt, error) {
	for p.op(";") {
	}
	if p.cur().kind == tokEOF {
		return nil, p.unexpected()
	}
	return p.statement()
}

func (p *parser) while() (stmt, error) {
	s := &whileStmt{stmtPos: p.at()}
	p.advance()
	var err error
	if s.cond, err = p.expression(); err != nil {
		return nil, err
	}
	s.body, err = p.bodyStatement()
	return s, err
}

func (p *parser) raiserror() (stmt, error) {
	s := &raiseStmt{stmtPos: p.at()}
	p.advance()
	if err := p.expectOp("("); err != nil {
		return nil, err
	}
	for i := 0; ; i++ {
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		switch i {
		case 0:
			s.msg = e
		case 1:
			s.class = e
		case 2:
			s.state = e
		default:
			s.args = append(s.args, e)
		}
		if !p.op(",") {
			break
		}
	}
	if s.state == nil {
		return nil, p.unexpected()
	}
	if err := p.expectOp(")"); err != nil {
		return nil, err
	}
	if p.is("WITH") && (p.peek(1).upper == "NOWAIT" || p.peek(1).upper == "LOG" || p.peek(1).upper == "SETERROR") {
		for p.advance(); ; {
			switch p.advance().upper {
			case "NOWAIT":
				s.nowait = true
			case "LOG":
				s.log = true
			case "SETERROR":
				s.setError = true
			default:
				return nil, p.unexpected()
			}
			if !p.op(",") {
				break
			}
		}
	}
	return s, nil
}

func (p *parser) throw() (stmt, error) {
	s := &throwStmt{stmtPos: p.at()}
	p.advance()
	if t := p.cur(); t.kind != tokInt && t.kind != tokVar {
		return s, nil
	}
	var err error
	if s.number, err = p.primary(); err != nil {
		return nil, err
	}
	if err = p.expectOp(","); err != nil {
		return nil, err
	}
	if s.msg, err = p.expression(); err != nil {
		return nil, err
	}
	if err = p.expectOp(","); err != nil {
		return nil, err
	}
	s.state, err = p.primary()
	return s, err
}

func (p *parser) waitfor() (stmt, error) {
	s := &waitStmt{stmtPos: p.at()}
	p.advance()
	switch {
	case p.word("DELAY"):
	case p.word("TIME"):
		s.until = true
	default:
		return nil, p.unexpected()
	}
	var err error
	s.e, err = p.primary()
	return s, err
}

func (p *parser) transaction() (stmt, error) {
	s := &tranStmt{stmtPos: p.at(), verb: p.advance().upper}
	p.word("DISTRIBUTED")
	switch {
	case p.word("TRAN"), p.word("TRANSACTION"):
	case p.word("WORK"):
		return s, nil
	case s.verb == "COMMIT" || s.verb == "ROLLBACK":
		return s, nil
	default:
		return nil, p.unexpected()
	}
	switch t := p.cur(); {
	case t.kind == tokVar:
		if err := p.useVar(t); err != nil {
			return nil, err
		}
		s.v = strings.ToLower(t.text)
		p.advance()
	case t.kind == tokQuoted, t.kind == tokIdent && !reserved[t.upper] && !p.startsStatement(t):
		s.name = p.advance().text
	}
	if p.is("WITH") && p.peek(1).text == "(" || p.is("WITH", "MARK") {
		p.advance()
		if p.word("MARK") {
			if p.cur().kind == tokString || p.cur().kind == tokNString {
				p.advance()
			}
			return s, nil
		}
		return s, p.skipParens()
	}
	return s, nil
}

func (p *parser) returnStatement() (stmt, error) {
	s := &returnStmt{stmtPos: p.at()}
	p.advance()
	t := p.cur()
	if t.kind == tokEOF || t.kind == tokOp && t.text != "(" && t.text != "-" && t.text != "+" && t.text != "~" {
		return s, nil
	}
	if t.kind == tokIdent && (reserved[t.upper] && t.upper != "CASE" && t.upper != "CONVERT" && t.upper != "COALESCE" && t.upper != "NULLIF" || p.startsStatement(t)) {
		return s, nil
	}
	var err error
	s.e, err = p.expression()
	return s, err
}
