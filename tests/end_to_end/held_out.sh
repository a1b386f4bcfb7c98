#!/bin/bash
# Bazel starts tests in the runfiles; the checks themselves are in held_out.py.
exec python3 -B "$(dirname "$0")/held_out.py" "$@"
