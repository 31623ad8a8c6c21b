"""Records messages of real drivers as test inputs.

    seeds.py DSN CAPTURE-PROGRAM DIRECTORY

Runs a few cases of every suite through the capture program against an endpoint
that speaks without encryption, and keeps of each the messages named below as
SUITE-NAME.bin, with an index.txt that says what each has to hold. The machine's
name and hardware address are replaced.
"""

import itertools
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from describe import HEADER, describe

HERE = Path(__file__).parent

# Of a case, which client message is kept (type, how many of that type to pass
# over) and under which name; its answer is kept as NAME-reply.
CASES = {
    "gomssql": {
        "session/select-one": [("prelogin", 0, "prelogin"), ("login7", 0, "login7"), ("sqlbatch", 0, "sqlbatch")],
        "login/wrong-password": [("login7", 0, "login7-refused")],
        "param/nvarchar-4001": [("rpc", 0, "rpc-large")],
        "proc/executesql-output": [("rpc", 0, "rpc-output")],
        "proc/output-and-return": [("rpc", 0, "rpc-procedure")],
        "tran/api-commit": [("tm", 0, "tm-begin"), ("tm", 1, "tm-commit")],
        "tran/api-rollback": [("tm", 1, "tm-rollback")],
        "cancel/between-rows": [("attention", 0, "attention")],
        "bulk/rollback": [("bulk", 0, "bulk")],
        "results/multiple": [("sqlbatch", 0, "sqlbatch-multiple")],
        "messages/print": [("sqlbatch", 0, "sqlbatch-print")],
        "messages/divide-by-zero": [("sqlbatch", 0, "sqlbatch-error")],
        "types/columns-of-a-table": [("sqlbatch", 4, "sqlbatch-all-types")],
        "types/decimal38": [("sqlbatch", 0, "sqlbatch-decimal")],
        "types/max-small": [("sqlbatch", 0, "sqlbatch-max")],
        "types/text": [("sqlbatch", 0, "sqlbatch-text")],
        "types/sql-variant": [("sqlbatch", 0, "sqlbatch-variant")],
        "types/xml": [("sqlbatch", 0, "sqlbatch-xml")],
        "pool/datefirst": [("sqlbatch", 1, "sqlbatch-reset")],
    },
    "tedious": {
        "session/select-one": [("prelogin", 0, "prelogin"), ("login7", 0, "login7"), ("sqlbatch", 0, "sqlbatch-initial"), ("sqlbatch", 1, "sqlbatch")],
        "param/null-of-each-type": [("rpc", 0, "rpc")],
        "prepared/freed-handle": [("rpc", 0, "rpc-prepare"), ("rpc", 1, "rpc-unprepare")],
        "proc/output-and-return": [("rpc", 0, "rpc-procedure")],
        "tran/api-savepoint": [("tm", 0, "tm-begin"), ("tm", 1, "tm-save"), ("tm", 2, "tm-rollback-to")],
        "cancel/between-rows": [("attention", 0, "attention")],
        "bulk/insert": [("bulk", 0, "bulk")],
        "pool/datefirst": [("sqlbatch", 2, "sqlbatch-reset")],
        # These set fExtension, yet have no extension block.
        "login/tds-7_3": [("login7", 0, "login7-tds73")],
        "login/tds-7_2": [("login7", 0, "login7-tds72")],
    },
    "mssql": {
        "session/select-one": [("prelogin", 0, "prelogin"), ("login7", 0, "login7")],
        "param/decimal": [("rpc", 0, "rpc")],
    },
    "freetds": {
        "session/select-one": [("prelogin", 0, "prelogin"), ("login7", 0, "login7"), ("sqlbatch", 0, "sqlbatch-initial")],
        "tsql/messages": [("login7", 0, "login7-tsql"), ("sqlbatch", 2, "sqlbatch-error")],
        "proc/output-and-return": [("rpc", 0, "rpc-procedure")],
        "cancel/between-rows": [("attention", 0, "attention")],
        "bulk/freebcp": [("bulk", 0, "bulk")],
        "login/tds-7_2": [("login7", 0, "login7-tds72")],
        "login/tds-7_1": [("login7", 0, "login7-tds71")],
    },
    "odbc": {
        "session/select-one": [("prelogin", 0, "prelogin"), ("login7", 0, "login7"), ("sqlbatch", 0, "sqlbatch")],
        "param/several": [("rpc", 0, "rpc"), ("rpc", 1, "rpc-second")],
        "results/large-abandoned": [("attention", 0, "attention")],
    },
}

NAME = re.compile(r"(\d+)-(\d+)-(client|server)-(\w+)\.bin")


def record(program, dsn, suite, case, directory):
    """Runs one case through the capture program; returns the recorded messages
    as (connection, side, type, path) in the order in which they went by."""
    endpoint = re.search(r"@([^/]+)/", dsn).group(1)
    capture = subprocess.Popen([program, "-to", endpoint, "-dir", directory, "-packets", "3"], stdout=subprocess.PIPE, text=True)
    try:
        address = capture.stdout.readline().split()[1]
        # A host name of its own keeps this machine's out of the recordings.
        subprocess.run(["unshare", "--uts", "sh", "-c", 'hostname client && exec "$0" "$@"', str(HERE.parent / "run.sh"),
                        dsn.replace(endpoint, address), suite, "--", case], stdout=subprocess.DEVNULL, check=False)
    finally:
        capture.terminate()
        capture.wait()
        capture.stdout.close()
    found = []
    for path in sorted(Path(directory).iterdir()):
        connection, _, side, kind = NAME.fullmatch(path.name).groups()
        found.append((connection, side, kind, path))
    return found


def pick(messages, kind, skip):
    """Returns a client message and its answer, or None where there is none."""
    for i, (connection, side, this, path) in enumerate(messages):
        if side == "client" and this == kind:
            if skip:
                skip -= 1
                continue
            answers = itertools.takewhile(lambda m: m[1] == "server", (m for m in messages[i + 1:] if m[0] == connection))
            # What was interrupted may still end first; the attention has the last answer.
            answer = list(answers)[-1:] if kind == "attention" else list(itertools.islice(answers, 1))
            return path.read_bytes(), answer[0][3].read_bytes() if answer else None
    return None


def anonymous(raw):
    """Clears the client's hardware address and process number of a LOGIN7."""
    if raw[0] != 0x10:
        return raw
    out = bytearray(raw)
    out[HEADER + 72:HEADER + 78] = bytes(6)
    out[HEADER + 16:HEADER + 20] = (1000).to_bytes(4, "little")
    return bytes(out)


def main(dsn, program, directory):
    target, index = Path(directory), []
    target.mkdir(parents=True, exist_ok=True)

    def keep(name, raw, wide):
        (target / name).write_bytes(raw)
        index.append(f"{name}\texpect: {describe(raw, wide)}")
    for suite, cases in CASES.items():
        for case, wanted in cases.items():
            with tempfile.TemporaryDirectory() as work:
                messages = record(program, dsn, suite, case, work)
                for kind, skip, name in wanted:
                    found = pick(messages, kind, skip)
                    if found is None:
                        print(f"{suite} {case}: no {kind} message number {skip + 1}", file=sys.stderr)
                        continue
                    request, answer = found
                    wide = not name.endswith("tds71")
                    keep(f"{suite}-{name}.bin", anonymous(request), wide)
                    if answer:
                        keep(f"{suite}-{name}-reply.bin", answer, wide)
    (target / "index.txt").write_text("\n".join(sorted(index)) + "\n", encoding="utf-8")
    print(f"{len(index)} messages")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
