"""Data that is left on disk (--memory) trains to the same model, to the bit.

    out_of_core.py LDA FACTORIZATION LASSO

Paths of the programs; they run on the data that ship with them where they are given none.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

LDA, FACTORIZATION, LASSO = (os.path.abspath(path) for path in sys.argv[1:4])


class OutOfCore(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, program, *flags, env=None):
        return subprocess.run([program, *flags], cwd=self.folder, env={**os.environ, **(env or {})},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def train(self, program, *flags):
        """What it printed, the report, and a hash by parameter of the model."""
        done = self.call(program, "--model_out=" + self.path("model"), "--report=" + self.path("report.json"), *flags)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        model = {}
        for name in sorted(os.listdir(self.path("model"))):
            if name.endswith(".npy"):
                with open(self.path("model/" + name), "rb") as file:
                    model[name] = hashlib.sha256(file.read()).hexdigest()
        with open(self.path("report.json"), encoding="utf-8") as file:
            return done.stdout, json.load(file), model

    def same(self, program, *flags):
        out, report, model = self.train(program, *flags)
        self.assertEqual(report["spilled_bytes"], 0)
        self.assertNotIn("on disk", out)
        out, report, spilled = self.train(program, "--memory=0", *flags)
        self.assertGreater(report["spilled_bytes"], 1 << 16)
        self.assertIn("of data on disk", out)
        self.assertTrue(model)
        self.assertEqual(spilled, model)

    def ratings(self, users=2000, items=300, each=40):
        draws = random.Random(3)
        with open(self.path("ratings.tsv"), "w", encoding="utf-8") as file:
            for user in range(users):
                for item in draws.sample(range(items), each):
                    file.write("%d\t%d\t%d\n" % (user, item, draws.randint(1, 5)))
        return "--data=" + self.path("ratings.tsv")

    def test_topics(self):
        self.same(LDA, "--workers=1", "--max_clocks=3")
        self.same(LDA, "--workers=2", "--partition=data", "--max_clocks=3")

    def test_checkpoints(self):
        first = self.train(LDA, "--workers=1", "--max_clocks=4")[2]
        flags = ("--workers=1", "--memory=0", "--checkpoint_dir=" + self.path("checkpoint"))
        self.train(LDA, "--max_clocks=2", *flags)
        self.assertEqual(self.train(LDA, "--max_clocks=4", "--resume", *flags)[2], first)

    def test_factorizations(self):
        data = self.ratings()
        for update in ("als", "dsgd"):
            for workers in ("1", "2"):
                self.same(FACTORIZATION, data, "--update=" + update, "--workers=" + workers, "--max_clocks=3")

    def test_rows_without_keys(self):
        draws = random.Random(4)
        with open(self.path("rows.csv"), "w", encoding="utf-8") as file:
            for _ in range(4000):
                file.write(",".join("%.3f" % draws.gauss(0, 1) for _ in range(9)) + "\n")
        self.same(LASSO, "--data=" + self.path("rows.csv"), "--update=fista", "--max_clocks=5")

    def test_what_fits_stays_in_memory(self):
        report = self.train(LDA, "--workers=1", "--max_clocks=1", "--memory=1G")[1]
        self.assertEqual(report["spilled_bytes"], 0)

    def test_nowhere_to_leave_it(self):
        done = self.call(LDA, "--memory=0", "--model_out=", "--report=", env={"TMPDIR": "/nowhere"})
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertIn("/nowhere", done.stderr)

    def test_no_bytes(self):
        for value in ("much", "-1", "5X", ""):
            done = self.call(LDA, "--memory=" + value)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn("--memory", done.stderr)
            self.assertIn("800M", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
