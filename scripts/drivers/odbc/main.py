"""Runs the driver cases over ODBC: pyodbc with the FreeTDS driver, and isql.

The endpoint comes from the TDS_* variables that ../README.md describes;
arguments, if any, are prefixes of the names of the cases to run.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "pylib"))

from cases import CASES  # noqa: E402
from client import describe, run_batches  # noqa: E402
from endpoint import endpoint_from_env  # noqa: E402
from odbcpatterns import CASES as PATTERN_CASES  # noqa: E402
from suite import run_suite, shared_cases  # noqa: E402


def main():
    cases = [*shared_cases("drv_odbc", run_batches), *CASES, *PATTERN_CASES]
    return run_suite(endpoint_from_env(), cases, describe, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
