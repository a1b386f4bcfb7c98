#!/bin/bash
# Every error code that dsl/ can give has a row in docs/errors.md and a program in tests/must_fail; and
# nothing documents or expects a code that does not exist.
#
#   codes.sh README.md             of the tree to check
set -uo pipefail
cd "$(dirname "$(readlink -f "$1")")" || exit 1

codes() { grep -rhoE 'GY[0-9]{3}' "$@" | sort -u; }
given=$(codes dsl --include='*.h')
documented=$(codes docs/errors.md)
tried=$(codes tests/must_fail --include='*.cc')
# Bugs of ours, limits that no short program reaches, and what is refused at run time (GY040: see
# tests/listings).
untried='GY030
GY040
GY099'

failed=0
check() {  # WORDS LEFT RIGHT: what LEFT has and RIGHT lacks
  local missing
  missing=$(comm -23 <(sort -u <<< "$2") <(sort -u <<< "$3"))
  [ -z "$missing" ] && return
  echo "FAILED: $1:" $missing
  failed=1
}
check "not in docs/errors.md" "$given" "$documented"
check "without a program in tests/must_fail" "$given" "$tried
$untried"
check "documented but never given" "$documented" "$given"
check "expected but never given" "$tried" "$given"
exit $failed
