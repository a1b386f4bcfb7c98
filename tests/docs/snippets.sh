#!/bin/bash
# Documentation code compiles: every ```cpp block of a document stands, word for word, in the file
# that the comment before it names (<!-- from PATH -->), which is built and tested as such; and every
# relative link leads somewhere.
#
#   snippets.sh README.md          of the tree to check
set -euo pipefail
cd "$(dirname "$(readlink -f "$1")")"
exec python3 -B - README.md CONTRIBUTING.md $(find docs -name '*.md' | sort) << 'PYTHON'
import os
import re
import sys

failed = False


def complain(document, line, words):
    global failed
    failed = True
    print("FAILED: %s:%d: %s" % (document, line, words))


def words(text):
    return " ".join(text.split())


for document in sys.argv[1:]:
    with open(document, encoding="utf-8") as file:
        text = file.read()
    for match in re.finditer(r"(?:<!-- from (\S+) -->\n)?```cpp\n(.*?)```", text, re.S):
        line = text.count("\n", 0, match.start()) + 1
        source, code = match.groups()
        if source is None:
            complain(document, line, "a cpp block without <!-- from PATH -->")
            continue
        with open(source, encoding="utf-8") as file:
            if words(code) not in words(file.read()):
                complain(document, line, "this code is not in %s" % source)
    prose = re.sub(r"```.*?```|`[^`]*`", lambda code: re.sub(r"[^\n]", " ", code.group()), text, flags=re.S)
    for match in re.finditer(r"\]\(([^)#:]+)\)", prose):
        target = os.path.normpath(os.path.join(os.path.dirname(document), match.group(1)))
        if not os.path.exists(target):
            line = prose.count("\n", 0, match.start()) + 1
            complain(document, line, "no such file: %s" % target)
sys.exit(failed)
PYTHON
