package statement

import "strings"

// procedure is what a system procedure does to a session.
type procedure uint8

const (
	procUser     procedure = iota // not one of ours: unseen code
	procHarmless                  // reads, or changes what is not the session's
	procText                      // runs its first text parameter in a scope of its own
	procPrepare                   // makes a handle; runs the text or not
	procHandle                    // names a handle
	procSetAppRole
	procUnsetAppRole
	procSessionContext
	procGetAppLock
	procReleaseAppLock
	procXMLPrepare
	procXMLRemove
	procCursorOpen
	procCursorClose
	procCursorUse
	procReset
	procBind
	procOLECreate
	procRename
)

// systemProcedures are known by name, whatever the schema. All sp_ procedures
// resolve to the system's own before a user's.
var systemProcedures = map[string]procedure{
	"sp_executesql": procText,
	"sp_prepare":    procPrepare, "sp_prepexec": procPrepare, "sp_prepexecrpc": procPrepare, "sp_cursorprepare": procPrepare,
	"sp_execute": procHandle, "sp_unprepare": procHandle, "sp_cursorunprepare": procHandle,
	"sp_cursoropen": procCursorOpen, "sp_cursorexecute": procCursorOpen, "sp_cursorprepexec": procCursorOpen,
	"sp_cursorclose": procCursorClose, "sp_cursor": procCursorUse, "sp_cursorfetch": procCursorUse, "sp_cursoroption": procCursorUse,
	"sp_setapprole": procSetAppRole, "sp_unsetapprole": procUnsetAppRole,
	"sp_set_session_context": procSessionContext,
	"sp_getapplock":          procGetAppLock, "sp_releaseapplock": procReleaseAppLock,
	"sp_xml_preparedocument": procXMLPrepare, "sp_xml_removedocument": procXMLRemove,
	"sp_reset_connection": procReset,
	"sp_bindsession":      procBind, "sp_getbindtoken": procBind,
	"sp_oacreate": procOLECreate, "sp_oadestroy": procHarmless, "sp_oamethod": procHarmless, "sp_oagetproperty": procHarmless,
	"sp_oasetproperty": procHarmless, "sp_oageterrorinfo": procHarmless, "sp_oastop": procHarmless,
	"sp_rename": procRename,

	"sp_catalogs": procHarmless, "sp_column_privileges": procHarmless, "sp_column_privileges_ex": procHarmless, "sp_columns": procHarmless,
	"sp_columns_100": procHarmless, "sp_columns_90": procHarmless, "sp_columns_ex": procHarmless, "sp_databases": procHarmless,
	"sp_datatype_info": procHarmless, "sp_datatype_info_100": procHarmless, "sp_datatype_info_90": procHarmless, "sp_fkeys": procHarmless,
	"sp_pkeys": procHarmless, "sp_server_info": procHarmless, "sp_special_columns": procHarmless, "sp_special_columns_100": procHarmless,
	"sp_special_columns_90": procHarmless, "sp_sproc_columns": procHarmless, "sp_sproc_columns_100": procHarmless,
	"sp_sproc_columns_90": procHarmless, "sp_statistics": procHarmless, "sp_statistics_100": procHarmless, "sp_stored_procedures": procHarmless,
	"sp_table_privileges": procHarmless, "sp_tables": procHarmless, "sp_tables_ex": procHarmless, "sp_table_types": procHarmless,
	"sp_table_type_columns": procHarmless, "sp_table_type_columns_100": procHarmless, "sp_primarykeys": procHarmless, "sp_foreignkeys": procHarmless,
	"sp_describe_first_result_set": procHarmless, "sp_describe_undeclared_parameters": procHarmless, "sp_describe_parameter_encryption": procHarmless,
	"sp_describe_cursor": procHarmless, "sp_cursor_list": procHarmless,
	"sp_help": procHarmless, "sp_helpconstraint": procHarmless, "sp_helpdb": procHarmless, "sp_helpfile": procHarmless, "sp_helpindex": procHarmless,
	"sp_helplanguage": procHarmless, "sp_helprole": procHarmless, "sp_helprolemember": procHarmless, "sp_helpsort": procHarmless,
	"sp_helpstats": procHarmless, "sp_helptext": procHarmless, "sp_helptrigger": procHarmless, "sp_helpuser": procHarmless, "sp_depends": procHarmless,
	"sp_lock": procHarmless, "sp_who": procHarmless, "sp_who2": procHarmless, "sp_spaceused": procHarmless, "sp_configure": procHarmless,
	"sp_recompile": procHarmless, "sp_updatestats": procHarmless, "sp_refreshview": procHarmless, "sp_addextendedproperty": procHarmless,
	"sp_updateextendedproperty": procHarmless, "sp_dropextendedproperty": procHarmless, "sp_addextendedproc": procHarmless,
	"sp_dropextendedproc": procHarmless, "sp_addmessage": procHarmless, "sp_adduser": procHarmless, "sp_addrolemember": procHarmless,
	"sp_addlinkedserver": procHarmless, "sp_serveroption": procHarmless, "sp_start_job": procHarmless, "sp_sequence_get_range": procHarmless,
	"sp_get_database_firewall_rule": procHarmless, "sp_mshasdbaccess": procHarmless, "sp_procedure_params_100_managed": procHarmless,
	"sp_procedure_params_managed": procHarmless, "sp_procedure_params_rowset": procHarmless,
}

// procedureNamed finds what a procedure does by its last name.
func procedureNamed(name string) procedure {
	if len(name) < 4 || len(name) > maxProcedureName || !strings.EqualFold(name[:3], "sp_") {
		return procUser
	}
	return systemProcedures[strings.ToLower(name)]
}

// maxProcedureName is longer than any in systemProcedures.
const maxProcedureName = 40

// isSystem tells whether a name may be one of systemProcedures.
func (t *token) isSystem() bool {
	b := t.text
	return len(b) >= 8 && len(b) <= 2*maxProcedureName && is(b[:6], "SP_")
}

// argument is one of a procedure call.
type argument struct {
	name  string // with its @; "" if positional
	value token  // a literal, a variable, or tokEnd
	minus bool
}

// find returns an argument by name, or else by its place; nil if it was left out.
func find(args []argument, name string, place int) *argument {
	named := false
	for i := range args {
		if args[i].name != "" {
			named = true
			if equalFold(args[i].name, name) {
				return &args[i]
			}
		}
	}
	if place < len(args) && args[place].name == "" && !(named && anyNamed(args[:place])) {
		return &args[place]
	}
	return nil
}

func anyNamed(args []argument) bool {
	for i := range args {
		if args[i].name != "" {
			return true
		}
	}
	return false
}

// text returns the string an argument is.
func (a *argument) text() (string, bool) {
	if a == nil || a.value.lost {
		return "", false
	}
	switch a.value.kind {
	case tokString, tokDouble, tokWord, tokBracket: // EXEC takes bare words for strings
		if a.value.kw != noKeyword {
			return "", false
		}
		return a.value.value(), true
	}
	return "", false
}
