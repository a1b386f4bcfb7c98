"""Gyre beside liblinear, torch and scikit-learn: the same data, the same quality, interleaved runs.

    peers.py --program=NAME=PATH ... [--data=FOLDER] [--runs=7] [--only=NAME,...]

(`./bazelw run //tests/benchmark:peers -- --data=FOLDER` fills in the programs.) The folder, by flag
or by GYRE_DATA, may hold a9a.svm, imdb.train.svm and MNIST's train-images-idx3-ubyte and
train-labels-idx1-ubyte; for what it lacks, random data of the same shape is made, and the table says
so. A peer that is not installed is left out. Every time is the median of runs that alternate with
those of the other side; medians' ratios are what to look at.
"""

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = os.getcwd()  # the runfiles, where programs find the data that ships
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def say(*words):
    print(*words, flush=True)


def warn_of_slow_blas():
    """numpy, torch and scikit-learn multiply by the system's BLAS; Debian's default is the reference."""
    try:
        from threadpoolctl import threadpool_info  # comes with scikit-learn
    except ImportError:
        return
    if not any(library["user_api"] == "blas" for library in threadpool_info()):
        say("No optimised BLAS is installed: torch and scikit-learn are shown several times slower than "
            "they can be. Install libopenblas0-pthread.")


def interleaved(runs, *sides):
    """The median result of every side, element by element; the sides take turns."""
    results = [[] for _ in sides]
    for _ in range(runs):
        for side, result in zip(sides, results):
            result.append(side())
    return [[statistics.median(values) for values in zip(*result)] for result in results]


def gyre(program, folder, *flags):
    """Runs a program; its report, with the wall time of the process as "total"."""
    report = os.path.join(folder, "report.json")
    start = time.perf_counter()
    done = subprocess.run(
        [program, "run", "--report=" + report, "--model_out=", *flags], cwd=ROOT, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    total = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit("%s failed:\n%s" % (program, done.stdout))
    with open(report, encoding="utf-8") as file:
        result = json.load(file)
    result["total"] = total
    return result


# ---- L2 logistic regression, beside liblinear.


class FeatureNode(ctypes.Structure):
    _fields_ = [("index", ctypes.c_int), ("value", ctypes.c_double)]


class LiblinearProblem(ctypes.Structure):
    _fields_ = [("l", ctypes.c_int), ("n", ctypes.c_int), ("y", ctypes.c_void_p),
                ("x", ctypes.c_void_p), ("bias", ctypes.c_double)]


class LiblinearParameter(ctypes.Structure):
    _fields_ = [("solver_type", ctypes.c_int), ("eps", ctypes.c_double), ("C", ctypes.c_double),
                ("nr_weight", ctypes.c_int), ("weight_label", ctypes.c_void_p),
                ("weight", ctypes.c_void_p), ("p", ctypes.c_double), ("init_sol", ctypes.c_void_p)]


class LiblinearModel(ctypes.Structure):
    _fields_ = [("param", LiblinearParameter), ("nr_class", ctypes.c_int),
                ("nr_feature", ctypes.c_int), ("w", ctypes.POINTER(ctypes.c_double)),
                ("label", ctypes.POINTER(ctypes.c_int)), ("bias", ctypes.c_double)]


class Liblinear:
    """Its training function, called in this process so that reading can be left out."""

    def __init__(self, matrix, labels):
        self.solver = ctypes.CDLL("liblinear.so.4")
        version = ctypes.c_int.in_dll(self.solver, "liblinear_version").value
        if version != 230:
            raise OSError("liblinear %d has another interface" % version)
        self.solver.train.restype = ctypes.POINTER(LiblinearModel)
        self.quiet = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda text: None)
        self.solver.set_print_string_function(self.quiet)
        rows, entry = matrix.shape[0], np.dtype([("index", "<i4"), ("value", "<f8")], align=True)
        length = np.diff(matrix.indptr)
        first = np.concatenate([[0], np.cumsum(length + 1)[:-1]])
        self.nodes = np.zeros(matrix.nnz + rows, entry)  # every row ends with index -1
        self.nodes["index"] = -1
        at = np.arange(matrix.nnz) + np.repeat(np.arange(rows), length)
        self.nodes["index"][at] = matrix.indices + 1
        self.nodes["value"][at] = matrix.data
        self.labels = labels.astype(np.float64)
        self.rows = (self.nodes.ctypes.data + first * entry.itemsize).astype(np.uint64)
        self.problem = LiblinearProblem(rows, matrix.shape[1], self.labels.ctypes.data,
                                        self.rows.ctypes.data, -1)

    def train(self, solver, eps):
        """Seconds and weights, for labels +1."""
        parameter = LiblinearParameter(solver_type=solver, eps=eps, C=1, p=0.1)
        start = time.perf_counter()
        model = self.solver.train(ctypes.byref(self.problem), ctypes.byref(parameter))
        seconds = time.perf_counter() - start
        count = model.contents.nr_feature
        weights = np.ctypeslib.as_array(model.contents.w, (count,)).copy()
        sign = model.contents.label[0]
        self.solver.free_and_destroy_model(ctypes.byref(model))
        return seconds, weights * sign


def sparse_data(path, folder, name, rows, cols, per_row):
    """A libsvm file and what it holds."""
    from sklearn.datasets import dump_svmlight_file, load_svmlight_file
    import scipy.sparse
    if not path:
        path = os.path.join(folder, name)
        draw = np.random.default_rng(1)
        column = (cols * draw.random((rows, per_row)) ** 3).astype(int)  # some are far more frequent
        matrix = scipy.sparse.csr_matrix(
            (np.full(rows * per_row, per_row ** -0.5), column.ravel(),
             np.arange(rows + 1) * per_row), (rows, cols))
        matrix.sum_duplicates()
        score = matrix @ draw.normal(0, 2, cols) + draw.normal(0, 0.5, rows)
        dump_svmlight_file(matrix, np.where(score > 0, 1, -1), path, zero_based=False)
    matrix, labels = load_svmlight_file(path)
    return path, matrix.tocsr(), np.where(labels > 0, 1.0, -1.0)


def logistic_objective(matrix, labels, w):
    return np.logaddexp(0, -labels * (matrix @ w)).sum() + 0.5 * w @ w


def least_eps(liblinear, solver, objective, goal):
    """The largest tolerance of liblinear's that reaches the goal."""
    eps = 3.0
    while eps > 1e-7:
        _, w = liblinear.train(solver, eps)
        if objective(w) <= goal:
            return eps
        eps /= 1.5
    return None


def bench_logistic(args, folder, name, rows, cols, per_row):
    given = args.find(name)
    path, matrix, labels = sparse_data(given, folder, name, rows, cols, per_row)
    label = "%s, %d x %d, %d non-zeros" % (name if given else "made up like " + name,
                                          *matrix.shape, matrix.nnz)
    liblinear = Liblinear(matrix, labels)
    objective = lambda w: logistic_objective(matrix, labels, w)
    optimum = min(objective(liblinear.train(0, 1e-8)[1]), objective(liblinear.train(7, 1e-5)[1]))
    goal = optimum * (1 + 1e-4)
    flags = ["--data=" + path, "--standardize=none", "--workers=2", "--target=%.12g" % goal,
             "--max_clocks=5000"]
    def ours():
        result = gyre(args.program["l2_logistic"], folder, *flags)
        assert result["objective"] <= goal * (1 + 1e-9), result["objective"]
        return result["seconds"]["train"], result["total"], result["clocks"]
    sides, names = [ours], ["gyre, two workers"]
    for solver in (0, 7):
        eps = least_eps(liblinear, solver, objective, goal)
        if eps is None:
            continue
        def theirs(solver=solver, eps=eps):
            start = time.perf_counter()
            subprocess.run(["liblinear-train", "-q", "-s", str(solver), "-e", str(eps), path,
                            os.path.join(folder, "liblinear.model")], check=True)
            total = time.perf_counter() - start
            return liblinear.train(solver, eps)[0], total
        sides.append(theirs)
        names.append("liblinear -s %d -e %.3g" % (solver, eps))
    results = interleaved(args.runs, *sides)
    say("\nL2 logistic regression to a relative gap of 1e-4: " + label)
    for side, result in zip(names, results):
        clocks = ", %d evaluations" % result[2] if len(result) > 2 else ""
        say("  %-28s solve %8.4f s   with reading %7.3f s%s" % (side, *result[:2], clocks))
    say("  gyre / best of liblinear     solve %8.2f x   with reading %7.2f x" % tuple(
        results[0][i] / min(r[i] for r in results[1:]) for i in (0, 1)))


# ---- MNIST, beside torch and scikit-learn.


def mnist(args):
    images, labels = args.find("train-images-idx3-ubyte"), args.find("train-labels-idx1-ubyte")
    if images and labels:
        X = np.fromfile(images, np.uint8)[16:].reshape(-1, 784)
        return "MNIST", X.astype(np.float32) / 255, np.fromfile(labels, np.uint8)[8:].astype(np.int64)
    draw = np.random.default_rng(1)
    centers = draw.random((100, 784), np.float32) * (draw.random((100, 784)) < 0.2)
    of = draw.integers(0, 100, 60000)
    X = np.clip(centers[of] + 0.15 * draw.standard_normal((60000, 784), np.float32), 0, 1)
    return "made up like MNIST", X.astype(np.float32), (of % 10).astype(np.int64)


def save(folder, name, array):
    path = os.path.join(folder, name + ".npy")
    np.save(path, array)
    return path


TORCH = """
import sys, time
import numpy as np
import torch
threads, folder, batch = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(1)
X = torch.from_numpy(np.load(folder + "/X.npy"))
y = torch.from_numpy(np.load(folder + "/labels.npy"))
net = torch.nn.Linear(X.shape[1], 10)
step = torch.optim.SGD(net.parameters(), lr=0.1)
def epoch(order):
    for rows in order:
        step.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(X[rows]), y[rows])
        loss.backward()
        step.step()
blocks = [slice(i, i + batch) for i in range(0, len(X), batch)]
epoch(blocks[:50])
start = time.perf_counter()
for _ in range(3):
    epoch([blocks[i] for i in torch.randperm(len(blocks))])
print(3 * len(X) / (time.perf_counter() - start))
"""


def bench_softmax(args, folder, batch):
    label, X, y = mnist(args)
    images, labels = save(folder, "X", X), save(folder, "labels", y)
    clocks = 3 * len(X) // batch
    say("\nMulticlass logistic regression, mini-batches of %d: %s" % (batch, label))
    for threads in (1, 2):
        def ours(threads=threads):
            result = gyre(args.program["multiclass_logistic"], folder, "--data=X=" + images,
                          "--data=label=" + labels, "--standardize=none", "--lambda=0",
                          "--update=sgd", "--momentum=0", "--step=0.1", "--batch=%d" % batch,
                          "--workers=%d" % threads, "--max_clocks=%d" % clocks, "--tolerance=0")
            return clocks * batch / result["seconds"]["train"], result["metric"]["value"]
        def theirs(threads=threads):
            done = subprocess.run([sys.executable, "-c", TORCH, str(threads), folder, str(batch)],
                                  check=True, stdout=subprocess.PIPE, text=True,
                                  env=dict(os.environ, OMP_WAIT_POLICY="passive",
                                           **{name: str(threads) for name in THREADS}))
            return (float(done.stdout),)
        (mine, accuracy), (other,) = interleaved(args.runs, ours, theirs)
        say("  %d thread%s   gyre %9.0f images/s (accuracy %.4f)   torch %9.0f   gyre / torch %.2f x" %
            (threads, "s" if threads > 1 else " ", mine, accuracy, other, mine / other))


SKLEARN = """
import sys, time
import numpy as np
from sklearn.cluster import KMeans
X, first = np.load(sys.argv[1] + "/X.npy"), np.load(sys.argv[1] + "/first.npy")
start = time.perf_counter()
model = KMeans(len(first), init=first, n_init=1, max_iter=25, tol=0, algorithm="lloyd").fit(X)
print(time.perf_counter() - start, model.inertia_, model.n_iter_)
"""


def bench_kmeans(args, folder):
    label, X, _ = mnist(args)
    images, first = save(folder, "X", X), save(folder, "first", X[:100])
    def ours():
        result = gyre(args.program["kmeans_from_first"], folder, "--data=X=" + images,
                      "--data=first=" + first, "--standardize=none", "--workers=2",
                      "--max_clocks=25", "--tolerance=0")
        return result["seconds"]["train"], result["metric"]["value"], result["clocks"]
    def theirs():
        done = subprocess.run([sys.executable, "-c", SKLEARN, folder], check=True,
                              stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, **{name: "2" for name in THREADS}))
        return tuple(map(float, done.stdout.split()))
    mine, other = interleaved(min(5, args.runs), ours, theirs)
    say("\nk-means, k = 100, two threads, the same start: " + label)
    say("  gyre          %6.3f s   inertia %.1f   %d rounds" % tuple(mine))
    say("  scikit-learn  %6.3f s   inertia %.1f   %d rounds" % tuple(other))
    say("  gyre / scikit-learn %.2f x" % (mine[0] / other[0]))


def bench_lasso(args, folder):
    (total, train), = interleaved(args.runs, lambda: (
        lambda r: (r["total"], r["seconds"]["train"]))(gyre(args.program["lasso"], folder)))
    say("\nlasso on the data that ships, start to result: %.3f s (%.5f s of training)" %
        (total, train))


BENCHES = {
    "a9a": lambda args, folder: bench_logistic(args, folder, "a9a.svm", 32561, 123, 14),
    "imdb": lambda args, folder: bench_logistic(args, folder, "imdb.train.svm", 25000, 47000, 139),
    "softmax": lambda args, folder: [bench_softmax(args, folder, batch) for batch in (100, 256)],
    "kmeans": bench_kmeans,
    "lasso": bench_lasso,
}


def main(benches, description, runs):
    parser = argparse.ArgumentParser(description=description.split("\n", 1)[0])
    parser.add_argument("--data", default=os.environ.get("GYRE_DATA", ""))
    parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--only", default=",".join(benches))
    parser.add_argument("--program", action="append", default=[], metavar="NAME=PATH")
    args = parser.parse_args()
    args.program = {name: os.path.abspath(path)
                    for name, path in (pair.split("=", 1) for pair in args.program)}
    root = os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", "."), args.data)
    def find(name):
        path = os.path.abspath(os.path.join(root, name))
        return path if args.data and os.path.exists(path) else ""
    args.find = find
    warn_of_slow_blas()
    for name in args.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            try:
                benches[name](args, folder)
            except (ImportError, OSError, subprocess.CalledProcessError) as error:
                say("\n%s: left out, %s" % (name, error))


if __name__ == "__main__":
    main(BENCHES, __doc__, 7)
