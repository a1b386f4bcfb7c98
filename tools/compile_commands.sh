#!/bin/bash
# Writes compile_commands.json (for clangd and clang-tidy) from Bazel's own action graph.
#
#   tools/compile_commands.sh [TARGETS, joined by +; default //...]
#
# The commands are clang's: tools that read them parse as clang does. Generated headers are found
# once the targets were built (with --config=clang, if that came last).
set -euo pipefail
cd "$(dirname "$0")/.."
command -v jq > /dev/null || { echo "compile_commands: needs jq (apt-get install jq)" >&2; exit 2; }

targets=$*
quiet=("--ui_event_filters=-info,-debug" --noshow_progress)
external=$(./bazelw info "${quiet[@]}" output_base)/external
./bazelw aquery --config=clang "${quiet[@]}" --output=jsonproto --include_param_files \
  "mnemonic('CppCompile', ${targets:-//...})" |
  jq --arg directory "$PWD" --arg external "$external" '
    [ .actions[]
      | .arguments as $command
      | ($command | index("-c")) as $at
      | {directory: $directory,
         file: $command[$at + 1],
         arguments: [$command[] | sub("^external/"; $external + "/")]} ]' \
    > compile_commands.json
echo "compile_commands.json: $(jq length compile_commands.json) commands"
