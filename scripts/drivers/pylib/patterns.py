"""What applications do most, each by a client of its own; see ../README.md.

Both Python drivers are DB-API modules: they differ in how a parameter is
written and in what they send.
"""

import os

from suite import Case


def turns():
    return int(os.environ.get("TDS_PATTERN_TURNS") or 20)


def over(connect, table, turn):
    """Has all turns of a pattern run, each of which adds a row of its number."""
    conn = connect()
    try:
        cursor = conn.cursor()
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        cursor.execute(f"CREATE TABLE {table} (id int NOT NULL, s nvarchar(50) NULL)")
        conn.commit()
        for i in range(turns()):
            turn(conn, cursor, i)
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        n = cursor.fetchone()[0]
        if n != turns():
            raise AssertionError(f"{n} rows of {turns()}")
        cursor.execute(f"DROP TABLE {table}")
        conn.commit()
        return f"{turns()} turns"
    finally:
        conn.close()


def plain(table, _mark):
    def turn(conn, cursor, i):
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        cursor.fetchall()
        cursor.execute(f"INSERT INTO {table} (id, s) VALUES ({i}, N'row')")
        cursor.execute(f"UPDATE {table} SET s = N'new' WHERE id = {i}")
        cursor.execute(f"SELECT id FROM {table} WHERE id = {i}")
        cursor.fetchall()
        conn.commit()
    return turn


def parameters(table, mark):
    def turn(conn, cursor, i):
        cursor.execute(f"INSERT INTO {table} (id, s) VALUES ({mark}, {mark})", (i, "row"))
        cursor.execute(f"UPDATE {table} SET s = {mark} WHERE id = {mark}", ("new", i))
        cursor.execute(f"SELECT id FROM {table} WHERE id = {mark} AND s = {mark}", (i, "new"))
        cursor.fetchall()
        conn.commit()
    return turn


def prepared(table, mark):
    """The same statement again and again on a cursor, which a driver that
    prepares does once."""
    def turn(conn, cursor, i):
        cursor.execute(f"INSERT INTO {table} (id, s) VALUES ({mark}, N'row')", (i,))
        find = conn.cursor()
        for _ in range(3):
            find.execute(f"SELECT id FROM {table} WHERE id = {mark}", (i,))
            find.fetchall()
        find.close()
        conn.commit()
    return turn


def transactions(table, mark):
    def turn(conn, cursor, i):
        cursor.execute(f"INSERT INTO {table} (id, s) VALUES ({mark}, N'row')", (i,))
        cursor.execute(f"SELECT id FROM {table} WHERE id = {mark}", (i,))
        cursor.fetchall()
        if i % 4 == 3:
            conn.rollback()
            cursor.execute(f"INSERT INTO {table} (id, s) VALUES ({mark}, N'row')", (i,))
        conn.commit()
    return turn


def temp_table(table, _mark):
    def turn(conn, cursor, i):
        cursor.execute("CREATE TABLE #pattern (id int NOT NULL)")
        cursor.execute(f"INSERT INTO #pattern (id) VALUES ({i})")
        cursor.execute(f"INSERT INTO {table} (id, s) SELECT id, N'row' FROM #pattern")
        cursor.execute("DROP TABLE #pattern")
        conn.commit()
    return turn


def pattern_cases(driver, table, mark, connect, names, more=()):
    """The cases of a driver: connect(endpoint) opens a connection; more are
    further patterns, of the form (name, needs, turn)."""
    known = {f.__name__: f for f in (plain, parameters, prepared, transactions, temp_table)}
    all_turns = [(name, [], known[name](table, mark)) for name in names] + list(more)
    return [Case(f"pattern/{driver}/{name}", lambda e, t=turn: over(lambda: connect(e), table, t), needs)
            for name, needs, turn in all_turns]
