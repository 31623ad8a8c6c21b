package tsql

import (
	"strings"
)

func (p *parser) fromList() ([]tableRef, error) {
	return commaList(p, p.joinedTable)
}

func (p *parser) joinedTable() (tableRef, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	l, err := p.tablePrimary()
	if err != nil {
		return nil, err
	}
	for {
		kind := ""
		switch {
		case p.word("CROSS", "JOIN"):
			kind = "CROSS"
		case p.is("CROSS", "APPLY"), p.is("OUTER", "APPLY"):
			kind = "CROSS"
			if p.cur().upper == "OUTER" {
				kind = "LEFT"
			}
			p.i += 2
			r, err := p.tablePrimary()
			if err != nil {
				return nil, err
			}
			j := &joinTable{kind: kind, l: l, r: r}
			l = j
			continue
		case p.is("INNER"), p.is("JOIN"):
			kind = "INNER"
			p.word("INNER")
		case p.is("LEFT"), p.is("RIGHT"), p.is("FULL"):
			kind = p.advance().upper
			p.word("OUTER")
		default:
			return l, nil
		}
		j := &joinTable{kind: kind, l: l}
		if kind != "CROSS" {
			for _, hint := range []string{"HASH", "LOOP", "MERGE"} {
				p.word(hint)
			}
			if err := p.expectWord("JOIN"); err != nil {
				return nil, err
			}
			if j.r, err = p.joinedTableRight(); err != nil {
				return nil, err
			}
			if j.on, err = p.expression(); err != nil {
				return nil, err
			}
		} else if j.r, err = p.tablePrimary(); err != nil {
			return nil, err
		}
		l = j
	}
}

// joinedTableRight parses the right side of a join up to and including ON;
// "a JOIN b JOIN c ON .. ON .." nests to the right.
func (p *parser) joinedTableRight() (tableRef, error) {
	r, err := p.tablePrimary()
	if err != nil {
		return nil, err
	}
	if p.word("ON") {
		return r, nil
	}
	nested := &joinTable{kind: "INNER", l: r}
	switch {
	case p.word("CROSS", "JOIN"):
		nested.kind = "CROSS"
		if nested.r, err = p.tablePrimary(); err != nil {
			return nil, err
		}
		return nested, p.expectWord("ON")
	case p.is("LEFT"), p.is("RIGHT"), p.is("FULL"), p.is("INNER"):
		nested.kind = p.advance().upper
		p.word("OUTER")
	}
	if err := p.expectWord("JOIN"); err != nil {
		return nil, err
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if nested.r, err = p.joinedTableRight(); err != nil {
		return nil, err
	}
	if nested.on, err = p.expression(); err != nil {
		return nil, err
	}
	return nested, p.expectWord("ON")
}

func (p *parser) tablePrimary() (tableRef, error) {
	if p.isOp("(") {
		if p.opensQuery() {
			sub, err := p.subquery()
			if err != nil {
				return nil, err
			}
			d := &derivedTable{sel: sub}
			if d.alias, err = p.alias(false); err != nil {
				return nil, err
			}
			if p.isOp("(") {
				d.cols, err = p.identList()
			}
			return d, err
		}
		p.advance()
		t, err := p.joinedTable()
		if err != nil {
			return nil, err
		}
		return t, p.expectOp(")")
	}
	if p.word("OPENJSON") || p.is("OPENROWSET") || p.is("OPENQUERY") {
		return nil, errUnsupported("OPENJSON, OPENROWSET and OPENQUERY").line(p.line())
	}
	name, err := p.tableName()
	if err != nil {
		return nil, err
	}
	if p.isOp("(") && !p.startsHint() {
		return p.tableFunction(name)
	}
	t := &namedTable{name: name}
	if t.alias, err = p.alias(false); err != nil {
		return nil, err
	}
	return t, p.tableHints()
}

// startsHint reports the old form of a hint without WITH: t (NOLOCK).
func (p *parser) startsHint() bool {
	switch p.peek(1).upper {
	case "NOLOCK", "HOLDLOCK", "UPDLOCK", "ROWLOCK", "TABLOCK", "TABLOCKX", "READPAST", "XLOCK", "PAGLOCK", "READUNCOMMITTED", "READCOMMITTED":
		return true
	}
	return false
}

func (p *parser) tableHints() error {
	if p.is("WITH") && p.peek(1).text == "(" {
		p.advance()
		return p.skipParens()
	}
	if p.isOp("(") && p.startsHint() {
		return p.skipParens()
	}
	return nil
}

func (p *parser) tableFunction(name tableName) (tableRef, error) {
	f := &funcTable{name: strings.ToUpper(name.name)}
	p.advance()
	var err error
	if f.args, err = p.arguments(); err != nil {
		return nil, err
	}
	if f.alias, err = p.alias(false); err != nil {
		return nil, err
	}
	if p.isOp("(") {
		f.cols, err = p.identList()
	}
	return f, err
}
