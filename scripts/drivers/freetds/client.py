"""DB-Library connections through pymssql's low-level module."""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pymssql
from pymssql import _mssql

from endpoint import FREETDS_ENCRYPTION
from values import show

# Messages up to class 10 are information; the module's own limit is lower.
_mssql.min_error_severity = 11


def write_configuration(endpoint, directory):
    """Writes a freetds.conf with one server per encryption mode and uses it."""
    lines = ["[global]", "tds version = 7.4", "client charset = UTF-8", "text size = 67108864"]
    for mode, value in FREETDS_ENCRYPTION.items():
        lines += [f"[{mode}]", f"host = {endpoint.host}", f"port = {endpoint.port}", f"encryption = {value}"]
    path = Path(directory) / "freetds.conf"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.environ["FREETDSCONF"] = str(path)


@contextmanager
def configuration(endpoint):
    """Keeps a configuration in use, in a directory that is removed afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        write_configuration(endpoint, directory)
        yield


@contextmanager
def connection(endpoint, mode=None, user=None, password=None, database=None, **options):
    conn = _mssql.connect(
        server=mode or endpoint.main_mode,
        port=str(endpoint.port),  # it overrides the configuration file otherwise
        user=user or endpoint.user,
        password=endpoint.password if password is None else password,
        database=endpoint.database if database is None else database,
        appname="drivers",
        charset="UTF-8",
        **options,
    )
    try:
        yield conn
    finally:
        conn.close()


def describe(error):
    """Renders a server error by its fields, any other by its text."""
    if isinstance(error, _mssql.MSSQLDatabaseException):
        text = error.text.decode("utf-8", "replace") if isinstance(error.text, bytes) else str(error.text)
        return f"error({error.number},state {error.state},class {error.severity},{json.dumps(text, ensure_ascii=False)})"
    if isinstance(error, pymssql.Error) and error.args and isinstance(error.args[0], tuple):
        number, text = error.args[0][:2]
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return f"error({number},{json.dumps(text, ensure_ascii=False)})"
    return f"{type(error).__name__}: {error}"


def batch(conn, sql):
    """Runs text as one batch and renders all that came back; a server error is part of it."""
    parts = []

    def said(state, severity, _server, _procedure, line, text):
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        parts.append(f"info(state {state},class {severity},line {line},{json.dumps(text, ensure_ascii=False)})")

    conn.set_msghandler(said)
    try:
        conn.execute_query(sql)
        while True:
            header = conn.get_header()
            if header:
                width = len(header)
                rows = [tuple(row[i] for i in range(width)) for row in conn]
                names = ",".join(h[0] for h in header)
                parts.append(f"[{names}]{{" + "".join("(" + ",".join(map(show, r)) + ")" for r in rows) + "}")
            parts.append(f"count({conn.rows_affected})")
            if not conn.nextresult():
                break
    except _mssql.MSSQLDatabaseException as error:
        parts.append(describe(error))
        conn.cancel()
    finally:
        conn.set_msghandler(None)
    return " ".join(parts)


def run_batches(endpoint, batches):
    with connection(endpoint) as conn:
        return " | ".join(batch(conn, sql) for sql in batches)
