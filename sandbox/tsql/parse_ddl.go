package tsql

import (
	"strings"
)

// ddl parses CREATE, ALTER, DROP and TRUNCATE.
func (p *parser) ddl(t *token) (stmt, error) {
	at := p.at()
	start := p.i
	p.advance()
	switch t.upper {
	case "TRUNCATE":
		if err := p.expectWord("TABLE"); err != nil {
			return nil, err
		}
		n, err := p.tableName()
		return &truncateStmt{at, n}, err
	case "DROP":
		return p.drop(at)
	}
	alter := t.upper == "ALTER"
	orNew := !alter && p.word("OR", "ALTER")
	switch {
	case p.word("TABLE"):
		if alter {
			return p.alterTable(at)
		}
		s := &createTableStmt{stmtPos: at}
		var err error
		if s.name, err = p.tableName(); err != nil {
			return nil, err
		}
		return s, p.tableBody(s)
	case p.word("VIEW"):
		return p.createView(at, start, alter, orNew)
	case p.word("PROC"), p.word("PROCEDURE"):
		return p.createProc(at, start, alter, orNew)
	case p.word("DATABASE"):
		if alter {
			p.skipStatement()
			return &nopStmt{at}, nil
		}
		name, err := p.ident()
		return &createDatabaseStmt{at, name}, err
	case p.word("SCHEMA"):
		name, err := p.ident()
		if err == nil && p.word("AUTHORIZATION") {
			_, err = p.ident()
		}
		return &createSchemaStmt{at, name}, err
	case p.is("UNIQUE"), p.is("INDEX"), p.is("CLUSTERED"), p.is("NONCLUSTERED"):
		if alter {
			p.skipStatement()
			return &nopStmt{at}, nil
		}
		return p.createIndex(at)
	case p.is("STATISTICS"), p.is("LOGIN"), p.is("USER"), p.is("ROLE"), p.is("SERVER"), p.is("AUTHORIZATION"):
		p.skipStatement()
		return &nopStmt{at}, nil
	}
	if p.cur().kind == tokIdent && !p.is("SELECT") {
		return nil, errUnsupported(t.upper + " " + p.cur().upper).line(at.line)
	}
	return nil, p.unexpected()
}

// skipStatement steps over the rest of a statement that has no effect here.
func (p *parser) skipStatement() {
	for p.cur().kind != tokEOF && !p.isOp(";") {
		p.advance()
	}
}

func (p *parser) indexColumns() (names []string, items []orderItem, err error) {
	if err = p.expectOp("("); err != nil {
		return nil, nil, err
	}
	for {
		id, err := p.ident()
		if err != nil {
			return nil, nil, err
		}
		it := orderItem{desc: p.word("DESC")}
		if !it.desc {
			p.word("ASC")
		}
		names, items = append(names, id), append(items, it)
		if !p.op(",") {
			return names, items, p.expectOp(")")
		}
	}
}

func (p *parser) createIndex(at stmtPos) (stmt, error) {
	s := &createIndexStmt{stmtPos: at, unique: p.word("UNIQUE")}
	if !p.word("CLUSTERED") {
		p.word("NONCLUSTERED")
	}
	var err error
	if err = p.expectWord("INDEX"); err != nil {
		return nil, err
	}
	if s.name, err = p.ident(); err != nil {
		return nil, err
	}
	if err = p.expectWord("ON"); err != nil {
		return nil, err
	}
	if s.table, err = p.tableName(); err != nil {
		return nil, err
	}
	if s.names, s.cols, err = p.indexColumns(); err != nil {
		return nil, err
	}
	if p.word("INCLUDE") {
		if _, err = p.identList(); err != nil {
			return nil, err
		}
	}
	if p.word("WHERE") {
		if s.where, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if p.is("WITH") && p.peek(1).text == "(" {
		p.advance()
		if err = p.skipParens(); err != nil {
			return nil, err
		}
	}
	if p.word("ON") {
		_, err = p.anyIdent()
	}
	return s, err
}

func (p *parser) createView(at stmtPos, start int, alter, orNew bool) (stmt, error) {
	s := &createViewStmt{stmtPos: at, alter: alter, orNew: orNew}
	var err error
	if s.name, err = p.tableName(); err != nil {
		return nil, err
	}
	if p.isOp("(") {
		if s.cols, err = p.identList(); err != nil {
			return nil, err
		}
	}
	if err = p.moduleBody(); err != nil {
		return nil, err
	}
	if s.sel, err = p.selectStatement(); err != nil {
		return nil, err
	}
	p.word("WITH", "CHECK", "OPTION")
	s.text = p.source(start)
	return s, nil
}

// moduleBody skips the options of a view or procedure (WITH ...) and the AS
// before its body.
func (p *parser) moduleBody() error {
	if p.word("WITH") {
		for p.cur().kind == tokIdent && !p.is("AS") || p.isOp(",") {
			p.advance()
		}
	}
	return p.expectWord("AS")
}

// createProc parses CREATE PROCEDURE; the body goes to the end of the batch.
func (p *parser) createProc(at stmtPos, start int, alter, orNew bool) (stmt, error) {
	s := &createProcStmt{stmtPos: at, alter: alter, orNew: orNew}
	var err error
	if s.name, err = p.tableName(); err != nil {
		return nil, err
	}
	outer := p.vars
	p.vars = map[string]bool{}
	defer func() { p.vars = outer }()
	paren := p.op("(")
	for p.cur().kind == tokVar {
		prm := procParam{name: p.advance().text}
		p.vars[strings.ToLower(prm.name)] = true
		p.word("AS")
		if prm.t, err = p.dataType(1); err != nil {
			return nil, err
		}
		p.word("NULL")
		if p.op("=") {
			if prm.deflt, err = p.unary(); err != nil {
				return nil, err
			}
		}
		prm.output = p.word("OUTPUT") || p.word("OUT")
		p.word("READONLY")
		s.params = append(s.params, prm)
		if !p.op(",") {
			break
		}
	}
	if paren {
		if err = p.expectOp(")"); err != nil {
			return nil, err
		}
	}
	if err = p.moduleBody(); err != nil {
		return nil, err
	}
	if s.body, err = p.statements(func() bool { return false }); err != nil {
		return nil, err
	}
	s.text = p.source(start)
	return s, nil
}

func (p *parser) drop(at stmtPos) (stmt, error) {
	s := &dropStmt{stmtPos: at}
	switch w := p.advance().upper; w {
	case "TABLE", "VIEW", "PROCEDURE", "INDEX", "DATABASE", "SCHEMA":
		s.what = w
	case "PROC":
		s.what = "PROCEDURE"
	case "STATISTICS", "LOGIN", "USER", "ROLE":
		p.skipStatement()
		return &nopStmt{at}, nil
	case "FUNCTION", "TRIGGER", "TYPE", "SEQUENCE", "SYNONYM":
		// None of these can exist; only IF EXISTS can succeed.
		s.what = w
	default:
		p.i--
		return nil, p.unexpected()
	}
	s.exists = p.word("IF", "EXISTS")
	for {
		n, err := p.tableName()
		if err != nil {
			return nil, err
		}
		if s.what == "INDEX" && p.word("ON") {
			t, err := p.tableName()
			if err != nil {
				return nil, err
			}
			s.on = append(s.on, t)
		} else if s.what == "INDEX" {
			s.on = append(s.on, tableName{db: n.server, schema: n.db, name: n.schema})
		}
		s.names = append(s.names, n)
		if !p.op(",") {
			return s, nil
		}
	}
}
