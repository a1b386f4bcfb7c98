#!/bin/bash
# Runs the tests under the sanitizers: address and undefined behaviour, then threads. Slow; meant for
# a change to the runtime, and before a release.
#
#   tools/sanitizers.sh [asan|tsan|all] [TARGETS, default //...]
#
# Tests tagged `no_asan` or `no_tsan` are left out of that run (say why beside the tag). Each configuration
# keeps its own outputs, so switching back to the default build costs only an analysis.
set -euo pipefail
cd "$(dirname "$0")/.."

which=all
case "${1:-}" in
  asan | tsan | all) which=$1; shift ;;
esac
[ $# -gt 0 ] || set -- //...

failed=()
for sanitizer in asan tsan; do
  [ "$which" = all ] || [ "$which" = "$sanitizer" ] || continue
  echo "== $sanitizer"
  ./bazelw test --config="$sanitizer" --keep_going --build_tests_only \
    --test_tag_filters="-no_$sanitizer,-benchmark" --test_timeout=300,600,1200,3600 -- "$@" ||
    failed+=("$sanitizer")
done
[ ${#failed[@]} = 0 ] || { echo "sanitizers: failed under ${failed[*]}" >&2; exit 1; }
