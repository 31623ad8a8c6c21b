package tsql

// expr is an expression as parsed.
type expr interface{}

type (
	litExpr struct {
		kind tokKind // a literal's token kind; tokEOF for NULL
		text string
	}
	varExpr struct{ name string } // lower case, with @
	colExpr struct{ parts []string }
	// starExpr is * or t.*; only in select lists and COUNT(*).
	starExpr  struct{ qualifier []string }
	unaryExpr struct {
		op string
		e  expr
	}
	// binExpr is arithmetic, concatenation or bit logic.
	binExpr struct {
		op   string
		l, r expr
	}
	cmpExpr struct {
		op   string // = <> < <= > >=
		l, r expr
	}
	logicExpr struct {
		and  bool
		l, r expr
	}
	notExpr    struct{ e expr }
	isNullExpr struct {
		e   expr
		not bool
	}
	inExpr struct {
		e    expr
		not  bool
		list []expr
		sub  *selectStmt
	}
	betweenExpr struct {
		e, lo, hi expr
		not       bool
	}
	likeExpr struct {
		e, pattern, escape expr
		not                bool
	}
	existsExpr struct{ sub *selectStmt }
	// anyExpr is "l op ANY|ALL (subquery)".
	anyExpr struct {
		op  string
		l   expr
		all bool
		sub *selectStmt
	}
	caseExpr struct {
		operand expr
		whens   []whenClause
		els     expr
	}
	whenClause struct{ cond, then expr }
	castExpr   struct {
		e     expr
		t     typ
		style expr
		try   bool
		parse bool // PARSE, TRY_PARSE
	}
	funcExpr struct {
		name     string // upper case, dbo. kept for user functions
		args     []expr
		distinct bool
		over     *overClause
		within   []orderItem // WITHIN GROUP (ORDER BY)
		line     int32
	}
	overClause struct {
		partition []expr
		order     []orderItem
		frame     string
	}
	subExpr struct{ sel *selectStmt }
)

type orderItem struct {
	e    expr
	desc bool
}

// selectStmt is a query expression with what may follow it.
type selectStmt struct {
	ctes   []cte
	body   queryExpr
	order  []orderItem
	offset expr
	fetch  expr
	into   *tableName // of the first query specification
	xml    bool       // FOR XML or FOR JSON
}

type cte struct {
	name string
	cols []string
	sel  *selectStmt
}

// queryExpr is a *querySpec, *setOp or *valuesExpr.
type queryExpr interface{}

type setOp struct {
	op   string // UNION, UNION ALL, EXCEPT, INTERSECT
	l, r queryExpr
}

type valuesExpr struct{ rows [][]expr }

type querySpec struct {
	distinct bool
	top      *topClause
	items    []selectItem
	from     []tableRef
	where    expr
	group    []expr
	having   expr
}

type topClause struct {
	n       expr
	percent bool
}

type selectItem struct {
	e        expr
	alias    string
	assign   string // @v = e
	assignOp string // =, +=, ...
	text     string // normalised source, to match GROUP BY
}

type tableName struct {
	server, db, schema, name string
	line                     int32
}

// tableRef is a *namedTable, *derivedTable, *joinTable or *funcTable.
type tableRef interface{}

type namedTable struct {
	name  tableName
	alias string
}
type derivedTable struct {
	sel   *selectStmt
	alias string
	cols  []string
}
type joinTable struct {
	kind string // INNER, LEFT, RIGHT, FULL, CROSS
	l, r tableRef
	on   expr
}
type funcTable struct {
	name  string // upper case
	args  []expr
	alias string
	cols  []string
}

// stmt is a statement of a batch; pos gives its line.
type stmt interface{ pos() int32 }

type stmtPos struct{ line int32 }

func (s stmtPos) pos() int32 { return s.line }

type (
	queryStmt struct {
		stmtPos
		sel *selectStmt
	}
	insertStmt struct {
		stmtPos
		ctes     []cte
		top      *topClause
		target   tableName
		cols     []string
		output   *outputClause
		source   *selectStmt // nil with defaults or exec
		defaults bool
		exec     *execStmt
	}
	updateStmt struct {
		stmtPos
		ctes   []cte
		top    *topClause
		target tableName
		sets   []setClause
		output *outputClause
		from   []tableRef
		where  expr
	}
	setClause struct {
		col      string
		variable string // @v = col = e
		op       string
		e        expr
	}
	deleteStmt struct {
		stmtPos
		ctes   []cte
		top    *topClause
		target tableName
		output *outputClause
		from   []tableRef
		where  expr
	}
	outputClause struct {
		items []selectItem
		into  *tableName
		cols  []string
	}
	truncateStmt struct {
		stmtPos
		table tableName
	}
	declareStmt struct {
		stmtPos
		vars []declareVar
	}
	declareVar struct {
		name  string
		t     typ
		init  expr
		table *createTableStmt
	}
	setVarStmt struct {
		stmtPos
		name string
		op   string
		e    expr
	}
	setOptStmt struct {
		stmtPos
		names []string // upper case
		value string   // upper case
		e     expr
		table *tableName // IDENTITY_INSERT
	}
	blockStmt struct {
		stmtPos
		body []stmt
	}
	ifStmt struct {
		stmtPos
		cond      expr
		then, els stmt
	}
	whileStmt struct {
		stmtPos
		cond expr
		body stmt
	}
	breakStmt    struct{ stmtPos }
	continueStmt struct{ stmtPos }
	returnStmt   struct {
		stmtPos
		e expr
	}
	gotoStmt struct {
		stmtPos
		label string
	}
	labelStmt struct {
		stmtPos
		label string
	}
	tryStmt struct {
		stmtPos
		try, catch []stmt
	}
	printStmt struct {
		stmtPos
		e expr
	}
	raiseStmt struct {
		stmtPos
		msg, class, state expr
		args              []expr
		log, nowait       bool
		setError          bool
	}
	throwStmt struct {
		stmtPos
		number, msg, state expr // all nil to throw again
	}
	waitStmt struct {
		stmtPos
		until bool
		e     expr
	}
	useStmt struct {
		stmtPos
		db string
	}
	tranStmt struct {
		stmtPos
		verb string // BEGIN, COMMIT, ROLLBACK, SAVE
		name string
		v    string // a variable holding the name
	}
	execStmt struct {
		stmtPos
		proc   tableName
		procV  string // EXEC @name
		text   expr   // EXEC ('text')
		result string // EXEC @r = proc
		args   []execArg
	}
	execArg struct {
		name   string
		e      expr
		output bool
		deflt  bool
	}
	dbccStmt struct {
		stmtPos
		cmd string
	}
	killStmt struct {
		stmtPos
		e expr
	}
	// nopStmt is accepted and does nothing (GRANT, CHECKPOINT, UPDATE STATISTICS...).
	nopStmt struct{ stmtPos }
)
