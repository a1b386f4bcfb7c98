#!/bin/bash
# Bazel starts tests in the runfiles; the checks themselves are in out_of_core.py.
exec python3 -B "$(dirname "$0")/out_of_core.py" "$@"
