"""Malformed inputs: each gives one line with file and line number, exit code 2, and no model.

    malformed.py REGRESSION CLASSIFICATION
"""

import gzip
import os
import struct
import subprocess
import sys
import tempfile
import unittest

REGRESSION = CLASSIFICATION = ""


class Malformed(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))

    def tearDown(self):
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def refused(self, name, content, *words, program=None, flags=()):
        """Training on a file of this content is refused, in words that name it."""
        if isinstance(content, str):
            content = content.encode()
        with open(self.path(name), "wb") as file:
            file.write(content)
        done = subprocess.run(
            [program or REGRESSION, "run", "--data=" + self.path(name),
             "--model_out=" + self.path("model"), "--report=" + self.path("r.json"), *flags],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        context = "%s\n%s\n%s" % (name, done.stdout[-2000:], done.stderr[-2000:])
        self.assertEqual(done.returncode, 2, context)
        lines = done.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, context)
        for word in (name, *words):
            self.assertIn(word, lines[0], context)
        self.assertFalse(os.path.exists(self.path("model")), context)

    def test_csv(self):
        good = "a,b,y\n1,2,3\n2,1,4\n"
        self.refused("short.csv", good + "1,2\n", "4")
        self.refused("long.csv", good + "1,2,3,4\n", "4")
        self.refused("word.csv", good + "1,two,3\n", "4")
        self.refused("nan.csv", good + "1,nan,3\n", "4")
        self.refused("infinite.csv", good + "1,inf,3\n", "4")
        self.refused("huge.csv", good + "1,1e999,3\n", "4")
        self.refused("empty.csv", "")
        self.refused("header.csv", "a,b,y\n")

    def test_libsvm(self):
        good = "1.5 1:2 3:4\n-2 2:1\n"
        self.refused("colon.svm", good + "1 1;2\n", "3")
        self.refused("order.svm", good + "1 3:1 2:1\n", "3")
        self.refused("twice.svm", good + "1 2:1 2:1\n", "3")
        self.refused("zero.svm", good + "1 0:1\n", "3")
        self.refused("negative.svm", good + "1 -4:1\n", "3")
        self.refused("large.svm", good + "1 99999999999:1\n", "3")
        self.refused("nan.svm", good + "1 1:nan\n", "3")
        self.refused("label.svm", good + "one 1:1\n", "3")
        self.refused("empty.svm", "")

    def test_labels(self):
        self.refused("three.svm", "1 1:1\n2 1:2\n3 1:3\n", program=CLASSIFICATION)
        self.refused("one.svm", "1 1:1\n1 1:2\n", program=CLASSIFICATION)

    def test_npy(self):
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4, 3), }"
        header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
        head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
        self.refused("magic.npy", b"not numpy at all, but long enough")
        self.refused("cut.npy", head + b"\0" * 40)
        self.refused("header.npy", head[:30])
        self.refused("nan.npy", head + struct.pack("<12d", *([1.0] * 7 + [float("nan")] * 5)))

    def test_matrix_market(self):
        banner = "%%MatrixMarket matrix coordinate real general\n"
        self.refused("banner.mtx", "3 3 1\n1 1 1\n")
        self.refused("count.mtx", banner + "3 3 2\n1 1 1\n")
        self.refused("range.mtx", banner + "3 3 1\n4 1 1\n", "3")

    def test_idx(self):
        self.refused("magic.idx", b"\1\2\3\4" + b"\0" * 20)
        self.refused("cut.idx", struct.pack(">IIII", 0x803, 10, 28, 28) + b"\0" * 100)

    def test_compressed(self):
        whole = gzip.compress(b"a,b,y\n" + b"1,2,3\n" * 1000)
        self.refused("cut.csv.gz", whole[:len(whole) // 2])
        self.refused("junk.csv.gz", b"not gzip")
        self.refused("junk.csv.xz", b"not xz either")

    def test_unknown_format(self):
        self.refused("data.parquet", b"PAR1")


if __name__ == "__main__":
    REGRESSION, CLASSIFICATION = map(os.path.abspath, sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
