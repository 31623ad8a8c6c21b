package statement

// Option is something of a session that SET, USE and their like change.
type Option uint8

// Options. Those up to ImplicitTransactions are ON or OFF and followed; those
// up to OtherOption are OFF at login and pin while they are anything else; the
// rest have values and are followed.
const (
	AnsiNulls Option = iota
	AnsiPadding
	AnsiWarnings
	ArithAbort
	ArithIgnore
	ConcatNullYieldsNull
	NumericRoundAbort
	QuotedIdentifier
	CursorCloseOnCommit
	AnsiNullDfltOn
	AnsiNullDfltOff
	NoCount
	XactAbort
	ImplicitTransactions

	ForcePlan
	FmtOnly
	NoExec
	ParseOnly
	ShowplanAll
	ShowplanText
	ShowplanXML
	StatisticsIO
	StatisticsTime
	StatisticsProfile
	StatisticsXML
	NoBrowsetable
	OtherOption // any that this package does not know

	Isolation
	DateFirst
	DateFormat
	Language
	LockTimeout
	TextSize
	RowCount
	DeadlockPriority
	ContextInfo
	SessionKeys
	Database
	optionCount
)

const (
	firstUnfollowed = ForcePlan
	firstValued     = Isolation
)

var optionNames = [optionCount]string{
	"ANSI_NULLS", "ANSI_PADDING", "ANSI_WARNINGS", "ARITHABORT", "ARITHIGNORE", "CONCAT_NULL_YIELDS_NULL", "NUMERIC_ROUNDABORT",
	"QUOTED_IDENTIFIER", "CURSOR_CLOSE_ON_COMMIT", "ANSI_NULL_DFLT_ON", "ANSI_NULL_DFLT_OFF", "NOCOUNT", "XACT_ABORT", "IMPLICIT_TRANSACTIONS",
	"FORCEPLAN", "FMTONLY", "NOEXEC", "PARSEONLY", "SHOWPLAN_ALL", "SHOWPLAN_TEXT", "SHOWPLAN_XML",
	"STATISTICS IO", "STATISTICS TIME", "STATISTICS PROFILE", "STATISTICS XML", "NO_BROWSETABLE", "OTHER",
	"TRANSACTION ISOLATION LEVEL", "DATEFIRST", "DATEFORMAT", "LANGUAGE", "LOCK_TIMEOUT", "TEXTSIZE", "ROWCOUNT", "DEADLOCK_PRIORITY",
	"CONTEXT_INFO", "SESSION_CONTEXT", "DATABASE",
}

// String is the option's name in SET.
func (o Option) String() string {
	if o < optionCount {
		return optionNames[o]
	}
	return "unknown option"
}

// Options is a set of options.
type Options uint64

const (
	flagOptions       Options = 1<<firstValued - 1
	followedFlags     Options = 1<<firstUnfollowed - 1
	unfollowedOptions         = flagOptions &^ followedFlags
	allOptions        Options = 1<<optionCount - 1

	// ansiDefaults are what SET ANSI_DEFAULTS stands for.
	ansiDefaults = 1<<AnsiNulls | 1<<AnsiPadding | 1<<AnsiWarnings | 1<<QuotedIdentifier | 1<<CursorCloseOnCommit |
		1<<AnsiNullDfltOn | 1<<ImplicitTransactions
	// withoutRun are the options under which statements are not executed.
	withoutRun = 1<<FmtOnly | 1<<NoExec | 1<<ParseOnly | 1<<ShowplanAll | 1<<ShowplanText | 1<<ShowplanXML
)

// Has tells whether o is in the set.
func (s Options) Has(o Option) bool { return s>>o&1 != 0 }

// Each calls f for each option of the set, in order.
func (s Options) Each(f func(Option)) {
	for o := Option(0); o < optionCount; o++ {
		if s.Has(o) {
			f(o)
		}
	}
}
