package tsql

// The DDL statements.
type (
	createTableStmt struct {
		stmtPos
		name        tableName
		cols        []columnDef
		constraints []constraintDef
	}
	columnDef struct {
		name         string
		t            typ
		typeSet      bool
		notNull      bool
		nullSet      bool
		identity     bool
		seed, inc    int64
		deflt        expr
		defltName    string
		defltText    string
		constraints  []constraintDef
		computed     expr
		computedText string
		rowversion   bool
	}
	constraintDef struct {
		kind     string // PRIMARY KEY, UNIQUE, CHECK, FOREIGN KEY, DEFAULT
		name     string
		cols     []string
		check    expr
		text     string
		refTable tableName
		refCols  []string
		onDelete string
		onUpdate string
		forCol   string
		deflt    expr
	}
	alterTableStmt struct {
		stmtPos
		name       tableName
		add        []columnDef
		addCons    []constraintDef
		dropCols   []string
		dropCons   []string
		dropExists bool
		alter      *columnDef
		nop        bool // CHECK/NOCHECK CONSTRAINT, ENABLE TRIGGER, ...
	}
	dropStmt struct {
		stmtPos
		what   string // TABLE, VIEW, PROCEDURE, INDEX, DATABASE, SCHEMA
		exists bool
		names  []tableName
		on     []tableName // of indexes
	}
	createIndexStmt struct {
		stmtPos
		unique bool
		name   string
		table  tableName
		cols   []orderItem
		names  []string
		where  expr
	}
	createViewStmt struct {
		stmtPos
		name         tableName
		cols         []string
		sel          *selectStmt
		text         string
		alter, orNew bool
	}
	createProcStmt struct {
		stmtPos
		name         tableName
		params       []procParam
		body         []stmt
		text         string
		alter, orNew bool
	}
	createDatabaseStmt struct {
		stmtPos
		name string
	}
	createSchemaStmt struct {
		stmtPos
		name string
	}
	procParam struct {
		name   string
		t      typ
		deflt  expr
		output bool
	}
)
