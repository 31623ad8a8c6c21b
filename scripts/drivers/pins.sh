#!/usr/bin/env bash
# Writes the table of what keeps a backend in transaction pooling, for each
# driver and pattern: docs/results/pins.md.
#
#   pins.sh [TURNS]
#
# Takes a minute with 200 turns of each pattern, which is the default. Drivers
# that are not installed are left out of the table.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mkdir -p docs/results
exec "${GO:-go}" test ./cmd/node -count=1 -run '^TestDriversDoNotPin$' -v \
  -pins.turns="${1:-200}" -pins.table="$PWD/docs/results/pins.md"
