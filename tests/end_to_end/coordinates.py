"""Coordinate methods, as their users run them: every schedule, any number of workers, hard data.

    coordinates.py LASSO SVM_DUAL LOGISTIC_L1
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

LASSO = SVM_DUAL = LOGISTIC = ""
SCHEDULES = ("sets", "sap", "priority", "dependency", "uniform")


class Coordinates(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def call(self, program, *args):
        return subprocess.run([program, *args], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120)

    def run_report(self, program, *args):
        report = os.path.join(self.folder, "report.json")
        done = self.call(program, "run", "--report=" + report, "--model_out=", *args)
        self.assertEqual(done.returncode, 0, (args, done.stdout, done.stderr))
        with open(report, encoding="utf-8") as file:
            return json.load(file)

    def csv(self, rows, names=None):
        path = os.path.join(self.folder, "data.csv")
        width = len(rows[0])
        with open(path, "w", encoding="utf-8") as file:
            file.write(",".join(names or ["x%d" % i for i in range(width - 1)] + ["y"]) + "\n")
            for row in rows:
                file.write(",".join("%.17g" % x for x in row) + "\n")
        return "--data=" + path

    def same(self, a, b, relative=1e-6):
        self.assertAlmostEqual(a, b, delta=relative * abs(b) + 1e-12)

    def test_every_schedule_reaches_the_optimum(self):
        best = self.run_report(LASSO, "--update=fista", "--tolerance=1e-12", "--max_clocks=50000")
        for schedule in SCHEDULES:
            for workers in (1, 2, 5):
                found = self.run_report(LASSO, "--update=cd", "--schedule=" + schedule,
                                        "--workers=%d" % workers, "--tolerance=1e-7")
                self.same(found["objective"], best["objective"])
                self.assertEqual(found["stop_reason"], "converged", (schedule, workers))
                self.assertLessEqual(found["duality_gap"], 1e-7 * abs(found["objective"]))

    def test_every_schedule_takes_losses_that_are_no_squares(self):
        best = self.run_report(LOGISTIC, "--update=owlqn", "--tolerance=1e-12", "--max_clocks=50000")
        for schedule in ("sets", "sap", "dependency"):
            found = self.run_report(LOGISTIC, "--schedule=" + schedule, "--workers=2",
                                    "--tolerance=1e-6")
            self.same(found["objective"], best["objective"], 2e-6)

    def test_slices_of_the_model_reach_the_optimum_under_delay(self):
        for program, update, tolerance in ((LASSO, "fista", 1e-5), (LOGISTIC, "owlqn", 1e-3)):
            best = self.run_report(program, "--update=" + update, "--tolerance=1e-12",
                                   "--max_clocks=50000")
            for workers, lanes, bridge, bound in ((1, 1, "bsp", 0), (3, 2, "bsp", 0), (2, 2, "ssp:1", 1),
                                                  (4, 2, "ssp:3", 3), (4, 1, "ssp:3", 3)):
                found = self.run_report(program, "--update=mspg", "--workers=%d" % workers,
                                        "--lanes=%d" % lanes, "--bridge=" + bridge,
                                        "--tolerance=%g" % tolerance)
                self.assertEqual(found["stop_reason"], "converged", (workers, bridge))
                self.same(found["objective"], best["objective"], 2 * tolerance)
                self.assertLessEqual(found["staleness"]["max"], bound)
                self.assertIn("s = %d" % bound, found["certificate"])
                step, lipschitz, coupling = (float(found["certificate"].split(mark)[1].split()[0].strip(","))
                                             for mark in ("step ", "L_f = ", ", L = "))
                self.assertLess(step, 1 / (lipschitz + 2 * coupling * bound))

    def test_the_dual_reaches_the_optimum_with_any_number_of_workers(self):
        found = [self.run_report(SVM_DUAL, "--update=sdca", "--workers=%d" % w, "--tolerance=1e-5",
                                 "--lambda=0.1") for w in (1, 2, 4)]
        for each in found:
            self.assertEqual(each["stop_reason"], "converged")
            self.same(each["objective"], found[0]["objective"], 2e-5)
        best = self.run_report(SVM_DUAL, "--update=fista", "--max_clocks=20000", "--lambda=0.1",
                               "--tolerance=1e-10")
        self.assertLessEqual(found[0]["objective"], best["objective"] * (1 + 2e-5))

    def test_hard_data(self):
        draw = random.Random(3)
        x = [[draw.gauss(0, 1) for _ in range(3)] for _ in range(30)]
        duplicated = [row + row + [7.0, 0.0] + [row[0] - row[1] + draw.gauss(0, 0.1)] for row in x]
        cases = {"duplicated, constant and zero columns": duplicated,
                 "all-zero target": [row + [0.0] for row in x],
                 "one feature": [[row[0], 2 * row[0] + 1] for row in x],
                 "one sample": [x[0] + [2.0]],
                 "two samples": [row + [float(i)] for i, row in enumerate(x[:2])],
                 "more columns than rows": [[draw.gauss(0, 1) for _ in range(41)] for _ in range(12)]}
        for name, rows in cases.items():
            data = self.csv(rows)
            best = self.run_report(LASSO, data, "--update=fista", "--tolerance=1e-13",
                                   "--max_clocks=100000", "--lambda=0.05")
            for schedule in ("sets", "sap", "dependency"):
                found = self.run_report(LASSO, data, "--schedule=" + schedule, "--lambda=0.05",
                                        "--workers=2", "--tolerance=1e-9", "--max_clocks=200000")
                self.same(found["objective"], best["objective"], 1e-6)

    def test_a_penalty_above_its_largest_value_leaves_the_mean(self):
        found = self.run_report(LASSO, "--lambda=1000")
        self.assertEqual(found["stop_reason"], "converged")
        self.same(found["objective"], 2964.942, 1e-6)  # half the variance of the target

    def test_explain_names_the_dependence_and_the_schedule(self):
        text = self.call(LASSO, "explain").stdout
        for words in ("coupled by view r: sum[Sample] w X(Sample,Feature) X(Sample,Feature')",
                      "schedule     sets", "#clock/schedule", "#clock/push", "#clock/pull",
                      "a run that converges ends within", "sdca needs a squared L2 penalty"):
            self.assertIn(words, text)
        text = self.call(LASSO, "explain", "--schedule=sap", "--workers=8", "--coupling=0.2").stdout
        self.assertIn("no two coordinates of one round are coupled by more than 0.2", text)
        text = self.call(LASSO, "explain", "--update=mspg", "--bridge=ssp:3", "--workers=4").stdout
        for words in ("the step is below 1 / (L_f + 2 L s), s = 3", "model[Feature]", "view/r (lag 4)"):
            self.assertIn(words, text)
        text = self.call(LASSO, "explain", "--schedule=uniform", "--workers=8").stdout
        self.assertIn("the objective may diverge", text)

    def test_a_schedule_of_coupled_coordinates_that_diverges_says_so(self):
        draw = random.Random(5)
        rows = []
        for _ in range(40):
            common = draw.gauss(0, 1)
            rows.append([common + draw.gauss(0, 0.3) for _ in range(64)] + [common])
        data = self.csv(rows)
        done = self.call(LASSO, "run", data, "--schedule=uniform", "--workers=32", "--lambda=0.01",
                         "--model_out=", "--report=")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("diverged", done.stderr)
        self.assertIn("sap", done.stderr)
        found = self.run_report(LASSO, data, "--schedule=sap", "--workers=32", "--lambda=0.01",
                                "--tolerance=1e-3")
        self.assertEqual(found["stop_reason"], "converged")

    def test_refusals(self):
        for program, flags, words in (
                (LASSO, ["--schedule=sap", "--update=owlqn"], "--schedule=sap"),
                (LASSO, ["--update=sdca"], "squared L2 penalty"),
                (SVM_DUAL, ["--update=cd"], "derivative everywhere"),
                (LASSO, ["--coupling=2"], "at most 1"),
                (LASSO, ["--update=cd", "--coupling=0.5", "--schedule=uniform"], "no rounds to filter"),
                (LASSO, ["--update=cd", "--bridge=ssp:2", "--workers=2"], "legal: bsp"),
                (LASSO, ["--update=cd", "--cluster=local"], "in one process"),
                (LASSO, ["--update=mspg", "--bridge=async", "--workers=2"], "legal: bsp, ssp:S"),
                (LASSO, ["--update=mspg", "--step=1"], "the step that is certified"),
                (SVM_DUAL, ["--update=mspg"], "derivative everywhere"),
                (LASSO, ["--schedule=random"], "--schedule")):
            done = self.call(program, "run", *flags, "--model_out=", "--report=")
            self.assertEqual(done.returncode, 2, (flags, done.stdout, done.stderr))
            self.assertIn(words, done.stderr)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)


if __name__ == "__main__":
    LASSO, SVM_DUAL, LOGISTIC = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
