#!/bin/bash
# Line coverage of the tests, by clang's own instrumentation: a table by file.
#
#   tools/coverage.sh [TARGETS, default //...]
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- //...

profiles=/tmp/gyre-cov  # where --config=cov lets tests write
rm -rf "$profiles"
mkdir -p "$profiles"
./bazelw test --config=cov --build_tests_only --dynamic_mode=off -- "$@"
llvm-profdata-14 merge -sparse -o "$profiles/all.profdata" "$profiles"/*.profraw

objects=()
tests=$(./bazelw query --noshow_progress "kind(cc_test, $(printf '%s + ' "$@")set())" 2> /dev/null)
for label in $tests; do
  binary=bazel-bin/${label#//}
  objects+=(-object "${binary/://}")
done
llvm-cov-14 report "${objects[@]}" -instr-profile "$profiles/all.profdata" \
  -ignore-filename-regex '(^/usr/|external/|_test\.cc|\.pb\.)' --show-region-summary=false 2> /dev/null
