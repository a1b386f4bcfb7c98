#!/bin/bash
# Bazel starts tests in the runfiles; the checks themselves are in multiclass_dual.py.
exec python3 -B "$(dirname "$0")/multiclass_dual.py" "$@"
