#!/usr/bin/env bash
# Compares what many clients see through few shared backends with what each
# sees alone, for a million answers; see README.md.
#
#   run.sh                                  the million, without faults, then a fifth of it with faults
#   STATEMENTS=100000 SEED=7 run.sh         fewer, of another seed
#   run.sh -leak.skip=bulk,vanish           flags of the test are passed on
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

go=${GO:-go}
statements=${STATEMENTS:-1000000}
seed=${SEED:-1}
clients=${CLIENTS:-200}
backends=${BACKENDS:-8}
faults=${FAULTS:-100} # one each so many answers
bin=bin/sluice-leak.test
"$go" test -trimpath -c -o "$bin" ./cmd/node
ulimit -Sn "$(ulimit -Hn)"

# Without -race, which CI has: the point here is how much is compared.
leak() {
	"$bin" -test.run '^TestLeakOracle$' -test.v -test.timeout 0 \
		-leak.clients="$clients" -leak.backends="$backends" -leak.seed="$seed" "$@"
}
leak -leak.statements="$statements" "$@"
leak -leak.statements=$((statements / 5)) -leak.faults="$faults" "$@"
