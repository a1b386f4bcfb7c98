#!/bin/bash
# The program that stragglers.py runs.
set -euo pipefail
root=$PWD  # the runfiles, where Bazel starts programs
exec "${PYTHON:-/usr/bin/python3}" -B "$root/tests/benchmark/stragglers.py" \
  --program="$root/examples/multiclass_logistic" "$@"
