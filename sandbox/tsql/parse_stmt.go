package tsql

import (
	"strings"
)

// statement parses one statement; nil stands for an empty one.
func (p *parser) statement() (stmt, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	t := p.cur()
	if t.kind == tokOp && (t.text == "(" && p.startsSelect(0) || t.text == "{") {
		if t.text == "{" {
			return p.odbcCall()
		}
		return p.query(nil)
	}
	if t.kind != tokIdent {
		// A batch may begin with the bare name of a procedure.
		if t.kind == tokQuoted && p.i == 0 {
			return p.execCall(p.at())
		}
		return nil, p.unexpected()
	}
	s, known, err := p.keywordStatement(t)
	if known || err != nil {
		return s, err
	}
	if n := p.peek(1); n.kind == tokOp && n.text == ":" {
		l := &labelStmt{p.at(), strings.ToLower(t.text)}
		p.i += 2
		return l, nil
	}
	if p.i == 0 && !reserved[t.upper] {
		return p.execCall(p.at())
	}
	return nil, p.unexpected()
}

// keywordStatement parses a statement by its first word.
func (p *parser) keywordStatement(t *token) (s stmt, known bool, err error) {
	known = true
	switch t.upper {
	case "SELECT", "VALUES":
		s, err = p.query(nil)
	case "WITH":
		s, err = p.withStatement()
	case "INSERT":
		s, err = p.insert(nil)
	case "UPDATE":
		s, err = p.update(nil)
	case "DELETE":
		s, err = p.delete(nil)
	case "DECLARE":
		s, err = p.declare()
	case "SET":
		s, err = p.set()
	case "BEGIN":
		s, err = p.begin()
	case "IF":
		s, err = p.ifStatement()
	case "WHILE":
		s, err = p.while()
	case "PRINT":
		st := &printStmt{stmtPos: p.at()}
		p.advance()
		st.e, err = p.expression()
		s = st
	case "RAISERROR":
		s, err = p.raiserror()
	case "THROW":
		s, err = p.throw()
	case "EXEC", "EXECUTE":
		at := p.at()
		p.advance()
		s, err = p.execCall(at)
	case "COMMIT", "ROLLBACK", "SAVE":
		s, err = p.transaction()
	case "RETURN":
		s, err = p.returnStatement()
	case "CREATE", "ALTER", "DROP", "TRUNCATE":
		s, err = p.ddl(t)
	default:
		return p.simpleStatement(t)
	}
	return s, known, err
}

// simpleStatement parses the statements without structure.
func (p *parser) simpleStatement(t *token) (s stmt, known bool, err error) {
	at := p.at()
	switch t.upper {
	case "USE":
		p.advance()
		db, err := p.ident()
		return &useStmt{at, db}, true, err
	case "BREAK":
		p.advance()
		return &breakStmt{at}, true, nil
	case "CONTINUE":
		p.advance()
		return &continueStmt{at}, true, nil
	case "GOTO":
		p.advance()
		l, err := p.ident()
		return &gotoStmt{at, strings.ToLower(l)}, true, err
	case "WAITFOR":
		s, err := p.waitfor()
		return s, true, err
	case "DBCC":
		p.advance()
		cmd := &dbccStmt{stmtPos: at, cmd: strings.ToUpper(p.advance().text)}
		if p.isOp("(") {
			err = p.skipParens()
		}
		if err == nil && p.is("WITH") {
			for p.advance(); p.cur().kind == tokIdent && !reserved[p.cur().upper] || p.isOp(","); {
				p.advance()
			}
		}
		return cmd, true, err
	case "KILL":
		p.advance()
		e, err := p.primaryOrMinus()
		return &killStmt{at, e}, true, err
	case "CHECKPOINT":
		p.advance()
		return &nopStmt{at}, true, nil
	case "GRANT", "REVOKE", "DENY", "RECONFIGURE":
		for p.cur().kind != tokEOF && !p.isOp(";") {
			p.advance()
		}
		return &nopStmt{at}, true, nil
	case "MERGE", "OPEN", "FETCH", "CLOSE", "DEALLOCATE", "BACKUP", "RESTORE", "BULK", "REVERT":
		return nil, true, errUnsupported(t.upper).line(t.line)
	}
	return nil, false, nil
}

func (p *parser) primaryOrMinus() (expr, error) { return p.unary() }

func (p *parser) query(ctes []cte) (stmt, error) {
	s := &queryStmt{stmtPos: p.at()}
	sel, err := p.selectStatement()
	if err != nil {
		return nil, err
	}
	sel.ctes = append(ctes, sel.ctes...)
	s.sel = sel
	return s, nil
}

func (p *parser) withStatement() (stmt, error) {
	ctes, err := p.withClause()
	if err != nil {
		return nil, err
	}
	switch p.cur().upper {
	case "INSERT":
		return p.insert(ctes)
	case "UPDATE":
		return p.update(ctes)
	case "DELETE":
		return p.delete(ctes)
	case "SELECT":
		return p.query(ctes)
	}
	if p.isOp("(") {
		return p.query(ctes)
	}
	return nil, p.unexpected()
}

func (p *parser) declare() (stmt, error) {
	s := &declareStmt{stmtPos: p.at()}
	p.advance()
	for {
		t := p.cur()
		if t.kind != tokVar {
			if p.peek(1).upper == "CURSOR" || p.peek(1).upper == "INSENSITIVE" || p.peek(1).upper == "SCROLL" {
				return nil, errUnsupported("DECLARE CURSOR").line(t.line)
			}
			return nil, p.unexpected()
		}
		p.advance()
		v := declareVar{name: strings.ToLower(t.text)}
		if p.vars[v.name] && p.vars != nil {
			return nil, abortf(134, "The variable name '%s' has already been declared. Variable names must be unique within a query batch or stored procedure.", t.text).class(15).line(t.line)
		}
		p.word("AS")
		var err error
		if p.word("TABLE") {
			v.table = &createTableStmt{stmtPos: s.stmtPos, name: tableName{name: v.name}}
			if err = p.tableBody(v.table); err != nil {
				return nil, err
			}
		} else {
			if v.t, err = p.dataType(1); err != nil {
				return nil, err
			}
			if p.op("=") {
				if v.init, err = p.expression(); err != nil {
					return nil, err
				}
			}
			if p.vars != nil {
				p.vars[v.name] = true
			}
		}
		s.vars = append(s.vars, v)
		if !p.op(",") {
			return s, nil
		}
	}
}

// set parses SET @v = e and SET options.
func (p *parser) set() (stmt, error) {
	at := p.at()
	p.advance()
	t := p.cur()
	if t.kind == tokVar {
		if err := p.useVar(t); err != nil {
			return nil, err
		}
		p.advance()
		op := p.cur().text
		if p.cur().kind != tokOp || !assignOps[op] {
			return nil, p.unexpected()
		}
		p.advance()
		e, err := p.expression()
		return &setVarStmt{at, strings.ToLower(t.text), op, e}, err
	}
	if t.kind != tokIdent {
		return nil, p.unexpected()
	}
	s := &setOptStmt{stmtPos: at}
	if p.word("TRANSACTION", "ISOLATION", "LEVEL") {
		s.names = []string{"ISOLATION"}
		for i := 0; i < 2 && p.cur().kind == tokIdent; i++ {
			s.value = strings.TrimSpace(s.value + " " + p.advance().upper)
			if s.value == "SERIALIZABLE" || s.value == "SNAPSHOT" {
				break
			}
		}
		return s, nil
	}
	if p.word("IDENTITY_INSERT") {
		n, err := p.tableName()
		if err != nil {
			return nil, err
		}
		s.names, s.table = []string{"IDENTITY_INSERT"}, &n
		s.value = p.advance().upper
		return s, p.onOff(s.value)
	}
	if p.word("STATISTICS") {
		s.names = []string{"STATISTICS " + p.advance().upper}
		s.value = p.advance().upper
		return s, p.onOff(s.value)
	}
	for {
		name, err := p.anyIdent()
		if err != nil {
			return nil, err
		}
		s.names = append(s.names, strings.ToUpper(name))
		if !p.op(",") {
			break
		}
	}
	return s, p.setValue(s)
}

func (p *parser) onOff(v string) error {
	if v != "ON" && v != "OFF" {
		p.i--
		return p.unexpected()
	}
	return nil
}

// setValue parses the value of a SET option.
func (p *parser) setValue(s *setOptStmt) (err error) {
	switch s.names[0] {
	case "TEXTSIZE", "ROWCOUNT", "DATEFIRST", "LOCK_TIMEOUT", "DATEFORMAT", "LANGUAGE", "DEADLOCK_PRIORITY",
		"CONTEXT_INFO", "QUERY_GOVERNOR_COST_LIMIT", "FIPS_FLAGGER":
		t := p.cur()
		if t.kind == tokIdent || t.kind == tokQuoted {
			p.advance()
			s.e = &litExpr{tokString, t.text}
			return nil
		}
		s.e, err = p.unary()
		return err
	}
	if p.cur().kind != tokIdent {
		return p.unexpected()
	}
	s.value = p.advance().upper
	return p.onOff(s.value)
}
