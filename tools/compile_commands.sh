#!/bin/bash
# Writes compile_commands.json (for clangd and clang-tidy) from Bazel's own action graph.
#
#   tools/compile_commands.sh [TARGETS, default //...]
#
# The commands are clang's: tools that read them parse as clang does. Generated headers are found
# once the targets were built with --config=clang.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v jq > /dev/null || { echo "compile_commands: needs jq (apt-get install jq)" >&2; exit 2; }

targets=${*:-//...}
directory=$(./bazelw info execution_root 2> /dev/null)
./bazelw aquery --config=clang --output=jsonproto --include_param_files \
  "mnemonic('CppCompile', $targets)" 2> /dev/null |
  jq --arg directory "$directory" '
    [ .actions[]
      | .arguments as $command
      | ($command | index("-c")) as $at
      | {directory: $directory, file: $command[$at + 1], arguments: $command} ]' \
    > compile_commands.json
echo "compile_commands.json: $(jq length compile_commands.json) commands"
