#!/bin/bash
# The programs that peers.py measures, by their names. The peers are Debian's packages (liblinear-tools,
# python3-sklearn, python3-torch), hence the system's Python unless PYTHON says another.
set -euo pipefail
root=$PWD  # the runfiles, where Bazel starts programs
exec "${PYTHON:-/usr/bin/python3}" -B "$root/tests/benchmark/peers.py" \
  --program=l2_logistic="$root/tests/benchmark/l2_logistic" \
  --program=kmeans_from_first="$root/tests/benchmark/kmeans_from_first" \
  --program=multiclass_logistic="$root/examples/multiclass_logistic" \
  --program=lasso="$root/examples/lasso" \
  "$@"
