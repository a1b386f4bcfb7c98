#!/bin/bash
# Joins the tracefiles of a coverage run as they are.
set -eu
dir="" out="" list=""
for arg in "$@"; do
  case "$arg" in
    --coverage_dir=*) dir=${arg#*=} ;;
    --output_file=*) out=${arg#*=} ;;
    --reports_file=*) list=${arg#*=} ;;
  esac
done
: > "$out"
if [ -n "$list" ]; then
  xargs -r -a "$list" cat >> "$out"
else
  find "$dir" \( -name '*.dat' -o -name '*.gcov' \) -print0 | xargs -0r cat >> "$out"
fi
