#!/usr/bin/env bash
# Runs fleets of real nodes, breaks what they stand on, and counts connections
# from outside; see README.md.
#
#   run.sh                                  one random schedule
#   run.sh --seed 100 --schedules 20        twenty of them
#   run.sh kill redis-kill                  directed scenarios; "all" for each
#   sudo run.sh --netns --schedules 20      links can be cut too
#   run.sh seeds                            every seed of seeds.txt again
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

go=${GO:-go}
"$go" build -trimpath -o bin/sluice-chaos ./scripts/chaos
ulimit -Sn "$(ulimit -Hn)"
if [ "${1:-}" != seeds ]; then
	exec bin/sluice-chaos "$@"
fi
shift
bad=0
while read -r line; do
	line=${line%%#*}
	[ -n "${line// /}" ] || continue
	# The words of a line are flags.
	# shellcheck disable=SC2086
	bin/sluice-chaos $line "$@" </dev/null || bad=1
done <scripts/chaos/seeds.txt
exit $bad
