"""What travels between processes, and how, changes no result.

    communication.py MULTICLASS NETWORK FACTORIZATION

The programs are multiclass logistic regression, a two-layer network and a matrix factorisation.
"""

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

MULTICLASS = NETWORK = FACTORIZATION = ""
TIMEOUT_SECONDS = 120


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def call(self, program, *args):
        return subprocess.run([program, *args], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=TIMEOUT_SECONDS, check=False)

    def train(self, program, *args):
        report = os.path.join(self.folder, "r.json")
        outcome = self.call(program, "run", "--report=" + report, "--model_out=", *args)
        self.assertEqual(outcome.returncode, 0, (args, outcome))
        with open(report, encoding="utf-8") as file:
            return json.load(file)

    def refused(self, program, words, *args):
        outcome = self.call(program, "run", "--report=", "--model_out=", *args)
        self.assertEqual(outcome.returncode, 2, (args, outcome))
        lines = outcome.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, outcome)
        for word in words:
            self.assertIn(word, lines[0])


HOMES = ("--topology=star", "--topology=p2p")
MESHES = ("--topology=ring", "--topology=halton")  # of sums alone


class Lossless(Case):
    """Clock by clock the same as one process with as many workers, to rounding."""

    def equal(self, program, payloads, *flags):
        flags += ("--workers=4", "--bridge=bsp", "--dtype=float64", "--tolerance=1e-300")
        one = self.train(program, "--cluster=embedded", *flags)
        for home, payload in [*itertools.product(HOMES, payloads), *((m, "full") for m in MESHES)]:
            many = self.train(program, "--cluster=inproc", home, "--payload=" + payload, *flags)
            self.assertEqual(many["clocks"], one["clocks"])
            self.assertAlmostEqual(many["objective"], one["objective"],
                                   delta=1e-8 * abs(one["objective"]), msg=(home, payload))

    def test_batches_of_multiclass(self):
        self.equal(MULTICLASS, ("full", "factors"), "--update=sgd", "--batch=100", "--max_clocks=40")

    def test_all_rows_of_multiclass(self):
        for update in ("fista", "lbfgs"):
            self.equal(MULTICLASS, ("full", "factors"), "--update=" + update, "--max_clocks=20")

    def test_both_layers_of_a_network(self):
        self.equal(NETWORK, ("full", "factors"), "--update=adam", "--batch=64", "--max_clocks=30")

    def test_rows_of_a_factorisation(self):
        self.equal(FACTORIZATION, ("full", "sparse"), "--update=adagrad", "--batch=50",
                   "--max_clocks=30")

    def test_workers_that_share_a_process(self):
        with open(os.path.join(self.folder, "c.textproto"), "w", encoding="utf-8") as file:
            file.write("processes: 2 workers: 4\n")
        flags = ("--workers=4", "--bridge=bsp", "--dtype=float64", "--tolerance=1e-300",
                 "--update=sgd", "--batch=100", "--max_clocks=20")
        one = self.train(MULTICLASS, "--cluster=embedded", *flags)
        for home in HOMES:
            many = self.train(MULTICLASS, "--cluster=local", "--payload=factors", home, *flags)
            self.assertAlmostEqual(many["objective"], one["objective"],
                                   delta=1e-8 * abs(one["objective"]))


class Pieces(Case):
    """What one process contributes to a clock is several times what a message may hold."""

    def test_factors_and_sums(self):
        rows, features, classes = 400, 8000, 80
        made = random.Random(1)
        # Few distinct columns, so that text is quick to make; rows differ all the same.
        columns = [["%.3f" % made.gauss(0, 1) for _ in range(97)] for _ in range(rows)]
        data = os.path.join(self.folder, "d.csv")
        with open(data, "w", encoding="utf-8") as file:
            file.write(",".join("x%d" % j for j in range(features)) + ",label\n")
            for row, values in enumerate(columns):
                file.write(",".join(values[j % 97] for j in range(features)))
                file.write(",%d\n" % (row % classes))
        flags = ("--data=" + data, "--workers=4", "--bridge=bsp", "--dtype=float64",
                 "--standardize=none", "--update=sgd", "--step=1e-5", "--batch=%d" % rows,
                 "--max_clocks=3", "--tolerance=1e-300")
        one = self.train(MULTICLASS, "--cluster=embedded", *flags)
        for home, payload in [*itertools.product(HOMES, ("full", "factors")),
                              *((m, "full") for m in MESHES)]:
            many = self.train(MULTICLASS, "--cluster=inproc", home, "--payload=" + payload, *flags)
            self.assertEqual(many["clocks"], 3)
            # A clock brings the coordinator at least one sum, or the rows of all processes.
            least = 3 * 8 * features * (classes if payload == "full" else rows)
            self.assertGreaterEqual(many["bytes"]["received"], least, (home, payload))
            self.assertAlmostEqual(many["objective"], one["objective"],
                                   delta=1e-8 * abs(one["objective"]), msg=(home, payload))


class Optimum(Case):
    """Every legal combination comes to the serial optimum."""

    def test_combinations(self):
        def combinations():
            for home, payload, bridge, codec in itertools.product(
                    HOMES, ("full", "factors"), ("bsp", "ssp:2"), ("exact", "f32", "bf16", "fp16")):
                # Of W nothing but factors travels: the codec is the bias's alone.
                if payload == "full" or codec in ("exact", "bf16"):
                    yield home, payload, bridge, codec
            for home, bridge in itertools.product(MESHES, ("bsp", "ssp:2")):
                yield home, "full", bridge, "exact"

        best = self.train(MULTICLASS, "--workers=1", "--update=lbfgs")["objective"]
        flags = ("--cluster=inproc", "--workers=4", "--update=adagrad", "--batch=178",
                 "--max_clocks=4000", "--tolerance=1e-300", "--target=%.9g" % (1.06 * best))
        for home, payload, bridge, codec in combinations():
            report = self.train(MULTICLASS, home, "--payload=" + payload, "--bridge=" + bridge,
                                "--codec=" + codec, *flags)
            self.assertEqual(report["stop_reason"], "target", (home, payload, bridge, codec))
            self.assertLessEqual(report["staleness"]["max"], 2 if bridge != "bsp" else 0)

    def test_moves_of_a_factorisation(self):
        flags = ("--update=dsgd", "--max_clocks=60", "--tolerance=1e-300")
        best = self.train(FACTORIZATION, "--workers=1", *flags)
        for home, bridge, codec in itertools.product(
                HOMES, ("bsp", "ssp:2", "async"), ("exact", "f32", "bf16", "fp16")):
            report = self.train(FACTORIZATION, "--cluster=inproc", "--workers=4", home,
                                "--bridge=" + bridge, "--codec=" + codec, *flags)
            late = bridge != "bsp"
            self.assertLessEqual(report["objective"], (1.05 if late else 1.02) * best["objective"],
                                 (home, bridge, codec))
            self.assertLessEqual(report["measures"]["rmse"],
                                 (1.2 if late else 1.1) * best["measures"]["rmse"])

    def test_what_is_not_legal_names_what_is(self):
        cluster = ("--cluster=inproc", "--workers=3")
        self.refused(MULTICLASS, ("--payload=sparse", "full", "factors"), *cluster,
                     "--payload=sparse")
        self.refused(FACTORIZATION, ("--payload=factors", "full", "sparse"), *cluster,
                     "--payload=factors")
        self.refused(MULTICLASS, ("exactly",), *cluster, "--update=lbfgs", "--codec=bf16")
        self.refused(MULTICLASS, ("--shards",), *cluster, "--topology=p2p", "--shards=2")
        self.refused(MULTICLASS, ("power of two", "star", "p2p", "ring"), *cluster,
                     "--topology=halton")
        self.refused(MULTICLASS, ("sums, not factors", "star", "p2p"), *cluster, "--topology=ring",
                     "--payload=factors")
        self.refused(FACTORIZATION, ("sums, not moves", "star", "p2p"), *cluster, "--update=dsgd",
                     "--topology=ring")
        self.refused(FACTORIZATION, ("moves",), *cluster, "--update=dsgd", "--payload=sparse")
        self.refused(FACTORIZATION, ("one process",), *cluster, "--update=als")
        self.refused(FACTORIZATION, ("ssp:2 or more",), *cluster, "--update=dsgd", "--bridge=bsp",
                     "--order=random")
        self.refused(FACTORIZATION, ("--order is for moves", "dsgd"), *cluster, "--update=adagrad",
                     "--order=fifo")
        self.refused(FACTORIZATION, ("--bandwidth=40", "40Mbit"), *cluster, "--bandwidth=40")
        self.refused(FACTORIZATION, ("--bandwidth=40Mbit", "nothing travels"),
                     "--bandwidth=40Mbit")
        self.refused(MULTICLASS, ("LINEAR",), *cluster, "--topology=p2p", "--bridge=async")
        self.refused(MULTICLASS, ("nothing travels",), "--codec=bf16")


class Bytes(Case):
    """On the wire, factors are to sums as K (M + N) to M N."""

    def test_factors_against_sums(self):
        rows, features, classes, batch = 120, 1500, 150, 40
        made = random.Random(1)
        data = os.path.join(self.folder, "d.csv")
        with open(data, "w", encoding="utf-8") as file:
            file.write(",".join("x%d" % j for j in range(features)) + ",label\n")
            for row in range(rows):
                values = ["%.3f" % made.gauss(0, 1) for _ in range(features)]
                file.write(",".join(values) + ",%d\n" % (row % classes))
        flags = ("--data=" + data, "--cluster=local", "--workers=4", "--topology=p2p",
                 "--update=sgd", "--batch=%d" % batch, "--max_clocks=30", "--tolerance=1e-300",
                 "--dtype=float32", "--bridge=bsp")
        sent = {}
        for payload in ("full", "factors"):
            report = self.train(MULTICLASS, "--payload=" + payload, *flags)
            sent[payload] = report["bytes"]["sent"] + report["bytes"]["received"]
        seen = min(rows, classes)  # classes that occur
        k = batch / 4
        want = k * (seen + features) / (seen * features)
        self.assertAlmostEqual(sent["factors"] / sent["full"] / want, 1, delta=0.05)


if __name__ == "__main__":
    MULTICLASS, NETWORK, FACTORIZATION = (os.path.abspath(p) for p in sys.argv[1:4])
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], verbosity=2)
