#!/bin/bash
# The program that topic_sweeps.py measures.
set -euo pipefail
root=$PWD  # the runfiles, where Bazel starts programs
exec "${PYTHON:-/usr/bin/python3}" -B "$root/tests/benchmark/topic_sweeps.py" \
  --program="$root/tests/benchmark/topics" "$@"
