"""Runs the driver cases with FreeTDS: DB-Library through pymssql, tsql, freebcp.

The endpoint comes from the TDS_* variables that ../README.md describes;
arguments, if any, are prefixes of the names of the cases to run.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "pylib"))

from client import configuration, describe, run_batches  # noqa: E402
from dblib import CASES as DBLIB_CASES  # noqa: E402
from endpoint import endpoint_from_env  # noqa: E402
from ftpatterns import CASES as PATTERN_CASES  # noqa: E402
from suite import run_suite, shared_cases  # noqa: E402
from tools import CASES as TOOL_CASES  # noqa: E402


def main():
    endpoint = endpoint_from_env()
    with configuration(endpoint):
        cases = [*shared_cases("drv_ft", run_batches), *DBLIB_CASES, *TOOL_CASES, *PATTERN_CASES]
        return run_suite(endpoint, cases, describe, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
