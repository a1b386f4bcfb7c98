"""Regularisation paths and cross-validation, as their users see them.

    path.py NAME=PROGRAM...

lambda_max is worked out here by the formula of a textbook, and cross-validation leaving out one row at
a time (its folds are known whatever the shuffle) from independent fits: nothing of the project takes
part in those checks.
"""

import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROWS, COLS = 60, 6
PROGRAM = {}
EXACT = ["--standardize=none", "--dtype=float64", "--tolerance=1e-12", "--max_clocks=20000"]


def make_rows(rows, sign):
    source = random.Random(29)
    made = []
    for _ in range(rows):
        x = [source.gauss(0, 1) for _ in range(COLS)]
        y = 2 * x[0] - x[1] + 0.5 * x[2] + 0.7 + source.gauss(0, 1)
        made.append((x, (1 if y > 0 else -1) if sign else y))
    return made


def read_npy(path):
    """Shape and values of a float64 array in C order."""
    with open(path, "rb") as file:
        content = file.read()
    size = struct.unpack("<H", content[8:10])[0]
    header = content[10:10 + size].decode()
    shape = [int(word) for word in header.split("(")[1].split(")")[0].split(",") if word.strip()]
    count = math.prod(shape)
    return shape, list(struct.unpack("<%dd" % count, content[10 + size:10 + size + 8 * count]))


class PathTest(unittest.TestCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(self.folder.cleanup)
        self.real, self.sign = make_rows(ROWS, False), make_rows(ROWS, True)
        self.write("real.csv", self.real)
        self.write("sign.csv", self.sign)

    def file(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, rows):
        with open(self.file(name), "w", encoding="utf-8") as file:
            file.write(",".join("x%d" % j for j in range(COLS)) + ",y\n")
            for x, y in rows:
                file.write(",".join("%r" % v for v in x) + ",%r\n" % y)

    def start(self, program, data, *flags):
        return subprocess.run(
            [PROGRAM[program], "run", "--data=" + self.file(data), "--model_out=" + self.file("m"),
             "--report=" + self.file("r.json"), *flags],
            timeout=120, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def run_it(self, program, data, *flags):
        """The report of a run that must succeed."""
        done = self.start(program, data, *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.out = done.stdout
        with open(self.file("r.json"), encoding="utf-8") as file:
            return json.load(file)

    def parameter(self, name):
        return read_npy(self.file(os.path.join("m", name + ".npy")))

    # ---- Where a path begins.

    def largest(self, rows, slope, share=1.0):
        """max |gradient| / share with all coefficients zero and the intercept at its optimum."""
        low, high = -50.0, 50.0
        for _ in range(200):
            b = (low + high) / 2
            if sum(slope(y, b) for _, y in rows) > 0:
                high = b
            else:
                low = b
        slopes = [slope(y, b) / len(rows) for _, y in rows]
        return max(abs(sum(s * x[j] for s, (x, _) in zip(slopes, rows)))
                   for j in range(COLS)) / share

    def check_start(self, program, data, want, *flags):
        report = self.run_it(program, data, "--path=5", *EXACT, *flags)
        steps = report["path"]
        first = steps[0]["lambda"]
        if want is not None:
            self.assertAlmostEqual(first / want, 1, delta=1e-6)
        self.assertEqual(len(steps), 5)
        self.assertEqual(steps[0]["nonzeros"], 0)
        for step in range(4):  # evenly in the logarithm, 1e-4 in all: more rows than parameters
            self.assertAlmostEqual(steps[step + 1]["lambda"] / steps[step]["lambda"], 0.1, delta=1e-9)
        below = self.run_it(program, data, "--path=%r,%r" % (first, 0.99 * first), *EXACT, *flags)
        self.assertEqual(below["path"][0]["nonzeros"], 0)
        self.assertGreater(below["path"][1]["nonzeros"], 0)

    def test_lasso_starts_where_all_is_zero(self):
        self.check_start("lasso", "real.csv", self.largest(self.real, lambda y, b: b - y))

    def test_elastic_net_starts_where_all_is_zero(self):
        self.check_start("elastic_net", "real.csv",
                         self.largest(self.real, lambda y, b: b - y, 0.5), "--ratio=0.5")

    def test_l1_logistic_starts_where_all_is_zero(self):
        self.check_start("logistic_l1", "sign.csv",
                         self.largest(self.sign, lambda y, b: -y / (1 + math.exp(y * b))))

    def test_rows_fewer_than_parameters_end_the_path_earlier(self):
        self.write("few.csv", self.real[:5])
        steps = self.run_it("lasso", "few.csv", "--path=3")["path"]
        self.assertAlmostEqual(steps[2]["lambda"] / steps[0]["lambda"], 0.01, delta=1e-9)

    def test_ratio(self):
        steps = self.run_it("lasso", "real.csv", "--path=4", "--path_ratio=0.125")["path"]
        self.assertAlmostEqual(steps[1]["lambda"] / steps[0]["lambda"], 0.5, delta=1e-9)

    # ---- Steps.

    def test_every_step_is_the_fit_of_its_value(self):
        for program, data in (("lasso", "real.csv"), ("elastic_net", "real.csv"),
                              ("logistic_l1", "sign.csv"), ("ridge", "real.csv")):
            with self.subTest(program):
                steps = self.run_it(program, data, "--path=0.3,0.05,0.01", *EXACT)["path"]
                name = "beta" if os.path.exists(self.file("m/beta.npy")) else "w"
                shape, trail = self.parameter(name + ".path")
                self.assertEqual(shape, [3, COLS])
                self.assertEqual([step["lambda"] for step in steps], [0.3, 0.05, 0.01])
                for k, step in enumerate(steps):
                    cold = self.run_it(program, data, "--lambda=%r" % step["lambda"], *EXACT)
                    self.assertAlmostEqual(step["objective"] / cold["objective"], 1, delta=1e-6)
                    for got, want in zip(trail[k * COLS:(k + 1) * COLS], self.parameter(name)[1]):
                        self.assertAlmostEqual(got, want, delta=1e-3)

    def test_the_last_step_is_kept_and_all_are_in_units_of_the_data(self):
        self.run_it("lasso", "real.csv", "--path=0.3,0.02", "--tolerance=1e-12", "--dtype=float64")
        self.assertEqual(self.parameter("beta.path")[1][COLS:], self.parameter("beta")[1])
        self.assertEqual(self.parameter("b.path")[1][1:], self.parameter("b")[1])
        with open(self.file("m/manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        self.assertEqual(manifest["path"], {"hyper": "lambda", "value": [0.3, 0.02]})
        standardised = self.parameter("beta")[1]
        self.run_it("lasso", "real.csv", "--lambda=0.02", "--tolerance=1e-12", "--dtype=float64")
        for got, want in zip(standardised, self.parameter("beta")[1]):
            self.assertAlmostEqual(got, want, delta=1e-5)

    def test_several_workers_walk_the_same_path(self):
        one = self.run_it("lasso", "real.csv", "--path=6", "--workers=1", *EXACT)["path"]
        two = self.run_it("lasso", "real.csv", "--path=6", "--workers=3", *EXACT)["path"]
        for a, b in zip(one, two):
            self.assertAlmostEqual(a["lambda"] / b["lambda"], 1, delta=1e-9)
            self.assertAlmostEqual(a["objective"] / b["objective"], 1, delta=1e-6)

    # ---- Cross-validation.

    def test_leaving_out_one_row_at_a_time(self):
        rows, values = self.real[:12], [0.6, 0.1]
        self.write("dozen.csv", rows)
        path = "--path=" + ",".join(map(str, values))
        report = self.run_it("lasso", "dozen.csv", path, "--folds=12", *EXACT)
        loss = [[], []]
        for out in range(12):
            self.write("rest.csv", rows[:out] + rows[out + 1:])
            x, y = rows[out]
            for k, value in enumerate(values):
                self.run_it("lasso", "rest.csv", "--lambda=%r" % value, *EXACT)
                fit = sum(a * b for a, b in zip(self.parameter("beta")[1], x))
                loss[k].append(0.5 * (y - fit - self.parameter("b")[1][0]) ** 2)
        for k, step in enumerate(report["path"]):
            mean = sum(loss[k]) / 12
            error = math.sqrt(sum((v - mean) ** 2 for v in loss[k]) / 11 / 12)
            self.assertAlmostEqual(step["cv_mean"] / mean, 1, delta=1e-4)
            self.assertAlmostEqual(step["cv_se"] / error, 1, delta=1e-4)

    def test_least_and_simplest(self):
        report = self.run_it("lasso", "real.csv", "--path=30", "--folds=5", *EXACT)
        steps, found = report["path"], report["cross_validation"]
        least = min(steps, key=lambda step: step["cv_mean"])
        bound = least["cv_mean"] + least["cv_se"]
        self.assertEqual(found["folds"], 5)
        self.assertEqual(found["lambda_min"], least["lambda"])
        self.assertEqual(found["lambda_1se"],
                         max(s["lambda"] for s in steps if s["cv_mean"] <= bound))
        self.assertLess(found["lambda_min"], found["lambda_1se"])
        for choose, key in (("min", "lambda_min"), ("1se", "lambda_1se")):
            again = self.run_it("lasso", "real.csv", "--path=30", "--folds=5", "--choose=" + choose,
                                *EXACT)
            self.assertEqual(again["path"], [dict(a, seconds=b["seconds"])
                                             for a, b in zip(steps, again["path"])])
            k = [step["lambda"] for step in steps].index(found[key])
            self.assertEqual(self.parameter("beta")[1],
                             self.parameter("beta.path")[1][k * COLS:(k + 1) * COLS])
            self.assertEqual(again["objective"], steps[k]["objective"])
        other = self.run_it("lasso", "real.csv", "--path=30", "--folds=5", "--seed=9", *EXACT)
        self.assertNotEqual(other["path"][20]["cv_mean"], steps[20]["cv_mean"])
        self.assertAlmostEqual(other["path"][20]["objective"] / steps[20]["objective"], 1, delta=1e-6)

    # ---- What is written.

    def test_pictures(self):
        self.run_it("lasso", "real.csv", "--path=20", "--folds=4")
        for name, words in (("path.svg", ["x0", "lambda"]), ("cross_validation.svg", ["lambda"])):
            root = xml.etree.ElementTree.parse(self.file(os.path.join("m", name))).getroot()
            self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
            text = " ".join(node.text for node in root.iter("{http://www.w3.org/2000/svg}text"))
            for word in words:
                self.assertIn(word, text)
            self.assertNotIn("nan", text)
        curves = xml.etree.ElementTree.parse(self.file("m/path.svg")).getroot().iter(
            "{http://www.w3.org/2000/svg}polyline")
        self.assertEqual(len(list(curves)), COLS)

    def test_names_that_are_markup(self):
        with open(self.file("real.csv"), encoding="utf-8") as file:
            content = file.read()
        with open(self.file("odd.csv"), "w", encoding="utf-8") as file:
            file.write(content.replace("x0", "a<b&c>d", 1))
        self.run_it("lasso", "odd.csv", "--path=5")
        root = xml.etree.ElementTree.parse(self.file("m/path.svg")).getroot()
        self.assertIn("a<b&c>d", [node.text for node in root.iter()])

    def test_explain_shows_the_phases(self):
        done = subprocess.run([PROGRAM["lasso"], "explain", "--data=" + self.file("real.csv"),
                               "--path=100"], capture_output=True, text=True, check=True,
                              stdin=subprocess.DEVNULL)
        self.assertIn("100 phases, lambda ", done.stdout)

    # ---- What is refused.

    def refused(self, words, program, *flags):
        done = self.start(program, "real.csv", *flags)
        self.assertEqual(done.returncode, 2, (flags, done.stdout, done.stderr))
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn(words, done.stderr)
        self.assertFalse(os.path.exists(self.file("m")), flags)

    def test_refusals(self):
        self.refused("--path=0", "lasso", "--path=0")
        self.refused("--path=1", "lasso", "--path=1")
        self.refused("abc", "lasso", "--path=abc")
        self.refused("0.1,x", "lasso", "--path=0.1,x")
        self.refused("-3", "lasso", "--path=-3")
        self.refused("--path_ratio", "lasso", "--path=5", "--path_ratio=1")
        self.refused("--path_of", "lasso", "--path=5", "--path_of=nosuch")
        self.refused("--folds", "lasso", "--path=5", "--folds=1")
        self.refused("--folds=61", "lasso", "--path=5", "--folds=61")
        self.refused("--path", "lasso", "--folds=5")
        self.refused("--folds", "lasso", "--path=5", "--choose=1se")
        self.refused("one process", "lasso", "--path=5", "--cluster=local")
        self.refused("penalty", "kmeans", "--path=5", "--columns=-y")

    def test_a_plan_keeps_its_path(self):
        data = "--data=" + self.file("real.csv")
        subprocess.run([PROGRAM["lasso"], "plan", data, "--path=7", "--out=" + self.file("p")],
                       check=True, stdin=subprocess.DEVNULL, capture_output=True)
        self.refused("--plan", "lasso", "--plan=" + self.file("p"), "--path=5")
        self.refused("one process", "lasso", "--plan=" + self.file("p"), "--cluster=local")
        report = self.run_it("lasso", "real.csv", "--plan=" + self.file("p"))
        self.assertEqual(len(report["path"]), 7)
        self.assertEqual(report["path"][0]["nonzeros"], 0)


if __name__ == "__main__":
    PROGRAM.update((name, os.path.abspath(path))
                   for name, _, path in (word.partition("=") for word in sys.argv[1:]))
    unittest.main(argv=sys.argv[:1])
