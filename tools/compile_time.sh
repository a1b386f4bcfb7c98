#!/bin/bash
# How long the compiler takes over dsl/dsl.h alone (limit 1.5 s) and over every example at full
# optimisation (limit 12 s), with the flags of .bazelrc. Processor seconds of the best of RUNS, so that
# other work on the machine matters little; exits with 1 where a limit is broken.
#
#   tools/compile_time.sh [EXAMPLES, default all]        CXX=clang++-14 RUNS=3 tools/compile_time.sh
set -euo pipefail
cd "$(dirname "$0")/.."

CXX=${CXX:-g++}
RUNS=${RUNS:-2}
config=build
case "$CXX" in *clang*) config=build:clang ;; esac
mapfile -t flags < <(
  sed -n "s/^$config --repo_env=BAZEL_CXXOPTS=//p" .bazelrc | tr : '\n'
  sed -n 's/^build --copt=//p' .bazelrc
  sed -n 's/^KERNEL_COPTS = \["\(.*\)"\]$/\1/p' tools/kernel_copts.bzl
)
flags+=(-DNDEBUG -iquote .)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
over=0

# measure NAME LIMIT COMPILER-ARGUMENTS...
measure() {
  local name=$1 limit=$2 best= seconds TIMEFORMAT='%U %S'
  shift 2
  for ((run = 0; run < RUNS; ++run)); do
    seconds=$({ time "$CXX" "${flags[@]}" "$@" 2> "$scratch/errors"; } 2>&1) || {
      cat "$scratch/errors" >&2
      echo "compile_time: $name does not compile" >&2
      exit 2
    }
    best=$(awk -v best="$best" '{ s = $1 + $2; print best == "" || s < best ? s : best }' <<< "$seconds")
  done
  local verdict=ok
  awk -v s="$best" -v limit="$limit" 'BEGIN { exit !(s > limit) }' && verdict=over over=1
  printf '%-36s %8.2f %8.1f  %s\n' "$name" "$best" "$limit" "$verdict"
}

echo "$("$CXX" --version | head -1), ${RUNS} runs each"
printf '%-36s %8s %8s\n' "" seconds limit
echo '#include "dsl/dsl.h"' > "$scratch/dsl.cc"
measure "dsl/dsl.h -fsyntax-only" 1.5 -fsyntax-only "$scratch/dsl.cc"
measure "dsl/dsl.h -O3" 1.5 -c "$scratch/dsl.cc" -o "$scratch/dsl.o"
[ $# -gt 0 ] || set -- examples/*.cc
for example in "$@"; do
  measure "$example" 12 -c "$example" -o "$scratch/example.o"
done
exit "$over"
