"""Whether trained models are optima: the conditions of optimality, worked out by hand.

    optimality.py PROGRAM NAME

Trains on random data without standardisation, reads the parameters from the model's .npy files and
checks that the (sub)gradient of the objective as textbooks write it contains zero. Nothing of the
project takes part in the check, so it would also notice an objective that is differentiated,
executed and reported consistently, but wrong.
"""

import ast
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

ROWS, COLS, CLASSES = 80, 4, 3
SLACK = 2e-4  # of the largest gradient at zero parameters, by which gradients may miss zero


def read_npy(path):
    """A float64 array in C order, flat."""
    with open(path, "rb") as file:
        magic = file.read(8)
        assert magic[:6] == b"\x93NUMPY", path
        size = struct.unpack("<H", file.read(2))[0] if magic[6] == 1 else \
            struct.unpack("<I", file.read(4))[0]
        header = ast.literal_eval(file.read(size).decode().strip())
        assert header["descr"] == "<f8" and not header["fortran_order"], header
        count = math.prod(header["shape"])
        return list(struct.unpack("<%dd" % count, file.read(8 * count)))


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def make_data(kind):
    source = random.Random(17)
    truth = [1.5, -2.0, 0.0, 0.7]
    rows, targets = [], []
    for _ in range(ROWS):
        x = [source.gauss(0, 1) for _ in range(COLS)]
        score = dot(x, truth) + 0.3 + source.gauss(0, 0.5)
        if kind == "real":
            y = score + (15 if source.random() < 0.05 else 0)
        elif kind == "sign":
            y = 1 if score > 0 else -1
        elif kind == "count":
            y = min(40, int(math.exp(0.4 * score) + source.random()))
        else:
            y = int(score > 1) + int(score > -1)
        rows.append(x)
        targets.append(y)
    return rows, targets


# For each program: what the target is, the derivative of a row's loss by its score, and the penalty
# 0.5 * l2 * |w|^2 + l1 * |w|, of the hyper-parameters `flags`.
def squared(y, s):
    return s - y


def logistic(y, s):
    return -y / (1 + math.exp(y * s))


PROGRAMS = {
    "ridge": ("real", squared, 0.3, 0, ["--lambda=0.3"]),
    "lasso": ("real", squared, 0, 0.4, ["--lambda=0.4"]),
    "elastic_net": ("real", squared, 0.3, 0.3, ["--lambda=0.6", "--ratio=0.5"]),
    "lasso_cd": ("real", squared, 0, 0.4, ["--lambda=0.4"]),
    "huber": ("real", lambda y, s: max(-1.35, min(1.35, s - y)), 0.02, 0,
              ["--delta=1.35", "--lambda=0.01"]),
    "poisson": ("count", lambda y, s: math.exp(s) - y, 0.02, 0, ["--lambda=0.01"]),
    "logistic_regression": ("sign", logistic, 0.1, 0, ["--lambda=0.1"]),
    "logistic_l1": ("sign", logistic, 0, 0.05, ["--lambda=0.05"]),
    "svm": ("sign", lambda y, s: -2 * y * max(0, 1 - y * s), 0.1, 0, ["--lambda=0.1"]),
}


def check_scalar(rows, targets, slope, l2, l1, w, b):
    """The largest distance of the subgradient from zero, over that at w = 0, b = 0."""
    def gradient(w, b):
        d = [slope(y, dot(x, w) + b) / ROWS for x, y in zip(rows, targets)]
        return [dot(d, [x[j] for x in rows]) + l2 * w[j] for j in range(COLS)], sum(d)
    scale = max(map(abs, gradient([0.0] * COLS, 0.0)[0]))
    slopes, intercept = gradient(w, b)
    worst = abs(intercept)
    for g, v in zip(slopes, w):
        miss = max(0, abs(g) - l1) if v == 0 else abs(g + math.copysign(l1, v))
        worst = max(worst, miss)
    return worst / scale


def check_multiclass(rows, targets, weights, biases, penalty):
    w = [weights[c * COLS:(c + 1) * COLS] for c in range(CLASSES)]
    def gradient(w, biases):
        slopes = [[2 * penalty * v for v in row] for row in w]
        intercepts = [0.0] * CLASSES
        for x, y in zip(rows, targets):
            scores = [dot(x, w[c]) + biases[c] for c in range(CLASSES)]
            top = max(scores)
            exps = [math.exp(s - top) for s in scores]
            for c in range(CLASSES):
                d = (exps[c] / sum(exps) - (c == y)) / ROWS
                intercepts[c] += d
                for j in range(COLS):
                    slopes[c][j] += d * x[j]
        return slopes, intercepts
    def largest(slopes, intercepts):
        return max(max(abs(v) for row in slopes for v in row), max(map(abs, intercepts)))
    zero = gradient([[0.0] * COLS for _ in range(CLASSES)], [0.0] * CLASSES)
    return largest(*gradient(w, biases)) / largest(*zero)


def main(program, name):
    kind, *rest = PROGRAMS.get(name, ("class",))
    rows, targets = make_data(kind)
    flags = rest[3] if rest else ["--lambda=0.01"]
    with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR")) as folder:
        data, model = os.path.join(folder, "data.csv"), os.path.join(folder, "model")
        with open(data, "w", encoding="utf-8") as file:
            file.write(",".join("x%d" % j for j in range(COLS)) + ",y\n")
            for x, y in zip(rows, targets):
                file.write(",".join("%r" % v for v in x) + ",%r\n" % y)
        subprocess.run([program, "run", "--data=" + data, "--model_out=" + model,
                        "--report=" + os.path.join(folder, "r.json"), "--standardize=none",
                        "--dtype=float64", "--tolerance=1e-13", "--max_clocks=20000", *flags],
                       check=True, timeout=120, stdin=subprocess.DEVNULL)
        def parameter(key):
            return read_npy(os.path.join(model, key + ".npy"))
        if kind == "class":
            miss = check_multiclass(rows, targets, parameter("W"), parameter("b"), 0.01)
        else:
            slope, l2, l1, _ = rest
            w = "beta" if os.path.exists(os.path.join(model, "beta.npy")) else "w"
            miss = check_scalar(rows, targets, slope, l2, l1, parameter(w), parameter("b")[0])
    print("%s: gradient misses zero by %.1e of its size at the origin" % (name, miss))
    if not miss <= SLACK:
        print("FAILED: not an optimum")
        sys.exit(1)


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), sys.argv[2])
