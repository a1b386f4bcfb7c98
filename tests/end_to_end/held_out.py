"""Data held out by --holdout, as users run it.

    held_out.py LASSO LOGISTIC FACTORIZATION LDA

Paths of the programs; they run on the data that ship with them where they are given none.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

LASSO, LOGISTIC, FACTORIZATION, LDA = (os.path.abspath(path) for path in sys.argv[1:5])


class HeldOut(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def call(self, program, *flags):
        return subprocess.run([program, *flags], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def train(self, program, *flags):
        done = self.call(program, "--model_out=" + self.path("model"), "--report=" + self.path("report.json"), *flags)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(self.path("report.json"), encoding="utf-8") as file:
            return done.stdout, json.load(file)

    def refused(self, program, *flags):
        done = self.call(program, "--model_out=", "--report=", *flags)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        return done.stderr

    def test_rows_with_a_label(self):
        for program, rows in ((LASSO, 442), (LOGISTIC, 569)):
            out, report = self.train(program, "--holdout=0.2")
            held = report["data"]["test_rows"]
            self.assertEqual(report["data"]["rows"] + held, rows)
            self.assertAlmostEqual(held, 0.2 * rows, delta=40)
            self.assertEqual(report["metric"]["data"], "test")
            self.assertIn("%d of %d rows held out, by seed 1" % (held, rows), out)
            self.assertIn("(held-out data)", out)

    def test_the_split_follows_the_seed_alone(self):
        def held(*flags):
            report = self.train(LASSO, "--holdout=0.3", *flags)[1]
            return report["data"]["test_rows"], report["metric"]["value"]
        one = held("--workers=1")
        for flags in (("--workers=2",), ("--cluster=inproc", "--workers=2"), ("--cluster=local", "--workers=2")):
            other = held(*flags)
            self.assertEqual(other[0], one[0], flags)
            self.assertAlmostEqual(other[1], one[1], delta=1e-2 * one[1], msg=str(flags))
        self.assertNotEqual(held("--seed=7")[1], one[1])

    # Ratings of a sum of tastes: what is held out can be told from the rest.
    def ratings(self):
        draw = random.Random(3)
        user = [draw.gauss(0, 1) for _ in range(60)]
        item = [draw.gauss(0, 1) for _ in range(40)]
        lines = ["u%d\ti%d\t%.3f" % (u, i, user[u] + item[i]) for u in range(60) for i in range(40) if draw.random() < 0.5]
        return self.write("tastes.ratings", "\n".join(lines) + "\n")

    def test_ratings(self):
        data = "--data=" + self.ratings()
        out, report = self.train(FACTORIZATION, data, "--holdout=0.2", "--Rank=1", "--lambda=0.01", "--max_clocks=60")
        self.assertEqual(report["metric"]["name"], "rmse")
        self.assertEqual(report["metric"]["data"], "test")
        self.assertLess(report["metric"]["value"], 0.2, out)
        # Held out from them, votes are told, too: better than by their mean.
        votes = self.train(FACTORIZATION, "--holdout=0.25", "--Rank=2", "--lambda=1")[1]
        self.assertLess(votes["metric"]["value"], 0.9)

    def test_who_is_only_in_the_part_held_out_has_a_place(self):
        lines = ["%d %d %d" % (u, i, (u * i) % 5) for u in range(8) for i in range(4)]
        data = self.write("rare.ratings", "\n".join(lines + ["99 0 3", "0 77 2"]) + "\n")
        for seed in range(1, 8):
            flags = ("--data=" + data, "--holdout=0.5", "--seed=%d" % seed, "--max_clocks=3", "--workers=1")
            report = self.train(FACTORIZATION, *flags)[1]
            self.assertTrue(0 <= report["metric"]["value"] < 100)
            with open(self.path("model/manifest.json"), encoding="utf-8") as file:
                manifest = json.load(file)
            self.assertEqual(manifest["extent"]["User"], 9)
            self.assertEqual(manifest["extent"]["Item"], 5)

    # Document completion: topics of the words at hand tell of the others better than their frequencies do.
    def test_words_of_documents(self):
        draw = random.Random(5)
        topics = [["%s%02d" % (letter * 3, n) for n in range(20)] for letter in "abc"]
        documents = []
        for _ in range(150):
            topic = draw.choice(topics)
            documents.append(" ".join(draw.choice(topic).replace("0", "x").translate(str.maketrans("123456789", "ghijklmno"))
                                      for _ in range(60)))
        data = self.write("letters.txt", "\n".join(documents) + "\n")
        flags = ("--data=" + data, "--Topic=3", "--max_clocks=60", "--workers=1", "--stop_words=none")
        out, report = self.train(LDA, *flags, "--holdout=0.3")
        held, trained = report["data"]["test_rows"], report["data"]["rows"]
        self.assertEqual(held + trained, self.train(LDA, *flags)[1]["data"]["rows"])
        self.assertAlmostEqual(held, 0.3 * (held + trained), delta=0.02 * (held + trained))
        self.assertEqual(report["metric"]["data"], "test")
        # 60 words of equal weight; of a topic 20.
        self.assertLess(report["measures"]["perplexity"], 24, out)
        self.assertGreater(report["measures"]["perplexity"], 19.5, out)

    # A sum over all cells of a table is of the training's counts, whatever rows a measure is told with.
    def test_the_tables_are_those_of_the_training(self):
        draw = random.Random(9)
        documents = [" ".join(draw.choice(["one", "two", "three", "four", "five", "six", "seven"]) for _ in range(40))
                     for _ in range(40)]
        data = "--data=" + self.write("all.txt", "\n".join(documents) + "\n")
        part = "--test_data=" + self.write("part.txt", "\n".join(documents[:3]) + "\n")
        flags = (data, "--names=word=" + self.write("names.txt", "\n".join(["five", "four", "one", "seven", "six", "three", "two"])),
                 "--Topic=3", "--max_clocks=5", "--workers=1")
        whole, other = self.train(LDA, *flags)[1], self.train(LDA, *flags, part)[1]
        self.assertAlmostEqual(other["measures"]["likelihood"] * other["data"]["test_rows"],
                               whole["measures"]["likelihood"] * whole["data"]["rows"], delta=1e-3)

    def test_what_makes_no_sense_is_refused(self):
        data = "--data=" + self.ratings()
        self.assertIn("leave one of the two out", self.refused(FACTORIZATION, data, "--holdout=0.1", "--test_data=x.ratings"))
        self.assertIn("--folds", self.refused(LASSO, "--holdout=0.1", "--path=5", "--folds=3"))
        self.assertIn("--holdout wants a value", self.refused(LASSO, "--holdout"))
        for share in ("0", "1", "1.5", "-1", "20%", "half"):
            self.assertIn("wants a number between 0 and 1", self.refused(LASSO, "--holdout=" + share))
        self.assertIn("none would be held out", self.refused(LASSO, "--holdout=1e-9"))
        self.assertIn("all would be held out", self.refused(LASSO, "--holdout=0.999999999"))

    def test_a_path_is_measured_on_them(self):
        report = self.train(LASSO, "--path=5", "--holdout=0.3")[1]
        self.assertEqual(report["metric"]["data"], "test")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
