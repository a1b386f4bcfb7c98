"""Data without a row axis in runs of either element type, embedded and over worker processes.

    feature_weights.py PROGRAM

PROGRAM minimises 1/2 mean (y - X (v beta))^2 + sum v beta^2, v being data over features. The result is
compared with the solution of the normal equations, computed here.
"""

import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = ""
ROWS, FEATURES = 60, 5


def write_npy(path, values):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }" % len(values)
    header = header.ljust(117) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack("<%dd" % len(values), *values))


def read_npy(path):
    with open(path, "rb") as file:
        content = file.read()
    size, = struct.unpack("<H", content[8:10])
    kind = "d" if b"<f8" in content[:10 + size] else "f"
    body = content[10 + size:]
    return struct.unpack("<%d%s" % (len(body) // struct.calcsize(kind), kind), body)


def solve(a, b):
    """Gaussian elimination with pivoting."""
    n = len(b)
    a = [row[:] + [value] for row, value in zip(a, b)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(a[r][i]))
        a[i], a[pivot] = a[pivot], a[i]
        for r in range(n):
            if r != i:
                f = a[r][i] / a[i][i]
                a[r] = [x - f * p for x, p in zip(a[r], a[i])]
    return [a[i][n] / a[i][i] for i in range(n)]


class FeatureWeights(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        rng = random.Random(7)
        self.x = [[rng.gauss(0, 1) for _ in range(FEATURES)] for _ in range(ROWS)]
        self.y = [rng.gauss(0, 1) + row[0] - row[1] for row in self.x]
        self.weight = [0.25, 0.5, 1.0, 1.5, 2.0]
        with open(os.path.join(self.folder, "data.csv"), "w", encoding="utf-8") as file:
            file.write("y," + ",".join("x%d" % j for j in range(FEATURES)) + "\n")
            for target, row in zip(self.y, self.x):
                file.write(",".join(repr(v) for v in [target, *row]) + "\n")
        write_npy(os.path.join(self.folder, "weight.npy"), self.weight)

    def expected(self):
        z = [[value * w for value, w in zip(row, self.weight)] for row in self.x]
        a = [[sum(r[i] * r[j] for r in z) / ROWS + (2 * self.weight[i] if i == j else 0)
              for j in range(FEATURES)] for i in range(FEATURES)]
        return solve(a, [sum(r[i] * t for r, t in zip(z, self.y)) / ROWS for i in range(FEATURES)])

    def check(self, tolerance, *flags):
        model = os.path.join(self.folder, "model")
        report = os.path.join(self.folder, "report.json")
        done = subprocess.run(
            [PROGRAM, "run", "--data=%s/data.csv" % self.folder,
             "--data=weight=%s/weight.npy" % self.folder, "--standardize=none", "--tolerance=1e-12",
             "--max_clocks=5000", "--model_out=" + model, "--report=" + report, *flags],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        want = self.expected()
        got = read_npy(os.path.join(model, "beta.npy"))
        for a, b in zip(got, want):
            self.assertAlmostEqual(a, b, delta=tolerance, msg=done.stdout)
        penalty = sum(w * b * b for w, b in zip(self.weight, want))
        with open(report, encoding="utf-8") as file:
            self.assertIn("penalty", file.read())
        self.assertIn("penalty", done.stdout)
        told = [line for line in done.stdout.splitlines() if "penalty" in line][-1]
        numbers = [float(w) for w in told.replace("=", " ").replace(",", " ").split()
                   if w.replace(".", "").replace("-", "").replace("e", "").isdigit()]
        self.assertTrue(any(abs(v - penalty) < 1e-3 * max(1, penalty) for v in numbers),
                        "%s: no %g" % (told, penalty))

    def test_every_type_and_cluster(self):
        for dtype, tolerance in (("float64", 1e-5), ("float32", 2e-3)):
            for cluster in ("embedded", "inproc", "local"):
                for workers in (1, 2):
                    with self.subTest(dtype=dtype, cluster=cluster, workers=workers):
                        self.check(tolerance, "--dtype=" + dtype, "--cluster=" + cluster,
                                   "--workers=%d" % workers)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
