#!/bin/bash
# The programs that coordinates.py measures, by their names. The peers are Debian's packages
# (liblinear-tools, python3-sklearn, r-cran-glmnet), hence the system's Python unless PYTHON says another.
set -euo pipefail
root=$PWD  # the runfiles, where Bazel starts programs
exec "${PYTHON:-/usr/bin/python3}" -B "$root/tests/benchmark/coordinates.py" \
  --program=plain_lasso="$root/tests/benchmark/plain_lasso" \
  --program=l1_logistic="$root/tests/benchmark/l1_logistic" \
  --program=hinge="$root/tests/benchmark/hinge" \
  "$@"
