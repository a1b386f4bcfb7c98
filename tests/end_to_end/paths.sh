#!/bin/bash
# Bazel starts tests in the runfiles; the checks themselves are in paths.py.
exec python3 -B "$(dirname "$0")/paths.py" "$@"
