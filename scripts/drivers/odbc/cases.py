"""The cases that use ODBC itself."""

import decimal
import threading
import time
import uuid

import pyodbc

from client import batch, connection, describe, isql
from endpoint import FREETDS_ENCRYPTION, KNOWN_MODES
from leaks import leak_cases
from suite import Case, Skip
from values import NUMBERS, TEN_MEGABYTES, digest, letters, pattern

LONG_QUERY = "WAITFOR DELAY '00:00:20'"
CANCEL_AFTER = 0.3  # seconds
CANCEL_WITHIN = 5


def login_and_ask(endpoint, **change):
    with connection(endpoint, **change) as conn:
        return batch(conn, "SELECT DB_NAME() AS db, 1 AS one")


def login_mode(prefix, mode, ask):
    def run(endpoint):
        if mode not in FREETDS_ENCRYPTION:
            raise Skip("this FreeTDS has no encryption mode " + mode)
        if mode not in endpoint.modes:
            raise Skip("the endpoint does not offer encryption mode " + mode)
        return ask(endpoint, mode=mode)
    return Case(f"{prefix}/encrypt-{mode}", run)


def refused(endpoint, **change):
    try:
        text = login_and_ask(endpoint, **change)
    except pyodbc.Error as error:
        if error.args[0] != "28000" and "Unable to connect" in str(error):
            raise
        return describe(error)
    raise AssertionError("the login was accepted: " + text)


def second_user(endpoint):
    if not endpoint.user2:
        raise Skip("TDS_USER2 is not set")
    return login_and_ask(endpoint, user=endpoint.user2, password=endpoint.password2, database=endpoint.database2)


def on(name, use, needs=(), **change):
    def run(endpoint):
        with connection(endpoint, **change) as conn:
            return use(conn)
    return Case(name, run, list(needs))


def parameters(conn):
    return batch(conn, "SELECT CAST(? AS nvarchar(50)), CAST(? AS int), CAST(? AS bigint), CAST(? AS decimal(18,4)), CAST(? AS varbinary(10)), CAST(? AS float), CAST(? AS bit)",
                 ("Grüße 你好 😀", None, -9223372036854775808, decimal.Decimal("12345.6789"), b"\x00\xff", 0.1, True))


def guid(conn):
    return batch(conn, "SELECT CAST(? AS uniqueidentifier) AS g", (uuid.UUID("01020304-0506-0708-090a-0b0c0d0e0f10"),))


def store_large(conn):
    text, data = letters(TEN_MEGABYTES), pattern(TEN_MEGABYTES)
    batch(conn, "CREATE TABLE #big (v varchar(max) NULL, b varbinary(max) NULL)")
    said = batch(conn, "INSERT INTO #big (v, b) VALUES (?, ?)", (text, data))
    return said + " | " + batch(conn, "SELECT v, b FROM #big")


def prepared(conn):
    """The driver prepares a statement with parameters once per cursor."""
    cursor = conn.cursor()
    total = 0
    for i in range(300):
        total += cursor.execute("SELECT CAST(? AS int) * 2 AS r", (i,)).fetchone()[0]
    cursor.close()
    return f"total {total}, after {batch(conn, 'SELECT 1 AS one')}"


def executemany(conn):
    batch(conn, "CREATE TABLE #many (id int NOT NULL, s nvarchar(50) NULL)")
    cursor = conn.cursor()
    cursor.executemany("INSERT INTO #many (id, s) VALUES (?, ?)", [(i, None if i % 3 == 0 else f"é😀{i}") for i in range(200)])
    cursor.close()
    return batch(conn, "SELECT COUNT(*) AS n, SUM(id) AS total, COUNT(s) AS texts FROM #many")


def transaction(end):
    def use(conn):
        cursor = conn.cursor()
        cursor.execute("CREATE TABLE #t (a int NOT NULL)")
        conn.commit()
        cursor.execute("INSERT INTO #t (a) VALUES (?)", (1,))
        inside = cursor.execute("SELECT @@TRANCOUNT, COUNT(*) FROM #t").fetchall()
        getattr(conn, end)()
        after = cursor.execute("SELECT COUNT(*) FROM #t").fetchall()
        conn.commit()
        return f"{inside} | {after}"
    return use


def isolation(level):
    def use(conn):
        conn.set_attr(pyodbc.SQL_ATTR_TXN_ISOLATION, level)
        inside = conn.execute("SELECT @@TRANCOUNT").fetchall()
        conn.commit()
        return str(inside)
    return use


def procedure(conn):
    batch(conn, "DROP PROCEDURE IF EXISTS drv_odbc_proc")
    batch(conn, """CREATE PROCEDURE drv_odbc_proc @a int, @s nvarchar(50) AS
BEGIN
 SELECT @a AS a, @s + N' and back é😀' AS s
 SELECT @a * 2 AS n
 RETURN 42
END""")
    text = batch(conn, "{CALL drv_odbc_proc(?, ?)}", (5, "there"))
    batch(conn, "DROP PROCEDURE drv_odbc_proc")
    return text


def large_result(conn):
    rows = conn.execute(NUMBERS + " ORDER BY n").fetchall()
    return f"{len(rows)} rows {digest(''.join(f'{n}{s}' for n, s in rows))}"


def abandoned(conn):
    for _ in range(5):
        cursor = conn.cursor()
        cursor.execute(NUMBERS).fetchone()
        cursor.close()
    return batch(conn, "SELECT N'usable' AS v")


def large_text(conn):
    return batch(conn, f"SELECT CAST('{letters(100_000)}' AS varchar(max)) AS v")


def ends_soon(run):
    begun = time.monotonic()
    try:
        run()
    except pyodbc.Error as error:
        took = time.monotonic() - begun
        if took > CANCEL_WITHIN:
            raise AssertionError(f"it took {took:.1f} s") from error
        return error.args[0]
    raise AssertionError("the query ended by itself")


def cancel_running(conn):
    batch(conn, "CREATE TABLE #mine (a int)")
    cursor = conn.cursor()
    timer = threading.Timer(CANCEL_AFTER, cursor.cancel)
    timer.start()
    state = ends_soon(lambda: cursor.execute(LONG_QUERY))
    timer.join()
    cursor.close()
    return f"{state}, then {batch(conn, 'SELECT COUNT(*) AS n FROM #mine')}"


def query_timeout(conn):
    conn.timeout = 1
    state = ends_soon(lambda: conn.execute(LONG_QUERY))
    conn.timeout = 0
    return f"{state}, then {batch(conn, 'SELECT 1 AS one')}"


def thousand_connects(endpoint):
    for i in range(1000):
        try:
            with connection(endpoint) as conn:
                conn.execute("SELECT 1").fetchone()
        except pyodbc.Error as error:
            raise AssertionError(f"{i} ok, then {describe(error)}") from error
    return "1000 ok"


def isql_login(endpoint, **change):
    return isql(endpoint, "SELECT DB_NAME() AS db, 1 AS one\n", **change)


ISQL_TEXT = """SELECT 1 AS a, N'é😀' AS s, NULL AS n
SELECT 1/0
SELECT 'still' AS here
"""

CASES = [
    *(login_mode("login", mode, login_and_ask) for mode in KNOWN_MODES),
    *(login_mode("isql", mode, isql_login) for mode in KNOWN_MODES),
    Case("isql/statements", lambda e: isql(e, ISQL_TEXT)),
    Case("login/second-user", second_user),
    Case("login/wrong-password", lambda e: refused(e, password="not-" + e.password)),
    Case("login/unknown-user", lambda e: refused(e, user="no_such_user")),
    Case("login/unknown-database", lambda e: refused(e, database="no_such_database")),
    on("param/several", parameters),
    on("param/guid", guid),
    on("param/max-stored-10mb", store_large),
    on("prepared/reuse", prepared),
    on("prepared/executemany", executemany),
    on("tran/api-commit", transaction("commit"), autocommit=False),
    on("tran/api-rollback", transaction("rollback"), autocommit=False),
    on("tran/api-isolation-read-uncommitted", isolation(pyodbc.SQL_TXN_READ_UNCOMMITTED), autocommit=False),
    on("tran/api-isolation-serializable", isolation(pyodbc.SQL_TXN_SERIALIZABLE), autocommit=False),
    on("proc/result-sets", procedure, ["procedures"]),
    on("results/large-20000-rows", large_result),
    on("results/large-abandoned", abandoned),
    on("batch/large-text-100kb", large_text),
    *leak_cases("drv_odbc", connection, batch),
    on("cancel/running-query", cancel_running, ["waitfor"]),
    on("cancel/query-timeout", query_timeout, ["waitfor"]),
    Case("connect/1000-in-a-row", thousand_connects),
]
