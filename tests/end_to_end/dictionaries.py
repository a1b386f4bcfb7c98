"""A metric and a dictionary, learned as their users run the programs.

    dictionaries.py METRIC_LEARNING SPARSE_CODING

Paths of the programs; they run on the data that ship with them, and on data with known answers.
"""

import csv
import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest

METRIC, SPARSE = (os.path.abspath(path) for path in sys.argv[1:3])


class Programs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, *words):
        done = subprocess.run(words, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def train(self, program, *flags):
        self.call(program, "--model_out=model", "--report=report.json", *flags)
        with open(self.path("report.json"), encoding="utf-8") as file:
            return json.load(file)

    def predict(self, program, *flags):
        self.call(program, "predict", "--model=model", "--out=out.csv", *flags)
        with open(self.path("out.csv"), encoding="utf-8") as file:
            return [[float(x) for x in row] for row in list(csv.reader(file))[1:]]

    def write(self, name, header, rows):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(",".join(header) + "\n")
            file.writelines(",".join("%.9g" % x for x in row) + "\n" for row in rows)
        return self.path(name)

    def parameter(self, name, columns):
        """The rows of a matrix of the model."""
        with open(self.path("model/%s.npy" % name), "rb") as file:
            data = file.read()
        start = 10 + struct.unpack("<H", data[8:10])[0]
        values = struct.unpack("<%dd" % ((len(data) - start) // 8), data[start:])
        return [values[i:i + columns] for i in range(0, len(values), columns)]

    def same_in_two_processes(self, program, *flags):
        flags = ("--workers=2", "--bridge=bsp", *flags)
        one = self.train(program, *flags)
        two = self.train(program, "--cluster=inproc", *flags)
        self.assertEqual(one["clocks"], two["clocks"])
        self.assertLess(abs(one["objective"] / two["objective"] - 1), 1e-9)


class MetricLearning(Programs):
    def test_tells_new_digits_apart_better_than_pixels_do(self):
        report = self.train(METRIC)
        learned, usual = (report["measures"][name] for name in ("accuracy", "accuracy_euclidean"))
        self.assertGreater(learned, 0.85)
        self.assertGreater(learned, usual + 0.05)
        self.assertGreater(usual, 0.75)

    def test_processes_reach_the_same(self):
        self.same_in_two_processes(METRIC, "--max_clocks=60")

    # Only the first two of six features say whether a pair is similar.
    def pairs(self, seed, count):
        draw = random.Random(seed)
        rows = []
        for _ in range(count):
            similar = draw.random() < 0.5
            scale = 0.2 if similar else 3.0
            angle = draw.uniform(0, 2 * math.pi)
            rows.append([1 if similar else 0, scale * math.cos(angle), scale * math.sin(angle)] +
                        [draw.gauss(0, 3) for _ in range(4)])
        return rows

    def test_finds_the_features_that_matter(self):
        header = ["similar"] + ["x%d" % i for i in range(6)]
        rows = self.pairs(1, 600)
        data = self.write("pairs.csv", header, rows)
        report = self.train(METRIC, "--data=" + data, "--Rank=3")
        self.assertGreater(report["measures"]["accuracy"], 0.97)
        self.assertLess(report["measures"]["accuracy_euclidean"], 0.75)
        weight = [math.sqrt(sum(row[d] ** 2 for row in self.parameter("L", 6))) for d in range(6)]
        self.assertGreater(min(weight[:2]), 5 * max(weight[2:]))

        # Predictions are squares of lengths of images under L, of the new pairs as of the old.
        new = self.pairs(2, 50)
        got = self.predict(METRIC, "--data=" + self.write("new.csv", header, new))
        self.assertEqual(len(got), len(new))
        for row, distance in zip(new, got):
            want = sum(sum(l * x for l, x in zip(axis, row[1:])) ** 2 for axis in self.parameter("L", 6))
            self.assertLess(abs(distance[0] - want), 1e-6 * (1 + want))


class SparseCoding(Programs):
    def test_few_atoms_explain_patches_of_an_image(self):
        report = self.train(SPARSE)
        self.assertGreater(report["measures"]["explained"], 0.88)
        self.assertLess(report["measures"]["used"], 0.25)

    def test_processes_reach_the_same(self):
        self.same_in_two_processes(SPARSE, "--max_clocks=100")

    # Each patch is a sum of two of eight atoms, which are orthogonal and as bright as dark.
    @staticmethod
    def planted():
        return [[(-1) ** bin(i & pixel).count("1") / 4 for pixel in range(16)] for i in range(1, 9)]

    def test_finds_planted_atoms_and_their_codes(self):
        draw = random.Random(3)
        atoms, rows = self.planted(), []
        for _ in range(1500):
            chosen = draw.sample(atoms, 2)
            size = [draw.choice([-1, 1]) * draw.uniform(1, 2) for _ in chosen]
            rows.append([50 + sum(s * a[p] for s, a in zip(size, chosen)) for p in range(16)])
        data = self.write("patches.csv", ["p%d" % p for p in range(16)], rows)
        report = self.train(SPARSE, "--data=" + data, "--Atom=12", "--lambda=0.1")
        self.assertGreater(report["measures"]["explained"], 0.97)
        found = [[x / math.sqrt(sum(y * y for y in row)) for x in row] for row in self.parameter("D", 16)]
        for atom in atoms:
            best = max(abs(sum(a * b for a, b in zip(atom, row))) for row in found)
            self.assertGreater(best, 0.95)

        # A patch is what its code says of the atoms, less what the penalty takes.
        codes = self.predict(SPARSE, "--data=" + data)
        for row, code in zip(rows[:100], codes):
            self.assertEqual(len(code), 12)
            left = [x - 50 - sum(c * a[p] for c, a in zip(code, found)) for p, x in enumerate(row)]
            self.assertLess(math.sqrt(sum(x * x for x in left)), 0.5)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
