#!/bin/bash
# Compiles a program with a slip and expects the errors it announces in EXPECT comments, from every
# compiler that is installed; then compiles its repaired form (-DFIXED), which must be accepted.
#
#   must_fail.sh PROGRAM.cc        in a folder from which the project's headers can be included
#
# A message is useful only if it is seen: the words must stand in the first lines of the output.
set -uo pipefail
source=$1
seen_lines=${SEEN_LINES:-60}

common=(-std=c++20 -fsyntax-only -I.)
declare -A flags=(
  [g++]="-fconstexpr-ops-limit=1000000000 -fconstexpr-loop-limit=10000000 -fconstexpr-depth=4096"
  [clang++-14]="-fconstexpr-steps=100000000 -fconstexpr-depth=4096 -fbracket-depth=1024"
)

mapfile -t expected < <(sed -n 's|^// EXPECT: *||p' "$source")
if [ ${#expected[@]} -eq 0 ]; then
  echo "FAILED: $source has no line '// EXPECT: words'"
  exit 1
fi

failed=0
complain() {
  echo "FAILED: $source, $1: $2"
  head -n "$seen_lines" "$output"
  failed=1
}

output=$(mktemp)
trap 'rm -f "$output"' EXIT
compilers=0
for compiler in g++ clang++-14; do
  command -v "$compiler" > /dev/null || continue
  compilers=$((compilers + 1))
  # shellcheck disable=SC2086  # the flags are words
  if "$compiler" "${common[@]}" ${flags[$compiler]} "$source" > "$output" 2>&1; then
    complain "$compiler" "compiles, and must not"
    continue
  fi
  for words in "${expected[@]}"; do
    grep -qF -- "$words" <(head -n "$seen_lines" "$output") ||
      complain "$compiler" "says nothing of '$words' in its first $seen_lines lines"
  done
  # shellcheck disable=SC2086
  "$compiler" "${common[@]}" ${flags[$compiler]} -DFIXED "$source" > "$output" 2>&1 ||
    complain "$compiler" "the repaired form (-DFIXED) does not compile"
done
if [ "$compilers" -eq 0 ]; then
  echo "FAILED: neither g++ nor clang++-14 is here"
  exit 1
fi
exit $failed
