package tsql

import (
	"strings"
)

func (p *parser) insert(ctes []cte) (stmt, error) {
	s := &insertStmt{stmtPos: p.at(), ctes: ctes}
	p.advance()
	if p.word("BULK") {
		return nil, abortf(4022, "Bulk load data was expected but not sent. The batch will be terminated.").line(s.line)
	}
	var err error
	if s.top, err = p.topClause(); err != nil {
		return nil, err
	}
	p.word("INTO")
	if s.target, err = p.tableName(); err != nil {
		return nil, err
	}
	if err = p.tableHints(); err != nil {
		return nil, err
	}
	if p.isOp("(") && !p.startsSelect(0) {
		if s.cols, err = p.insertColumns(); err != nil {
			return nil, err
		}
	}
	if s.output, err = p.output(); err != nil {
		return nil, err
	}
	switch {
	case p.word("DEFAULT", "VALUES"):
		s.defaults = true
	case p.is("EXEC"), p.is("EXECUTE"):
		at := p.at()
		p.advance()
		x, err := p.execCall(at)
		if err != nil {
			return nil, err
		}
		s.exec = x.(*execStmt)
	case p.is("VALUES"), p.is("SELECT"), p.is("WITH"), p.isOp("("):
		if s.source, err = p.selectStatement(); err != nil {
			return nil, err
		}
		s.source.ctes = append(ctes, s.source.ctes...)
	default:
		return nil, p.unexpected()
	}
	return s, p.optionClause()
}

// insertColumns parses the column list; names may be qualified.
func (p *parser) insertColumns() ([]string, error) {
	p.advance()
	var cols []string
	for {
		id, err := p.ident()
		if err != nil {
			return nil, err
		}
		for p.op(".") {
			if id, err = p.ident(); err != nil {
				return nil, err
			}
		}
		cols = append(cols, id)
		if !p.op(",") {
			return cols, p.expectOp(")")
		}
	}
}

func (p *parser) output() (*outputClause, error) {
	if !p.word("OUTPUT") {
		return nil, nil
	}
	o := &outputClause{}
	var err error
	if o.items, err = p.selectList(); err != nil {
		return nil, err
	}
	if p.word("INTO") {
		n, err := p.tableName()
		if err != nil {
			return nil, err
		}
		o.into = &n
		if p.isOp("(") && !p.startsSelect(0) {
			o.cols, err = p.insertColumns()
		}
		return o, err
	}
	return o, nil
}

func (p *parser) update(ctes []cte) (stmt, error) {
	s := &updateStmt{stmtPos: p.at(), ctes: ctes}
	p.advance()
	if p.word("STATISTICS") {
		for p.cur().kind == tokIdent && !reserved[p.cur().upper] || p.isOp(".") || p.cur().kind == tokQuoted {
			p.advance()
		}
		return &nopStmt{s.stmtPos}, nil
	}
	var err error
	if s.top, err = p.topClause(); err != nil {
		return nil, err
	}
	if s.target, err = p.tableName(); err != nil {
		return nil, err
	}
	if err = p.tableHints(); err != nil {
		return nil, err
	}
	if err = p.expectWord("SET"); err != nil {
		return nil, err
	}
	if s.sets, err = commaList(p, p.setClause); err != nil {
		return nil, err
	}
	if s.output, err = p.output(); err != nil {
		return nil, err
	}
	s.from, s.where, err = p.fromWhere()
	return s, err
}

func (p *parser) setClause() (c setClause, err error) {
	if t := p.cur(); t.kind == tokVar {
		if err = p.useVar(t); err != nil {
			return c, err
		}
		p.advance()
		c.variable = strings.ToLower(t.text)
		if c.op = p.cur().text; !assignOps[c.op] {
			return c, p.unexpected()
		}
		p.advance()
		n := p.peek(1)
		if (p.cur().kind == tokIdent || p.cur().kind == tokQuoted) && n.kind == tokOp && n.text == "=" {
			c.col = p.advance().text
			p.advance()
		}
		c.e, err = p.expression()
		return c, err
	}
	if c.col, err = p.ident(); err != nil {
		return c, err
	}
	for p.op(".") {
		if c.col, err = p.ident(); err != nil {
			return c, err
		}
	}
	if c.op = p.cur().text; p.cur().kind != tokOp || !assignOps[c.op] {
		return c, p.unexpected()
	}
	p.advance()
	if p.word("DEFAULT") {
		return c, nil
	}
	c.e, err = p.expression()
	return c, err
}

func (p *parser) fromWhere() (from []tableRef, where expr, err error) {
	if p.word("FROM") {
		if from, err = p.fromList(); err != nil {
			return nil, nil, err
		}
	}
	if p.word("WHERE") {
		if p.is("CURRENT", "OF") {
			return nil, nil, errUnsupported("WHERE CURRENT OF").line(p.line())
		}
		if where, err = p.expression(); err != nil {
			return nil, nil, err
		}
	}
	return from, where, p.optionClause()
}

func (p *parser) delete(ctes []cte) (stmt, error) {
	s := &deleteStmt{stmtPos: p.at(), ctes: ctes}
	p.advance()
	var err error
	if s.top, err = p.topClause(); err != nil {
		return nil, err
	}
	p.word("FROM")
	if s.target, err = p.tableName(); err != nil {
		return nil, err
	}
	if err = p.tableHints(); err != nil {
		return nil, err
	}
	if s.output, err = p.output(); err != nil {
		return nil, err
	}
	s.from, s.where, err = p.fromWhere()
	return s, err
}
