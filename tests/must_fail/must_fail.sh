#!/bin/bash
# Compiles a program with a slip and expects the errors it announces in EXPECT comments; then compiles
# its repaired form (-DFIXED), which must be accepted. With the compiler of the build: --config=clang
# asks clang.
#
#   must_fail.sh PROGRAM.cc COMPILER      in a folder from which the project's headers can be included
#
# A message is useful only if it is seen: the words must stand in the first lines of the output.
set -uo pipefail
source=$1
compiler=$2
seen_lines=${SEEN_LINES:-60}

flags=(-xc++ -std=c++20 -fsyntax-only -I. -fconstexpr-depth=4096)
case $compiler in
  *clang*) flags+=(-fconstexpr-steps=100000000 -fbracket-depth=1024) ;;
  *) flags+=(-fconstexpr-ops-limit=1000000000 -fconstexpr-loop-limit=10000000) ;;
esac

mapfile -t expected < <(sed -n 's|^// EXPECT: *||p' "$source")
if [ ${#expected[@]} -eq 0 ]; then
  echo "FAILED: $source has no line '// EXPECT: words'"
  exit 1
fi

failed=0
complain() {
  echo "FAILED: $source, $compiler: $1"
  head -n "$seen_lines" "$output"
  failed=1
}

output=$(mktemp)
trap 'rm -f "$output"' EXIT
if "$compiler" "${flags[@]}" "$source" > "$output" 2>&1; then
  complain "compiles, and must not"
else
  for words in "${expected[@]}"; do
    grep -qF -- "$words" <(head -n "$seen_lines" "$output") ||
      complain "says nothing of '$words' in its first $seen_lines lines"
  done
fi
"$compiler" "${flags[@]}" -DFIXED "$source" > "$output" 2>&1 ||
  complain "the repaired form (-DFIXED) does not compile"
exit $failed
