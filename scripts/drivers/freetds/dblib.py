"""Cases through pymssql, that is DB-Library."""

import pymssql
from pymssql import _mssql

from client import batch, connection, describe
from endpoint import FREETDS_ENCRYPTION, KNOWN_MODES
from leaks import leak_cases
from suite import Case, Skip
from values import NUMBERS, TEN_MEGABYTES, digest, letters, pattern, show


def login_and_ask(endpoint, **change):
    with connection(endpoint, **change) as conn:
        return batch(conn, "SELECT DB_NAME() AS db, 1 AS one")


def login_mode(mode):
    def run(endpoint):
        if mode not in FREETDS_ENCRYPTION:
            raise Skip("this FreeTDS has no encryption mode " + mode)
        if mode not in endpoint.modes:
            raise Skip("the endpoint does not offer encryption mode " + mode)
        return login_and_ask(endpoint, mode=mode)
    return Case("login/encrypt-" + mode, run)


def login_version(version, needs=()):
    return Case("login/tds-" + version.replace(".", "_"), lambda e: login_and_ask(e, tds_version=version), list(needs))


def refused(endpoint, **change):
    try:
        text = login_and_ask(endpoint, **change)
    except _mssql.MSSQLDatabaseException as error:
        if 20000 <= error.number < 21000:  # DB-Library's own: the server never answered
            raise
        # The text has DB-Library's own added, which names the host.
        return f"error({error.number},class {error.severity})"
    raise AssertionError("the login was accepted: " + text)


def second_user(endpoint):
    if not endpoint.user2:
        raise Skip("TDS_USER2 is not set")
    return login_and_ask(endpoint, user=endpoint.user2, password=endpoint.password2, database=endpoint.database2)


def with_pymssql(endpoint, **options):
    return pymssql.connect(server=endpoint.main_mode, port=str(endpoint.port), user=endpoint.user, password=endpoint.password,
                           database=endpoint.database, appname="drivers", charset="UTF-8", **options)


def api_transaction(end):
    def run(endpoint):
        with with_pymssql(endpoint) as conn:
            cursor = conn.cursor()
            cursor.execute("CREATE TABLE #t (a int NOT NULL)")
            conn.commit()
            cursor.execute("INSERT INTO #t (a) VALUES (%s)", (1,))
            cursor.execute("SELECT @@TRANCOUNT, COUNT(*) FROM #t")
            inside = cursor.fetchall()
            getattr(conn, end)()
            cursor.execute("SELECT COUNT(*) FROM #t")
            return f"{inside} | {cursor.fetchall()}"
    return run


def parameters(endpoint):
    with with_pymssql(endpoint) as conn:
        cursor = conn.cursor()
        cursor.execute("SELECT %s, %s, %d, %s, %s", ("Grüße 你好 😀", None, 42, "it's", b"\x00\xff"))
        return " ".join(show(v) for v in cursor.fetchone())


def store_large(endpoint):
    text, data = letters(TEN_MEGABYTES // 2), pattern(TEN_MEGABYTES)
    with connection(endpoint) as conn:
        batch(conn, "CREATE TABLE #big (n nvarchar(max) NULL, b varbinary(max) NULL)")
        said = batch(conn, f"INSERT INTO #big (n, b) VALUES (N'{text}', 0x{data.hex()})")
        return said + " | " + batch(conn, "SELECT n, b FROM #big")


def procedure(endpoint):
    with connection(endpoint) as conn:
        batch(conn, "DROP PROCEDURE IF EXISTS drv_ft_proc")
        batch(conn, """CREATE PROCEDURE drv_ft_proc @a int, @s varchar(50) OUTPUT, @n int OUTPUT AS
BEGIN
 SET @s = @s + ' and back'
 SET @n = @a * 2
 RETURN 42
END""")
        proc = conn.init_procedure("drv_ft_proc")
        proc.bind(5, _mssql.SQLINT4, "@a")
        proc.bind("there", _mssql.SQLVARCHAR, "@s", output=True, max_length=50)
        proc.bind(0, _mssql.SQLINT4, "@n", output=True)
        status = proc.execute()
        outputs = " ".join(f"{k}={show(v)}" for k, v in sorted(proc.parameters.items(), key=str) if isinstance(k, str))
        batch(conn, "DROP PROCEDURE drv_ft_proc")
        return f"{outputs} status={status}"


def large_result(endpoint):
    with connection(endpoint) as conn:
        conn.execute_query(NUMBERS + " ORDER BY n")
        rows = [f"{row[0]}{row[1]}" for row in conn]
        return f"{len(rows)} rows {digest(''.join(rows))}"


def cancel_between_rows(endpoint):
    """Leaves a result half-read and cancels it, which sends an attention."""
    with connection(endpoint) as conn:
        for _ in range(5):
            conn.execute_query(NUMBERS)
            next(iter(conn))
            conn.cancel()
        return batch(conn, "SELECT N'usable' AS v")


def large_text(endpoint):
    text = letters(100_000)
    with connection(endpoint) as conn:
        return batch(conn, f"SELECT CAST('{text}' AS varchar(max)) AS v")


def many_statements(endpoint):
    sql = "".join(f"SELECT {i} AS n -- {letters(60)}\n" for i in range(200))
    with connection(endpoint) as conn:
        text = batch(conn, sql)
        return f"{text.count('[n]')} result sets {digest(text)}"


def left_handle(endpoint):
    with connection(endpoint) as conn:
        conn.execute_query("DECLARE @h int EXEC sp_prepare @h OUTPUT, N'@a int', N'SELECT @a AS secret' SELECT @h AS h")
        rows = []
        while True:
            rows += [row[0] for row in conn]
            if not conn.nextresult():
                break
        handle = rows[-1]
    with connection(endpoint) as conn:
        try:
            conn.execute_query(f"EXEC sp_execute {handle}, 1")
        except _mssql.MSSQLDatabaseException as error:
            return f"error {error.number}"
    raise AssertionError("the handle of a closed connection works")


def other_user(endpoint):
    if not endpoint.user2:
        raise Skip("TDS_USER2 is not set")
    out = []
    for i in range(6):
        second = {"user": endpoint.user2, "password": endpoint.password2, "database": endpoint.database2} if i % 2 else {}
        with connection(endpoint, **second) as conn:
            out.append(batch(conn, "SELECT SUSER_SNAME() AS who, DB_NAME() AS db"))
    return " ".join(out)


def thousand_connects(endpoint):
    for i in range(1000):
        try:
            with connection(endpoint) as conn:
                conn.execute_scalar("SELECT 1")
        except _mssql.MSSQLException as error:
            raise AssertionError(f"{i} ok, then {describe(error)}") from error
    return "1000 ok"


CASES = [
    *(login_mode(mode) for mode in KNOWN_MODES),
    login_version("7.1", ["tds71"]),
    login_version("7.2"),
    login_version("7.3"),
    Case("login/second-user", second_user),
    Case("login/wrong-password", lambda e: refused(e, password="not-" + e.password)),
    Case("login/unknown-user", lambda e: refused(e, user="no_such_user")),
    Case("login/unknown-database", lambda e: refused(e, database="no_such_database")),
    Case("param/several", parameters),
    Case("param/max-stored-10mb", store_large),
    Case("tran/api-commit", api_transaction("commit")),
    Case("tran/api-rollback", api_transaction("rollback")),
    Case("proc/output-and-return", procedure, ["procedures"]),
    Case("results/large-20000-rows", large_result),
    Case("batch/large-text-100kb", large_text),
    Case("batch/many-statements", many_statements),
    *leak_cases("drv_ft", connection, batch),
    Case("reconnect/prepared-handle", left_handle, ["text_prepare"]),
    Case("reconnect/other-user", other_user),
    Case("cancel/between-rows", cancel_between_rows),
    Case("connect/1000-in-a-row", thousand_connects),
]
