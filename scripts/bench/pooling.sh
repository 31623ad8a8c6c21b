#!/usr/bin/env bash
# Measures transaction pooling, all of it, and writes docs/results/pooling.md;
# see README.md. Takes six minutes, and wants a machine that does nothing else.
#
#   pooling.sh [--short]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

doc=docs/results/pooling.md
for part in roundtrip walk storm many; do
  scripts/bench/run.sh "$part" --document "$doc" "$@"
done
scripts/bench/run.sh storm --document "$doc" --part storm-echo --backend echo "$@"
