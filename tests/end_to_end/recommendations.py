"""What a model of ratings recommends, as users ask it.

    recommendations.py FACTORIZATION RIDGE LDA TENSOR

Paths of the programs; the last three have no prediction that --top could rank.
"""

import csv
import io
import os
import random
import subprocess
import sys
import tempfile
import unittest

FACTORIZATION, RIDGE, LDA, TENSOR = (os.path.abspath(path) for path in sys.argv[1:5])
USERS, ITEMS = 30, 20


class Recommendations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.folder = cls.holder.name
        draw = random.Random(2)
        cls.rated = {}
        for u in range(USERS):
            for i in draw.sample(range(ITEMS), 8):
                cls.rated["u%d" % u, "i%d" % i] = draw.choice([1, 2, 3, 4, 5])
        cls.data = cls.write("mine.ratings", "".join("%s,%s,%d\n" % (*key, r) for key, r in cls.rated.items()))
        done = cls.call(FACTORIZATION, "--data=" + cls.data, "--max_clocks=20", "--model_out=m", "--report=", "--workers=1")
        assert done.returncode == 0, done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    @classmethod
    def write(cls, name, text):
        path = os.path.join(cls.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    @classmethod
    def call(cls, program, *flags):
        return subprocess.run([program, *flags], cwd=cls.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def predict(self, *flags):
        done = self.call(FACTORIZATION, "predict", "--model=m", *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def rows(self, text):
        return list(csv.reader(io.StringIO(text)))

    def refused(self, *flags, program=FACTORIZATION):
        done = self.call(program, "predict", *flags)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        return done.stderr

    def test_the_best_items_that_a_user_has_not_rated(self):
        left = [("u%d" % u, "i%d" % i) for u in range(USERS) for i in range(ITEMS) if ("u%d" % u, "i%d" % i) not in self.rated]
        pairs = self.write("pairs.ratings", "".join("%s,%s\n" % key for key in left))
        scores = self.rows(self.predict("--data=" + pairs).stdout)
        score = {key: float(row[0]) for key, row in zip(left, scores[1:])}
        done = self.predict("--data=" + self.data, "--top=4")
        self.assertIn("item ranked for 30 of user", done.stderr)
        head, *rows = self.rows(done.stdout)
        self.assertEqual(head, ["user", "item", "rating"])
        self.assertEqual(len(rows), 4 * USERS)
        for u in range(USERS):
            mine = sorted((key for key in left if key[0] == "u%d" % u), key=lambda key: -score[key])[:4]
            got = [row for row in rows if row[0] == "u%d" % u]
            self.assertEqual([tuple(row[:2]) for row in got], mine)
            for row in got:
                self.assertAlmostEqual(float(row[2]), score[row[0], row[1]], places=7)

    def test_a_file_for_them(self):
        done = self.predict("--data=" + self.data, "--top=12", "--out=best.csv")
        self.assertIn("best.csv", done.stdout)
        self.assertNotIn("fewer", done.stdout)
        with open(os.path.join(self.folder, "best.csv"), encoding="utf-8") as file:
            self.assertEqual(len(file.readlines()), 1 + 12 * USERS)
        done = self.predict("--data=" + self.data, "--top=13", "--out=best.csv")
        self.assertIn("30 have fewer than 13 left", done.stdout)

    def test_those_who_ask_are_those_of_the_data(self):
        one = self.write("one.ratings", "u7,i3\nu7,i4\n")
        rows = self.rows(self.predict("--data=" + one, "--top=20").stdout)[1:]
        self.assertEqual({row[0] for row in rows}, {"u7"})
        self.assertEqual({row[1] for row in rows}, {"i%d" % i for i in range(ITEMS) if i not in (3, 4)})

    def test_what_makes_no_sense_is_refused(self):
        self.assertIn("--top=21: there are 20 positions of item; give at most 20",
                      self.refused("--model=m", "--data=" + self.data, "--top=21"))
        for top in ("0", "-1", "many", "1.5"):
            self.assertIn("wants a whole number of at least 1", self.refused("--model=m", "--top=" + top))
        self.assertIn("--top wants a value", self.refused("--model=m", "--top"))
        self.assertIn("y is not of rows that name two keys", self.refused("--top=3", program=RIDGE))
        self.assertIn("topics is not of rows", self.refused("--top=3", program=LDA))
        self.assertIn("there is no prediction", self.refused("--top=3", program=TENSOR))

    def test_who_is_not_in_the_model(self):
        for line, words in (("u99,i1", "user u99 is not among"), ("u1,i99", "item i99 is not among")):
            data = self.write("other.ratings", "u1,i1\n" + line + "\n")
            for flags in ((), ("--top=3",)):
                error = self.refused("--model=m", "--data=" + data, *flags)
                self.assertIn("other.ratings:2", error)
                self.assertIn(words, error)
                self.assertIn("of the training data", error)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
