#!/bin/bash
# Bazel starts tests in the runfiles; the checks themselves are in feature_weights.py.
exec python3 -B "$(dirname "$0")/feature_weights.py" "$@"
