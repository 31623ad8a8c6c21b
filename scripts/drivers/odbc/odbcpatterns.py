"""The patterns of ../README.md with pyodbc over the FreeTDS ODBC driver."""

import pyodbc

from client import connection_string
from patterns import pattern_cases

TABLE = "drv_odbc_pattern"


def connect(endpoint, **options):
    return pyodbc.connect(connection_string(endpoint), timeout=30, **options)


CASES = [
    *pattern_cases("pyodbc", TABLE, "?", connect, ["plain", "parameters", "prepared", "transactions", "temp_table"]),
    *pattern_cases("pyodbc-autocommit", TABLE, "?", lambda e: connect(e, autocommit=True), ["plain", "parameters", "prepared"]),
]
