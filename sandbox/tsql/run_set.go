package tsql

import (
	"strings"
)

// flagOptions are the ON/OFF options of SET.
var flagOptions = wordSet(`ANSI_DEFAULTS ANSI_NULLS ANSI_NULL_DFLT_OFF ANSI_NULL_DFLT_ON ANSI_PADDING ANSI_WARNINGS ARITHABORT
ARITHIGNORE CONCAT_NULL_YIELDS_NULL CURSOR_CLOSE_ON_COMMIT FORCEPLAN IMPLICIT_TRANSACTIONS NOCOUNT NOEXEC NUMERIC_ROUNDABORT
PARSEONLY QUOTED_IDENTIFIER REMOTE_PROC_TRANSACTIONS SHOWPLAN_ALL SHOWPLAN_TEXT SHOWPLAN_XML XACT_ABORT FMTONLY NO_BROWSETABLE
DISABLE_DEF_CNST_CHK STATISTICS_IO STATISTICS_TIME STATISTICS_PROFILE STATISTICS_XML`)

// setOption runs SET of options.
func (r *runner) setOption(x *setOptStmt) error {
	o := &r.s.opts
	switch x.names[0] {
	case "ISOLATION":
		level, ok := isolationLevels[x.value]
		if !ok {
			return errSyntax(x.value)
		}
		o.isolation = level
	case "IDENTITY_INSERT":
		if err := r.identityInsert(x); err != nil {
			return err
		}
	case "TEXTSIZE", "ROWCOUNT", "DATEFIRST", "LOCK_TIMEOUT", "DATEFORMAT", "LANGUAGE", "DEADLOCK_PRIORITY", "CONTEXT_INFO",
		"QUERY_GOVERNOR_COST_LIMIT", "FIPS_FLAGGER":
		if err := r.setValue(x.names[0], x.e); err != nil {
			return err
		}
	default:
		for _, name := range x.names {
			name = strings.ReplaceAll(name, " ", "_")
			if !flagOptions[name] {
				return abortf(195, "'%s' is not a recognized SET option.", name).class(15).state(5)
			}
			r.setFlag(name, x.value == "ON")
		}
	}
	r.plain(cmdSet)
	return nil
}

var isolationLevels = map[string]byte{"READ UNCOMMITTED": 1, "READ COMMITTED": 2, "REPEATABLE READ": 3, "SERIALIZABLE": 4, "SNAPSHOT": 5}

func (r *runner) setFlag(name string, on bool) {
	o := &r.s.opts
	switch name {
	case "FMTONLY":
		o.fmtOnly = on
	case "ANSI_DEFAULTS":
		for _, n := range []string{"ANSI_NULLS", "ANSI_NULL_DFLT_ON", "ANSI_PADDING", "ANSI_WARNINGS", "CURSOR_CLOSE_ON_COMMIT", "IMPLICIT_TRANSACTIONS", "QUOTED_IDENTIFIER"} {
			o.set(n, on)
		}
		return
	}
	o.set(name, on)
}

func (r *runner) identityInsert(x *setOptStmt) error {
	t, err := r.target(*x.table)
	if err != nil {
		if numberOf(err) == 208 {
			return errf(1088, `Cannot find the object "%s" because it does not exist or you do not have permissions.`, x.table.full()).state(11)
		}
		return err
	}
	o := &r.s.opts
	switch {
	case t.identityCol() < 0:
		return errf(8106, "Table '%s' does not have the identity property. Cannot perform SET operation.", x.table.full())
	case x.value == "OFF":
		if o.identityID == t.id {
			o.identityID, o.identityOn = 0, ""
		}
	case o.identityID != 0 && o.identityID != t.id:
		return errf(8107, "IDENTITY_INSERT is already ON for table '%s'. Cannot perform SET operation for table '%s'.", o.identityOn, x.table.full())
	default:
		o.identityID, o.identityOn = t.id, t.fullName()
	}
	return nil
}

// setValue sets an option that has a value.
func (r *runner) setValue(name string, e expr) error {
	v, t, err := r.eval(e, false)
	if err != nil {
		return err
	}
	o := &r.s.opts
	n, isInt := toInt(v)
	switch name {
	case "TEXTSIZE":
		if n == 0 {
			n = 4096
		}
		if n == -1 {
			n = 2147483647
		}
		o.textSize = n
	case "ROWCOUNT":
		if !isInt || n < 0 {
			return errSyntax("ROWCOUNT")
		}
		o.rowCount = n
	case "DATEFIRST":
		if n < 1 || n > 7 {
			return errf(2742, "SET DATEFIRST %d is out of range.", n)
		}
		o.dateFirst = int(n)
	case "LOCK_TIMEOUT":
		o.lockTimeout = int(max(n, -1))
	case "DATEFORMAT":
		f := strings.ToLower(str(v))
		if len(f) != 3 || !strings.ContainsRune(f, 'y') || !strings.ContainsRune(f, 'm') || !strings.ContainsRune(f, 'd') {
			return errf(2741, "SET DATEFORMAT date order '%s' is invalid.", str(v))
		}
		o.dateFormat = f
	case "LANGUAGE":
		return r.setLanguage(str(v))
	case "CONTEXT_INFO":
		b, err := convert(v, t, varbinary(128), convOpts{})
		if err != nil {
			return err
		}
		info := make([]byte, 128)
		if data, ok := b.([]byte); ok {
			copy(info, data)
		}
		r.s.context = info
	case "DEADLOCK_PRIORITY":
		o.deadlock = n
	}
	return nil
}

func (r *runner) setLanguage(name string) error {
	l, ok := languages[strings.ToLower(name)]
	if !ok {
		return errf(2740, "SET LANGUAGE failed because '%s' is not an official language name or a language alias on this SQL Server.", name)
	}
	o := &r.s.opts
	old := o.language
	o.language, o.dateFormat, o.dateFirst = l.name, l.dateFormat, l.dateFirst
	r.sink.EnvChange(EnvChange{Kind: EnvLanguage, New: l.name, Old: old})
	r.message(errf(5703, "%s", l.message).class(0))
	return nil
}

// isolationNames are the levels as DBCC USEROPTIONS prints them.
var isolationNames = map[byte]string{1: "read uncommitted", 2: "read committed", 3: "repeatable read", 4: "serializable", 5: "snapshot"}

// dbcc runs DBCC; only USEROPTIONS has a result.
func (r *runner) dbcc(x *dbccStmt) error {
	if x.cmd != "USEROPTIONS" {
		r.message(errf(2528, "DBCC execution completed. If DBCC printed error messages, contact your system administrator.").class(0))
		r.plain(cmdNone)
		return nil
	}
	o := &r.s.opts
	rows := [][2]string{
		{"textsize", itoa(o.textSize)},
		{"language", o.language},
		{"dateformat", o.dateFormat},
		{"datefirst", itoa(int64(o.dateFirst))},
		{"lock_timeout", itoa(int64(o.lockTimeout))},
	}
	for _, n := range []string{
		"QUOTED_IDENTIFIER", "ARITHABORT", "ANSI_NULL_DFLT_ON", "ANSI_WARNINGS", "ANSI_PADDING", "ANSI_NULLS",
		"CONCAT_NULL_YIELDS_NULL", "NOCOUNT", "XACT_ABORT", "IMPLICIT_TRANSACTIONS", "CURSOR_CLOSE_ON_COMMIT", "ARITHIGNORE",
		"NUMERIC_ROUNDABORT", "ANSI_NULL_DFLT_OFF", "REMOTE_PROC_TRANSACTIONS", "FORCEPLAN",
	} {
		if o.on(n) {
			rows = append(rows, [2]string{strings.ToLower(n), "SET"})
		}
	}
	if o.rowCount > 0 {
		rows = append(rows, [2]string{"rowcount", itoa(o.rowCount)})
	}
	rows = append(rows, [2]string{"isolation level", isolationNames[o.isolation]})
	cols := []Column{{Name: "Set Option", Type: tSysName.info(), Nullable: true}, {Name: "Value", Type: tSysName.info(), Nullable: true}}
	if err := r.sink.Columns(cols); err != nil {
		return err
	}
	for _, row := range rows {
		if err := r.sink.Row([]Value{row[0], row[1]}); err != nil {
			return err
		}
	}
	r.counted(cmdSelect, int64(len(rows)))
	r.message(errf(2528, "DBCC execution completed. If DBCC printed error messages, contact your system administrator.").class(0))
	return nil
}
