#!/bin/bash
# The program that factorization.py measures, by its name. The peer is looked for in PATH.
set -euo pipefail
root=$PWD  # the runfiles, where Bazel starts programs
exec "${PYTHON:-/usr/bin/python3}" -B "$root/tests/benchmark/factorization.py" \
  --program=factorization="$root/tests/benchmark/factorization" "$@"
