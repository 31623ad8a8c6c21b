"""The patterns of ../README.md with pymssql and with tsql."""

import pymssql

from patterns import pattern_cases, turns
from suite import Case
from tools import tsql

TABLE = "drv_ft_pattern"


def connect(endpoint, **options):
    return pymssql.connect(server=endpoint.main_mode, port=str(endpoint.port), user=endpoint.user,
                           password=endpoint.password, database=endpoint.database, appname="drivers", **options)


def bulk(conn, _cursor, i):
    conn.bulk_copy(TABLE, [(i, "row")])
    conn.commit()


def by_tsql(turn):
    """Runs the batches of all turns in one run of tsql."""
    def run(endpoint):
        batches = [f"DROP TABLE IF EXISTS {TABLE}", f"CREATE TABLE {TABLE} (id int NOT NULL, s nvarchar(50) NULL)"]
        for i in range(turns()):
            batches += turn(i)
        batches += [f"SELECT 'rows', COUNT(*) FROM {TABLE}", f"DROP TABLE {TABLE}"]
        said = tsql(endpoint, "".join(b + "\nGO\n" for b in batches))
        if f"rows\t{turns()} //" not in said or "Msg " in said:
            raise AssertionError(said[-500:])
        return f"{turns()} turns"
    return run


def insert(i):
    return f"INSERT INTO {TABLE} (id, s) VALUES ({i}, N'row')"


def find(i):
    return f"SELECT id FROM {TABLE} WHERE id = {i}"


TSQL = {
    "plain": lambda i: [f"SELECT COUNT(*) FROM {TABLE}", insert(i), f"UPDATE {TABLE} SET s = N'new' WHERE id = {i}", find(i)],
    "parameters": lambda i: [
        f"EXEC sp_executesql N'INSERT INTO {TABLE} (id, s) VALUES (@a, @s)', N'@a int, @s nvarchar(50)', {i}, N'row'",
        f"EXEC sp_executesql N'SELECT id FROM {TABLE} WHERE id = @a', N'@a int', @a = {i}",
    ],
    "transactions": lambda i: (
        ["BEGIN TRANSACTION", insert(i), find(i)] + (["ROLLBACK", insert(i)] if i % 4 == 3 else ["COMMIT"])),
    "temp_table": lambda i: [
        "CREATE TABLE #pattern (id int NOT NULL)", f"INSERT INTO #pattern (id) VALUES ({i})",
        f"INSERT INTO {TABLE} (id, s) SELECT id, N'row' FROM #pattern", "DROP TABLE #pattern",
    ],
}

CASES = [
    *pattern_cases("pymssql", TABLE, "%s", connect, ["plain", "parameters", "transactions", "temp_table"], [("bulk", ["bulk"], bulk)]),
    *pattern_cases("pymssql-autocommit", TABLE, "%s", lambda e: connect(e, autocommit=True), ["plain", "parameters"]),
    *(Case("pattern/tsql/" + name, by_tsql(turn)) for name, turn in TSQL.items()),
]
