package tsql

import (
	"strings"
)

// expression parses an expression or a predicate; T-SQL keeps them apart, the
// binder checks which one is where.
func (p *parser) expression() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.orExpr()
}

func (p *parser) orExpr() (expr, error) {
	l, err := p.andExpr()
	for err == nil && p.word("OR") {
		var r expr
		if r, err = p.andExpr(); err == nil {
			l = &logicExpr{false, l, r}
		}
	}
	return l, err
}

func (p *parser) andExpr() (expr, error) {
	l, err := p.notExpr()
	for err == nil && p.word("AND") {
		var r expr
		if r, err = p.notExpr(); err == nil {
			l = &logicExpr{true, l, r}
		}
	}
	return l, err
}

func (p *parser) notExpr() (expr, error) {
	if p.word("NOT") {
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		e, err := p.notExpr()
		return &notExpr{e}, err
	}
	return p.predicate()
}

var comparisons = map[string]string{"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "!<": ">=", "!>": "<="}

func (p *parser) predicate() (expr, error) {
	l, err := p.additive()
	if err != nil {
		return nil, err
	}
	for {
		if t := p.cur(); t.kind == tokOp && comparisons[t.text] != "" {
			op := comparisons[t.text]
			p.advance()
			if l, err = p.comparison(l, op); err != nil {
				return nil, err
			}
			continue
		}
		not := p.is("NOT") && (p.peek(1).upper == "IN" || p.peek(1).upper == "LIKE" || p.peek(1).upper == "BETWEEN")
		if not {
			p.advance()
		}
		switch {
		case p.word("IS"):
			n := p.word("NOT")
			if err := p.expectWord("NULL"); err != nil {
				return nil, err
			}
			l = &isNullExpr{l, n}
		case p.word("IN"):
			l, err = p.inList(l, not)
		case p.word("BETWEEN"):
			var lo, hi expr
			if lo, err = p.additive(); err != nil {
				return nil, err
			}
			if err = p.expectWord("AND"); err != nil {
				return nil, err
			}
			hi, err = p.additive()
			l = &betweenExpr{l, lo, hi, not}
		case p.word("LIKE"):
			like := &likeExpr{e: l, not: not}
			if like.pattern, err = p.additive(); err != nil {
				return nil, err
			}
			if p.word("ESCAPE") {
				like.escape, err = p.additive()
			}
			l = like
		default:
			return l, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) comparison(l expr, op string) (expr, error) {
	if p.is("ANY") || p.is("SOME") || p.is("ALL") {
		all := p.advance().upper == "ALL"
		sub, err := p.subquery()
		return &anyExpr{op, l, all, sub}, err
	}
	r, err := p.additive()
	return &cmpExpr{op, l, r}, err
}

func (p *parser) inList(l expr, not bool) (expr, error) {
	in := &inExpr{e: l, not: not}
	if p.opensQuery() {
		sub, err := p.subquery()
		in.sub = sub
		return in, err
	}
	if err := p.expectOp("("); err != nil {
		return nil, err
	}
	var err error
	if in.list, err = commaList(p, p.expression); err != nil {
		return nil, err
	}
	return in, p.expectOp(")")
}

// startsSelect reports whether a query begins n tokens ahead, behind any
// number of opening parentheses.
func (p *parser) startsSelect(n int) bool {
	for p.peek(n).kind == tokOp && p.peek(n).text == "(" {
		n++
	}
	t := p.peek(n)
	return t.kind == tokIdent && (t.upper == "SELECT" || t.upper == "VALUES" && n > 0)
}

func (p *parser) subquery() (*selectStmt, error) {
	if err := p.expectOp("("); err != nil {
		return nil, err
	}
	sel, err := p.selectStatement()
	if err != nil {
		return nil, err
	}
	return sel, p.expectOp(")")
}

func (p *parser) additive() (expr, error) {
	l, err := p.multiplicative()
	for err == nil {
		t := p.cur()
		if t.kind != tokOp {
			break
		}
		switch t.text {
		case "+", "-", "&", "|", "^", "||":
		default:
			return l, nil
		}
		p.advance()
		var r expr
		if r, err = p.multiplicative(); err == nil {
			op := t.text
			if op == "||" {
				op = "+"
			}
			l = &binExpr{op, l, r}
		}
	}
	return l, err
}

func (p *parser) multiplicative() (expr, error) {
	l, err := p.unary()
	for err == nil {
		t := p.cur()
		if t.kind != tokOp || t.text != "*" && t.text != "/" && t.text != "%" {
			break
		}
		p.advance()
		var r expr
		if r, err = p.unary(); err == nil {
			l = &binExpr{t.text, l, r}
		}
	}
	return l, err
}

func (p *parser) unary() (expr, error) {
	t := p.cur()
	if t.kind == tokOp && (t.text == "-" || t.text == "+" || t.text == "~") {
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		p.advance()
		e, err := p.unary()
		if lit, ok := e.(*litExpr); ok && t.text == "-" && (lit.kind == tokInt || lit.kind == tokDecimal || lit.kind == tokFloat || lit.kind == tokMoney) && !strings.HasPrefix(lit.text, "-") {
			return &litExpr{lit.kind, "-" + lit.text}, err
		}
		return &unaryExpr{t.text, e}, err
	}
	return p.postfix()
}

func (p *parser) postfix() (expr, error) {
	e, err := p.primary()
	for err == nil {
		switch {
		case p.is("COLLATE") && p.peek(1).kind != tokEOF:
			p.advance()
			if _, err = p.anyIdent(); err != nil {
				return nil, err
			}
		case p.is("AT") && p.peek(1).upper == "TIME" && p.peek(2).upper == "ZONE":
			p.i += 3
			var zone expr
			if zone, err = p.primary(); err == nil {
				e = &funcExpr{name: "AT TIME ZONE", args: []expr{e, zone}}
			}
		default:
			return e, nil
		}
	}
	return e, err
}
