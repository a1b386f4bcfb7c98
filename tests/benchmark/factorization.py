"""Matrix factorisation beside LIBMF: time to the held-out error that LIBMF ends at. Alternating least squares beside
a loop by hand with Eigen: time of as many rounds. Rounds with a sum over all pairs beside rounds without.

    factorization.py --program=factorization=PATH --program=implicit=PATH --program=als_by_hand=PATH [--data=FOLDER] [--runs=3] [--only=NAME,...]

(`./bazelw run //tests/benchmark:factorization_peers -- --data=FOLDER` fills in the programs.) The folder, by flag or by
GYRE_DATA, may hold jester1.txt, lines `user item rating`; without it that bench is left out. The other ratings are
made up: 4 million of 50 000 users and 10 000 items. A tenth is held out. LIBMF's mf-train (its AVX build) is looked
for in PATH. Same objective, same penalty, same rank; LIBMF's seconds are those of 40 passes, by the difference
of a run of 41 and of one, so that neither side's reading counts. The update rule is the planner's own on Jester. On the
made-up ratings it is dsgd: held-out error turns there long before the objective ends, and als passes the turn by.
"""

import shutil
import subprocess
import time

import numpy as np

from peers import gyre, interleaved, main, say

PASSES = 40
ROUNDS = 8
TRIED = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 23, 25, 27, 30, 40)


def write(folder, ratings):
    """Both sides' files: train and held-out."""
    held = np.random.default_rng(2).random(len(ratings)) < 0.1
    for name, part in (("train", ratings[~held]), ("test", ratings[held])):
        np.savetxt("%s/%s.txt" % (folder, name), part, "%d %d %.4f")
        np.savetxt("%s/%s.csv" % (folder, name), part, "%d,%d,%.4f", header="user,item,rating", comments="")


def made_up():
    """Sixteen factors and noise; users and items by a power law."""
    draw = np.random.default_rng(1)
    users, items, count, rank = 50000, 10000, 4000000, 16
    U = draw.standard_normal((users, rank)) / rank ** 0.25
    V = draw.standard_normal((items, rank)) / rank ** 0.25
    of_user, of_item = ((np.arange(n) + at) ** -power for n, at, power in ((users, 20., 0.5), (items, 10., 0.7)))
    user = draw.choice(users, count, p=draw.permutation(of_user / of_user.sum()))
    item = draw.choice(items, count, p=draw.permutation(of_item / of_item.sum()))
    rating = 3.5 + 0.7 * (U[user] * V[item]).sum(1) + 0.5 * draw.standard_normal(count)
    return np.c_[user, item, rating]


def jester(args):
    path = args.find("jester1.txt")
    if not path:
        raise OSError("no jester1.txt in the data folder")
    ratings = np.loadtxt(path)
    ratings[:, :2] -= 1
    return ratings


def libmf(folder, rank, penalty, threads):
    """Seconds of all passes; the error that they end at."""
    program = shutil.which("mf-train")
    if program is None:
        raise OSError("mf-train is not in PATH")

    def run(passes, *more):
        start = time.perf_counter()
        done = subprocess.run([program, "-k", str(rank), "-t", str(passes), "-s", str(threads), "-l2", str(penalty), *more,
                               folder + "/train.txt", folder + "/libmf.model"], check=True, stdout=subprocess.PIPE, text=True)
        return time.perf_counter() - start, done.stdout
    error = float(run(PASSES, "-p", folder + "/test.txt")[1].split("\n")[-2].split()[2])
    return (lambda: (run(PASSES + 1, "--quiet")[0] - run(1, "--quiet")[0],)), error


def ours(args, folder, rank, penalty, workers, passes, *more):
    result = gyre(args.program["factorization"], folder, "--data=%s/train.csv" % folder, "--test_data=%s/test.csv" % folder,
                  "--extent=Rank=%d" % rank, "--lambda=%g" % penalty, "--workers=%d" % workers,
                  "--max_clocks=%d" % passes, "--tolerance=1e-12", *more)
    return result["seconds"]["train"], result["metric"]["value"]


def bench(args, folder, title, ratings, rank, penalty, *more):
    write(folder, ratings)
    say("\n%s, rank %d, penalty %g" % (title, rank, penalty))
    for threads in (1, 2):
        peer, error = libmf(folder, rank, penalty, threads)
        passes = next((n for n in TRIED if ours(args, folder, rank, penalty, 2, n, *more)[1] <= error), None)
        if passes is None:
            best = min((ours(args, folder, rank, penalty, 2, n, *more)[1], n) for n in TRIED)
            say("  %d thread%s: libmf ends at %.4f; gyre does not reach that, at best %.4f after %d passes"
                % (threads, "s" * (threads > 1), error, *best))
            passes = PASSES
        (mine,), (its,) = interleaved(
            args.runs, lambda: ours(args, folder, rank, penalty, threads, passes, *more)[:1], peer)
        say("  %d thread%s: gyre, %d passes %.3f s; libmf, %d passes to %.4f, %.3f s: %.2f x; a pass %.2f x"
            % (threads, "s" * (threads > 1), passes, mine, PASSES, error, its, mine / its,
               mine / passes / (its / PASSES)))


def by_hand(args, folder, rank, penalty, threads):
    done = subprocess.run([args.program["als_by_hand"], folder + "/train.txt", folder + "/test.txt", str(rank), str(penalty),
                           str(ROUNDS), str(threads)], check=True, stdout=subprocess.PIPE, text=True)
    return tuple(map(float, done.stdout.split()))


def als(args, folder, title, ratings, rank, penalty):
    write(folder, ratings)
    say("\n%s, rank %d, penalty %g, %d rounds" % (title, rank, penalty, ROUNDS))
    for threads in (1, 2):
        (mine, error), (its, its_error) = interleaved(
            args.runs, lambda: ours(args, folder, rank, penalty, threads, ROUNDS, "--update=als"),
            lambda: by_hand(args, folder, rank, penalty, threads))
        say("  %d thread%s: gyre %.3f s to %.4f; by hand %.3f s to %.4f: %.2f x"
            % (threads, "s" * (threads > 1), mine, error, its, its_error, mine / its))


def all_pairs(args, folder, title, ratings, rank, penalty):
    write(folder, ratings)
    say("\n%s, rank %d, every pair without a row a zero, %d rounds" % (title, rank, ROUNDS))
    for threads in (1, 2):
        def seconds(program, *more):
            return gyre(args.program[program], folder, "--data=%s/train.csv" % folder, "--lambda=%g" % penalty,
                        "--extent=Rank=%d" % rank, "--workers=%d" % threads, "--max_clocks=%d" % ROUNDS,
                        "--tolerance=1e-12", *more)["seconds"]["train"]
        (pairs,), (rows,) = interleaved(args.runs, lambda: (seconds("implicit"),),
                                        lambda: (seconds("factorization", "--update=als"),))
        say("  %d thread%s: %.3f s; rows alone %.3f s: %.2f x" % (threads, "s" * (threads > 1), pairs, rows, pairs / rows))


BENCHES = {
    "jester_32": lambda a, f: bench(a, f, "Jester, 24 983 x 100, 1.8 million ratings", jester(a), 32, 0.5),
    "jester_128": lambda a, f: bench(a, f, "Jester, 24 983 x 100, 1.8 million ratings", jester(a), 128, 0.5),
    "made_up_32": lambda a, f: bench(a, f, "made up, 50 000 x 10 000, 4 million ratings", made_up(), 32, 0.05, "--update=dsgd"),
    "made_up_128": lambda a, f: bench(a, f, "made up, 50 000 x 10 000, 4 million ratings", made_up(), 128, 0.05, "--update=dsgd"),
    "als_jester_32": lambda a, f: als(a, f, "Jester, 24 983 x 100, 1.8 million ratings", jester(a), 32, 0.5),
    "als_jester_128": lambda a, f: als(a, f, "Jester, 24 983 x 100, 1.8 million ratings", jester(a), 128, 0.5),
    "als_made_up_32": lambda a, f: als(a, f, "made up, 50 000 x 10 000, 4 million ratings", made_up(), 32, 0.05),
    "als_made_up_128": lambda a, f: als(a, f, "made up, 50 000 x 10 000, 4 million ratings", made_up(), 128, 0.05),
    "all_pairs_32": lambda a, f: all_pairs(a, f, "made up, 50 000 x 10 000, 4 million ratings", made_up(), 32, 10),
}


if __name__ == "__main__":
    main(BENCHES, __doc__, 3)
