package statement

// keyword is a word of T-SQL that this package looks at.
type keyword uint8

// Words that begin a statement, or look as if they did. They are reserved: a
// name that is spelled like one must be delimited.
const (
	noKeyword keyword = iota
	kwAlter
	kwBackup
	kwBegin
	kwBreak
	kwBulk
	kwCheckpoint
	kwClose
	kwCommit
	kwContinue
	kwCreate
	kwDBCC
	kwDeallocate
	kwDeclare
	kwDelete
	kwDeny
	kwDrop
	kwElse
	kwEnd
	kwExec
	kwFetch
	kwGoto
	kwGrant
	kwIf
	kwInsert
	kwKill
	kwMerge
	kwOpen
	kwPrint
	kwRaiserror
	kwReadtext
	kwReconfigure
	kwRestore
	kwReturn
	kwRevert
	kwRevoke
	kwRollback
	kwSave
	kwSelect
	kwSet
	kwSetuser
	kwShutdown
	kwThrow // not reserved, but THROW is no name that follows a condition
	kwTruncate
	kwUpdate
	kwUpdatetext
	kwUse
	kwWaitfor
	kwWhile
	kwWritetext
	lastStarter

	// Words whose place matters.
	kwAs
	kwCall
	kwCase
	kwCatch
	kwConversation
	kwCursor
	kwDatabase
	kwDefault
	kwDialog
	kwDistributed
	kwFor
	kwFunction
	kwInto
	kwKey
	kwLevel
	kwLocal
	kwGlobal
	kwNull
	kwOff
	kwOn
	kwOr
	kwProcedure
	kwStatistics
	kwTable
	kwTo
	kwFrom
	kwTransaction
	kwTrigger
	kwTry
	kwValues
	kwView
	kwWith
	kwAdd
	kwDisable
	kwEnable
	kwGet
	kwMove
	kwReceive
	kwSend
	kwExists
	kwIs
	kwNot
	kwObjectID

	// What the statement before left behind.
	kwLastRowCount // @@ROWCOUNT, ROWCOUNT_BIG
	kwLastError    // @@ERROR
	kwLastIdentity // @@IDENTITY, SCOPE_IDENTITY
)

var keywordWords = map[string]keyword{
	"ALTER": kwAlter, "BACKUP": kwBackup, "BEGIN": kwBegin, "BREAK": kwBreak, "BULK": kwBulk, "CHECKPOINT": kwCheckpoint, "CLOSE": kwClose,
	"COMMIT": kwCommit, "CONTINUE": kwContinue, "CREATE": kwCreate, "DBCC": kwDBCC, "DEALLOCATE": kwDeallocate, "DECLARE": kwDeclare,
	"DELETE": kwDelete, "DENY": kwDeny, "DROP": kwDrop, "ELSE": kwElse, "END": kwEnd, "EXEC": kwExec, "EXECUTE": kwExec, "FETCH": kwFetch,
	"GOTO": kwGoto, "GRANT": kwGrant, "IF": kwIf, "INSERT": kwInsert, "KILL": kwKill, "MERGE": kwMerge, "OPEN": kwOpen, "PRINT": kwPrint,
	"RAISERROR": kwRaiserror, "READTEXT": kwReadtext, "RECONFIGURE": kwReconfigure, "RESTORE": kwRestore, "RETURN": kwReturn,
	"REVERT": kwRevert, "REVOKE": kwRevoke, "ROLLBACK": kwRollback, "SAVE": kwSave, "SELECT": kwSelect, "SET": kwSet, "SETUSER": kwSetuser,
	"SHUTDOWN": kwShutdown, "THROW": kwThrow, "TRUNCATE": kwTruncate, "UPDATE": kwUpdate, "UPDATETEXT": kwUpdatetext, "USE": kwUse,
	"WAITFOR": kwWaitfor, "WHILE": kwWhile, "WRITETEXT": kwWritetext, "DUMP": kwBackup, "LOAD": kwRestore,

	"AS": kwAs, "CALL": kwCall, "CASE": kwCase, "CATCH": kwCatch, "CONVERSATION": kwConversation, "CURSOR": kwCursor,
	"DATABASE": kwDatabase, "DEFAULT": kwDefault, "DIALOG": kwDialog, "DISTRIBUTED": kwDistributed, "FOR": kwFor, "FUNCTION": kwFunction,
	"INTO": kwInto, "KEY": kwKey, "LEVEL": kwLevel, "LOCAL": kwLocal, "GLOBAL": kwGlobal, "NULL": kwNull, "OFF": kwOff,
	"ON": kwOn, "OR": kwOr, "PROC": kwProcedure, "PROCEDURE": kwProcedure, "STATISTICS": kwStatistics, "TABLE": kwTable, "TO": kwTo,
	"FROM": kwFrom, "TRAN": kwTransaction, "TRANSACTION": kwTransaction, "TRIGGER": kwTrigger, "TRY": kwTry, "VALUES": kwValues,
	"VIEW": kwView, "WITH": kwWith, "ADD": kwAdd, "DISABLE": kwDisable, "ENABLE": kwEnable, "GET": kwGet, "MOVE": kwMove,
	"RECEIVE": kwReceive, "SEND": kwSend, "EXISTS": kwExists, "IS": kwIs, "NOT": kwNot, "OBJECT_ID": kwObjectID,

	"@@ROWCOUNT": kwLastRowCount, "ROWCOUNT_BIG": kwLastRowCount, "@@ERROR": kwLastError, "@@IDENTITY": kwLastIdentity,
	"SCOPE_IDENTITY": kwLastIdentity,
}

const (
	hashSeed  = 2166136261
	hashPrime = 16777619
	hashSize  = 1024
)

type keywordEntry struct {
	hash uint32
	kw   keyword
	word string
}

// keywordTable is an open hash table of keywordWords.
var keywordTable = func() (t [hashSize]keywordEntry) {
	for w, k := range keywordWords {
		h := uint32(hashSeed)
		for i := range len(w) {
			h = (h ^ uint32(w[i])) * hashPrime
		}
		at := h % hashSize
		for t[at].kw != noKeyword {
			at = (at + 1) % hashSize
		}
		t[at] = keywordEntry{h, k, w}
	}
	return t
}()

// lookup finds the keyword that an ASCII word is; h is its hash.
func lookup(h uint32, text []byte) keyword {
	for at := h % hashSize; keywordTable[at].kw != noKeyword; at = (at + 1) % hashSize {
		e := &keywordTable[at]
		if e.hash == h && is(text, e.word) {
			return e.kw
		}
	}
	return noKeyword
}

// is tells whether UTF-16LE text is an upper-case ASCII word, in any case.
func is(text []byte, word string) bool {
	if len(text) != 2*len(word) {
		return false
	}
	for i := range len(word) {
		c := text[2*i]
		if text[2*i+1] != 0 || c >= 0x80 || c != word[i] && upper[c] != word[i] {
			return false
		}
	}
	return true
}
