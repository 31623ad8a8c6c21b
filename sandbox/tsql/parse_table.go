package tsql

import (
	"strconv"
)

func (p *parser) tableBody(s *createTableStmt) error {
	if err := p.expectOp("("); err != nil {
		return err
	}
	for {
		if p.isOp(")") && len(s.cols) > 0 {
			break
		}
		if p.startsConstraint() {
			c, err := p.constraint("")
			if err != nil {
				return err
			}
			s.constraints = append(s.constraints, c)
		} else if p.is("INDEX") {
			for !p.isOp(",") && !p.isOp(")") && p.cur().kind != tokEOF {
				if p.isOp("(") {
					if err := p.skipParens(); err != nil {
						return err
					}
					continue
				}
				p.advance()
			}
		} else {
			c, err := p.columnDef()
			if err != nil {
				return err
			}
			s.cols = append(s.cols, c)
		}
		if !p.op(",") {
			break
		}
	}
	if err := p.expectOp(")"); err != nil {
		return err
	}
	// ON filegroup, TEXTIMAGE_ON filegroup, WITH (options)
	for p.is("ON") || p.is("TEXTIMAGE_ON") {
		p.advance()
		if _, err := p.anyIdent(); err != nil {
			return err
		}
	}
	if p.is("WITH") && p.peek(1).text == "(" {
		p.advance()
		return p.skipParens()
	}
	return nil
}

func (p *parser) startsConstraint() bool {
	return p.is("CONSTRAINT") || p.is("PRIMARY") || p.is("UNIQUE") || p.is("CHECK") || p.is("FOREIGN") || p.is("DEFAULT")
}

func (p *parser) columnDef() (columnDef, error) {
	var c columnDef
	var err error
	if c.name, err = p.ident(); err != nil {
		return c, err
	}
	if p.word("AS") {
		start := p.i
		if c.computed, err = p.expression(); err != nil {
			return c, err
		}
		c.computedText = p.source(start)
		p.word("PERSISTED")
		return c, nil
	}
	c.rowversion = p.is("ROWVERSION") || p.is("TIMESTAMP")
	if c.rowversion || !p.isOp(",") && !p.isOp(")") {
		if c.t, err = p.dataType(1); err != nil {
			return c, err
		}
		c.typeSet = true
	} else {
		return c, p.unexpected()
	}
	return c, p.columnOptions(&c)
}

func (p *parser) columnOptions(c *columnDef) error {
	for {
		switch {
		case p.word("NOT", "NULL"):
			c.notNull, c.nullSet = true, true
		case p.word("NULL"):
			c.nullSet = true
		case p.word("IDENTITY"):
			c.identity, c.seed, c.inc = true, 1, 1
			if p.op("(") {
				var err error
				if c.seed, err = p.signedInt(); err != nil {
					return err
				}
				if err = p.expectOp(","); err != nil {
					return err
				}
				if c.inc, err = p.signedInt(); err != nil {
					return err
				}
				if err = p.expectOp(")"); err != nil {
					return err
				}
			}
			p.word("NOT", "FOR", "REPLICATION")
		case p.word("COLLATE"):
			if _, err := p.anyIdent(); err != nil {
				return err
			}
		case p.word("ROWGUIDCOL"), p.word("SPARSE"), p.word("PERSISTED"):
		case p.is("DEFAULT"), p.is("CONSTRAINT") && p.peek(2).upper == "DEFAULT":
			d, err := p.constraint(c.name)
			if err != nil {
				return err
			}
			c.deflt, c.defltName, c.defltText = d.deflt, d.name, d.text
		case p.startsConstraint(), p.is("REFERENCES"):
			d, err := p.constraint(c.name)
			if err != nil {
				return err
			}
			c.constraints = append(c.constraints, d)
		default:
			return nil
		}
	}
}

func (p *parser) signedInt() (int64, error) {
	neg := p.op("-")
	t := p.cur()
	n, err := strconv.ParseInt(t.text, 10, 64)
	if t.kind != tokInt || err != nil {
		return 0, p.unexpected()
	}
	p.advance()
	if neg {
		n = -n
	}
	return n, nil
}

// constraint parses a constraint; col is the column it stands behind.
func (p *parser) constraint(col string) (constraintDef, error) {
	var c constraintDef
	var err error
	if p.word("CONSTRAINT") {
		if c.name, err = p.ident(); err != nil {
			return c, err
		}
	}
	if col != "" {
		c.cols = []string{col}
	}
	switch {
	case p.is("PRIMARY"), p.is("UNIQUE"):
		c.kind = "UNIQUE"
		if p.word("PRIMARY", "KEY") {
			c.kind = "PRIMARY KEY"
		} else {
			p.advance()
		}
		if !p.word("CLUSTERED") {
			p.word("NONCLUSTERED")
		}
		if p.isOp("(") {
			if c.cols, _, err = p.indexColumns(); err != nil {
				return c, err
			}
		}
		if len(c.cols) == 0 {
			return c, p.unexpected()
		}
		if p.is("WITH") && p.peek(1).text == "(" {
			p.advance()
			if err = p.skipParens(); err != nil {
				return c, err
			}
		}
		if p.word("ON") {
			_, err = p.anyIdent()
		}
	case p.word("CHECK"):
		c.kind = "CHECK"
		start := p.i
		if err = p.expectOp("("); err != nil {
			return c, err
		}
		if c.check, err = p.expression(); err != nil {
			return c, err
		}
		err = p.expectOp(")")
		c.text = p.source(start)
	case p.word("DEFAULT"):
		c.kind = "DEFAULT"
		start := p.i
		if c.deflt, err = p.additive(); err != nil {
			return c, err
		}
		c.text = p.source(start)
		if p.word("FOR") {
			c.forCol, err = p.ident()
		}
		p.word("WITH", "VALUES")
	case p.is("FOREIGN"), p.is("REFERENCES"):
		c.kind = "FOREIGN KEY"
		if p.word("FOREIGN", "KEY") && p.isOp("(") {
			if c.cols, err = p.identList(); err != nil {
				return c, err
			}
		}
		if len(c.cols) == 0 {
			return c, p.unexpected()
		}
		err = p.references(&c)
	default:
		err = p.unexpected()
	}
	return c, err
}

func (p *parser) references(c *constraintDef) error {
	if err := p.expectWord("REFERENCES"); err != nil {
		return err
	}
	var err error
	if c.refTable, err = p.tableName(); err != nil {
		return err
	}
	if p.isOp("(") {
		if c.refCols, err = p.identList(); err != nil {
			return err
		}
	}
	for p.is("ON") {
		p.advance()
		which := p.advance().upper
		action := ""
		switch {
		case p.word("CASCADE"):
			action = "CASCADE"
		case p.word("SET", "NULL"):
			action = "SET NULL"
		case p.word("SET", "DEFAULT"):
			action = "SET DEFAULT"
		case p.word("NO", "ACTION"):
		default:
			return p.unexpected()
		}
		if which == "DELETE" {
			c.onDelete = action
		} else {
			c.onUpdate = action
		}
	}
	return nil
}

func (p *parser) alterTable(at stmtPos) (stmt, error) {
	s := &alterTableStmt{stmtPos: at}
	var err error
	if s.name, err = p.tableName(); err != nil {
		return nil, err
	}
	if p.is("WITH") {
		p.i += 2 // WITH CHECK | NOCHECK
	}
	switch {
	case p.word("ADD"):
		return s, p.alterAdd(s)
	case p.word("DROP"):
		return s, p.alterDrop(s)
	case p.word("ALTER", "COLUMN"):
		c, err := p.columnDef()
		s.alter = &c
		return s, err
	case p.is("CHECK"), p.is("NOCHECK"), p.is("ENABLE"), p.is("DISABLE"), p.is("SET"), p.is("REBUILD"):
		p.skipStatement()
		s.nop = true
		return s, nil
	}
	return nil, p.unexpected()
}

func (p *parser) alterAdd(s *alterTableStmt) error {
	p.word("COLUMN")
	for {
		if p.startsConstraint() {
			c, err := p.constraint("")
			if err != nil {
				return err
			}
			s.addCons = append(s.addCons, c)
		} else {
			c, err := p.columnDef()
			if err != nil {
				return err
			}
			s.add = append(s.add, c)
		}
		if !p.op(",") {
			return nil
		}
	}
}

func (p *parser) alterDrop(s *alterTableStmt) error {
	column := false
	for {
		if p.word("COLUMN") {
			column = true
		} else if p.word("CONSTRAINT") {
			column = false
		}
		s.dropExists = p.word("IF", "EXISTS") || s.dropExists
		id, err := p.ident()
		if err != nil {
			return err
		}
		if column {
			s.dropCols = append(s.dropCols, id)
		} else {
			s.dropCons = append(s.dropCons, id)
		}
		if !p.op(",") {
			return nil
		}
	}
}
