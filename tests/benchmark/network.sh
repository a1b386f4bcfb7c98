#!/bin/bash
# The programs that network.py runs, and the machine that their plans are made for.
set -euo pipefail
root=$PWD  # the runfiles, where Bazel starts programs
exec "${PYTHON:-/usr/bin/python3}" -B "$root/tests/benchmark/network.py" \
  --program=multiclass_logistic="$root/examples/multiclass_logistic" \
  --program=matrix_factorization="$root/examples/matrix_factorization" \
  --machine="$root/tools/machine.textproto" "$@"
