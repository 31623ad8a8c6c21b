#!/usr/bin/env bash
# Runs the driver suites straight to a server and through a node in front of it,
# and fails on any difference.
#
#   compare.sh DIRECT_DSN NODE_DSN [SUITE...] [-- CASE-PREFIX...]
#
# The two runs go one after the other, since they use the same tables.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
direct=$1 node=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$here/run.sh" "$direct" "$@" > "$work/direct" || echo "some cases fail without the node" >&2
"$here/run.sh" "$node" "$@" > "$work/node" || echo "some cases fail through the node" >&2
"${DRIVERS_PYTHON:-/usr/bin/python3}" "$here/pylib/compare.py" "$work/direct" "$work/node"
