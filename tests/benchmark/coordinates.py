"""Coordinate methods beside glmnet, celer, scikit-learn and liblinear: time to the same objective.

    coordinates.py --program=NAME=PATH ... [--data=FOLDER] [--runs=5] [--only=NAME,...]

(`./bazelw run //tests/benchmark:coordinates -- --data=FOLDER` fills in the programs.) The folder, by
flag or by GYRE_DATA, may hold riboflavin.svm, allaml.svm, imdb.train.svm and imdb.train.rating; for
what it lacks, random data of the same shape is made. A peer that is not installed is left out; celer
is looked for in PYTHONPATH. Every peer gets the largest tolerance of its own that reaches a relative
gap of 1e-6; runs alternate, times are medians without reading.
"""

import subprocess
import time
import warnings

import numpy as np
import scipy.sparse

from peers import Liblinear, gyre, interleaved, main, say

warnings.filterwarnings("ignore")
GAP = 1e-6


def read_svm(path):
    from sklearn.datasets import load_svmlight_file
    X, y = load_svmlight_file(path)
    return X.tocsr(), y


def made_up(rows, cols, density, classes):
    """A few columns explain the response; sparse columns are of very different lengths."""
    draw = np.random.default_rng(1)
    if density == 1:
        common = draw.standard_normal((rows, 20))
        X = common @ draw.standard_normal((20, cols)) + draw.standard_normal((rows, cols))
    else:
        per_row = max(1, int(density * cols))
        column = (cols * draw.random((rows, per_row)) ** 3).astype(int)
        X = scipy.sparse.csr_matrix((np.full(column.size, per_row ** -0.5), column.ravel(),
                                     np.arange(rows + 1) * per_row), (rows, cols))
        X.sum_duplicates()
    w = np.where(draw.random(cols) < 0.01, draw.standard_normal(cols), 0)
    y = X @ w
    y = y + 0.3 * y.std() * draw.standard_normal(rows)
    return X, np.where(y > np.median(y), 1.0, -1.0) if classes else y


def dense(args, name, rows, cols):
    """Columns centred and scaled, the response centred."""
    path = args.find(name)
    X, y = read_svm(path) if path else made_up(rows, cols, 1, False)
    X = X.toarray() if scipy.sparse.issparse(X) else X
    X = X - X.mean(0)
    scale = X.std(0)
    X = np.asfortranarray(X[:, scale > 0] / scale[scale > 0])
    return ("" if path else "made up like ") + name, X, y


def imdb(args, rating):
    path, ratings = args.find("imdb.train.svm"), args.find("imdb.train.rating")
    if not path or (rating and not ratings):
        return ("made up like IMDB",) + made_up(25000, 47000, 0.003, not rating)
    X, y = read_svm(path)
    return "IMDB", X, np.loadtxt(ratings) if rating else np.where(y > 0, 1.0, -1.0)


def as_files(folder, X, y, label):
    """The data as programs read it."""
    if not scipy.sparse.issparse(X):
        np.save(folder + "/X.npy", np.ascontiguousarray(X))
        np.save(folder + "/y.npy", y)
        return ["--data=X=%s/X.npy" % folder, "--data=%s=%s/y.npy" % (label, folder)]
    from sklearn.datasets import dump_svmlight_file
    dump_svmlight_file(X, y, folder + "/data.svm", zero_based=False)
    return ["--data=%s/data.svm" % folder]


def ours(args, folder, program, flags, workers):
    def run():
        result = gyre(args.program[program], folder, "--standardize=none", "--dtype=float64",
                      "--workers=%d" % workers, *flags)
        return result["seconds"]["train"], result["objective"]
    return run


def loosest(solve, objective, goal, tolerances):
    """The solver at the first tolerance that reaches the goal; None where none does."""
    for tolerance in tolerances:
        if objective(solve(tolerance)[1]) <= goal:
            return lambda: (solve(tolerance)[0],)
    return None


def timed(fit):
    start = time.perf_counter()
    w = fit()
    return time.perf_counter() - start, w


def report(title, names, results):
    say("\n" + title)
    best = min((r[0] for name, r in zip(names, results) if not name.startswith("gyre")), default=None)
    for name, result in zip(names, results):
        ratio = "   %.2f x the best peer" % (result[0] / best) if name.startswith("gyre") and best else ""
        say("  %-24s %9.4f s%s" % (name, result[0], ratio))


def compare(args, title, sides):
    sides = [(name, side) for name, side in sides if side is not None]
    report(title, [name for name, _ in sides],
           interleaved(args.runs, *[side for _, side in sides]))


# ---- glmnet, in a process of its own that times the fits alone.

GLMNET = """
suppressMessages({library(glmnet); library(Matrix)})
glmnet.control(fdev = 0, devmax = 1)
a <- commandArgs(TRUE)
X <- as(readMM(a[1]), "CsparseMatrix"); y <- scan(a[2], quiet = TRUE); n <- length(y)
if (a[3] == "dense") X <- as.matrix(X)
path <- scan(a[4], quiet = TRUE)
for (thresh in as.numeric(strsplit(a[5], ",")[[1]])) {
  t <- system.time(f <- glmnet(X, y, standardize = FALSE, intercept = FALSE, lambda = path,
                               thresh = thresh, maxit = 1e7))[3]
  b <- as.matrix(f$beta); r <- y - as.matrix(X %*% b)
  cat(thresh, t, 0.5 * colSums(r^2) / n + path * colSums(abs(b)), "\\n")
}
"""


def glmnet(folder, X, y, path):
    """Runs for given thresholds: rows of threshold, seconds, objectives along the path."""
    import scipy.io
    scipy.io.mmwrite(folder + "/X.mtx", scipy.sparse.coo_matrix(X))
    np.savetxt(folder + "/y.txt", y, fmt="%.17g")
    steps = "%s/path%d.txt" % (folder, len(path))
    np.savetxt(steps, path, fmt="%.17g")
    with open(folder + "/fit.R", "w", encoding="utf-8") as file:
        file.write(GLMNET)
    kind = "sparse" if scipy.sparse.issparse(X) else "dense"
    def run(thresholds):
        done = subprocess.run(
            ["Rscript", folder + "/fit.R", folder + "/X.mtx", folder + "/y.txt", kind,
             steps, ",".join(map(repr, thresholds))],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return [list(map(float, line.split())) for line in done.stdout.splitlines()]
    return run


def glmnet_side(run, goals):
    """`goals`: of the last steps of the path. None without R, or where no threshold reaches them."""
    try:
        for threshold in [10.0 ** -k for k in range(4, 13)]:
            [[_, _, *objectives]] = run([threshold])
            if np.all(np.array(objectives[-len(goals):]) <= goals):
                return lambda: (run([threshold])[0][1],)
    except (OSError, subprocess.CalledProcessError):
        pass
    return None


# ---- The comparisons.


def bench_lasso(args, folder, label, X, y):
    y = y - y.mean()
    n = len(y)
    most = float(np.abs(X.T @ y).max() / n)
    files = as_files(folder, X, y, "y")
    columns = X.tocsc() if scipy.sparse.issparse(X) else X
    for ratio in (0.1, 0.01):
        lam = ratio * most
        def objective(w, lam=lam):
            r = y - X @ w
            return 0.5 * r @ r / n + lam * np.abs(w).sum()
        flags = files + ["--lambda=%.17g" % lam]
        best = ours(args, folder, "plain_lasso", flags + ["--tolerance=1e-10"], 1)()[1]
        goal = best * (1 + GAP)
        tolerances = [10.0 ** -k for k in range(2, 13)]
        def sklearn_fit(tolerance, lam=lam):
            from sklearn.linear_model import Lasso
            model = Lasso(alpha=lam, fit_intercept=False, tol=tolerance, max_iter=100000)
            return timed(lambda: model.fit(columns, y).coef_)
        def celer_fit(tolerance, lam=lam):
            from celer import Lasso
            model = Lasso(alpha=lam, fit_intercept=False, tol=tolerance)
            return timed(lambda: model.fit(columns, y).coef_)
        peers = []
        for name, fit in (("celer", celer_fit), ("scikit-learn", sklearn_fit)):
            try:
                peers.append((name, loosest(fit, objective, goal, tolerances)))
            except ImportError as error:
                say("  (%s: %s)" % (name, error))
        for steps, name in ((1, "glmnet, one lambda"), (100, "glmnet, a path of 100")):
            path = np.geomspace(most, lam, steps) if steps > 1 else [lam]
            peers.append((name, glmnet_side(glmnet(folder, X, y, path), [goal])))
        compare(args, "lasso, lambda = %g of its maximum: %s, %d x %d" % (ratio, label, *X.shape),
                [("gyre, %d worker%s" % (w, "s" * (w > 1)),
                  ours(args, folder, "plain_lasso", flags + ["--tolerance=%g" % GAP], w))
                 for w in (1, 2)] + peers)


def bench_path(args, folder, label, X, y):
    """Every step of a path to a relative gap of 1e-6."""
    y = y - y.mean()
    flags = as_files(folder, X, y, "y") + ["--path=100"]
    def run(workers, tolerance):
        return gyre(args.program["plain_lasso"], folder, "--standardize=none", "--dtype=float64",
                    "--workers=%d" % workers, "--tolerance=%g" % tolerance, *flags)
    best = run(1, 1e-10)["path"]
    goals = np.array([step["objective"] for step in best]) * (1 + GAP)
    peer = glmnet_side(glmnet(folder, X, y, [step["lambda"] for step in best]), goals)
    compare(args, "lasso, a path of 100 to %.2g of the maximum: %s, %d x %d"
            % (best[-1]["lambda"] / best[0]["lambda"], label, *X.shape),
            [("gyre, %d worker%s" % (w, "s" * (w > 1)), lambda w=w: (run(w, GAP)["seconds"]["train"],))
             for w in (1, 2)] + [("glmnet", peer)])


def bench_liblinear(args, folder, label, X, y, program, solver, title, objective):
    X = scipy.sparse.csr_matrix(X)
    liblinear = Liblinear(X, y)
    files = as_files(folder, X, y, "label")
    best = ours(args, folder, program, files + ["--tolerance=1e-9"], 1)()[1]
    goal = best * (1 + GAP)
    tolerances = [1.0 / 1.5 ** k for k in range(45)]
    peer = loosest(lambda eps: liblinear.train(solver, eps), lambda w: objective(X, y, w), goal,
                   tolerances)
    compare(args, "%s: %s, %d x %d" % (title, label, *X.shape),
            [("gyre, %d worker%s" % (w, "s" * (w > 1)),
              ours(args, folder, program, files + ["--tolerance=%g" % GAP], w)) for w in (1, 2)] +
            [("liblinear -s %d" % solver, peer)])


def l1_logistic(X, y, w):
    return np.logaddexp(0, -y * (X @ w)).sum() + np.abs(w).sum()


def hinge(X, y, w):
    return np.maximum(0, 1 - y * (X @ w)).sum() + 0.5 * w @ w


BENCHES = {
    "riboflavin": lambda a, f: bench_lasso(a, f, *dense(a, "riboflavin.svm", 71, 4088)),
    "leukaemia": lambda a, f: bench_lasso(a, f, *dense(a, "allaml.svm", 72, 7129)),
    "imdb": lambda a, f: bench_lasso(a, f, *imdb(a, True)),
    "path_riboflavin": lambda a, f: bench_path(a, f, *dense(a, "riboflavin.svm", 71, 4088)),
    "path_leukaemia": lambda a, f: bench_path(a, f, *dense(a, "allaml.svm", 72, 7129)),
    "logistic_leukaemia": lambda a, f: bench_liblinear(
        a, f, *dense(a, "allaml.svm", 72, 7129), "l1_logistic", 6, "L1 logistic", l1_logistic),
    "logistic_imdb": lambda a, f: bench_liblinear(
        a, f, *imdb(a, False), "l1_logistic", 6, "L1 logistic", l1_logistic),
    "hinge_imdb": lambda a, f: bench_liblinear(
        a, f, *imdb(a, False), "hinge", 3, "support vector machine, hinge loss", hinge),
}


if __name__ == "__main__":
    main(BENCHES, __doc__, 5)
