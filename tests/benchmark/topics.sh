#!/bin/bash
# The program that topics.py measures, by its name. The peers are looked for in PATH.
set -euo pipefail
root=$PWD  # the runfiles, where Bazel starts programs
exec "${PYTHON:-/usr/bin/python3}" -B "$root/tests/benchmark/topics.py" \
  --program=topics="$root/tests/benchmark/topics" "$@"
