"""Multiclass logistic regression by its dual: state that lives with rows, and a gap that says how far the end is.

    multiclass_dual.py PROGRAM

The minimum is known from accelerated gradient descent here, in the primal.
"""

import csv
import itertools
import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
LAMBDA = 0.05


def scores(weights, row):
    return [sum(w * x for w, x in zip(of_class, row)) for of_class in weights]


def objective(weights, rows, labels):
    """mean of the cross entropy + LAMBDA / 2 |W|^2, and its gradient."""
    value = 0.0
    gradient = [[LAMBDA * w for w in of_class] for of_class in weights]
    for row, label in zip(rows, labels):
        score = scores(weights, row)
        most = max(score)
        weight = [math.exp(s - most) for s in score]
        total = sum(weight)
        value += most + math.log(total) - score[label]
        for c, of_class in enumerate(gradient):
            slope = (weight[c] / total - (c == label)) / len(rows)
            for d, x in enumerate(row):
                of_class[d] += slope * x
    return value / len(rows) + LAMBDA / 2 * sum(w * w for of_class in weights for w in of_class), gradient


def minimum(rows, labels, classes):
    """Nesterov's method for strongly convex functions, until the gradient shows that no more than 1e-9 is left."""
    smooth = LAMBDA + 0.5 * sum(x * x for row in rows for x in row) / len(rows)
    momentum = (math.sqrt(smooth) - math.sqrt(LAMBDA)) / (math.sqrt(smooth) + math.sqrt(LAMBDA))
    at = ahead = [[0.0] * len(rows[0]) for _ in range(classes)]
    while True:
        value, gradient = objective(ahead, rows, labels)
        if sum(g * g for of_class in gradient for g in of_class) < 2 * LAMBDA * 1e-9:
            return value
        last, at = at, [[w - g / smooth for w, g in zip(*pair)] for pair in zip(ahead, gradient)]
        ahead = [[w + momentum * (w - v) for w, v in zip(*pair)] for pair in zip(at, last)]


class MulticlassDual(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, *words):
        return subprocess.run([PROGRAM, *words], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)

    def train(self, *flags):
        done = self.call("--model_out=model", "--report=report.json", *flags)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(self.path("report.json"), encoding="utf-8") as file:
            report = json.load(file)
        for each in report["measures"].values():
            self.assertTrue(math.isfinite(each))
        self.assertAlmostEqual(report["measures"]["primal"] - report["measures"]["dual"], report["measures"]["gap"],
                               delta=1e-6)
        return report

    def refused(self, word, *flags):
        done = self.call("--model_out=", "--report=", *flags)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertIn(word, done.stderr)

    def weights(self, features):
        with open(self.path("model/W.npy"), "rb") as file:
            data = file.read()
        start = 10 + struct.unpack("<H", data[8:10])[0]
        values = struct.unpack("<%dd" % ((len(data) - start) // 8), data[start:])
        return [values[i:i + features] for i in range(0, len(values), features)]

    def predict(self, rows):
        self.write("new.csv", "a,b,c,d", rows)
        done = self.call("predict", "--model=model", "--data=" + self.path("new.csv"), "--out=out.csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("out.csv"), encoding="utf-8") as file:
            return [int(float(row[0])) for row in list(csv.reader(file))[1:]]

    def write(self, name, header, rows):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(header + "\n")
            file.writelines(",".join(map(repr, row)) + "\n" for row in rows)

    # Three overlapping clouds, not in the middle.
    def clouds(self):
        draw = random.Random(5)
        middle = [[draw.gauss(2, 1) for _ in range(4)] for _ in range(3)]
        labels = [draw.randrange(3) for _ in range(90)]
        rows = [[m + draw.gauss(0, 1.5) for m in middle[label]] for label in labels]
        self.write("clouds.csv", "a,b,c,d,label", [[*row, label] for row, label in zip(rows, labels)])
        mean = [sum(column) / len(rows) for column in zip(*rows)]
        centred = [[x - m for x, m in zip(row, mean)] for row in rows]
        self.rows = rows
        return ("--data=" + self.path("clouds.csv"), "--lambda=%g" % LAMBDA, "--workers=2"), centred, labels

    def test_digits_to_a_small_gap(self):
        measures = self.train()["measures"]
        self.assertGreater(measures["accuracy"], 0.96)
        self.assertGreater(measures["gap"], -1e-9)
        self.assertLess(measures["gap"], 1e-4 * measures["primal"])

    def test_finds_the_minimum(self):
        flags, rows, labels = self.clouds()
        measures = self.train(*flags, "--tolerance=1e-9", "--max_clocks=5000")["measures"]
        want = minimum(rows, labels, 3)
        self.assertLess(measures["gap"], 1e-6)
        self.assertLess(abs(measures["primal"] / want - 1), 1e-6)
        self.assertLess(abs(measures["dual"] / want - 1), 1e-6)

        # The model is where the measures say, and predicts by it: one row as well, which has no other to be centred by.
        weights = self.weights(4)
        self.assertLess(abs(objective(weights, rows, labels)[0] - measures["primal"]), 1e-9)
        got = self.predict(self.rows)
        right = sum(g == label for g, label in zip(got, labels)) / len(labels)
        self.assertAlmostEqual(right, measures["accuracy"], delta=1e-9)
        for row, prediction in list(zip(self.rows, got))[:5]:
            self.assertEqual(self.predict([row]), [prediction])

    def test_the_dual_never_falls(self):
        flags, _, _ = self.clouds()
        last = -math.inf
        for clocks in (1, 2, 3, 4, 6, 9, 14, 30, 80, 200):
            measures = self.train(*flags, "--tolerance=1e-300", "--max_clocks=%d" % clocks)["measures"]
            self.assertGreaterEqual(measures["dual"], last - 1e-12)
            self.assertGreaterEqual(measures["gap"], -1e-9)
            last = measures["dual"]

    def test_processes_reach_the_same(self):
        flags = ("--workers=4", "--bridge=bsp", "--dtype=float64", "--tolerance=1e-300", "--max_clocks=40")
        one = self.train(*flags)
        weights = self.weights(64)
        for topology, payload in itertools.product(("star", "p2p"), ("full", "factors")):
            many = self.train("--cluster=local", "--topology=" + topology, "--payload=" + payload, *flags)
            self.assertEqual(many["clocks"], one["clocks"])
            for name, value in one["measures"].items():
                self.assertAlmostEqual(many["measures"][name], value, delta=1e-9, msg=(topology, payload, name))
            for got, want in zip(self.weights(64), weights):
                for g, w in zip(got, want):
                    self.assertAlmostEqual(g, w, delta=1e-9)

    def test_explains_what_travels(self):
        done = self.call("explain", "--cluster=local", "--workers=4", "--payload=factors")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("outer over {Sample}", done.stdout)
        self.assertIn("u = dz(Sample,Class) : Class   v = x(Sample,Feature) : Feature", done.stdout)
        self.assertRegex(done.stdout, r"payload +factors +[0-9.]+ kB a clock and process; full would be 5120 B")

    def test_goes_on_from_a_checkpoint(self):
        flags, _, _ = self.clouds()
        flags += ("--tolerance=1e-300",)
        whole = self.train(*flags, "--max_clocks=30")
        kept = (*flags, "--checkpoint_dir=" + self.path("kept"))
        self.train(*kept, "--max_clocks=12")
        rest = self.train(*kept, "--max_clocks=30", "--resume")
        self.assertEqual(rest["measures"], whole["measures"])

    def test_refusals(self):
        flags, _, _ = self.clouds()
        self.refused("held-out rows have none", *flags, "--holdout=0.1")
        self.refused("held-out rows have none", *flags, "--holdout=0.1", "--cluster=local")
        self.refused("--bridge=bsp", *flags, "--bridge=ssp:2", "--checkpoint_dir=" + self.path("late"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
