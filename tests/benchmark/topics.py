"""LDA beside tomotopy and WarpLDA: time to the likelihood that a peer holds after 10 and 20 seconds.

    topics.py --program=topics=PATH [--data=FOLDER] [--runs=1] [--only=NAME,...]

(`./bazelw run //tests/benchmark:topics_peers -- --data=FOLDER` fills in the program.) The folder, by flag or by
GYRE_DATA, may hold the bags of words docword.nips.txt and docword.imdbunsup.txt; what is not there is left out. The peers are the
drivers of topic_peers/, which say how they are built, looked for in PATH: run_tomotopy and run_warplda. All sides have alpha
0.1 and beta 0.01 and print the same likelihood, log p(words, topics) for each token; seconds are those of sweeps. One run of a
side takes its 20 seconds; sides take turns.
"""

import re
import shutil
import statistics
import subprocess

from peers import gyre, main, say

SECONDS = (10, 20)


def peer(name, path, topics, threads):
    """Points (seconds, likelihood) of a run."""
    program = shutil.which(name)
    if program is None:
        raise OSError("%s is not in PATH" % name)
    done = subprocess.run([program, path, str(topics), "0.1", "0.01", str(SECONDS[-1]), str(threads)], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    lines = [line.split() for line in done.stdout.split("\n") if re.fullmatch(r"\d+ [\d.]+ -?[\d.]+", line)]
    return [(float(seconds), float(likelihood)) for _, seconds, likelihood in lines]


def ours(args, folder, path, topics, workers):
    report = gyre(args.program["topics"], folder, "--data=" + path, "--Topic=%d" % topics, "--workers=%d" % workers,
                  "--max_seconds=%d" % SECONDS[-1], "--max_clocks=100000")
    return [(p["seconds"], p["metric"]) for p in report["trace"] if p["metric"] is not None]


def held(points, seconds):
    """The point at which a side has trained for so long."""
    return next((p for p in points if p[0] >= seconds), points[-1])


def reached(points, likelihood):
    """Seconds until a side holds that, on the line between its points; None: it does not."""
    before = (0.0, None)
    for seconds, value in points:
        if value >= likelihood:
            if before[1] is None:
                return seconds
            share = (likelihood - before[1]) / (value - before[1])
            return before[0] + share * (seconds - before[0])
        before = (seconds, value)
    return None


def bench(args, folder, file, topics, name):
    path = args.find(file)
    if not path:
        raise OSError("no %s in the data folder" % file)
    for threads in (1, 2):
        found = {seconds: [] for seconds in SECONDS}
        for _ in range(args.runs):
            its, mine = peer(name, path, topics, threads), ours(args, folder, path, topics, threads)
            for seconds in SECONDS:
                at, likelihood = held(its, seconds)
                mine_at = reached(mine, likelihood)
                found[seconds].append((at, likelihood, mine_at if mine_at is not None else float("inf")))
        for seconds in SECONDS:
            ratio = statistics.median(mine / at for at, _, mine in found[seconds])
            at, likelihood, mine = found[seconds][0]
            say("  %s, K = %d, %d thread%s: %s holds %.4f after %.1f s, gyre after %.1f s: %.2f x"
                % (file, topics, threads, "s" * (threads > 1), name[4:], likelihood, at, mine, ratio))


BENCHES = {"%s_%d" % (corpus, topics): (lambda a, f, c=corpus, k=topics, n=name: bench(a, f, "docword.%s.txt" % c, k, n))
           for corpus in ("nips", "imdbunsup")
           for topics, name in ((100, "run_tomotopy"), (1000, "run_warplda"), (10000, "run_warplda"))}


if __name__ == "__main__":
    main(BENCHES, __doc__, 1)
