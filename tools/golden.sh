#!/bin/bash
# Compares a text with the golden one that is checked in, or makes it the golden one.
#
#   golden.sh check|update ACTUAL GOLDEN UPDATE_TARGET
#
# Both paths are relative to the workspace, as Bazel starts tests and `bazel run` in the runfiles.
set -euo pipefail
mode=$1 actual=$2 golden=$3 update_target=$4

if [ "$mode" = update ]; then
  out=${BUILD_WORKSPACE_DIRECTORY:?run this with bazel run}/$golden
  mkdir -p "$(dirname "$out")"
  install -m 644 "$actual" "$out"
  echo "wrote $golden"
  exit 0
fi

hint="To accept the new text: bazel run $update_target"
if [ ! -e "$golden" ]; then
  echo "FAILED: $golden does not exist."
  echo "$hint"
  exit 1
fi
if ! diff -u --label "$golden" --label "what it is now" "$golden" "$actual"; then
  echo "FAILED: the text above changed."
  echo "$hint"
  exit 1
fi
