"""Topic models as their users run them.

    topics.py LDA MIXTURE NMF MEDLDA

Paths of the programs; they run on the data that ship with them.
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

LDA, MIXTURE, NMF, MEDLDA = (os.path.abspath(path) for path in sys.argv[1:5])


class Topics(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def run_program(self, program, *flags, expect=0):
        report = os.path.join(self.folder, "report.json")
        done = subprocess.run([program, "--model_out=" + os.path.join(self.folder, "model"), "--report=" + report, *flags],
                              cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        if expect:
            return done.stderr
        with open(report) as f:
            return done.stdout, json.load(f)

    def measure(self, report, name):
        return report["measures"][name]

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def test_topics_read_as_topics(self):
        for sampler in ("dense", "sparse"):
            out, report = self.run_program(LDA, "--workers=1", "--sampler=" + sampler)
            self.assertTrue(any("jesus" in line and "disciples" in line for line in out.split("\n")), out)
            self.assertTrue(any("burnt" in line and "altar" in line for line in out.split("\n")), out)
            self.assertGreater(self.measure(report, "likelihood"), -7.56)
            self.assertLess(self.measure(report, "perplexity"), 900)

    # Chains differ by 0.01, one worker's from seed to seed too.
    def test_workers_reach_the_same_likelihood(self):
        one = self.measure(self.run_program(LDA, "--workers=1")[1], "likelihood")
        for workers in (2, 4):
            self.assertAlmostEqual(
                self.measure(self.run_program(LDA, "--workers=%d" % workers)[1], "likelihood"), one, delta=0.05)
        self.assertAlmostEqual(
            self.measure(self.run_program(LDA, "--workers=3", "--partition=data")[1], "likelihood"), one, delta=0.07)

    def test_rows_that_are_cut_repeat(self):
        def likelihood(*flags):
            return self.measure(self.run_program(LDA, "--workers=16", "--partition=data", "--max_clocks=20", *flags)[1],
                                "likelihood")
        whole = likelihood()
        self.assertEqual(likelihood(), whole)
        self.assertEqual(likelihood("--lanes=1"), whole)

    def test_one_worker_repeats_and_resumes(self):
        def likelihood(*flags):
            return self.measure(self.run_program(LDA, "--workers=1", *flags)[1], "likelihood")
        whole = likelihood("--max_clocks=20")
        self.assertEqual(likelihood("--max_clocks=20"), whole)
        self.assertNotEqual(likelihood("--max_clocks=20", "--seed=5"), whole)
        kept = "--checkpoint_dir=" + os.path.join(self.folder, "kept")
        likelihood("--max_clocks=8", kept)
        self.assertEqual(likelihood("--max_clocks=20", kept, "--resume"), whole)

    def test_a_saved_model_has_its_likelihood(self):
        report = self.run_program(LDA, "--max_clocks=5")[1]
        done = subprocess.run([LDA, "predict", "--model=model"], cwd=self.folder, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        told = dict(line.split()[:2] for line in done.stderr.splitlines())
        for name in ("likelihood", "perplexity"):
            self.assertAlmostEqual(float(told[name]) / self.measure(report, name), 1, places=5)

    def test_the_plan_says_what_is_promised(self):
        for flags, contract in ((["--workers=1"], "exact"), (["--workers=2"], "delayed in totals"),
                                (["--workers=2", "--partition=data"], "delayed by a clock in word_topic, topic")):
            done = subprocess.run([LDA, "explain", *flags], cwd=self.folder, check=True, stdout=subprocess.PIPE, text=True)
            self.assertIn("sampler contract: " + contract, done.stdout)

    def test_bags_of_words(self):
        path = self.write("docword.tiny.txt", "4\n3\n5\n1 1 2\n1 2 1\n2 3 4\n4 1 1\n4 2 2\n")  # the third is empty
        self.write("vocab.tiny.txt", "apple\nbread\ncheese\n")
        out, report = self.run_program(LDA, "--data=" + path, "--Topic=2", "--max_clocks=5")
        self.assertEqual(report["data"]["rows"], 10)
        self.assertIn("cheese", out)
        self.write("vocab.tiny.txt", "apple\nbread\n")
        self.assertIn("vocab.tiny.txt", self.run_program(LDA, "--data=" + path, expect=2))

    # Against the equation of Mimno et al. (2011), from the model that was saved.
    def test_coherence_counts_documents_in_common(self):
        draw = random.Random(4)
        documents = [[draw.randrange(draw.choice([6, 25])) for _ in range(draw.randrange(1, 30))] for _ in range(50)]
        entries = [(d + 1, w + 1, words.count(w)) for d, words in enumerate(documents) for w in sorted(set(words))]
        path = self.write("docword.some.txt", "50\n25\n%d\n" % len(entries) + "".join("%d %d %d\n" % e for e in entries))
        self.write("vocab.some.txt", "".join("w%02d\n" % w for w in range(25)))
        out, report = self.run_program(LDA, "--data=" + path, "--Topic=3", "--max_clocks=20", "--workers=1")
        with open(os.path.join(self.folder, "model", "word_topic.npy"), "rb") as f:
            table = struct.unpack("<75d", f.read()[-75 * 8:])
        have = [set(words) for words in documents]
        topics = []
        for k in range(3):
            top = sorted((w for w in range(25) if table[w * 3 + k] > 0), key=lambda w: (-table[w * 3 + k], w))[:10]
            topics.append(sum(math.log((sum({v, w} <= words for words in have) + 1) / sum(v in words for words in have))
                              for m, w in enumerate(top) for v in top[:m]))
        told = report["coherence"]["word_topic"]
        for got, want in zip(told["topics"], topics):
            self.assertAlmostEqual(got, want, places=6)
            self.assertIn("%7.1f" % want, out)
        self.assertAlmostEqual(told["mean"], sum(topics) / 3, places=6)
        self.assertIn("coherence  %.6g" % told["mean"], out)
        self.assertEqual(list(report["coherence"]), ["word_topic"])

    def test_malformed_bags_get_one_line(self):
        for text in ("2\n3\n9\n1 1 2\n", "2\n3\n1\n1 0 2\n", "2\n3\n2\n2 1 1\n1 1 1\n", "2\n3\n1\n1 1 -2\n", "2\n3\n1\n1 1"):
            path = self.write("docword.bad.txt", text)
            error = self.run_program(LDA, "--data=" + path, expect=2)
            self.assertEqual(len(error.strip().split("\n")), 1, error)
            self.assertIn("docword.bad.txt", error)

    def test_what_does_not_fit_is_refused(self):
        self.assertIn("--sampler=quick", self.run_program(LDA, "--sampler=quick", expect=2))
        self.assertIn("--cluster=embedded", self.run_program(LDA, "--cluster=local", expect=2))
        self.assertIn("sparse needs weights", self.run_program(MIXTURE, "--sampler=sparse", expect=2))
        self.assertIn("no positive, finite sum", self.run_program(LDA, "--alpha=-1", "--eta=-1", expect=2))

    def test_components_are_digits(self):
        for flags in (["--workers=1"], ["--workers=3"], ["--workers=3", "--partition=data"]):
            out, report = self.run_program(MIXTURE, *flags)
            self.assertGreater(self.measure(report, "purity"), 0.62)
            self.assertIn("Component, its share of digits, and Digit with the most of it", out)

    # What is delayed draws from another law; it must tell words that it has not seen as well.
    def test_held_out_perplexity_is_that_of_the_exact_sampler(self):
        def perplexity(*flags):
            return self.measure(self.run_program(LDA, "--holdout=0.1", *flags)[1], "perplexity")
        exact = perplexity("--workers=1")
        for flags in (("--workers=4",), ("--workers=2", "--partition=data"), ("--workers=4", "--partition=data")):
            self.assertLess(perplexity(*flags), 1.03 * exact, flags)

    def test_topics_tell_testaments_apart(self):
        out, report = self.run_program(MEDLDA)
        self.assertGreater(self.measure(report, "accuracy"), 0.97)
        self.assertGreater(self.measure(report, "accuracy_untold"), 0.94)  # 0.78 are of the old one
        self.assertTrue(any("jesus" in line and "disciples" in line for line in out.split("\n")), out)
        # Without a margin topics explain the words alone, and their weights what is left.
        plain = self.measure(self.run_program(MEDLDA, "--c=0.001")[1], "accuracy_untold")
        self.assertLess(plain, 0.9)

    def test_parts_are_about_something(self):
        out, report = self.run_program(NMF)
        self.assertLess(self.measure(report, "divergence"), 2.33)
        self.assertTrue(any("jesus" in line and "disciples" in line for line in out.split("\n")), out)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
