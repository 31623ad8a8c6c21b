#!/usr/bin/env bash
# Runs the scenarios; see README.md.
#
#   run.sh all --short          all nine in their short form, with a report in docs/results
#   run.sh all                  the same in full, for three quarters of an hour
#   run.sh baseline redis       some of them
#   run.sh all --short --break  with the condition of each broken on purpose: each must fail
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

go=${GO:-go}
"$go" build -trimpath -o bin/sluice-scenarios ./scripts/scenarios
ulimit -Sn "$(ulimit -Hn)"
exec bin/sluice-scenarios "$@"
