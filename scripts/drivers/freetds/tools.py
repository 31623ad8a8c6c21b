"""Cases through FreeTDS's own programs: tsql and freebcp."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from client import batch, connection
from endpoint import FREETDS_ENCRYPTION, KNOWN_MODES
from suite import Case, Skip

TIMEOUT = 60  # seconds


def tsql_command(endpoint, mode=None, user=None, password=None):
    return ["tsql", "-S", mode or endpoint.main_mode, "-U", user or endpoint.user,
            "-P", endpoint.password if password is None else password, "-D", endpoint.database, "-o", "q"]


def tsql(endpoint, text, **change):
    """Runs text, whose batches end in GO lines, and returns what tsql printed."""
    done = subprocess.run(tsql_command(endpoint, **change), input=text, text=True, encoding="utf-8",
                          capture_output=True, timeout=TIMEOUT, check=False)
    # The locale lines are about this machine, not about the server.
    said = "".join(line for line in done.stderr.splitlines(True) if not line.startswith(("locale ", "using default charset")))
    return f"{done.stdout.strip()} // {said.strip()}"


def login_mode(mode):
    def run(endpoint):
        if mode not in FREETDS_ENCRYPTION:
            raise Skip("this FreeTDS has no encryption mode " + mode)
        if mode not in endpoint.modes:
            raise Skip("the endpoint does not offer encryption mode " + mode)
        return tsql(endpoint, "SELECT DB_NAME() AS db\nGO\n", mode=mode)
    return Case("tsql/encrypt-" + mode, run)


def wrong_password(endpoint):
    text = tsql(endpoint, "SELECT 1\nGO\n", password="not-" + endpoint.password)
    return text.replace(endpoint.host, "HOST")


MESSAGES = """PRINT 'hello'
GO
RAISERROR('note', 5, 1)
GO
RAISERROR('bad', 16, 2)
GO
SELECT 1/0
GO
SELECT 1 AS a
SELECT 'x' AS b, NULL AS n
GO
SELECT N'é😀' AS still_here
GO
"""


def interrupted(endpoint):
    """Interrupts tsql in a long query; it cancels and reads on."""
    process = subprocess.Popen(tsql_command(endpoint), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, env=os.environ)
    begun = time.monotonic()
    process.stdin.write("WAITFOR DELAY '00:00:20'\nGO\n")
    process.stdin.flush()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    process.stdin.close()
    process.wait(timeout=TIMEOUT)
    process.stdout.close()
    took = time.monotonic() - begun
    if took > 6:
        raise AssertionError(f"tsql ended after {took:.1f} s")
    with connection(endpoint) as conn:
        return "interrupted, then " + batch(conn, "SELECT 1 AS one")


def freebcp(endpoint):
    rows = "".join(f"{i}|row {i}|{i / 4}\n" if i % 3 else f"{i}||\n" for i in range(1, 3001))
    with tempfile.TemporaryDirectory() as directory, connection(endpoint) as conn:
        file = Path(directory) / "rows.txt"
        file.write_text(rows, encoding="utf-8")
        batch(conn, "DROP TABLE IF EXISTS drv_ft_bulk")
        batch(conn, "CREATE TABLE drv_ft_bulk (id int NOT NULL, s nvarchar(100) NULL, f float NULL)")
        done = subprocess.run(
            ["freebcp", f"{endpoint.database}.dbo.drv_ft_bulk", "in", str(file), "-c", "-t", "|", "-b", "1000",
             "-S", endpoint.main_mode, "-U", endpoint.user, "-P", endpoint.password],
            text=True, capture_output=True, timeout=TIMEOUT, check=False)
        copied = [line for line in done.stdout.splitlines() if line.endswith("rows copied.")]
        if done.returncode or not copied:
            raise AssertionError(f"freebcp: {done.stdout} {done.stderr}")
        text = batch(conn, "SELECT COUNT(*) AS n, SUM(id) AS total, COUNT(s) AS texts, SUM(f) AS f FROM drv_ft_bulk")
        batch(conn, "DROP TABLE drv_ft_bulk")
        return f"{copied[-1]} {text}"


CASES = [
    *(login_mode(mode) for mode in KNOWN_MODES),
    Case("tsql/wrong-password", wrong_password),
    Case("tsql/messages", lambda e: tsql(e, MESSAGES)),
    Case("tsql/interrupted", interrupted, ["waitfor"]),
    Case("bulk/freebcp", freebcp, ["bulk", "bulk_freebcp"]),
]
