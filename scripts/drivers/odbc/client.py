"""ODBC connections: pyodbc over the FreeTDS driver."""

import json
import os
import subprocess
from contextlib import contextmanager

import pyodbc

from endpoint import FREETDS_ENCRYPTION
from values import show

# unixODBC's pool gives connections back without a reset; every case wants its own.
pyodbc.pooling = False

# The name under which unixODBC knows the driver.
DRIVER = os.environ.get("TDS_ODBC_DRIVER", "FreeTDS")


def quote(value):
    return "{" + value.replace("}", "}}") + "}"


def connection_string(endpoint, mode=None, user=None, password=None, database=None, version="7.4"):
    parts = {
        "DRIVER": quote(DRIVER),
        "Server": endpoint.host,
        "Port": str(endpoint.port),
        "UID": quote(user or endpoint.user),
        "PWD": quote(endpoint.password if password is None else password),
        "Database": quote(endpoint.database if database is None else database),
        "TDS_Version": version,
        "ClientCharset": "UTF-8",
        "APP": "drivers",
        "WSID": "client",
        "Encryption": FREETDS_ENCRYPTION[mode or endpoint.main_mode],
    }
    return ";".join(f"{k}={v}" for k, v in parts.items())


@contextmanager
def connection(endpoint, autocommit=True, **change):
    conn = pyodbc.connect(connection_string(endpoint, **change), autocommit=autocommit, timeout=30)
    try:
        yield conn
    finally:
        conn.close()


def describe(error):
    """Renders what the driver manager says: SQLSTATE and text with the number."""
    if isinstance(error, pyodbc.Error) and len(error.args) > 1:
        return f"error({error.args[0]},{json.dumps(str(error.args[1]), ensure_ascii=False)})"
    return f"{type(error).__name__}: {error}"


def datetimeoffset(raw):
    """SQL_SS_TIMESTAMPOFFSET arrives as the driver's own bytes."""
    return "0x" + raw.hex()


def batch(conn, sql, *parameters):
    """Runs text and renders all that came back; a server error is part of it."""
    conn.add_output_converter(-155, datetimeoffset)
    cursor = conn.cursor()
    parts = []
    try:
        cursor.execute(sql, *parameters)
        while True:
            if cursor.description:
                names = ",".join(c[0] for c in cursor.description)
                rows = "".join("(" + ",".join(map(show, row)) + ")" for row in cursor.fetchall())
                parts.append(f"[{names}]{{{rows}}}")
            parts.append(f"count({cursor.rowcount})")
            if not cursor.nextset():
                break
    except pyodbc.Error as error:
        parts.append(describe(error))
    finally:
        cursor.close()
    return " ".join(parts)


def run_batches(endpoint, batches):
    with connection(endpoint) as conn:
        return " | ".join(batch(conn, sql) for sql in batches)


def isql(endpoint, text, **change):
    """Runs lines of text, one statement each, through isql and returns what it printed."""
    done = subprocess.run(
        ["isql", "-k", connection_string(endpoint, **change), "-b", "-d|", "-v"],
        input=text, text=True, encoding="utf-8", capture_output=True, timeout=60, check=False)
    return f"{done.stdout.strip()} // {done.stderr.strip()}"
