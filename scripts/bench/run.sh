#!/usr/bin/env bash
# Compares a node with a direct connection and with HAProxy, in one run over the
# same backend; see README.md.
#
#   run.sh [--short] [--backend echo] [--only roundtrip,memory] ...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

go=${GO:-go}
"$go" build -trimpath -o bin/sluice ./cmd/node
"$go" build -trimpath -o bin/sluice-bench ./scripts/bench
ulimit -Sn "$(ulimit -Hn)"
exec bin/sluice-bench "$@"
