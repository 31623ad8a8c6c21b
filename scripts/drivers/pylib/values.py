"""Values that the suites send, and how values are shown."""

import hashlib
import json

TEN_MEGABYTES = 10 << 20
LONG_VALUE = 200


def digest(data):
    if isinstance(data, str):
        data = data.encode()
    return hashlib.sha256(data).hexdigest()[:16]


def show(value):
    """Shows equal values by equal text; long ones by length and hash."""
    if value is None:
        return "NULL"
    if isinstance(value, (bytes, bytearray)):
        value = bytes(value)
        return f"bytes({len(value)},{digest(value)})" if len(value) > LONG_VALUE else "0x" + value.hex()
    if isinstance(value, str):
        if len(value) > LONG_VALUE:
            return f"text({len(value)},{digest(value)})"
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _noise(seed, n):
    x = seed
    for _ in range(n):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        yield x >> 24


def letters(n):
    """A text of n ASCII characters without a short period."""
    return bytes(97 + b % 26 for b in _noise(1, n)).decode()


def pattern(n):
    """n bytes without a short period."""
    return bytes(_noise(7, n))


_DIGITS = "(SELECT 0 AS d" + "".join(f" UNION ALL SELECT {d}" for d in range(1, 10)) + ")"

# Selects 0..19999 out of digit tables, which every lookalike can do.
NUMBERS = (
    "SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n, N'row é😀 some text to fill packets' AS s\n"
    f"FROM {_DIGITS} AS a CROSS JOIN {_DIGITS} AS b CROSS JOIN {_DIGITS} AS c CROSS JOIN {_DIGITS} AS e "
    "CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1) AS f"
)


def state_leaks(prefix):
    """Session state as (name, needs, set, ask, clean): what sets it, and a
    question whose answer in the next session shows whether it is still there."""
    table = f"{prefix}_locked"
    lock = f"@Resource = '{prefix}', @LockMode = 'Exclusive', @LockOwner = 'Session'"
    return [
        ("temp-table", [], ["CREATE TABLE #left (a int)"], "SELECT COUNT(*) AS n FROM #left", []),
        ("database", [], ["USE master"], "SELECT DB_NAME() AS db", []),
        ("context-info", ["context_info"], ["SET CONTEXT_INFO 0x0102"],
         "SELECT COALESCE(SUBSTRING(CONTEXT_INFO(), 1, 2), 0x0000) AS ci", []),
        ("session-context", ["session_context"], ["EXEC sp_set_session_context N'k', N'v'"],
         "SELECT CAST(SESSION_CONTEXT(N'k') AS nvarchar(10)) AS v", []),
        ("open-transaction", [],
         [f"DROP TABLE IF EXISTS {table}", f"CREATE TABLE {table} (a int NOT NULL)", "BEGIN TRAN", f"INSERT INTO {table} (a) VALUES (1)"],
         f"SELECT @@TRANCOUNT AS depth, COUNT(*) AS n FROM {table}",
         ["IF @@TRANCOUNT > 0 ROLLBACK", f"DROP TABLE IF EXISTS {table}"]),
        ("datefirst", [], ["SET DATEFIRST 2"], "SELECT @@DATEFIRST AS v", []),
        ("lock-timeout", [], ["SET LOCK_TIMEOUT 4321"], "SELECT @@LOCK_TIMEOUT AS v", []),
        ("rowcount", ["rowcount"], ["SET ROWCOUNT 1"], "SELECT 1 AS n UNION ALL SELECT 2 ORDER BY n", []),
        ("textsize", ["textsize"], ["SET TEXTSIZE 1000"], "SELECT CASE WHEN @@TEXTSIZE = 1000 THEN 'left' ELSE 'gone' END AS v", []),
        ("xact-abort", ["xact_abort"], ["SET XACT_ABORT ON"], "SELECT @@OPTIONS & 16384 AS v", []),
        ("nocount", ["options"], ["SET NOCOUNT ON"], "SELECT @@OPTIONS & 512 AS v", []),
        ("ansi-nulls", ["ansi_nulls"], ["SET ANSI_NULLS OFF"], "SELECT @@OPTIONS & 32 AS v", []),
        ("implicit-transactions", ["implicit_transactions"], ["SET IMPLICIT_TRANSACTIONS ON"], "SELECT @@OPTIONS & 2 AS v", []),
        ("isolation", ["isolation_view"], ["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
         "SELECT CAST(transaction_isolation_level AS int) AS v FROM sys.dm_exec_sessions WHERE session_id = @@SPID", []),
        ("language", ["language"], ["SET LANGUAGE German"], "SELECT @@LANGUAGE AS v", []),
        ("app-lock", ["applock"], [f"EXEC sp_getapplock {lock}"],
         f"DECLARE @r int EXEC @r = sp_getapplock {lock}, @LockTimeout = 10000 SELECT CASE WHEN @r >= 0 THEN 1 ELSE 0 END AS r "
         f"EXEC sp_releaseapplock @Resource = '{prefix}', @LockOwner = 'Session'", []),
    ]
