#!/bin/bash
# Bazel starts tests in the runfiles; the checks themselves are in dictionaries.py.
exec python3 -B "$(dirname "$0")/dictionaries.py" "$@"
