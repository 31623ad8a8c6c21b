"""Runs cases in order and prints a line for each: name, tab, result."""

import os
import re
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from endpoint import split_list

CASE_TIMEOUT = 300  # seconds


class Skip(Exception):
    """Raised by a case that does not apply; its text is the reason."""


@dataclass
class Case:
    name: str
    run: Callable  # endpoint -> result text
    needs: list = field(default_factory=list)


def one_line(text):
    """Makes a text fit into one field; of error 3971 it hides the part that
    differs from run to run."""
    text = re.sub(r"Desc:[0-9a-f]+", "Desc:*", text)
    return text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _too_late(_signal, _frame):
    raise TimeoutError(f"no result within {CASE_TIMEOUT} s")


def run_case(endpoint, case, describe):
    lacked = next((need for need in case.needs if need in endpoint.lacks), None)
    if lacked:
        return f"SKIP the endpoint lacks {lacked}"
    signal.alarm(CASE_TIMEOUT)
    try:
        return one_line(case.run(endpoint))
    except Skip as reason:
        return f"SKIP {reason}"
    except Exception as error:  # a case that fails must not end the others
        return "FAIL " + one_line(describe(error))
    finally:
        signal.alarm(0)


def run_suite(endpoint, cases, describe, prefixes):
    """Runs the cases whose names start with a prefix (all, if none is given).

    describe renders an exception. Returns the exit status: 0, or 1 if one failed.
    """
    signal.signal(signal.SIGALRM, _too_late)
    failed = 0
    for case in cases:
        if prefixes and not any(case.name.startswith(p) for p in prefixes):
            continue
        result = run_case(endpoint, case, describe)
        failed += result.startswith("FAIL ")
        sys.stdout.write(f"{case.name}\t{result}\n")
        sys.stdout.flush()
    return 1 if failed else 0


def shared_cases(prefix, run_batches):
    """Parses the text-only cases; run_batches(endpoint, batches) runs one."""
    path = os.environ.get("TDS_CASES") or Path(__file__).parent.parent / "cases.sql"
    cases = []
    for block in Path(path).read_text(encoding="utf-8").split("\n--# ")[1:]:
        header, _, body = block.partition("\n")
        name, _, needs = header.strip().partition(" needs=")
        body = "\n" + body.rstrip() + "\n"
        batches = [b.strip("\n").replace("{p}", prefix) for b in body.split("\nGO\n")]
        cases.append(Case(name, lambda e, b=batches: run_batches(e, b), split_list(needs)))
    return cases
