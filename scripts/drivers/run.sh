#!/usr/bin/env bash
# Runs the driver suites against a TDS endpoint.
#
#   run.sh DSN [SUITE...] [-- CASE-PREFIX...]
#
# Prints a line for each case: suite/case, tab, result. Exit status 1 if a case
# failed or a suite could not run. README.md describes the DSN.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${DRIVERS_PYTHON:-/usr/bin/python3}
all=(gomssql tedious mssql freetds odbc)

[ $# -ge 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
exports=$("$python" "$here/pylib/dsn.py" "$1") || exit 2
eval "$exports"
shift
suites=() prefixes=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do suites+=("$1"); shift; done
[ $# -gt 0 ] && shift && prefixes=("$@")
[ ${#suites[@]} -gt 0 ] || suites=("${all[@]}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TDS_CASES="$here/cases.sql"

# node_suite DIRECTORY [PREFIX...]: runs a suite of Node.js, installing its packages first.
node_suite() {
  local dir=$here/$1; shift
  if [ ! -d "$dir/node_modules" ]; then
    (cd "$dir" && npm ci --no-audit --no-fund >&2) || return 2
  fi
  node "$dir/main.js" "$@"
}

# gomssql_suite [PREFIX...]: builds the suite first, since go run hides its exit status.
gomssql_suite() {
  local binary=$work/gomssql
  (cd "$here/gomssql" && go build -o "$binary" .) || return 2
  "$binary" "$@"
}

run_suite() {
  local suite=$1; shift
  case $suite in
    gomssql) gomssql_suite "$@" ;;
    tedious | mssql) node_suite "$suite" "$@" ;;
    freetds) "$python" "$here/freetds/main.py" "$@" ;;
    odbc) "$python" "$here/odbc/main.py" "$@" ;;
    *) echo "no suite named $suite; there are: ${all[*]}" >&2; return 2 ;;
  esac
}

status=0
for suite in "${suites[@]}"; do
  # An error of the suite itself, not of a case, must not pass for "all cases ran".
  run_suite "$suite" ${prefixes[@]+"${prefixes[@]}"} | sed -u "s|^|$suite/|"
  code=${PIPESTATUS[0]}
  if [ "$code" -ne 0 ]; then
    status=1
    [ "$code" -eq 1 ] || printf '%s/suite\tFAIL it ended with status %s\n' "$suite" "$code"
  fi
done
exit $status
