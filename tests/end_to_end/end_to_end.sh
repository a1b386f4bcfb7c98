#!/bin/bash
# Bazel starts tests in the runfiles; the checks themselves are in end_to_end.py.
exec python3 -B "$(dirname "$0")/end_to_end.py" "$@"
