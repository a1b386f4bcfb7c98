#!/bin/bash
# The program finds its default data from anywhere; the compiled plan's wrapper runs that plan.
set -euo pipefail
here=$PWD/tests/program_rule

expect() {
  diff -u <(cat) <("$@") || { echo "FAILED: $*"; exit 1; }
}

defaults=$'--data=X= 1,2\n--data=y= 3\n--test_data= 1,2\n--lambda=0.5'
expect "$here/parrot" <<< "$defaults"
(cd / && unset RUNFILES_DIR && expect "$here/parrot" <<< "$defaults")

plan=$'--plan= plan\n--machine= parrot_machine: 1\n--data=X= 1,2\n--data=y= 3\n--lambda=0.5\n--workers=2'
for directory in . /; do
  (cd $directory && expect "$here/parrot.plan" --seed=1 <<< "run
$plan
--seed=1
$defaults")
done
echo PASSED
