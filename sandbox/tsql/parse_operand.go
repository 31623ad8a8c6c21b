package tsql

import (
	"strings"
)

func (p *parser) primary() (expr, error) {
	t := p.cur()
	switch t.kind {
	case tokInt, tokDecimal, tokFloat, tokMoney, tokString, tokNString, tokBinary:
		p.advance()
		return &litExpr{t.kind, t.text}, nil
	case tokVar:
		if err := p.useVar(t); err != nil {
			return nil, err
		}
		p.advance()
		return &varExpr{strings.ToLower(t.text)}, nil
	case tokOp:
		switch t.text {
		case "(":
			return p.parenthesis()
		case "*":
			p.advance()
			return &starExpr{}, nil
		case "{":
			return p.odbcEscape()
		}
		return nil, p.unexpected()
	case tokQuoted:
		return p.columnOrFunc()
	case tokIdent:
		return p.keywordExpr(t)
	}
	return nil, p.unexpected()
}

func (p *parser) parenthesis() (expr, error) {
	if p.opensQuery() {
		sub, err := p.subquery()
		return &subExpr{sub}, err
	}
	p.advance()
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	return e, p.expectOp(")")
}

// opensQuery reports that the parenthesis at hand encloses a query. Of
// "((SELECT 1) + 2)" and "((SELECT 1) UNION SELECT 2)" only the second does;
// looking at what follows the inner pair tells without parsing twice.
func (p *parser) opensQuery() bool {
	if !p.isOp("(") || !p.startsSelect(1) {
		return false
	}
	if p.peek(1).kind == tokIdent {
		return true
	}
	depth := 0
	for i := p.i + 1; i < len(p.toks); i++ {
		t := &p.toks[i]
		if t.kind != tokOp {
			continue
		}
		switch t.text {
		case "(":
			depth++
		case ")":
			depth--
		}
		if depth == 0 {
			next := &p.toks[min(i+1, len(p.toks)-1)]
			return next.kind == tokIdent && (next.upper == "UNION" || next.upper == "EXCEPT" || next.upper == "INTERSECT")
		}
	}
	return false
}

// odbcEscape parses {fn f(..)}, {d '..'}, {t '..'} and {ts '..'}.
func (p *parser) odbcEscape() (expr, error) {
	p.advance()
	what := strings.ToUpper(p.advance().text)
	var e expr
	var err error
	if e, err = p.primary(); err != nil {
		return nil, err
	}
	switch what {
	case "FN":
	case "D":
		e = &castExpr{e: e, t: tDate}
	case "TS":
		e = &castExpr{e: e, t: tDateTime}
	case "T":
		e = &castExpr{e: e, t: typ{kind: kTime, scale: 7}}
	default:
		return nil, p.unexpected()
	}
	return e, p.expectOp("}")
}

func (p *parser) keywordExpr(t *token) (expr, error) {
	switch t.upper {
	case "NULL":
		p.advance()
		return &litExpr{}, nil
	case "CASE":
		return p.caseExpr()
	case "EXISTS":
		p.advance()
		sub, err := p.subquery()
		return &existsExpr{sub}, err
	case "CAST", "TRY_CAST", "PARSE", "TRY_PARSE":
		if p.peek(1).text == "(" {
			return p.castExpr()
		}
	case "CONVERT", "TRY_CONVERT":
		return p.convertExpr()
	case "CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER":
		p.advance()
		return &funcExpr{name: t.upper, line: t.line}, nil
	case "LEFT", "RIGHT", "COALESCE", "NULLIF", "IDENTITY":
		if p.peek(1).text == "(" {
			return p.columnOrFunc()
		}
	}
	if reserved[t.upper] {
		return nil, p.unexpected()
	}
	return p.columnOrFunc()
}

func (p *parser) caseExpr() (expr, error) {
	p.advance()
	c := &caseExpr{}
	var err error
	if !p.is("WHEN") {
		if c.operand, err = p.expression(); err != nil {
			return nil, err
		}
	}
	for p.word("WHEN") {
		var w whenClause
		if w.cond, err = p.expression(); err != nil {
			return nil, err
		}
		if err = p.expectWord("THEN"); err != nil {
			return nil, err
		}
		if w.then, err = p.expression(); err != nil {
			return nil, err
		}
		c.whens = append(c.whens, w)
	}
	if len(c.whens) == 0 {
		return nil, p.unexpected()
	}
	if p.word("ELSE") {
		if c.els, err = p.expression(); err != nil {
			return nil, err
		}
	}
	return c, p.expectWord("END")
}

func (p *parser) castExpr() (expr, error) {
	name := p.advance().upper
	p.advance()
	c := &castExpr{try: strings.HasPrefix(name, "TRY"), parse: strings.HasSuffix(name, "PARSE")}
	var err error
	if c.e, err = p.expression(); err != nil {
		return nil, err
	}
	if err = p.expectWord("AS"); err != nil {
		return nil, err
	}
	if c.t, err = p.dataType(30); err != nil {
		return nil, err
	}
	if c.parse && p.word("USING") {
		if _, err = p.expression(); err != nil {
			return nil, err
		}
	}
	return c, p.expectOp(")")
}

func (p *parser) convertExpr() (expr, error) {
	c := &castExpr{try: p.advance().upper == "TRY_CONVERT"}
	var err error
	if err = p.expectOp("("); err != nil {
		return nil, err
	}
	if c.t, err = p.dataType(30); err != nil {
		return nil, err
	}
	if err = p.expectOp(","); err != nil {
		return nil, err
	}
	if c.e, err = p.expression(); err != nil {
		return nil, err
	}
	if p.op(",") {
		if c.style, err = p.expression(); err != nil {
			return nil, err
		}
	}
	return c, p.expectOp(")")
}

// columnOrFunc parses a.b.c, a.*, or f(...), with OVER and WITHIN GROUP.
func (p *parser) columnOrFunc() (expr, error) {
	line := p.line()
	first, err := p.anyIdent()
	if err != nil {
		return nil, err
	}
	parts := []string{first}
	for p.isOp(".") {
		p.advance()
		if p.op("*") {
			return &starExpr{parts}, nil
		}
		if p.isOp(".") {
			parts = append(parts, "")
			continue
		}
		id, err := p.anyIdent()
		if err != nil {
			return nil, err
		}
		parts = append(parts, id)
	}
	if !p.isOp("(") {
		return &colExpr{parts}, nil
	}
	p.advance()
	f := &funcExpr{name: strings.ToUpper(strings.Join(parts, ".")), line: line}
	f.distinct = p.word("DISTINCT")
	if !f.distinct {
		p.word("ALL")
	}
	if f.args, err = p.arguments(); err != nil {
		return nil, err
	}
	if p.word("WITHIN", "GROUP") {
		if err := p.expectOp("("); err != nil {
			return nil, err
		}
		if f.within, err = p.orderBy(); err != nil {
			return nil, err
		}
		if err := p.expectOp(")"); err != nil {
			return nil, err
		}
	}
	if p.word("OVER") {
		f.over, err = p.overClause()
	}
	return f, err
}

// arguments reads the arguments of a call, of which there may be none, and the
// closing parenthesis.
func (p *parser) arguments() ([]expr, error) {
	if p.op(")") {
		return nil, nil
	}
	args, err := commaList(p, p.expression)
	if err != nil {
		return nil, err
	}
	return args, p.expectOp(")")
}

func (p *parser) overClause() (*overClause, error) {
	o := &overClause{}
	var err error
	if err = p.expectOp("("); err != nil {
		return nil, err
	}
	if p.word("PARTITION", "BY") {
		if o.partition, err = commaList(p, p.expression); err != nil {
			return nil, err
		}
	}
	if p.is("ORDER") {
		if o.order, err = p.orderBy(); err != nil {
			return nil, err
		}
	}
	if p.is("ROWS") || p.is("RANGE") {
		start := p.i
		for !p.isOp(")") {
			t := p.cur()
			if t.kind != tokInt && !(t.kind == tokIdent && frameWords[t.upper]) {
				return nil, p.unexpected()
			}
			p.advance()
		}
		o.frame = strings.ToUpper(p.text(start))
	}
	return o, p.expectOp(")")
}

var frameWords = wordSet("ROWS RANGE BETWEEN AND UNBOUNDED PRECEDING FOLLOWING CURRENT ROW")

func (p *parser) orderBy() ([]orderItem, error) {
	if err := p.expectWord("ORDER", "BY"); err != nil {
		return nil, err
	}
	var list []orderItem
	for {
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		it := orderItem{e: e}
		if p.word("DESC") {
			it.desc = true
		} else {
			p.word("ASC")
		}
		list = append(list, it)
		if !p.op(",") {
			return list, nil
		}
	}
}
