package tsql

import (
	"strings"
)

// selectStatement parses a query with its CTEs, ORDER BY, OFFSET and options.
func (p *parser) selectStatement() (*selectStmt, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	ctes, err := p.withClause()
	if err != nil {
		return nil, err
	}
	sel := &selectStmt{ctes: ctes}
	if sel.body, err = p.queryExpression(sel); err != nil {
		return nil, err
	}
	if p.is("ORDER") {
		if sel.order, err = p.orderBy(); err != nil {
			return nil, err
		}
		if err = p.offsetFetch(sel); err != nil {
			return nil, err
		}
	}
	if p.is("FOR") && (p.peek(1).upper == "XML" || p.peek(1).upper == "JSON" || p.peek(1).upper == "BROWSE") {
		p.advance()
		sel.xml = p.advance().upper != "BROWSE"
		for p.cur().kind == tokIdent && !reserved[p.cur().upper] || p.isOp(",") {
			p.advance()
			if p.isOp("(") {
				if err = p.skipParens(); err != nil {
					return nil, err
				}
			}
		}
	}
	return sel, p.optionClause()
}

// optionClause steps over OPTION (hints).
func (p *parser) optionClause() error {
	if p.is("OPTION") && p.peek(1).text == "(" {
		p.advance()
		return p.skipParens()
	}
	return nil
}

// skipParens steps over a balanced pair of parentheses.
func (p *parser) skipParens() error {
	if err := p.expectOp("("); err != nil {
		return err
	}
	for depth := 1; depth > 0; {
		switch {
		case p.cur().kind == tokEOF:
			return p.unexpected()
		case p.isOp("("):
			depth++
		case p.isOp(")"):
			depth--
		}
		p.advance()
	}
	return nil
}

func (p *parser) offsetFetch(sel *selectStmt) (err error) {
	if !p.word("OFFSET") {
		return nil
	}
	if sel.offset, err = p.additive(); err != nil {
		return err
	}
	if !p.word("ROWS") && !p.word("ROW") {
		return p.unexpected()
	}
	if p.word("FETCH") {
		if !p.word("NEXT") && !p.word("FIRST") {
			return p.unexpected()
		}
		if sel.fetch, err = p.additive(); err != nil {
			return err
		}
		if !p.word("ROWS") && !p.word("ROW") {
			return p.unexpected()
		}
		return p.expectWord("ONLY")
	}
	return nil
}

func (p *parser) withClause() ([]cte, error) {
	if !p.word("WITH") {
		return nil, nil
	}
	var list []cte
	for {
		name, err := p.ident()
		if err != nil {
			return nil, err
		}
		c := cte{name: name}
		if p.isOp("(") {
			if c.cols, err = p.identList(); err != nil {
				return nil, err
			}
		}
		if err = p.expectWord("AS"); err != nil {
			return nil, err
		}
		if c.sel, err = p.subquery(); err != nil {
			return nil, err
		}
		list = append(list, c)
		if !p.op(",") {
			return list, nil
		}
	}
}

func (p *parser) queryExpression(sel *selectStmt) (queryExpr, error) {
	l, err := p.intersection(sel)
	for err == nil {
		var op string
		switch {
		case p.word("UNION", "ALL"):
			op = "UNION ALL"
		case p.word("UNION"):
			op = "UNION"
		case p.word("EXCEPT"):
			op = "EXCEPT"
		default:
			return l, nil
		}
		var r queryExpr
		if r, err = p.intersection(sel); err == nil {
			l = &setOp{op, l, r}
		}
	}
	return l, err
}

func (p *parser) intersection(sel *selectStmt) (queryExpr, error) {
	l, err := p.queryTerm(sel)
	for err == nil && p.word("INTERSECT") {
		var r queryExpr
		if r, err = p.queryTerm(sel); err == nil {
			l = &setOp{"INTERSECT", l, r}
		}
	}
	return l, err
}

func (p *parser) queryTerm(sel *selectStmt) (queryExpr, error) {
	if p.isOp("(") {
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		p.advance()
		q, err := p.queryExpression(sel)
		if err != nil {
			return nil, err
		}
		return q, p.expectOp(")")
	}
	if p.is("VALUES") {
		return p.valuesList()
	}
	return p.querySpec(sel)
}

func (p *parser) valuesList() (queryExpr, error) {
	p.advance()
	v := &valuesExpr{}
	for {
		if err := p.expectOp("("); err != nil {
			return nil, err
		}
		var row []expr
		for {
			if p.word("DEFAULT") {
				row = append(row, nil)
			} else {
				e, err := p.expression()
				if err != nil {
					return nil, err
				}
				row = append(row, e)
			}
			if !p.op(",") {
				break
			}
		}
		if err := p.expectOp(")"); err != nil {
			return nil, err
		}
		v.rows = append(v.rows, row)
		if !p.op(",") {
			return v, nil
		}
	}
}

func (p *parser) querySpec(sel *selectStmt) (queryExpr, error) {
	if err := p.expectWord("SELECT"); err != nil {
		return nil, err
	}
	q := &querySpec{}
	if p.word("DISTINCT") {
		q.distinct = true
	} else {
		p.word("ALL")
	}
	var err error
	if q.top, err = p.topClause(); err != nil {
		return nil, err
	}
	if q.items, err = p.selectList(); err != nil {
		return nil, err
	}
	if p.word("INTO") {
		n, err := p.tableName()
		if err != nil {
			return nil, err
		}
		sel.into = &n
	}
	if p.word("FROM") {
		if q.from, err = p.fromList(); err != nil {
			return nil, err
		}
	}
	if p.word("WHERE") {
		if q.where, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if p.word("GROUP", "BY") {
		if q.group, err = commaList(p, p.expression); err != nil {
			return nil, err
		}
	}
	if p.word("HAVING") {
		if q.having, err = p.expression(); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func (p *parser) topClause() (*topClause, error) {
	if !p.word("TOP") {
		return nil, nil
	}
	t := &topClause{}
	var err error
	if p.op("(") {
		if t.n, err = p.expression(); err != nil {
			return nil, err
		}
		if err = p.expectOp(")"); err != nil {
			return nil, err
		}
	} else if t.n, err = p.primary(); err != nil {
		return nil, err
	}
	t.percent = p.word("PERCENT")
	p.word("WITH", "TIES")
	return t, nil
}

func (p *parser) selectList() ([]selectItem, error) {
	return commaList(p, p.selectItem)
}

var assignOps = map[string]bool{"=": true, "+=": true, "-=": true, "*=": true, "/=": true, "%=": true, "&=": true, "|=": true, "^=": true}

func (p *parser) selectItem() (selectItem, error) {
	var it selectItem
	t := p.cur()
	if n := p.peek(1); t.kind == tokVar && n.kind == tokOp && assignOps[n.text] && !strings.HasPrefix(t.text, "@@") {
		if err := p.useVar(t); err != nil {
			return it, err
		}
		it.assign, it.assignOp = strings.ToLower(t.text), n.text
		p.i += 2
	} else if (t.kind == tokIdent && !reserved[t.upper] || t.kind == tokQuoted || t.kind == tokString) && n.kind == tokOp && n.text == "=" {
		it.alias = t.text
		p.i += 2
	}
	start := p.i
	var err error
	if it.e, err = p.expression(); err != nil {
		return it, err
	}
	it.text = p.text(start)
	if it.alias != "" || it.assign != "" {
		return it, nil
	}
	it.alias, err = p.alias(true)
	return it, err
}

// alias parses [AS] name, where a string may stand for a column's name.
func (p *parser) alias(stringOK bool) (string, error) {
	t := p.cur()
	if p.word("AS") {
		t = p.cur()
		if stringOK && (t.kind == tokString || t.kind == tokNString) {
			p.advance()
			return t.text, nil
		}
		return p.anyIdent()
	}
	if t.kind == tokQuoted || t.kind == tokIdent && !reserved[t.upper] && !p.startsStatement(t) || stringOK && t.kind == tokString {
		p.advance()
		return t.text, nil
	}
	return "", nil
}

// startsStatement tells apart unreserved words that begin a statement from an
// alias.
func (p *parser) startsStatement(t *token) bool {
	switch t.upper {
	case "THROW":
		n := p.peek(1)
		return n.kind == tokInt || n.kind == tokVar || n.kind == tokEOF || n.text == ";" || n.upper == "END"
	case "WITHIN", "OFFSET", "OPTION", "OUTPUT", "GO":
		return true
	}
	return t.kind == tokIdent && p.peek(1).kind == tokOp && p.peek(1).text == ":"
}
