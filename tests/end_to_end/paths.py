"""Regularisation paths and cross-validation, as their users run them.

    paths.py PROGRAM KIND

KIND: selects   the penalty makes parameters zero
      shrinks   it does not (ridge)
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

from optimality import read_npy

PROGRAM, KIND = "", "selects"


class Paths(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def call(self, *args):
        return subprocess.run([PROGRAM, "run", *args], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120)

    def run_report(self, *args):
        report = os.path.join(self.folder, "report.json")
        done = self.call("--report=" + report, "--model_out=" + os.path.join(self.folder, "model"), *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(report, encoding="utf-8") as file:
            return json.load(file), done.stdout

    def hyper(self, report):
        return next(key for key in report["path"][0] if key not in (
            "objective", "nonzeros", "metric", "clocks", "seconds", "duality_gap", "cv_mean", "cv_se"))

    def test_the_path_begins_where_everything_is_zero(self):
        if KIND != "selects":
            self.skipTest("nothing becomes zero")
        report, _ = self.run_report("--path=30", "--path_ratio=0.05", "--tolerance=1e-10")
        name = self.hyper(report)
        path = report["path"]
        self.assertEqual(len(path), 30)
        self.assertEqual(path[0]["nonzeros"], 0)
        self.assertGreater(path[-1]["nonzeros"], 0)
        below, _ = self.run_report("--path=%.17g,%.17g" % (path[0][name], 0.99 * path[0][name]),
                                   "--tolerance=1e-12")
        self.assertGreater(below["path"][1]["nonzeros"], 0)
        values = [step[name] for step in path]
        self.assertEqual(values, sorted(values, reverse=True))

    def test_steps_are_what_fits_of_their_own_give(self):
        report, _ = self.run_report("--path=12", "--path_ratio=0.05", "--tolerance=1e-9")
        name = self.hyper(report)
        for step in (report["path"][4], report["path"][11]):
            alone, _ = self.run_report("--%s=%.17g" % (name, step[name]), "--tolerance=1e-9")
            self.assertAlmostEqual(alone["objective"], step["objective"],
                                   delta=1e-6 * abs(step["objective"]))

    def test_values_may_be_listed(self):
        report, _ = self.run_report("--path=0.01,0.1,0.03")
        name = self.hyper(report)
        self.assertEqual([step[name] for step in report["path"]], [0.1, 0.03, 0.01])

    def test_the_model_holds_every_step_and_a_picture(self):
        report, _ = self.run_report("--path=9", "--path_ratio=0.05")
        model = os.path.join(self.folder, "model")
        with open(os.path.join(model, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        name = self.hyper(report)
        self.assertEqual(manifest["path"]["hyper"], name)
        self.assertEqual(manifest["path"]["value"], [step[name] for step in report["path"]])
        for parameter in manifest["parameter"]:
            values = read_npy(os.path.join(model, parameter["name"] + ".npy"))
            steps = read_npy(os.path.join(model, parameter["name"] + ".path.npy"))
            self.assertEqual(len(steps), 9 * len(values))
            self.assertEqual(steps[-len(values):], values)  # the last step is kept
        root = xml.etree.ElementTree.parse(os.path.join(model, "path.svg")).getroot()
        lines = [e for e in root if e.tag.endswith("polyline")]
        self.assertTrue(lines)
        for line in lines:
            self.assertEqual(len(line.get("points").split()), 9)

    def test_cross_validation_keeps_what_it_says(self):
        for choose in ("min", "1se"):
            report, out = self.run_report("--path=25", "--path_ratio=0.05", "--folds=5", "--choose=" + choose)
            name, path, cross = self.hyper(report), report["path"], report["cross_validation"]
            self.assertEqual(cross["folds"], 5)
            means = [step["cv_mean"] for step in path]
            least = means.index(min(means))
            self.assertEqual(cross[name + "_min"], path[least][name])
            bound = means[least] + path[least]["cv_se"]
            simplest = next(k for k in range(least + 1) if means[k] <= bound)
            self.assertEqual(cross[name + "_1se"], path[simplest][name])
            kept = path[least if choose == "min" else simplest]
            self.assertEqual(report["objective"], kept["objective"])
            self.assertEqual(report["hyper"][name], kept[name])
            self.assertIn("<- least", out)
            xml.etree.ElementTree.parse(os.path.join(self.folder, "model", "cross_validation.svg"))
        again, _ = self.run_report("--path=25", "--path_ratio=0.05", "--folds=5", "--choose=1se")
        self.assertEqual([s["cv_mean"] for s in again["path"]], [s["cv_mean"] for s in path])
        other, _ = self.run_report("--path=25", "--path_ratio=0.05", "--folds=5", "--choose=1se", "--seed=9")
        self.assertNotEqual([s["cv_mean"] for s in other["path"]], [s["cv_mean"] for s in path])

    def test_a_plan_file_runs_its_phases(self):
        plan = os.path.join(self.folder, "plan.textproto")
        subprocess.run([PROGRAM, "plan", "--path=6", "--path_ratio=0.05", "--out=" + plan], check=True,
                       stdout=subprocess.DEVNULL)
        report, _ = self.run_report("--plan=" + plan)
        self.assertEqual(len(report["path"]), 6)

    def test_refusals(self):
        for flags, words in (
                (["--path=1"], "expected 2 to"), (["--path=0"], "expected 2 to"),
                (["--path=abc"], "is no number"), (["--path=1,-2"], "is no number"),
                (["--folds=5"], "goes with --path"), (["--path=5", "--folds=1"], "--folds=1"),
                (["--path=5", "--folds=100000000"], "the number of rows"),
                (["--path=5", "--choose=1se"], "goes with --folds"),
                (["--path=5", "--path_of=nothing"], "scales no penalty"),
                (["--path=5", "--path_ratio=2"], "between 0 and 1"),
                (["--path=5", "--cluster=local"], "one process")):
            done = self.call(*flags, "--model_out=", "--report=")
            self.assertEqual(done.returncode, 2, (flags, done.stdout, done.stderr))
            self.assertIn(words, done.stderr)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)


if __name__ == "__main__":
    PROGRAM, KIND = sys.argv[1], sys.argv[2]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
