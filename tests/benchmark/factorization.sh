#!/bin/bash
# The programs that factorization.py measures, by their names. LIBMF is looked for in PATH.
set -euo pipefail
root=$PWD  # the runfiles, where Bazel starts programs
exec "${PYTHON:-/usr/bin/python3}" -B "$root/tests/benchmark/factorization.py" \
  --program=factorization="$root/tests/benchmark/factorization" \
  --program=implicit="$root/tests/benchmark/implicit" \
  --program=als_by_hand="$root/tests/benchmark/als_by_hand" "$@"
